"""Reads the rows of a CSV file as text, each with the line of the file on which it begins."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.errors import DataError, unreadable

TABLE = "expected a table of comma-separated values in UTF-8"
# Blanks that do not count at the ends of names and cells: all that Unicode has, and marks without a width.
BLANKS = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200E)))
BLANKS += "\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
LONGEST = 40  # characters of a cell or of a name that a message shows
BREAK = re.compile(r"\r\n|\r|\n")
# Formats that people rename to .csv, by their first bytes.
FORMATS = {
    b"PK\x03\x04": "a ZIP file, such as a workbook of Excel",
    b"\xd0\xcf\x11\xe0": "an old workbook of Excel",
    b"\x1f\x8b": "a file that is compressed with gzip",
    b"PAR1": "a Parquet file",
    b"\x93NUMPY": "an array of NumPy",
    b"ARROW1": "a Feather file",
    b"\x89HDF": "an HDF5 file",
    b"SQLite format 3": "a database of SQLite",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
# What Python's reader finds, by its text.
MISTAKES = {
    "unexpected end of data": "a quote that is not closed, so that all lines up to the end of the file are one cell",
    "expected after": "text after a closing quote: a cell that begins with a quote must end with one",
    "field larger than field limit": f"a cell of more than {csv.field_size_limit()} characters: is a quote not closed?",
}
QUOTES = 'close the quote, and write a quote inside a cell twice, as in "5"" pipe"'
# Texts that are no tables, by how they begin.
TEXTS = {
    re.compile(r"""\{\s*("|\}|$)|\[\s*([\[{"]|\]|-?\d[\d.]*\s*,|$)"""): "JSON",
    re.compile(r"<(!doctype html|html|head|body|table|div|meta)\b|<!--", re.IGNORECASE): "HTML",
    re.compile(r"<\?xml\b", re.IGNORECASE): "XML",
    re.compile(r"%PDF-"): "a PDF file",
    re.compile(r"\{\\rtf"): "a text document in RTF",
}


class Row(NamedTuple):
    """The cells of a row, and the line of the file on which the row begins."""

    line: int
    cells: list[str]

    def line_of(self, place: int) -> int:
        """The line on which a cell begins; cells before it may contain line breaks."""
        return self.line + sum(len(BREAK.findall(cell)) for cell in self.cells[:place])


Rows = Iterator[Row]


def rows(path: Path) -> Rows:
    """The rows of the file; lines without any text are left out.

    Raises DataError if the file cannot be read, is not text in UTF-8, is empty, or has a quote in a wrong place.
    """
    begins, is_empty = 1, True
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(_lines(file, path), strict=True, skipinitialspace=True)
            for cells in reader:
                if len(cells) > 1 or (cells and clean(cells[0])):
                    is_empty = False
                    yield Row(begins, cells)
                begins = reader.line_num + 1
    except UnicodeDecodeError:
        raise DataError(_not_text(path)) from None
    except csv.Error as error:
        found = next((text for sign, text in MISTAKES.items() if sign in str(error)), "no row of cells")
        raise DataError(f"{path}, line {begins}: found {found}, {TABLE}; {QUOTES}") from None
    except OSError as error:
        raise DataError(f"{path}: {unreadable(error)}, {TABLE}") from None
    except ValueError:  # a path that contains a NUL character
        raise DataError(f"{str(path)!r}: found a NUL character in the path, expected the path of a file") from None
    if is_empty:
        raise DataError(f"{path}: found an empty file, {TABLE}")


def clean(cell: str) -> str:
    """The text of a cell or of a name without the blanks around it."""
    return cell.strip(BLANKS)


def quoted(text: str) -> str:
    """The text of a cell or a name in quotes, cut if it is long."""
    return repr(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 row`, `2 rows`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def plain(text: str) -> str:
    """A name for a message: cut if it is long, and in quotes if it has line breaks or other signs without a shape."""
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return short if short.isprintable() else repr(short)


def _lines(file: Iterator[str], path: Path) -> Iterator[str]:
    is_checked = False
    for number, line in enumerate(file, 1):
        if not is_checked and clean(line):
            _check_format(path, line)
            is_checked = True
        if "\0" in line:
            raise DataError(f"{path}, line {number}: found a NUL byte, {TABLE}; is the file damaged, or is it UTF-16?")
        yield line


def _check_format(path: Path, line: str) -> None:
    """Raise DataError for a file of another format whose first line with a sign is valid text."""
    with path.open("rb") as file:
        found = _format(file.read(16)) or next(
            (name for begin, name in TEXTS.items() if begin.match(clean(line))), None
        )
    if found:
        raise DataError(f"{path}: found {found}, {TABLE}; save it as CSV in UTF-8")


def _not_text(path: Path) -> str:
    """The message about a file that is not text in UTF-8."""
    content = path.read_bytes()
    if found := _format(content[:16]):
        return f"{path}: found {found}, {TABLE}; save it as CSV in UTF-8"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\r|\n", content[: error.start])) + 1
        byte = content[error.start]
        return (
            f"{path}, line {line}: found text that is not UTF-8 (the byte 0x{byte:02x}), {TABLE}; save the file as "
            "UTF-8: it may be in Latin-1 or Windows-1252"
        )
    return f"{path}: found text that is not UTF-8, {TABLE}; save the file as UTF-8"


def _format(start: bytes) -> str | None:
    return next((name for sign, name in FORMATS.items() if start.startswith(sign)), None)
