"""Looks at a user's table as it is: how it is written, what each column has, and which options make it usable."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from bench.datasets.own_files import columns, dates, parquet_rows, remarks, rows
from bench.datasets.own_files import header as headers
from bench.datasets.own_files.columns import SWITCHES, Column
from bench.datasets.own_files.header import NUMBERS_OF_ROWS
from bench.datasets.own_files.notation import DECIMAL_COMMA, LARGEST, Notation
from bench.datasets.own_files.other_table import Opened
from bench.datasets.own_files.rows import counted, plain
from bench.datasets.own_files.user_table import open_rows
from bench.errors import DataError, meant

SEPARATORS = ",;\t|"
SAMPLE = 200  # lines from which the notation is guessed
MOST_GAPS = 0.5  # of the rows: a column with more is left out
MOST_WORDS = 50  # categories of a column
BYTE = 255
MOST_ODD = 0.2  # of the different cells: with fewer words a column has numbers
FEWEST_ROWS = 20  # from so many rows on, a column that differs in every row names the rows
# A number with other signs around it or between thousands, such as `$3,077.00`; not a range such as `30-39`. A few
# different ones, such as `<5` and `>5`, are words.
SIGNED, MOST_SIGNED = re.compile(r"\W*\d[\d.,' ]*\W*"), 10

Kind = Literal["number", "date", "category"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenColumn:
    """A column of the file, which is left out if there is a reason.

    - `different`: the number of different values; `rarest`: how often the rarest of them stands there;
    - `texts`: the first different values; `form`: how dates are written, empty for ISO 8601;
    - `whole`: whether all numbers are whole, and `is_byte` whether they lie within 0 and 255;
    - `grows`, `falls`: whether each value is larger than the one before it, or smaller.
    """

    name: str
    kind: Kind
    gaps: int
    different: int
    rarest: int = 0
    texts: tuple[str, ...] = ()
    form: str = ""
    reason: str = ""
    whole: bool = False
    grows: bool = False
    falls: bool = False
    is_byte: bool = False


class _Sort(NamedTuple):
    """What the values of a column are. They are dense if they are whole numbers in a narrow range."""

    kind: Kind
    gaps: int
    different: int
    is_dense: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A table: how it is written, whether its first line has names, its columns, and the number of its rows."""

    notation: Notation
    header: bool | None
    columns: tuple[SeenColumn, ...]
    rows: int

    def column(self, name: str) -> SeenColumn:
        """The column of this name. Raises DataError if there is none."""
        found = next((column for column in self.columns if column.name == name), None)
        if found is None:
            names = ", ".join(plain(column.name) for column in self.columns)
            near = meant(name, [column.name for column in self.columns])
            raise DataError(f"--target: found {name!r}{near}, expected a column of the file: one of {names}")
        return found


def look(path: Path) -> Survey:
    """What the file has. Raises DataError if it is no table, or if its rows have different numbers of cells."""
    header, file = (None, parquet_rows.opened(path, "")) if path.suffix.casefold() == ".parquet" else _written(path)
    names = file.header.names
    read = [Column(place, kind="category", may_have_gaps=True) for place in range(len(names))]
    cells = columns.read(file.header, file.rows, columns=read, notation=file.notation)
    columns.check(cells)
    if len(cells.lines) < 2:  # noqa: PLR2004 (one to learn from, one to judge by)
        found = counted(len(cells.lines), "row")
        raise DataError(f"{path}: found the names of the columns and {found}, expected many rows: each is a sample")
    twice = {name for name, times in Counter(names).items() if times > 1}
    seen = tuple(
        _seen(column, names[column.place], file.notation, rows=len(cells.lines), is_twice=names[column.place] in twice)
        for column in read
    )
    return Survey(notation=file.notation, header=header, columns=seen, rows=len(cells.lines))


def _written(path: Path) -> tuple[bool | None, Opened]:
    """The file, opened by the notation that fits it best, and the option `header` that it needs."""
    encoding = _encoding(path)
    start = _start(path, encoding)
    separator = _separator(start)
    decimal = "," if separator != "," and _has_commas(start, separator) else "."
    notation = Notation(separator, decimal, encoding)
    first = next(rows.rows(path, notation))
    header = _header([rows.clean(cell) for cell in first.cells], notation)
    content = rows.rows(path, notation)
    return header, open_rows(content, path, header=header, target="", notation=notation)


