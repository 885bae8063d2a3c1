"""Finds what is wrong with a CSV file that is not a table, and names it in plain words."""

import csv
import re
from pathlib import Path

from bench.errors import DataError, unreadable

RAGGED = re.compile(r"Expected (?P<expected>\d+) fields in line (?P<line>\d+), saw (?P<found>\d+)")
SEPARATORS = {";": "';'", "\t": "a tab"}
EMPTY = "No columns to parse from file"
TABLE = "expected a table of comma-separated values"
SHOWN = 3  # cells of a first line that are printed


def first_line(path: Path) -> list[str]:
    """The cells of the first line; no cell if the file cannot be read or is empty."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, csv.Error):
        return []


def check_separator(path: Path) -> None:
    """Raise DataError if the header has a single column whose name contains a semicolon or a tab."""
    cells = first_line(path)
    other = next((name for sign, name in SEPARATORS.items() if len(cells) == 1 and sign in cells[0]), None)
    if other:
        raise DataError(
            f"{path}, line 1: found the single column {cells[0]!r}, expected names separated by commas: "
            f"is the separator {other}? Only commas are read"
        )


def reason(error: Exception, *, header: bool) -> str:
    """The text to put after the path of a file that pandas cannot read; `header`: whether the file must have one."""
    ragged = RAGGED.search(str(error))
    if ragged:
        first = "header" if header else "first line"
        return (
            f", line {ragged['line']}: found {ragged['found']} cells, expected {ragged['expected']}, as the {first} has"
        )
    if isinstance(error, UnicodeDecodeError):
        return f": found text that is not UTF-8, {TABLE}; save the file as UTF-8"
    return f": found an empty file, {TABLE}" if str(error) == EMPTY else f": {unreadable(error)}, {TABLE}"
