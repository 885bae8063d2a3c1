"""Finds columns of a CSV file that nobody chose on purpose: numbers of rows, and copies of the target."""

from collections.abc import Callable, Sequence

import numpy as np

from bench.datasets.own_files.columns import Cells
from bench.datasets.own_files.header import NUMBERS_OF_ROWS, Header, listed
from bench.datasets.tables import Table

Rule = Callable[[np.ndarray], bool]

WHOLE_IN_FLOAT32 = 2**24  # up to this number float32 has every whole number
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


def remarks(table: Table, header: Header, features: Sequence[int], *, scaled: bool) -> tuple[str, ...]:
    """What a user has to know about the chosen columns, each with the option that changes it.

    `scaled` says whether the columns are standardised, which is computed in float64.
    """
    drop = "and is an input; leave it out with dataset.drop = {}"
    rules: list[tuple[Rule, str]] = [
        (lambda values: _counts(values, step=1), f"counts the rows {drop}"),
        (lambda values: _is_copy(values, table.targets), f"has the same values as the target {drop}"),
    ]
    if not scaled:
        text = "has numbers that float32 cannot tell apart; set dataset.standardise = true, or subtract a number before"
        rules.append((_is_rounded, text))
    return tuple(
        f"{header.path}: {header.shown(place)} {text.format(listed([header.names[place]]))}"
        for holds, text in rules
        for number, place in enumerate(features)
        if holds(table.inputs[:, number])
    )


def _is_copy(values: np.ndarray, targets: np.ndarray) -> bool:
    return targets.ndim > 1 and np.array_equal(values, targets[:, 0])


def _is_rounded(values: np.ndarray) -> bool:
    """Whether numbers that differ are the same in float32: large ones, such as times in milliseconds."""
    if not len(values) or np.abs(values).max() < WHOLE_IN_FLOAT32:
        return False
    return len(np.unique(values.astype(np.float32))) < len(np.unique(values))


def _counts(values: np.ndarray, *, step: int | None) -> bool:
    """Whether values count up from row to row: from 0 or 1 by `step`, or by any whole numbers if `step` is None."""
    if len(values) < FEWEST or not (values == np.floor(values)).all():
        return False
    steps = np.diff(values)
    if step is None:
        return bool((steps > 0).all())
    return values[0] in {0, 1} and bool((steps == step).all())
