"""Finds columns of a CSV file that nobody chose on purpose: numbers of rows, and copies of the target."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bench.datasets.own_files.columns import Cells
from bench.datasets.own_files.header import NUMBERS_OF_ROWS, Header, Wanted, listed
from bench.datasets.own_files.rows import counted, quoted
from bench.errors import DataError

Rule = Callable[[np.ndarray], bool]

LARGE = 2**13  # from this number on float32 has steps of a thousandth and more
MOST_DIFFERENT = 0.5  # of the rows: words that differ more often are names and texts
DENSE = 2  # times the rows: whole numbers in a narrower range that all differ number something
# Numbers that people write for a missing value.
SENTINELS = (-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 99.0, 999.0, 9999.0, 99999.0)
SENTINEL = (
    "has a number such as -999 in several rows, far from all others; if it stands for a missing value, name it with "
    "dataset.gaps, and set dataset.missing"
)
FEWEST_COLUMNS = 3  # inputs: rows with fewer whole numbers are the same by chance
SAME_UNIT = 1 - 1e-9  # the square of a correlation: a column that is the target in another unit
MOST_CLASSES = 50  # a column with more different values is no other name of the classes
MANY = 20  # rows: fewer whole numbers may all differ by chance
FEWEST = 5  # rows: fewer numbers may count up by chance


def numbers_of_rows(cells: Cells, features: Sequence[int]) -> list[int]:
    """The features that count the rows and are called like it: if the file is sorted, they give the target away."""
    return [
        column.place
        for column in cells.columns
        if column.place in features
        and column.kind == "number"
        and cells.header.line
        and NUMBERS_OF_ROWS.fullmatch(cells.header.names[column.place].casefold())
        and _counts(column.numbers, step=None)
    ]


def remarks(  # noqa: PLR0913 (what is known of the columns)
    values: np.ndarray,
    targets: np.ndarray,
    header: Header,
    features: Sequence[int],
    *,
    scaled: bool,
    dropped: Sequence[str] = (),
) -> tuple[str, ...]:
    """What a user has to know about the chosen columns, each with the option that changes it.

    `scaled` says whether the columns are standardised, which is computed in float64. `dropped` are the names in
    dataset.drop, which stay in the suggested list.
    """
    drop = "and is an input; leave it out with dataset.drop = {}"
    rules: list[tuple[Rule, str]] = [
        (_is_constant, f"has the same value in every row {drop}"),
        (lambda column: _counts(column, step=1), f"counts the rows {drop}"),
        (lambda column: _is_copy(column, targets), f"has the same values as the target {drop}"),
        (lambda column: _is_in_another_unit(column, targets), f"is the target in another unit {drop}"),
        (lambda column: _repeats(column, targets), f"says the same as the target, by other names, {drop}"),
        (_names_rows, f"has another value in every row, as names and numbers of rows have, {drop}"),
    ]
    if header.word == "line":
        rules.append((_has_sentinels, SENTINEL))
    if not scaled:
        text = "has numbers that float32 cannot tell apart; set dataset.standardise = true, or subtract a number before"
        rules.append((_is_rounded, text))
    return tuple(
        f"{header.path}: {header.shown(place)} {text.format(listed([*dropped, header.names[place]]))}"
        for holds, text in rules
        for number, place in enumerate(features)
        if holds(values[:, number])
    )


def options(cells: Cells, wanted: Wanted) -> tuple[str, ...]:
    """What a user has to know about the options and the truth values of the columns."""
    header = cells.header
    both = [name for name in wanted.features or () if name in wanted.drop]
    named = "is" if len(both) == 1 else "are"
    left_out = f"{', '.join(map(quoted, both))} {named} in dataset.features and in dataset.drop, and {named} left out"
    switches = [header.shown(column.place) for column in cells.columns if column.is_switch]
    read = f"{', '.join(switches)}: true and false are read as 1 and 0"
    return tuple(f"{header.path}: {text}" for found, text in ((both, left_out), (switches, read)) if found)


def constant(targets: np.ndarray, header: Header, target: int) -> None:
    """Raise DataError if all numbers of the target are the same."""
    if targets.ndim > 1 and _is_constant(targets[:, 0]):
        raise DataError(
            f"{header.path}, {header.shown(target)}: found the same number in every row, expected numbers that differ: "
            "there is nothing to learn; choose another target"
        )


def _is_constant(values: np.ndarray) -> bool:
    there = values[~np.isnan(values)]
    return len(values) > 1 and bool((there == there[:1]).all())


def _names_rows(values: np.ndarray) -> bool:
    """Whether whole numbers in a narrow range (or words) all differ, in any order but the one that counts the rows."""
    if len(values) < MANY or not (values == np.floor(values)).all() or _counts(values, step=1):
        return False
    return bool(np.ptp(values) < DENSE * len(values)) and len(np.unique(values)) == len(values)


def _is_in_another_unit(values: np.ndarray, targets: np.ndarray) -> bool:
    """Whether a column is a straight line over the target, rounded to float32 at most."""
    if targets.ndim == 1 or len(values) < FEWEST or np.isnan(values).any() or _is_copy(values, targets):
        return False
    if np.ptp(values) == 0 or np.ptp(targets[:, 0]) == 0:
        return False
    return bool(np.corrcoef(values, targets[:, 0])[0, 1] ** 2 > SAME_UNIT)


def _has_sentinels(values: np.ndarray) -> bool:
    """Whether several rows have a number that people write for a missing value, far from all other numbers."""
    there = values[~np.isnan(values)]
    for sentinel in SENTINELS:
        others = there[there != sentinel]
        if len(there) - len(others) < 2 or len(others) < FEWEST:  # noqa: PLR2004 (a single one may be a value)
            continue
        distance = max(others.min() - sentinel, sentinel - others.max())
        if distance > np.ptp(others):
            return True
    return False


def _repeats(values: np.ndarray, targets: np.ndarray) -> bool:
    """Whether each value goes with one class, and each class with one value."""
    if targets.ndim > 1 or np.isnan(values).any():
        return False
    found = np.unique(values)
    if len(found) > MOST_CLASSES:
        return False
    pairs = np.unique(np.stack([values, targets.astype(np.float64)]), axis=1)
    return bool(pairs.shape[1] == len(found) == len(np.unique(targets)))


def same_rows(values: np.ndarray, targets: np.ndarray, published: int, where: str) -> Iterator[str]:
    """Rows that may be in two parts: the same inputs and the same target."""
    import pandas as pd

    frame = pd.DataFrame(np.column_stack([values, targets]))
    if published:
        train, test = frame.iloc[:-published], frame.iloc[-published:]
        known = pd.util.hash_pandas_object(test, index=False).isin(pd.util.hash_pandas_object(train, index=False))
        number, what = int(known.sum()), "of the test data are training rows too"
    elif values.shape[1] < FEWEST_COLUMNS and bool((values == np.floor(values)).all()):
        return
    else:
        number, what = int(frame.duplicated().sum()), "are the same as another row, so they may be in two parts"
    if number:
        yield f"{where}: {counted(number, 'row')} {what}"


def _is_copy(values: np.ndarray, targets: np.ndarray) -> bool:
    return targets.ndim > 1 and np.array_equal(values, targets[:, 0])


def _is_rounded(values: np.ndarray) -> bool:
    """Whether numbers that differ are the same in float32: large ones, such as times in milliseconds."""
    there = values[~np.isnan(values)]
    if not len(there) or np.abs(there).max() < LARGE:
        return False
    return len(np.unique(there.astype(np.float32))) < len(np.unique(there))


def _counts(values: np.ndarray, *, step: int | None) -> bool:
    """Whether values count up from row to row: from 0 or 1 by `step`, or by any whole numbers if `step` is None."""
    if len(values) < FEWEST or not (values == np.floor(values)).all():
        return False
    steps = np.diff(values)
    if step is None:
        return bool((steps > 0).all())
    return values[0] in {0, 1} and bool((steps == step).all())
