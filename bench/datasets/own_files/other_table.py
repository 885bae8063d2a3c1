"""Reads another table with the same columns: the published test part, or rows to predict."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bench.datasets.own_files import columns, labels, typed_columns
from bench.datasets.own_files.columns import Cells, Column
from bench.datasets.own_files.header import Header
from bench.datasets.own_files.notation import Notation
from bench.datasets.own_files.prepared_columns import NO_VALUE, PreparedColumn, RawColumn
from bench.datasets.own_files.rows import Rows, counted, plain, quoted
from bench.errors import DataError, meant

SHOWN = 5  # words


class Opened(NamedTuple):
    """A file that is read row by row: the names of its columns, the rows below them, and its notation.

    `guessed` says whether the first line was taken for the names without an option that says so.
    """

    header: Header
    rows: Rows
    notation: Notation
    guessed: bool = False


class KnownTable(NamedTuple):
    """What is known of the table: its columns, whether each may have gaps, and its target with its classes.

    `target` is None if targets are not read. `classes` is None if the target is a number.
    """

    columns: Sequence[RawColumn | PreparedColumn]
    may_have_gaps: Callable[[str], bool]
    target: str | None
    classes: Sequence[str] | None
    date_format: str | None = None


class OtherTable(NamedTuple):
    """The values of all rows, the rows that have a target, these targets, and remarks."""

    values: np.ndarray
    labelled: np.ndarray
    targets: np.ndarray
    remarks: tuple[str, ...]


def read(file: Opened, known: KnownTable) -> OtherTable:
    """The rows of the file. A file without the target has no labelled rows.

    Raises DataError with every wrong cell, and for a column that is missing or has the name of another.
    """
    header = file.header
    places = _places(header, [item.name for item in known.columns])
    features = [
        Column(
            place,
            kind=item.kind,
            may_have_gaps=known.may_have_gaps(item.name),
            listed=frozenset(item.categories) - {NO_VALUE},
        )
        for place, item in zip(places, known.columns, strict=True)
    ]
    at = _places(header, [known.target])[0] if known.target in header.names else None
    target = [Column(at, may_have_gaps=True)] if at is not None and known.classes is None else []
    cells = columns.read(
        header,
        file.rows,
        columns=[*features, *target],
        text=at if known.classes is not None else None,
        notation=file.notation,
    )
    check_rows(cells)
    days = typed_columns.days(features, known.date_format)
    columns.check(cells)
    values = typed_columns.values(features, known.columns, days)
    labelled, targets = _targets(cells, known.classes, target)
    return OtherTable(values, labelled, targets, tuple(_unknown_words(header, features, known.columns)))


def numbers(file: Opened) -> np.ndarray:
    """All columns of the file as numbers, for a model whose columns have no names."""
    cells = columns.read(
        file.header,
        file.rows,
        columns=[Column(place) for place in range(len(file.header.names))],
        notation=file.notation,
    )
    check_rows(cells)
    columns.check(cells)
    return columns.matrix(cells)


def _targets(cells: Cells, classes: Sequence[str] | None, target: Sequence[Column]) -> tuple[np.ndarray, np.ndarray]:
    if classes is not None and cells.text is not None:
        return labels.known(cells, classes)
    if not target:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    values = target[0].numbers
    there = np.flatnonzero(~np.isnan(values))
    return there, values[there]


def _places(header: Header, names: Iterable[str | None]) -> list[int]:
    """The place of each name. Raises DataError for names that no column or several columns have."""
    wanted = [name for name in names if name is not None]
    missing = [name for name in wanted if name not in header.names]
    if missing:
        shown = ", ".join(f"{name!r}{meant(name, header.names)}" for name in missing)
        word = "column" if len(missing) == 1 else "columns"
        raise DataError(f"{header.path}: found no {word} {shown}, expected {', '.join(map(plain, wanted))}")
    twice = [name for name in wanted if header.names.count(name) > 1]
    if twice:
        raise DataError(f"{header.path}: found the name {twice[0]!r} twice, expected different names")
    return [header.names.index(name) for name in wanted]


def check_rows(cells: Cells) -> None:
    """Raise DataError for a file without rows."""
    if not (cells.lines or cells.ragged or cells.blank):
        path = cells.header.path
        raise DataError(f"{path}: found the names of the columns and 0 rows, expected at least one row")


def _unknown_words(
    header: Header, read: Sequence[Column], known: Sequence[RawColumn | PreparedColumn]
) -> Iterator[str]:
    """Words that are no category of the first file: all numbers of that column are then 0."""
    for column, item in zip(read, known, strict=True):
        words = typed_columns.unknown(column, item)
        if words:
            rows = int(np.isin(column.numbers, [column.known[word] for word in words]).sum())
            more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
            has = "has" if rows == 1 else "have"
            yield (
                f"{header.path}: {counted(rows, 'row')} {has} a word in {header.shown(column.place)} that is no "
                f"category: {', '.join(map(quoted, words[:SHOWN]))}{more}; its numbers are all 0"
            )
