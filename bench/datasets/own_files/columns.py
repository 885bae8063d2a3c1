"""Turns the cells of the chosen columns of a CSV file into numbers and labels, and finds every wrong cell."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bench.datasets.own_files.header import Header
from bench.datasets.own_files.notation import LARGEST, cause, is_missing
from bench.datasets.own_files.remedies import Columns, Names, remedies
from bench.datasets.own_files.rows import Row, clean, counted, quoted
from bench.errors import DataError

AT_ONCE = 4096  # rows
MOST = 20  # columns with wrong cells that a message shows
SWITCHES = {"true": 1.0, "false": 0.0}


class Wrong(NamedTuple):
    """A cell that is not a number in the range of float32: its row, its line, and its text."""

    row: int
    line: int
    text: str


@dataclass(slots=True)
class Column:
    """A column of numbers; `wrong` lists the cells that are none, whose value is NaN.

    `switches` says whether the column had truth values, which are ones and zeros now.
    """

    place: int
    switches: bool = False
    values: "array[float]" = field(default_factory=lambda: array("d"))
    wrong: list[Wrong] = field(default_factory=list)


@dataclass(slots=True)
class Cells:
    """The chosen columns of a file: numbers, and texts if there is a column of classes.

    `lines` has the line of each row. `ragged` has the line and the number of cells of rows that do not have one cell
    for each name. `blank` has the lines of rows whose cells are all empty.
    """

    header: Header
    numbers: list[Column]
    text: int | None
    texts: list[str] = field(default_factory=list)
    lines: "array[int]" = field(default_factory=lambda: array("q"))
    ragged: list[tuple[int, int]] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)


def read(header: Header, rows: Iterator[Row], *, numbers: Sequence[int], text: int | None) -> Cells:
    """The cells of the chosen columns. Cells of other columns are not looked at. Wrong cells are noted, not raised."""
    cells = Cells(header=header, numbers=[Column(place) for place in numbers], text=text)
    known: dict[str, str] = {}  # each text once, so that long columns of labels need little memory
    while block := list(islice(rows, AT_ONCE)):
        block = _whole(block, cells)
        for column in cells.numbers:
            _take(column, block, first=len(cells.lines))
        if text is not None:
            cleaned = (clean(row.cells[text]) for row in block)
            cells.texts += [known.setdefault(label, label) for label in cleaned]
        cells.lines.extend(row.line for row in block)
    for column in cells.numbers:
        _switches(column)
    return cells


def matrix(cells: Cells) -> Float[np.ndarray, "rows columns"]:
    """The numbers as float64, one column for each chosen column."""
    columns = [np.frombuffer(column.values, np.float64) for column in cells.numbers]
    return np.stack(columns, axis=1) if columns else np.zeros((len(cells.lines), 0))


def check(
    cells: Cells,
    *,
    target: int | None = None,
    others: Sequence[str] = (),
    unchosen: Sequence[int] = (),
    names: Names | None = None,
) -> None:
    """Raise DataError with all problems: columns with wrong cells, ragged rows, and what was found elsewhere.

    `target` is the column to predict if it is a column of numbers. `others` has the problems of labels. `unchosen` are
    columns that number the rows. `names` is None where no option can leave out columns.
    """
    header = cells.header
    wrong = [column for column in cells.numbers if column.wrong]
    before = names.problems if names else ()
    problems = [*before, *_ragged(cells), *_blank(cells), *(_first_wrong(column, header) for column in wrong[:MOST])]
    if len(wrong) > MOST:
        rest = ", ".join(header.shown(column.place) for column in wrong[MOST:])
        problems.append(f"{len(wrong) - MOST} more columns have such cells: {rest}")
    problems += [
        f"line {header.line}, {header.shown(place)}: found whole numbers that grow from row to row, which number the "
        "rows, expected inputs (or name the inputs with dataset.features)"
        for place in unchosen
    ]
    problems += others
    if problems:
        found = Columns(
            header=header,
            used=tuple(column.place for column in cells.numbers),
            wrong={column.place: [cell.text for cell in column.wrong] for column in wrong},
            rows=len(cells.lines),
            target=target,
            unchosen=tuple(unchosen),
            names=names,
            only_first_row=all(column.wrong[0].row == 0 and len(column.wrong) == 1 for column in wrong),
        )
        raise DataError(f"{header.path}, {'; '.join([*problems, *remedies(found)])}")


def shown(text: str) -> str:
    """The text of a cell for people."""
    return quoted(text) if text else "an empty cell"


def more(number: int, what: str = "cell") -> str:
    """A remark about further cells, such as ` (and 3 more cells)`; empty if there are none."""
    return f" (and {number} more {what}{'s' * (number > 1)})" if number else ""


def _whole(block: list[Row], cells: Cells) -> list[Row]:
    """The rows with one cell for each name; the others are noted."""
    width = len(cells.header.names)
    found = []
    for row in block:
        if len(row.cells) != width:
            cells.ragged.append((row.line, len(row.cells)))
        elif not any(row.cells) or not any(map(clean, row.cells)):
            cells.blank.append(row.line)
        else:
            found.append(row)
    return found


def _take(column: Column, block: Sequence[Row], *, first: int) -> None:
    """Add the numbers of a block of rows to a column; `first` is the number of the first row."""
    texts = [row.cells[column.place] for row in block]
    values = _all_numbers(texts)
    if values is not None:
        column.values.extend(values)
        return
    for number, (text, row) in enumerate(zip(texts, block, strict=True), first):
        cell = clean(text)
        value = _number(cell)
        column.values.append(value)
        if value != value:  # noqa: PLR0124 (NaN)
            column.wrong.append(Wrong(number, row.line_of(column.place), cell))


def _all_numbers(texts: Sequence[str]) -> list[float] | None:
    """All texts as numbers; None if one of them is not a number that float32 can hold."""
    joined = "".join(texts)
    if "_" in joined or not joined.isascii():
        return None
    try:
        values = list(map(float, texts))
    except ValueError:
        return None
    return values if bool((np.abs(values) <= LARGEST).all()) else None


def _number(cell: str) -> float:
    """The number in a cell; NaN if it is none, or one that float32 cannot hold."""
    if "_" in cell or not cell.isascii():  # Python reads 1_000 as a number
        return float("nan")
    try:
        value = float(cell)
    except ValueError:
        return float("nan")
    return value if abs(value) <= LARGEST else float("nan")


def _switches(column: Column) -> None:
    """Turn a column that has only `true` and `false`, as programs write truth values, into ones and zeros."""
    if column.wrong and len(column.wrong) == len(column.values):
        values = [SWITCHES.get(cell.text.casefold()) for cell in column.wrong]
        if None not in values:
            column.values, column.wrong = array("d", (value or 0.0 for value in values)), []
            column.switches = True


def _ragged(cells: Cells) -> Iterator[str]:
    if cells.ragged:
        (line, found), *others = cells.ragged
        width = len(cells.header.names)
        first = "header" if cells.header.line else "first line"
        quotes = (
            "; a cell that contains a comma needs quotes, and numbers need a decimal point" if found > width else ""
        )
        if not cells.lines and {number for _, number in cells.ragged} == {width + 1}:
            quotes += "; or does the header lack the name of one column, such as the first?"
        lines = more(len(others), "line")
        yield f"line {line}: found {counted(found, 'cell')}, expected {width}, as the {first} has{lines}{quotes}"


def _blank(cells: Cells) -> Iterator[str]:
    if cells.blank:
        others = more(len(cells.blank) - 1, "line")
        yield f"line {cells.blank[0]}: found a row of empty cells{others}, expected values; delete such rows"


def _first_wrong(column: Column, header: Header) -> str:
    """The first wrong cell of a column, how many more there are, and the first cell with each other notation."""
    cell, *others = column.wrong
    kinds: dict[str, Wrong] = {}
    for found in column.wrong[:AT_ONCE]:  # a long column of words takes no longer
        kinds.setdefault(cause(found.text).kind, found)
    missing = [found for found in column.wrong if is_missing(found.text)]
    empty = ""
    if 0 < len(missing) < len(column.wrong):
        first = f"(line {missing[0].line})" if len(missing) == 1 else f"(the first in line {missing[0].line})"
        empty = f"; {len(missing)} of these cells {'has' if len(missing) == 1 else 'have'} no value {first}"
    where = f"line {cell.line}, {header.shown(column.place)}"
    also = "".join(
        f"; line {other.line} of this column: found {shown(other.text)}, expected {cause(other.text).expected}"
        for kind, other in kinds.items()
        if other is not cell and kind != "missing"
    )
    return f"{where}: found {shown(cell.text)}, expected {cause(cell.text).expected}{more(len(others))}{also}{empty}"
