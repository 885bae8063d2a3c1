"""A page of a comparison or of a search: answers, tables whose rows open to their figures, and charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.report import formatting
from bench.report.figures import Row
from bench.report.layout import Answers, Column, Entry, Table
from bench.report.page import html
from bench.report.page.data import table_data

FORMAT = "sheet"
Spec = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of a table: its entries, and what it opens to.

    - `inside`: tables;
    - `command`: what measures it again;
    - `doubt`: why its figures cannot be relied on, if there is a reason.
    """

    entries: tuple[Entry, ...]
    inside: tuple[Table, ...] = ()
    command: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A table whose rows open. A page folds it behind the line `folded`, in which {number} is that of its rows.

    The filters of the page leave a table as it is that is not `is_filtered`.
    """

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    folded: str = ""
    is_filtered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A chart with its rows, which have the names of the page's filters as keys."""

    name: str
    caption: str
    marks: str
    spec: Spec
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A page.

    - `about`: what a reader must know first;
    - `filters`: titles of columns by which rows and charts can be chosen;
    - `beside`: a table beside the others;
    - `source`: the runs and machines, which a saved chart names.
    """

    title: str
    about: tuple[str, ...] = ()
    answers: tuple[Answers, ...] = ()
    filters: tuple[str, ...] = ()
    tables: tuple[Opening, ...] = ()
    beside: Table | None = None
    charts: tuple[Drawing, ...] = ()
    source: tuple[str, ...] = ()


def render(sheet: Sheet) -> str:
    """The page as one HTML file without any request."""
    return html.render(sheet_data(sheet), programs=html.SHEET)


def sheet_data(sheet: Sheet) -> Row:
    """The data of the page, as plain values."""
    return {
        "format": FORMAT,  # a report does not take it for another report
        "title": formatting.one_line(sheet.title),
        "about": list(map(formatting.one_line, sheet.about)),
        "answers": list(map(_answers, sheet.answers)),
        "filters": list(sheet.filters),
        "tables": list(map(_opening, sheet.tables)),
        "beside": table_data(sheet.beside) if sheet.beside and sheet.beside.rows else None,
        "charts": [_chart(item) for item in sheet.charts if item.rows],
        "source": list(map(formatting.one_line, sheet.source)),
    }


def _opening(found: Opening) -> Row:
    plain = table_data(
        Table(title=found.title, columns=found.columns, rows=tuple(line.entries for line in found.lines))
    )
    rows = [
        {
            "cells": cells,
            "inside": list(map(table_data, line.inside)),
            "command": line.command,
            "doubt": formatting.one_line(line.doubt),
        }
        for cells, line in zip(plain["rows"], found.lines, strict=True)
    ]
    return {**plain, "rows": rows, "notes": list(found.notes), "folded": found.folded, "filtered": found.is_filtered}


def _answers(found: Answers) -> Row:
    return {
        "title": found.title,
        "lines": [
            [line.question, [[part.who, formatting.one_line(part.text)] for part in line.clauses]]
            for line in found.lines
        ],
    }


def _chart(chart: Drawing) -> Row:
    """A chart with its rows, names on one line each."""
    rows = [
        {key: formatting.one_line(item) if isinstance(item, str) else item for key, item in row.items()}
        for row in chart.rows
    ]
    return {"name": chart.name, "caption": chart.caption, "marks": chart.marks, "spec": chart.spec, "rows": rows}
