"""A report on a terminal, printed with Rich."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import final

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bench.report import formatting
from bench.report.layout import Answers, Clause, Report, Section, Table, on_a_screen, without_spare
from bench.report.whole_rows import fitted, joined

# A screen shows these sections; the Markdown page has all of them.
BRIEF = ("Summary", "Model selection", "Failures")
MOST_FAILURES = 10  # rows on a screen
MOST_NAMES = 4  # columns that are repeated where a table continues below
LONGEST_WORD = 24  # text up to this length is never broken: names of frameworks, numbers with their unit
LEAST_HEADING = 11
LEAST_SENTENCE = 32
LONGEST_QUESTION = 30
PADDING = 2  # a space and the line between two columns


def render(report: Report, *, brief: bool = False) -> Iterable[RenderableType]:
    """Everything to be printed, in order; `brief` keeps what is needed to see the answer, which fits on a screen."""
    yield _line(report.title, style="bold")
    yield from map(_line, report.about)
    for answers in report.answers:
        if answers.is_first or not brief:
            yield from _answers(answers)
    for section in report.sections:
        if not brief:
            yield from _section(section)
        elif section.title.startswith(BRIEF):
            yield from _screen(section)
    if report.command and not brief:
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
    """A table, split into as many pieces as the console's width needs; `dense` leaves out the empty lines around it."""

    table: Table
    dense: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """The pieces, one below the other."""
        yield _line(self.table.title, style="bold")
        whole = fitted(self.table, room=options.max_width - PADDING, padding=PADDING)
        if whole is not None:
            yield _whole_rows(*whole, dense=self.dense)
        else:
            yield from self._in_pieces(options.max_width)
        yield from map(_line, self.table.notes)

    def _in_pieces(self, room: int) -> Iterator[RenderableType]:
        """All columns, or on a screen only those that there is room for, and which were left out."""
        table = joined(self.table)
        while self.dense and len(_pieces(table, room)) > 1 and (less := without_spare(table)):
            table = less
        for columns in _pieces(table, room):
            yield _rich_table(table, columns, dense=self.dense)
        left_out = [column.title for column in joined(self.table).columns if column not in table.columns]
        if left_out:
            yield _line(f"Not shown here: {', '.join(left_out)}.")


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
    width = _widest(table, index)
    if width > LONGEST_WORD:
        return LEAST_SENTENCE
    return max(width, *map(cell_len, _heading(table, index).splitlines()), 0)


def _widest(table: Table, index: int) -> int:
    """The width of the widest entry of a column; a Chinese character or an emoji takes two places."""
    return max((cell_len(formatting.one_line(row[index].text)) for row in table.rows), default=0)


def _heading(table: Table, index: int) -> str:
    """The heading, wrapped to the width of the entries below it."""
    width = _widest(table, index)
    heading = formatting.one_line(table.columns[index].heading)
    if width > LONGEST_WORD:
        return heading
    longest = max(map(cell_len, heading.split()), default=0)
    return "\n".join(
        wrap(heading, max(width, LEAST_HEADING, min(longest, LONGEST_WORD)), break_long_words=longest > LONGEST_WORD)
    )


def _rich_table(table: Table, columns: Sequence[int], *, dense: bool) -> RichTable:
    rich = _empty(dense=dense)
    for index in columns:
        whole = _widest(table, index) <= LONGEST_WORD
        alignment = table.columns[index].alignment
        # As `Text`, because Rich would read the brackets of a heading that is a plain string as a style.
        rich.add_column(Text(_heading(table, index)), justify=alignment, overflow="fold", no_wrap=whole)
    return _filled(rich, table, columns)


def _whole_rows(table: Table, widths: Sequence[int], *, dense: bool) -> RichTable:
    """A table in one piece, with columns of these widths."""
    rich = _empty(dense=dense)
    for column, width in zip(table.columns, widths, strict=True):
        rich.add_column(_line(column.heading), justify=column.alignment, overflow="fold", width=width)
    return _filled(rich, table, range(len(widths)))


def _empty(*, dense: bool) -> RichTable:
    return RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=not dense)


def _filled(rich: RichTable, table: Table, columns: Sequence[int]) -> RichTable:
    for number, row in enumerate(table.rows):
        entries = (_line(row[index].text, style="bold green" if row[index].best else "") for index in columns)
        rich.add_row(*entries, end_section=number in table.groups and number < len(table.rows) - 1)
    return rich


def _line(text: str, style: str = "") -> Text:
    """Text of a report, in which nothing is a command for the terminal."""
    return Text(formatting.one_line(text), style=style)


def _answers(found: Answers) -> Iterable[RenderableType]:
    """The questions with their answers beside them."""
    yield from (Text(""), _line(f"Answers: {found.title}", style="bold"))
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=LONGEST_QUESTION)
    grid.add_column()
    for line in found.lines:
        grid.add_row(_line(line.question), Text(" ").join(map(_clause, line.clauses)))
    yield grid


def _clause(clause: Clause) -> Text:
    return Text.assemble(_line(clause.who, style="bold"), _line(f": {clause.words}."))


def _screen(section: Section) -> Iterable[RenderableType]:
    """The tables of a section with the rows that a reader must know."""
    yield from _heading_of(section)
    most = MOST_FAILURES if section.title.startswith("Failures") else sys.maxsize
    for table in section.tables:
        shown = on_a_screen(table, most=most)
        if shown.rows:
            yield Text("")
            yield _Fitting(shown, dense=True)
        elif table.if_quiet:
            yield from (Text(""), _line(table.if_quiet))


def _section(section: Section) -> Iterable[RenderableType]:
    yield from _heading_of(section)
    for table in section.tables:
        yield Text("")
        yield render_table(table)


def _heading_of(section: Section) -> Iterable[RenderableType]:
    """The title of a section, unless a table in it has the same."""
    if section.title not in {table.title for table in section.tables}:
        yield Text()
        yield _line(section.title, style="bold underline")
