"""A report on a terminal, printed with Rich."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import final

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bench.report.layout import Report, Section, Table
from bench.report.whole_rows import fitted

# A terminal shows these sections; the Markdown page has all of them.
BRIEF = ("Summary", "Model selection", "Failures")
MOST_NAMES = 4  # columns that are repeated where a table continues below
LONGEST_WORD = 24  # text up to this length is never broken: names of frameworks, numbers with their unit
LEAST_HEADING = 11
LEAST_SENTENCE = 32
PADDING = 2  # a space and the line between two columns


def render(report: Report, *, brief: bool = False) -> Iterable[RenderableType]:
    """Everything to be printed, in order; `brief` keeps only the sections in `BRIEF`."""
    yield Text(report.title, style="bold")
    yield from map(Text, report.about)
    for section in report.sections:
        if not brief or section.title.startswith(BRIEF):
            yield from _section(section)
    if report.command:
        separator = "\n" if "\n" in report.command else " "
        yield Text(f"\nRepeat it with:{separator}{report.command}")


def render_table(table: Table) -> RenderableType:
    """One table with its notes below it; the best entries of a group are bold as well as coloured.

    A table that is wider than the console is split into several tables. Each of them repeats the columns that name a
    row. No number is ever truncated.
    """
    return _Fitting(table)


@final
@dataclass(frozen=True, slots=True)
class _Fitting:
    """A table, split into as many pieces as the console's width needs."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """The pieces, one below the other."""
        yield Text(self.table.title, style="bold")
        if self.table.names:
            yield _whole_rows(self.table, options.max_width)
        else:
            for columns in _pieces(self.table, options.max_width):
                yield _rich_table(self.table, columns)
        yield from map(Text, self.table.notes)


def _pieces(table: Table, room: int) -> list[list[int]]:
    """The column numbers of each piece; one piece with all columns if there is room."""
    widths = [_width(table, index) + PADDING for index in range(len(table.columns))]
    names = list(range(_naming(table)))
    pieces, used = [[*names]], sum(widths[index] for index in names)
    for index in range(len(names), len(widths)):
        if used + widths[index] > room - PADDING and len(pieces[-1]) > len(names):
            pieces.append([*names])
            used = sum(widths[name] for name in names)
        pieces[-1].append(index)
        used += widths[index]
    return pieces


def _naming(table: Table) -> int:
    """How many of the first columns name a row: the fewest that tell all rows apart, or else the columns of text."""
    for count in range(1, min(MOST_NAMES, len(table.columns)) + 1):
        if len({tuple(entry.text for entry in row[:count]) for row in table.rows}) == len(table.rows):
            return count
    texts = next((number for number, column in enumerate(table.columns) if column.alignment == "right"), 1)
    return max(1, min(MOST_NAMES, texts))


def _width(table: Table, index: int) -> int:
    """The width that a column needs: sentences are wrapped, names and numbers stay whole."""
    width = max((len(row[index].text) for row in table.rows), default=0)
    if width > LONGEST_WORD:
        return LEAST_SENTENCE
    return max(width, *map(len, _heading(table, index).splitlines()))


def _heading(table: Table, index: int) -> str:
    """The heading, wrapped to the width of the entries below it."""
    width = max((len(row[index].text) for row in table.rows), default=0)
    heading = table.columns[index].heading
    return (
        "\n".join(wrap(heading, max(width, LEAST_HEADING), break_long_words=False))
        if width <= LONGEST_WORD
        else heading
    )


def _rich_table(table: Table, columns: Sequence[int]) -> RichTable:
    rich = _empty()
    for index in columns:
        whole = max((len(row[index].text) for row in table.rows), default=0) <= LONGEST_WORD
        alignment = table.columns[index].alignment
        # A text, since Rich takes square brackets in a string for its markup.
        rich.add_column(Text(_heading(table, index)), justify=alignment, overflow="fold", no_wrap=whole)
    return _filled(rich, table, columns)


def _whole_rows(table: Table, room: int) -> RichTable:
    """A table in one piece, whose widths are chosen so that each row is whole."""
    shown, widths = fitted(table, room=room - PADDING, padding=PADDING)
    rich = _empty()
    for column, width in zip(shown.columns, widths, strict=True):
        rich.add_column(Text(column.heading), justify=column.alignment, overflow="fold", width=width)
    return _filled(rich, shown, range(len(widths)))


def _empty() -> RichTable:
    return RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _filled(rich: RichTable, table: Table, columns: Sequence[int]) -> RichTable:
    for number, row in enumerate(table.rows):
        entries = (Text(row[index].text, style="bold green" if row[index].best else "") for index in columns)
        rich.add_row(*entries, end_section=number in table.groups and number < len(table.rows) - 1)
    return rich


def _section(section: Section) -> Iterable[RenderableType]:
    if section.title not in {table.title for table in section.tables}:
        yield Text(f"\n{section.title}", style="bold underline")
    for table in section.tables:
        yield Text("")
        yield render_table(table)
