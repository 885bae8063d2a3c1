"""Every figure of a run as one long table for spreadsheets and data frames: one line for each cell and metric."""

import csv
import io
from collections.abc import Sequence

from bench.analysis.long_table import CELL, COLUMNS, Figure, figures
from bench.records.record import Record

HEADER = ("run", *COLUMNS, "metric", "unit", "value", "low", "high", "processes", "doubt")
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Line = tuple[str | float | int, ...]


def render(records: Sequence[Record]) -> str:
    """The table as text, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(map(_harmless, map(line, figures(records))))
    return text.getvalue()


def line(figure: Figure) -> Line:
    """One line, in the order of the header."""
    cell = (getattr(figure.cell, name) for name in CELL)
    values = (figure.value, figure.low, figure.high, figure.count, figure.doubt)
    return (figure.run, *cell, figure.metric, figure.unit, *values)


def _harmless(values: Line) -> Line:
    """The line with every text in one line, and with an apostrophe before one that a spreadsheet would run."""
    return tuple(_text(value) if isinstance(value, str) else value for value in values)


def _text(value: str) -> str:
    shown = " ".join(value.splitlines())
    return f"'{shown}" if value.startswith(FORMULA) else shown
