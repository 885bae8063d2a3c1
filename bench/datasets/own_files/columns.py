"""Reads the chosen columns of a CSV file as numbers, words and dates, and finds every wrong cell."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from bench.datasets.own_files.header import Header
from bench.datasets.own_files.notation import LARGEST, MISSING, USUAL, Notation, cause
from bench.datasets.own_files.remedies import Columns, Names, remedies
from bench.datasets.own_files.rows import Row, clean, counted, quoted
from bench.errors import DataError

AT_ONCE = 4096  # rows
MOST = 20  # columns with wrong cells that a message shows
KEPT = 4096  # wrong cells of a column that are kept; all are counted
SWITCHES = {"true": 1.0, "false": 0.0}
NAN = float("nan")

Kind = Literal["number", "category", "date"]


class Wrong(NamedTuple):
    """A cell that is not a number in the range of float32: its row, its line, and its text."""

    row: int
    line: int
    text: str


@dataclass(slots=True)
class Noted:
    """The first cells of one sort, and how many there are."""

    first: list[Wrong] = field(default_factory=list)
    number: int = 0

    def add(self, row: int, line: int, text: str) -> None:
        """Count a cell, and keep it if it is among the first."""
        self.number += 1
        if len(self.first) < KEPT:
            self.first.append(Wrong(row, line, text))


@dataclass(slots=True)
class Column:
    """A column: its numbers, or for words and dates the index of each cell's text in `known`. A gap is NaN.

    `wrong` are cells that are no number, `gaps` are cells without a value. `switches` are truth values, which are ones
    and zeros now; they are wrong beside numbers. `may_have_gaps` says whether gaps are allowed. `listed` are words that
    are categories, even if they usually stand for a gap.
    """

    place: int
    kind: Kind = "number"
    may_have_gaps: bool = False
    listed: frozenset[str] = frozenset()
    values: "array[float]" = field(default_factory=lambda: array("d"))
    known: dict[str, int] = field(default_factory=dict)
    lines: "array[int]" = field(default_factory=lambda: array("q"))  # of the first cell with each known text
    wrong: Noted = field(default_factory=Noted)
    gaps: Noted = field(default_factory=Noted)
    switches: Noted = field(default_factory=Noted)

    @property
    def numbers(self) -> Float[np.ndarray, " rows"]:
        """The values as an array, which shares their memory."""
        return np.frombuffer(self.values, np.float64) if self.values else np.zeros(0)

    @property
    def is_switch(self) -> bool:
        """Whether every value is true or false."""
        return 0 < self.switches.number == len(self.values) - self.gaps.number

    def problems(self) -> list[Wrong]:
        """The first wrong cells, in the order of the file, gaps included if they are not allowed."""
        found = [*self.wrong.first, *([] if self.is_switch else self.switches.first)]
        return sorted([*found, *([] if self.may_have_gaps else self.gaps.first)])

    @property
    def wrongs(self) -> int:
        """The number of wrong cells."""
        switches = 0 if self.is_switch else self.switches.number
        return self.wrong.number + switches + (0 if self.may_have_gaps else self.gaps.number)


@dataclass(slots=True)
class Cells:
    """The chosen columns of a file, and the texts of the column of classes if there is one.

    `lines` has the line of each row. `ragged` has the line and the number of cells of rows that do not have one cell
    for each name. `blank` has the lines of rows whose cells are all empty.
    """

    header: Header
    columns: list[Column]
    text: int | None
    notation: Notation = USUAL
    texts: list[str] = field(default_factory=list)
    lines: "array[int]" = field(default_factory=lambda: array("q"))
    ragged: list[tuple[int, int]] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)


def read(
    header: Header,
    rows: Iterator[Row],
    *,
    columns: Sequence[Column],
    text: int | None = None,
    notation: Notation = USUAL,
) -> Cells:
    """The cells of the chosen columns. Cells of other columns are not looked at. Wrong cells are noted, not raised."""
    cells = Cells(header=header, columns=list(columns), text=text, notation=notation)
    known: dict[str, str] = {}  # each text once, so that long columns of labels need little memory
    while block := list(islice(rows, AT_ONCE)):
        block = _whole(block, cells)
        for column in cells.columns:
            take = _take_numbers if column.kind == "number" else _take_texts
            take(column, block, notation, first=len(cells.lines))
        if text is not None:
            cleaned = (clean(row.cells[text]) for row in block)
            cells.texts += [known.setdefault(label, label) for label in cleaned]
        cells.lines.extend(row.line for row in block)
    return cells


def matrix(cells: Cells) -> Float[np.ndarray, "rows columns"]:
    """The values as float64, one column for each chosen column."""
    columns = [column.numbers for column in cells.columns]
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
    wrong = [column for column in cells.columns if column.wrongs]
    before = names.problems if names else ()
    shown = (_first_wrong(column, header, cells.notation) for column in wrong[:MOST])
    problems = [*before, *_ragged(cells), *_blank(cells), *shown]
    if len(wrong) > MOST:
        rest = ", ".join(header.shown(column.place) for column in wrong[MOST:])
        problems.append(f"{len(wrong) - MOST} more columns have such cells: {rest}")
    at = f"line {header.line}, " if header.word == "line" else ""
    problems += [
        f"{at}{header.shown(place)}: found whole numbers that grow from row to row, which number the rows, expected "
        "inputs (or name the inputs with dataset.features)"
        for place in unchosen
    ]
    problems += others
    if problems:
        found = Columns(
            header=header,
            notation=cells.notation,
            used=tuple(column.place for column in cells.columns),
            wrong={column.place: [cell.text for cell in column.problems()] for column in wrong},
            gaps={column.place: column.gaps.number for column in wrong if not column.may_have_gaps},
            dates=tuple(column.place for column in wrong if column.kind == "date"),
            rows=len(cells.lines),
            target=target,
            unchosen=tuple(unchosen),
            names=names,
            only_first_row=all(column.problems()[0].row == 0 and column.wrongs == 1 for column in wrong),
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


def _take_numbers(column: Column, block: Sequence[Row], notation: Notation, *, first: int) -> None:
    """Add the numbers of a block of rows to a column; `first` is the number of the first row."""
    texts = [row.cells[column.place] for row in block]
    values = _all_numbers(texts, notation)
    if values is not None:
        column.values.extend(values)
        for place in np.flatnonzero(np.isnan(values)).tolist():
            column.gaps.add(first + place, block[place].line_of(column.place), clean(texts[place]))
        return
    for number, (text, row) in enumerate(zip(texts, block, strict=True), first):
        cell = clean(text)
        value = NAN if cell.casefold() in notation.gaps else _number(notation.number(cell))
        if value != value:  # noqa: PLR0124 (NaN)
            switch, missing = SWITCHES.get(cell.casefold()), notation.is_missing(cell)
            sort = column.gaps if missing else column.switches if switch is not None else column.wrong
            sort.add(number, row.line_of(column.place), cell)
            value = NAN if missing or switch is None else switch
        column.values.append(value)


def _take_texts(column: Column, block: Sequence[Row], notation: Notation, *, first: int) -> None:
    """Add the indices of the texts of a block of rows to a column of words or dates."""
    known = column.known
    for number, row in enumerate(block, first):
        cell = clean(row.cells[column.place])
        index = known.get(cell)
        if index is None and notation.is_missing(cell) and cell not in column.listed:
            column.gaps.add(number, row.line_of(column.place), cell)
            column.values.append(NAN)
            continue
        if index is None:
            index = known[cell] = len(known)
            column.lines.append(row.line_of(column.place))
        column.values.append(float(index))


def _all_numbers(texts: Sequence[str], notation: Notation) -> list[float] | None:
    """All texts as numbers, and NaN for gaps; None if a text is not a number that float32 can hold."""
    values = None if notation.gaps else _floats(texts, notation)
    if values is None:
        numbers = ["" if text.casefold() in MISSING or text in notation.gaps else text for text in texts]
        found = _floats([text or "0" for text in numbers], notation)
        values = found and [value if text else NAN for value, text in zip(found, numbers, strict=True)]
    return values


def _floats(texts: Sequence[str], notation: Notation) -> list[float] | None:
    joined = "".join(texts)
    if "_" in joined or not joined.isascii():
        return None
    if notation.gaps and any(clean(text).casefold() in notation.gaps for text in texts):
        return None
    if notation.decimal != ".":
        if "." in joined:
            return None
        texts = [text.replace(notation.decimal, ".") for text in texts]
    try:
        values = list(map(float, texts))
    except ValueError:
        return None
    return values if bool((np.abs(values) <= LARGEST).all()) else None


def _number(cell: str) -> float:
    """The number in a cell; NaN if it is none, or one that float32 cannot hold."""
    if "_" in cell or not cell.isascii():  # Python reads 1_000 as a number
        return NAN
    try:
        value = float(cell)
    except ValueError:
        return NAN
    return value if abs(value) <= LARGEST else NAN


def _ragged(cells: Cells) -> Iterator[str]:
    if cells.ragged:
        (line, found), *others = cells.ragged
        width = len(cells.header.names)
        first = "header" if cells.header.line else "first line"
        quotes = ""
        if found > width:
            sign = {",": "a comma", "\t": "a tab"}.get(cells.notation.separator, repr(cells.notation.separator))
            point = ", and numbers need a decimal point" if cells.notation.separator == "," else ""
            quotes = f"; a cell that contains {sign} needs quotes{point}"
        if not cells.lines and {number for _, number in cells.ragged} == {width + 1}:
            quotes += "; or does the header lack the name of one column, such as the first?"
        lines = more(len(others), "line")
        yield f"line {line}: found {counted(found, 'cell')}, expected {width}, as the {first} has{lines}{quotes}"


def _blank(cells: Cells) -> Iterator[str]:
    if cells.blank:
        others = more(len(cells.blank) - 1, "line")
        where = f"{cells.header.word} {cells.blank[0]}"
        yield f"{where}: found a row of empty cells{others}, expected values; delete such rows"


def _first_wrong(column: Column, header: Header, notation: Notation) -> str:
    """The first wrong cell of a column, how many more there are, and the first cell with each other notation."""
    found = column.problems()
    cell = found[0]
    kinds: dict[str, Wrong] = {}
    for other in found:
        kinds.setdefault(cause(other.text, notation).kind, other)
    missing = [] if column.may_have_gaps else column.gaps.first
    empty, gaps = "", column.gaps.number
    if missing and gaps < column.wrongs:
        at = f"{header.word} {missing[0].line}"
        first = f"({at})" if gaps == 1 else f"(the first in {at})"
        empty = f"; {gaps} of these cells {'has' if gaps == 1 else 'have'} no value {first}"
    where = f"{header.word} {cell.line}, {header.shown(column.place)}"
    also = "".join(
        f"; {header.word} {other.line} of this column: found {shown(other.text)}, "
        f"{_expected(column, other.text, notation)}"
        for kind, other in kinds.items()
        if other is not cell and kind != "missing"
    )
    wanted = _expected(column, cell.text, notation)
    return f"{where}: found {shown(cell.text)}, {wanted}{more(column.wrongs - 1)}{also}{empty}"


def _expected(column: Column, text: str, notation: Notation) -> str:
    if column.kind == "number" or notation.is_missing(text):
        return f"expected {cause(text, notation).expected}" if column.kind == "number" else "expected a value"
    return "expected a date"
