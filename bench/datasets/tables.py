"""Samples in rows: split and scaled by scikit-learn, by one set of options for every data set that is a table."""

import hashlib
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Int64
from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.datasets.base import Split
from bench.datasets.description import Part, checked
from bench.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Share = Annotated[float, Field(gt=0, lt=1, strict=True)]
Seed = Annotated[int, Field(ge=0, strict=True)]

LARGEST = float(np.finfo(np.float32).max)

RULE = "train_test_split and StandardScaler, version 1"


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Splitting:
    """Which rows are held out, and what is scaled.

    Attributes:
        folds: The number of folds, parts of about equal size. With this key, the fold `fold` is the test data, and
            `test` does not count.
        fold: The number of the fold that is the test data, from 0.
        test: The share of all rows that is the test data.
        validation: The share of rows that is the validation data. Without this key there is none.
        validation_from: What `validation` is a share of, and taken from: `"train"` is the rows that are left for
            training, `"test"` is the rows that are held out for testing.
        seed: The seed that shuffles the rows before each split.
        stratify: Whether every part has the same share of each class. Only for classification.
        standardise: Whether input columns are scaled to mean 0 and standard deviation 1. Both are computed from the
            training rows alone.
        standardise_target: Whether targets are scaled in the same way. Only for regression. Errors are reported in the
            original unit.
    """

    folds: Annotated[int, Field(ge=2, strict=True)] | None = None
    fold: Annotated[int, Field(ge=0, strict=True)] = 0
    test: Share = 0.2
    validation: Share | None = None
    validation_from: Literal["train", "test"] = "train"
    seed: Seed = 0
    stratify: bool = False
    standardise: bool = False
    standardise_target: bool = False

    def __post_init__(self) -> None:
        """Refuse a fold that there is not, and what folds cannot do."""
        if self.fold >= (self.folds or 1):
            raise ValueError(f"found fold {self.fold}, expected 0 to {(self.folds or 1) - 1}")
        if self.folds and self.validation_from == "test":
            raise ValueError("found folds with validation_from = 'test', expected one or the other")


class Sizes(TypedDict):
    """How many rows each part has."""

    train: int
    validation: int
    test: int


class Table(NamedTuple):
    """All rows before they are split: inputs (rows, ...), and labels (rows,) or numbers (rows, outputs)."""

    inputs: Float[np.ndarray, "rows ..."]
    targets: Int64[np.ndarray, " rows"] | Float[np.ndarray, "rows outputs"]


def read_csv(
    path: Path,
    *,
    rows: int | None = None,
    columns: int | None = None,
    header: bool = False,
    text: Sequence[object] = (),
) -> "pd.DataFrame":
    """The cells of a CSV file; `text` are the columns that are not numbers.

    Without a header the columns are numbered from 0. Raises DataError where the file is no table, or has other rows or
    columns than it should.
    """
    import pandas as pd
    from pandas.errors import ParserWarning

    try:
        with warnings.catch_warnings(action="error", category=ParserWarning):
            frame = pd.read_csv(
                path,
                header=0 if header else None,
                dtype=dict.fromkeys(text, str),
                index_col=False,  # or else a cell too much in every row shifts them all
                keep_default_na=False,  # a class may be called None
                na_values=[""],
            )
    except ParserWarning:
        raise DataError(f"{path}, line 2: found more cells than the header has names, expected as many") from None
    except (OSError, ValueError) as error:  # not there, not text; ragged or empty, which pandas calls a ParserError
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{path}: found {reason}, expected a table of comma-separated values") from error
    for what, found, expected in (("rows", len(frame), rows), ("columns", len(frame.columns), columns)):
        if expected is not None and found != expected:
            raise DataError(f"{path}: found {found} {what}, expected {expected}; replace the file")
    return frame


