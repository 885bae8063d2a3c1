"""Tables and lines of text as HTML for notebooks; every text is escaped, since names are anybody's text."""

from collections.abc import Iterable
from html import escape

from bench.report import formatting
from bench.report.layout import Column, Entry, Report, Table

MOST_ROWS = 60  # of a table; a frame has all of them


def line(text: str) -> str:
    """One line of text."""
    return f"<p>{_text(text)}</p>"


def heading(text: str) -> str:
    """A line that names what follows."""
    return f"<p><strong>{_text(text)}</strong></p>"


def report(found: Report) -> str:
    """The title, the remarks and the tables of a report."""
    tables = (shown for section in found.sections for shown in map(table, section.tables))
    return "".join((heading(found.title), *map(line, found.about), *tables))


def table(found: Table) -> str:
    """A table with its title above and its notes below."""
    head = "".join(f"<th{_style(column)}>{_text(column.heading)}</th>" for column in found.columns)
    rows = "".join(f"<tr>{_cells(row, found.columns)}</tr>" for row in found.rows[:MOST_ROWS])
    left_out = len(found.rows) - MOST_ROWS
    more = [f"{left_out} more rows are not shown here."] if left_out > 0 else []
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return "".join((heading(found.title), body, *map(line, (*more, *found.notes))))


def _cells(row: Iterable[Entry], columns: Iterable[Column]) -> str:
    return "".join(
        f"<td{_style(column)}>{f'<strong>{_text(entry.text)}</strong>' if entry.best else _text(entry.text)}</td>"
        for entry, column in zip(row, columns, strict=True)
    )


def _style(column: Column) -> str:
    return f' style="text-align: {column.alignment}"'


def _text(words: str) -> str:
    return escape(formatting.one_line(words))
