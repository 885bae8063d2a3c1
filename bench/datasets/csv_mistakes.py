"""Says in plain words why pandas cannot read a public CSV file."""

import re

from bench.errors import unreadable

RAGGED = re.compile(r"Expected (?P<expected>\d+) fields in line (?P<line>\d+), saw (?P<found>\d+)")
EMPTY = "No columns to parse from file"
TABLE = "expected a table of comma-separated values"


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