def numbers(
    frame: "pd.DataFrame", path: Path, *, header: bool = False, lowest: float = -LARGEST, highest: float = LARGEST
) -> Float[np.ndarray, "rows columns"]:
    """The cells as numbers; raises DataError with line and column of one that is none, or is out of range."""
    import pandas as pd

    values: np.ndarray = frame.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    wrong = ~(np.isfinite(values) & (values >= lowest) & (values <= highest))
    if wrong.any():
        row, column = map(int, np.argwhere(wrong)[0])
        cell: Any = frame.iloc[row, column]
        name = frame.columns[column]
        found = "nothing" if pd.isna(cell) else repr(str(cell))
        anything = (lowest, highest) == (-LARGEST, LARGEST) and np.isnan(values[row, column])
        between = "" if anything else f" from {lowest:g} to {highest:g}"
        raise DataError(
            f"{path}, line {row + 1 + header}, column {_shown(name)}: found {found}, expected a number{between}"
        )
    return values


def labels(
    column: "pd.Series[str]", names: Sequence[str], path: Path, *, header: bool = False
) -> Int64[np.ndarray, " rows"]:
    """Each cell's place among the names of the classes; raises DataError with line and column of one that has none."""
    places = {name: place for place, name in enumerate(names)}
    found = column.map(places)
    if found.isna().any():
        row = int(found.isna().to_numpy().argmax())
        cell = column.iloc[row]
        shown = "nothing" if cell != cell else repr(cell)  # noqa: PLR0124 (an empty cell is NaN)
        where = f"{path}, line {row + 1 + header}, column {_shown(column.name)}"
        raise DataError(f"{where}: found {shown}, expected one of {', '.join(names)}")
    return found.to_numpy(np.int64)


