"""A report on a terminal, by Rich."""

from collections.abc import Iterable
from textwrap import wrap

from rich import box
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bench.report.layout import Report, Section, Table

# A terminal shows what fits a screen; the page has the rest.
BRIEF = ("Summary", "Model selection", "Failures")
# Text up to this length is never broken: names of contenders, numbers with their unit.
LONGEST_WORD = 24
LEAST_HEADING = 11


def render(report: Report, *, brief: bool = False) -> Iterable[RenderableType]:
    """Everything to be printed, one after the other; in brief, the summary and the failures alone."""
    yield Text(report.title, style="bold")
    for section in report.sections:
        if not brief or section.title.startswith(BRIEF):
            yield from _section(section)
    if report.command:
        yield Text(f"\nRepeat it with: {report.command}")


def render_table(table: Table) -> RichTable:
    """One table with its remarks below it; the best of a group is bold and not told by colour alone."""
    rich = RichTable(
        title=Text(table.title, style="bold"),
        title_justify="left",
        caption=Text("\n".join(table.notes)) if table.notes else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for index, column in enumerate(table.columns):
        width = max((len(row[index].text) for row in table.rows), default=0)
        # A sentence wraps where it must; a name or a number stays whole, and its heading takes as little room.
        whole = width <= LONGEST_WORD
        heading = "\n".join(wrap(column.heading, max(width, LEAST_HEADING))) if whole else column.heading
        rich.add_column(heading, justify=column.alignment, overflow="fold", no_wrap=whole)
    for number, row in enumerate(table.rows):
        entries = (Text(entry.text, style="bold green" if entry.best else "") for entry in row)
        rich.add_row(*entries, end_section=number in table.groups and number < len(table.rows) - 1)
    return rich


def _section(section: Section) -> Iterable[RenderableType]:
    if section.title not in {table.title for table in section.tables}:
        yield Text(f"\n{section.title}", style="bold underline")
    for table in section.tables:
        yield Text("")
        yield render_table(table)