def _encoding(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read()
    except (OSError, ValueError):
        return "utf-8"  # the error is told when the rows are read
    if content[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _start(path: Path, encoding: str) -> list[str]:
    try:
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            return [line for line in islice(file, SAMPLE) if line.strip()]
    except (OSError, ValueError):
        return []


def _separator(lines: Sequence[str]) -> str:
    """The separator that gives the same number of cells in the most lines, more than one."""
    best = (0.0, ",")
    for sign in SEPARATORS:
        widths = Counter(len(cells) for cells in csv.reader(lines, delimiter=sign, skipinitialspace=sign != "\t"))
        width, times = widths.most_common(1)[0] if widths else (1, 0)
        if width > 1 and times > best[0]:
            best = (times, sign)
    return best[1]


def _has_commas(lines: Sequence[str], separator: str) -> bool:
    """Whether some cell is a number with a decimal comma."""
    cells = (rows.clean(cell) for row in csv.reader(lines, delimiter=separator) for cell in row)
    return any(DECIMAL_COMMA.fullmatch(cell) for cell in cells)


def _header(cells: Sequence[str], notation: Notation) -> bool | None:
    """The option `header` that the first line needs: it is a row if it has decimals, or numbers only.

    Numbers that count the columns are names, as pandas writes them for a table without names.
    """
    if len(cells) > 1 and list(cells) in [list(map(str, range(first, first + len(cells)))) for first in (0, 1)]:
        return True
    numbers = [notation.number(cell) for cell in cells]
    measured = any(headers.is_number(cell) and "." in cell for cell in numbers)
    return False if measured or all(map(headers.is_number, numbers)) else None


def _seen(column: Column, name: str, notation: Notation, *, rows: int, is_twice: bool) -> SeenColumn:
    texts = tuple(column.known)
    gaps, different = column.gaps.number, len(texts)
    there = column.numbers[~np.isnan(column.numbers)].astype(np.int64)
    numbers = _numbers(texts, notation)
    ordered = None if numbers is None or gaps else numbers[column.numbers.astype(np.int64)]
    form = None if numbers is not None else dates.form(texts[:SAMPLE])
    if form is not None and np.isnan(dates.days(texts, form or None)).any():
        form = None
    whole = numbers is not None and bool((numbers == np.floor(numbers)).all())
    kind: Kind = "number" if numbers is not None else "date" if form is not None else "category"
    if ordered is None and form is not None and not gaps:
        ordered = dates.days(texts, form or None)[column.numbers.astype(np.int64)]
    grows = ordered is not None and len(ordered) > 1 and bool((np.diff(ordered) > 0).all())
    odd = _odd(texts, notation) if kind == "category" else ""
    is_dense = whole and numbers is not None and different > 0 and bool(np.ptp(numbers) < remarks.DENSE * rows)
    reason = odd or _reason(name, _Sort(kind, gaps, different, is_dense), rows=rows, is_twice=is_twice)
    is_byte = whole and numbers is not None and different > 0 and bool(numbers.min() >= 0 and numbers.max() <= BYTE)
    return SeenColumn(
        name=name,
        kind=kind,
        gaps=gaps,
        different=different,
        rarest=int(np.bincount(there).min()) if len(there) else 0,
        texts=texts[: MOST_WORDS + 1],
        form=form or "",
        reason=reason,
        whole=whole,
        grows=grows,
        falls=ordered is not None and len(ordered) > 1 and bool((np.diff(ordered) < 0).all()),
        is_byte=is_byte,
    )


def _reason(name: str, sort: "_Sort", *, rows: int, is_twice: bool) -> str:
    """Why a column is better left out; empty if it is not."""
    differs = sort.different == rows - sort.gaps
    many = rows >= FEWEST_ROWS
    is_number, is_word = sort.kind == "number", sort.kind == "category"
    rules = (
        (is_twice, "another column has the same name"),
        (not name or headers.is_made(name), "it has no name"),
        (not sort.different, "it has no value in any row"),
        (sort.different == 1, "it has the same value in every row"),
        (sort.gaps > MOST_GAPS * rows, f"{counted(sort.gaps, 'row')} of {rows} have no value"),
        (
            is_number and differs and ((many and sort.is_dense) or is_row_number(name)),
            "its whole number differs in every row, as identifiers do",
        ),
        (
            is_word and many and sort.different > remarks.MOST_DIFFERENT * (rows - sort.gaps),
            f"it has {sort.different} different words in {rows} rows, as names and texts do",
        ),
        (is_word and sort.different > MOST_WORDS, f"it has {sort.different} different words, more than {MOST_WORDS}"),
    )
    return next((reason for holds, reason in rules if holds), "")


def _odd(texts: Sequence[str], notation: Notation) -> str:
    """Why a column of numbers cannot be read as one, if only a few of its different cells are no numbers."""
    if len(texts) > MOST_SIGNED and all(map(SIGNED.fullmatch, texts)):
        return f"its cells are numbers with other signs, such as {plain(texts[0])}; write plain numbers"
    wrong = [text for text in texts if _numbers([text], notation) is None]
    if len(wrong) > MOST_ODD * len(texts):
        return ""
    more = f" and {len(wrong) - 1} others" if len(wrong) > 1 else ""
    return f"these cells are no numbers: {plain(wrong[0])}{more}; correct them, or name them with gaps"


def is_row_number(name: str) -> bool:
    """Whether a column is called as programs call the number of a row."""
    return NUMBERS_OF_ROWS.fullmatch(name.casefold()) is not None


def _numbers(texts: Sequence[str], notation: Notation) -> np.ndarray | None:
    """The texts as numbers, truth values as 1 and 0; None if one of them is neither."""
    if texts and {text.casefold() for text in texts} <= SWITCHES.keys():
        return np.array([text.casefold() == "true" for text in texts], np.float64)
    try:
        found = np.array([float(notation.number(text)) for text in texts])
    except ValueError:
        return None
    plain_digits = all(text.isascii() and "_" not in text for text in texts)
    return found if plain_digits and bool((np.abs(found) <= LARGEST).all()) else None