def read_arrays(path: Path, names: Mapping[str, str]) -> list[np.ndarray]:
    """The arrays of an .npz file that have these names, under the key that gave each its name.

    Raises DataError where the file is none of NumPy's, holds objects, or lacks one of them, and for a value that is no
    finite number.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = dict(arrays)
    except (OSError, ValueError, EOFError, BadZipFile, AttributeError, TypeError) as error:
        raise DataError(f"{path}: found {error}, expected an .npz file of NumPy without objects") from error
    for key, name in names.items():
        if name not in found:
            raise DataError(f"dataset.{key}: found {name!r}, expected an array of {path}: {', '.join(found)}")
        array = found[name]
        if not np.issubdtype(array.dtype, np.integer) and not np.issubdtype(array.dtype, np.floating):
            raise DataError(f"{path}, {name}: found an array of {array.dtype}, expected real numbers")
        if array.ndim and not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0][0])
            raise DataError(f"{path}, {name}, sample {row}: found what is no finite number, expected numbers only")
    return [found[name] for name in names.values()]


def sizes(rows: int, options: Splitting) -> Sizes:
    """How many rows each part has: what is held out is rounded up, as scikit-learn does.

    Raises DataError where a part that is asked for would be empty.
    """
    test = math.ceil(rows * options.test)
    if options.folds and options.folds > rows:
        raise DataError(f"dataset.folds: found {options.folds}, expected at most {rows}, the rows")
    if options.folds:  # the first folds have one more where the rows cannot be dealt out evenly
        test = rows // options.folds + (options.fold < rows % options.folds)
    train, validation = rows - test, 0
    if options.validation is not None and options.validation_from == "train":
        validation = math.ceil(train * options.validation)
        train -= validation
    elif options.validation is not None:
        kept = math.ceil(test * (1 - options.validation))
        validation, test = test - kept, kept
    if not train or not test or (options.validation is not None and not validation):
        raise DataError(
            f"found {rows} rows, which leave {train} to learn from, {validation} to choose and {test} to judge by; "
            "expected at least one in each part: change dataset.test or dataset.validation"
        )
    return {"train": train, "validation": validation, "test": test}


def split(table: Table, options: Splitting, part: Part) -> Split:
    """One part, scaled, in float32. Raises DataError where a part lacks a class that the table has."""
    rows = indices(table, options)
    labels = table.targets.ndim == 1
    if labels:
        _check_classes(table.targets, rows)
    inputs, input_mean, input_deviation = table.inputs, np.zeros(0), np.zeros(0)
    if options.standardise:
        inputs, input_mean, input_deviation = scaled(table.inputs, rows["train"])
    targets, mean, deviation = table.targets, np.zeros(1), np.ones(1)
    if options.standardise_target and not labels:
        targets, mean, deviation = scaled(table.targets, rows["train"])
    return Split(
        inputs=inputs[rows[part]].astype(np.float32),
        targets=targets[rows[part]] if labels else targets[rows[part]].astype(np.float32),
        target_mean=mean,
        target_deviation=deviation,
        input_mean=input_mean,
        input_deviation=input_deviation,
    )


def indices(table: Table, options: Splitting) -> dict[Part, Int64[np.ndarray, " rows"]]:
    """The rows of each part."""
    if options.folds:
        train, test = _folds(table, options)[options.fold]
    else:
        train, test = _cut(np.arange(len(table.targets)), table, options, options.test)
    validation = train[:0]
    if options.validation is not None and options.validation_from == "train":
        train, validation = _cut(train, table, options, options.validation)
    elif options.validation is not None:
        validation, test = _cut(test, table, options, 1 - options.validation)
    return {"train": train, "validation": validation, "test": test}


def scaled(
    values: Float[np.ndarray, "rows ..."], train: Int64[np.ndarray, " chosen"]
) -> tuple[Float[np.ndarray, "rows ..."], Float[np.ndarray, " columns"], Float[np.ndarray, " columns"]]:
    """All rows by the mean and the deviation that each column has in the training rows, and these two beside them.

    Where a row is more than a line of numbers, each of its places is a column.
    """
    from sklearn.preprocessing import StandardScaler

    columns = values.reshape(len(values), -1)
    scaler = StandardScaler().fit(columns[train])
    return scaler.transform(columns).reshape(values.shape), scaler.mean_, scaler.scale_


def splitting_of(options: Splitting) -> Splitting:
    """The options that every table has, without those of one kind of data set."""
    return Splitting(**{field.name: getattr(options, field.name) for field in fields(Splitting)})


def fingerprint(options: object, *sources: str) -> str:
    """The sha256 in hex of the options, of the rule that splits and scales, and of what the rows come from."""
    return hashlib.sha256(json.dumps([RULE, asdict(options), *sources], sort_keys=True).encode()).hexdigest()  # type: ignore[call-overload]


def _folds(table: Table, options: Splitting) -> list[tuple[np.ndarray, np.ndarray]]:
    """The rows to learn from and to judge by, fold by fold. Raises DataError where a class is in too few rows."""
    from sklearn.model_selection import KFold, StratifiedKFold

    dealt = StratifiedKFold if options.stratify else KFold
    number, classes = options.folds or 2, None
    if options.stratify:
        classes = _classes(table)
        present, rows = np.unique(classes, return_counts=True)
        if rows.min() < number:
            raise DataError(
                f"dataset.folds: found {number}, and {rows.min()} rows of class {present[rows.argmin()]}; expected at "
                "most so many with stratify = true"
            )
    return list(dealt(number, shuffle=True, random_state=options.seed).split(table.targets, classes))


def _classes(table: Table) -> Int64[np.ndarray, " rows"]:
    """What to stratify by. Raises DataError where the targets are numbers."""
    if table.targets.ndim > 1:
        raise DataError("dataset.stratify: found true for numbers, expected it where there are classes alone")
    return table.targets


def _cut(rows: np.ndarray, table: Table, options: Splitting, share: float) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    stratify = _classes(table)[rows] if options.stratify else None
    try:
        kept, held_out = train_test_split(rows, test_size=share, random_state=options.seed, stratify=stratify)
    except ValueError as error:  # a class that is too small to be in both
        raise DataError(f"dataset.stratify: found true, but {error}") from None
    return kept, held_out


def _shown(column: object) -> str:
    """A column's name, or its number where the file has no names."""
    return repr(column) if isinstance(column, str) else str(column)


def _check_classes(labels: np.ndarray, rows: Mapping[Part, np.ndarray]) -> None:
    classes = set(labels.tolist())
    for part, chosen in rows.items():
        missing = sorted(classes - set(labels[chosen].tolist()))
        if missing and len(classes) > len(chosen) > 0:
            raise DataError(
                f"found {len(classes)} classes and {len(chosen)} rows in the {part} part, expected every class in "
                'every part; use task = "regression" where the target is a quantity, or a larger share'
            )
        if missing and len(chosen):
            raise DataError(
                f"found no sample of class {missing[0]} in the {part} part ({len(chosen)} rows), expected every class "
                "in every part; use stratify = true, another seed or another share"
            )
