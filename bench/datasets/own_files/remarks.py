"""Finds columns of a CSV file that nobody chose on purpose: numbers of rows, and copies of the target."""

from collections.abc import Iterator, Sequence

import numpy as np

from bench.datasets.own_files.columns import Cells
from bench.datasets.own_files.header import NUMBERS_OF_ROWS, Header, listed
from bench.datasets.tables import Table

FEWEST = 5  # rows: fewer numbers may count up by chance


def numbers_of_rows(cells: Cells, features: Sequence[int]) -> list[int]:
    """The features that count the rows and are called like it: if the file is sorted, they give the target away."""
    return [
        column.place
        for column in cells.numbers
        if column.place in features
        and cells.header.line
        and NUMBERS_OF_ROWS.fullmatch(cells.header.names[column.place].casefold())
        and _counts(np.frombuffer(column.values, np.float64), step=None)
    ]


def remarks(table: Table, header: Header, features: Sequence[int]) -> tuple[str, ...]:
    """What a user has to know about the chosen columns, each with the option that changes it."""
    return tuple(_remarks(table, header, features))


def _remarks(table: Table, header: Header, features: Sequence[int]) -> Iterator[str]:
    counting = [place for number, place in enumerate(features) if _counts(table.inputs[:, number], step=1)]
    copies = [
        place
        for number, place in enumerate(features)
        if table.targets.ndim > 1 and np.array_equal(table.inputs[:, number], table.targets[:, 0])
    ]
    for places, what in ((counting, "counts the rows"), (copies, "has the same values as the target")):
        for place in places:
            cure = f"leave it out with dataset.drop = {listed([header.names[place]])}"
            yield f"{header.path}: {header.shown(place)} {what} and is an input; {cure}"


def _counts(values: np.ndarray, *, step: int | None) -> bool:
    """Whether values count up from row to row: from 0 or 1 by `step`, or by any whole numbers if `step` is None."""
    if len(values) < FEWEST or not (values == np.floor(values)).all():
        return False
    steps = np.diff(values)
    if step is None:
        return bool((steps > 0).all())
    return values[0] in {0, 1} and bool((steps == step).all())
