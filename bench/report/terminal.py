"""A report on a terminal, by Rich."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import final

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bench.report.layout import Report, Section, Table

# A terminal shows what fits a screen; the page has the rest.
BRIEF = ("Summary", "Model selection", "Failures")
# Text up to this length is never broken: names of contenders, numbers with their unit.
MOST_NAMES = 4  # columns that are repeated where a table goes on below
LONGEST_WORD = 24
LEAST_HEADING = 11
LEAST_SENTENCE = 32
PADDING = 2  # a space and the line between two columns


def render(report: Report, *, brief: bool = False) -> Iterable[RenderableType]:
    """Everything to be printed, one after the other; in brief, the summary and the failures alone."""
    yield Text(report.title, style="bold")
    yield from map(Text, report.about)
    for section in report.sections:
        if not brief or section.title.startswith(BRIEF):
            yield from _section(section)
    if report.command:
        yield Text(f"\nRepeat it with: {report.command}")


def render_table(table: Table) -> RenderableType:
    """One table with its remarks below it; the best of a group is bold and not told by colour alone.

    Where it is wider than the console it goes on in further tables, each with the columns that name a row: no number is
    ever cut short.
    """
    return _Fitting(table)


@final
@dataclass(frozen=True, slots=True)
class _Fitting:
    """A table in as many pieces as the console's width asks for."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """The pieces, one below the other."""
        yield Text(self.table.title, style="bold")
        for columns in _pieces(self.table, options.max_width):
            yield _rich_table(self.table, columns)
        yield from map(Text, self.table.notes)


def _pieces(table: Table, room: int) -> list[list[int]]:
    """The numbers of the columns of each piece; all of them in one where there is room."""
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
    """How many columns, from the first on, name a row: as many as tell all rows apart, or else those of text."""
    for count in range(1, min(MOST_NAMES, len(table.columns)) + 1):
        if len({tuple(entry.text for entry in row[:count]) for row in table.rows}) == len(table.rows):
            return count
    texts = next((number for number, column in enumerate(table.columns) if column.alignment == "right"), 1)
    return max(1, min(MOST_NAMES, texts))


def _width(table: Table, index: int) -> int:
    """The room that a column needs: a sentence wraps where it must, a name or a number stays whole."""
    width = max((len(row[index].text) for row in table.rows), default=0)
    if width > LONGEST_WORD:
        return LEAST_SENTENCE
    return max(width, *map(len, _heading(table, index).splitlines()))


def _heading(table: Table, index: int) -> str:
    """A heading takes as little room as what is below it."""
    width = max((len(row[index].text) for row in table.rows), default=0)
    heading = table.columns[index].heading
    return (
        "\n".join(wrap(heading, max(width, LEAST_HEADING), break_long_words=False))
        if width <= LONGEST_WORD
        else heading
    )


def _rich_table(table: Table, columns: Sequence[int]) -> RichTable:
    rich = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for index in columns:
        whole = max((len(row[index].text) for row in table.rows), default=0) <= LONGEST_WORD
        alignment = table.columns[index].alignment
        rich.add_column(_heading(table, index), justify=alignment, overflow="fold", no_wrap=whole)
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
