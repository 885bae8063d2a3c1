"""Reads the rows of a CSV file as text, each with the line of the file on which it begins."""

import codecs
import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.datasets.own_files.notation import USUAL, Notation
from bench.errors import DataError, unreadable

TABLE = "expected a table of separated values"
# Blanks that do not count at the ends of names and cells: all that Unicode has, and marks without a width.
BLANKS = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200E)))
BLANKS += "\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
LONGEST = 40  # characters of a cell or of a name that a message shows
BREAK, BREAK_BYTES = re.compile(r"\r\n|\r|\n"), re.compile(rb"\r\n|\r|\n")
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
MARKS = {b"\xff\xfe", b"\xfe\xff"}  # at the beginning of text in UTF-16
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


def rows(path: Path, notation: Notation = USUAL) -> Rows:
    """The rows of the file; lines without any text are left out.

    Raises DataError if the file cannot be read, is not text in its encoding, is empty, or has a quote in a wrong place.
    """
    begins, is_empty = 1, True
    encoding = "utf-8-sig" if codecs.lookup(notation.encoding).name == "utf-8" else notation.encoding
    try:
        with path.open(encoding=encoding, newline="") as file:
            # Without this, a tab that separates an empty cell counts as a blank before the next one.
            blanks = notation.separator not in BLANKS
            lines = _lines(file, path)
            reader = csv.reader(lines, delimiter=notation.separator, strict=True, skipinitialspace=blanks)
            for cells in reader:
                if len(cells) > 1 or (cells and clean(cells[0])):
                    is_empty = False
                    yield Row(begins, cells)
                begins = reader.line_num + 1
    except UnicodeError:
        raise DataError(_not_text(path, notation.encoding)) from None
    except csv.Error as error:
        found = next((text for sign, text in MISTAKES.items() if sign in str(error)), "no row of cells")
        raise DataError(f"{path}, line {begins}: found {found}, {TABLE}; {QUOTES}") from None
    except OSError as error:
        raise DataError(f"{path}: {unreadable(error)}, {TABLE}") from None
    except ValueError:  # a path that contains a NUL character
        raise DataError(f"{str(path)!r}: found a NUL character in the path, expected the path of a file") from None
    if is_empty:
        raise DataError(f"{path}: found an empty file, {TABLE}")


def check_encoding(name: str) -> None:
    """Raise ValueError for an encoding that Python does not know."""
    try:
        "".encode(name)
    except LookupError:
        expected = "expected an encoding such as 'utf-8', 'cp1252' or 'utf-16'"
        raise ValueError(f"found encoding = {name!r}, {expected}") from None


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
        start = file.read(16)
        found = (None if start[:2] in MARKS else _format(start)) or next(
            (name for begin, name in TEXTS.items() if begin.match(clean(line))), None
        )
    if found:
        raise DataError(f"{path}: found {found}, {TABLE}; save it as CSV")


def _not_text(path: Path, encoding: str) -> str:
    """The message about a file that is not text in its encoding."""
    content = path.read_bytes()
    if content[:2] not in MARKS and (found := _format(content[:16])):
        return f"{path}: found {found}, {TABLE}; save it as CSV"
    line, byte = "", ""
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        line = f", line {len(BREAK_BYTES.findall(content[: error.start])) + 1}"
        byte = f" (the byte 0x{content[error.start]:02x})"
    except UnicodeError:  # UTF-16 without its mark
        pass
    named = encoding.upper()
    likely = "utf-16" if content[:2] in MARKS else "cp1252"
    what = {"utf-16": "UTF-16", "cp1252": "Windows-1252 or Latin-1"}[likely]
    if codecs.lookup(likely).name == codecs.lookup(encoding).name:
        return f"{path}{line}: found text that is not {named}{byte}, {TABLE}; set dataset.encoding to the right one"
    return (
        f"{path}{line}: found text that is not {named}{byte}, {TABLE}; it may be in {what}: set dataset.encoding = "
        f'"{likely}", or save the file as UTF-8'
    )


def _format(start: bytes) -> str | None:
    return next((name for sign, name in FORMATS.items() if start.startswith(sign)), None)
