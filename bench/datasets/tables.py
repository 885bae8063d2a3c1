"""Reads tables of samples, and splits and scales their rows with scikit-learn, by options that all tables share."""

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict

import numpy as np
from jaxtyping import Float, Int64
from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.datasets import class_shares, csv_mistakes
from bench.datasets.base import Split
from bench.datasets.class_shares import Dealing
from bench.datasets.description import Part, Switch, checked
from bench.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Share = Annotated[float, Field(gt=0, lt=1, strict=True)]
Seed = Annotated[int, Field(ge=0, strict=True)]
HeldOut = Annotated[float, Field(ge=0, lt=1, strict=True)]

LARGEST = float(np.finfo(np.float32).max)

Prepare = Callable[[np.ndarray], np.ndarray]  # from the rows of a table to the inputs of samples

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
            rows that are learnt from: the training rows without those that `recipe.validation_fraction` holds out.
        standardise_target: Whether targets are scaled in the same way. Only for regression. Errors are reported in the
            original unit.
        held_out: The share of the training rows, at their end, that the recipe holds out for validation. No key of a
            file: Levelfield sets it from `recipe.validation_fraction`.
    """

    folds: Annotated[int, Field(ge=2, strict=True)] | None = None
    fold: Annotated[int, Field(ge=0, strict=True)] = 0
    test: Share = 0.2
    validation: Share | None = None
    validation_from: Literal["train", "test"] = "train"
    seed: Seed = 0
    stratify: Switch = False
    standardise: Switch = False
    standardise_target: Switch = False
    held_out: HeldOut = 0.0

    def __post_init__(self) -> None:
        """Refuse a `fold` that does not exist, and folds together with `validation_from = "test"`."""
        if self.fold >= (self.folds or 1):
            expected = (
                f"0 to {self.folds - 1}, since folds = {self.folds}" if self.folds else "0, since there are no folds"
            )
            raise ValueError(f"found fold = {self.fold}, expected {expected}")
        if self.folds and self.validation_from == "test":
            raise ValueError("found folds together with validation_from = 'test', expected only one of the two")


class Sizes(TypedDict):
    """The number of rows in each part."""

    train: int
    validation: int
    test: int


class Table(NamedTuple):
    """All rows before they are split: inputs (rows, ...), and labels (rows,) or numbers (rows, outputs).

    The last `published` rows are the test part, in their order. `groups` has the number of each row's group (rows,), or
    is None: no group has rows in two parts.
    """

    inputs: Float[np.ndarray, "rows ..."]
    targets: Int64[np.ndarray, " rows"] | Float[np.ndarray, "rows outputs"]
    published: int = 0
    groups: Int64[np.ndarray, " rows"] | None = None


def read_csv(
    path: Path,
    *,
    rows: int | None = None,
    columns: int | None = None,
    header: bool = False,
    text: Sequence[object] = (),
) -> "pd.DataFrame":
    """The cells of a CSV file; `text` lists the columns whose cells are read as text.

    Without a header, columns are numbered from 0. Raises DataError if the file is missing or is not a table, or if the
    number of rows or columns differs from `rows` or `columns`.
    """
    import pandas as pd
    from pandas.errors import ParserWarning

    try:
        with warnings.catch_warnings(action="error", category=ParserWarning):
            frame = pd.read_csv(
                path,
                header=0 if header else None,
                dtype=dict.fromkeys(text, str),
                index_col=False,  # otherwise one extra cell in every row would shift all columns
                keep_default_na=False,  # a class may have the name None
                na_values=[""],
            )
    except ParserWarning:
        raise DataError(
            f"{path}, line 2: found more cells than names in the header, expected one name for each cell; "
            "a comma separates cells, and a cell that contains a comma needs quotes"
        ) from None
    except (OSError, ValueError) as error:  # missing, not text, rows of different lengths, or empty
        raise DataError(f"{path}{csv_mistakes.reason(error, header=header)}") from error
    for what, found, expected in (("rows", len(frame), rows), ("columns", len(frame.columns), columns)):
        if expected is not None and found != expected:
            raise DataError(
                f"{path}: found {found} {what[:-1] if found == 1 else what}, expected {expected}; replace the file"
            )
    return frame


def numbers(
    frame: "pd.DataFrame", path: Path, *, header: bool = False, lowest: float = -LARGEST, highest: float = LARGEST
) -> Float[np.ndarray, "rows columns"]:
    """The cells as float64; raises DataError, with line and column, for a cell that is not a number in the range."""
    import pandas as pd

    values: np.ndarray = frame.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    wrong = ~(np.isfinite(values) & (values >= lowest) & (values <= highest))
    if wrong.any():
        row, column = map(int, np.argwhere(wrong)[0])
        cell: Any = frame.iloc[row, column]
        name = frame.columns[column]
        found = "an empty cell" if pd.isna(cell) else repr(str(cell))
        anything = (lowest, highest) == (-LARGEST, LARGEST) and np.isnan(values[row, column])
        between = "" if anything else f" from {lowest:g} to {highest:g}"
        raise DataError(
            f"{path}, line {row + 1 + header}, column {_shown(name)}: found {found}, expected a number{between}"
        )
    return values


def labels(
    column: "pd.Series[str]", names: Sequence[str], path: Path, *, header: bool = False
) -> Int64[np.ndarray, " rows"]:
    """The label of each cell: its index in `names`. Raises DataError, with line and column, for any other name."""
    places = {name: place for place, name in enumerate(names)}
    found = column.map(places)
    if found.isna().any():
        row = int(found.isna().to_numpy().argmax())
        cell = column.iloc[row]
        shown = "an empty cell" if cell != cell else repr(cell)  # noqa: PLR0124 (an empty cell is NaN)
        where = f"{path}, line {row + 1 + header}, column {_shown(column.name)}"
        raise DataError(f"{where}: found {shown}, expected one of {', '.join(names)}")
    return found.to_numpy(np.int64)


def sizes(rows: int, options: Splitting) -> Sizes:
    """The number of rows in each part; the held-out part is rounded up, as in scikit-learn's `train_test_split`.

    Raises DataError if a part that the options ask for would be empty.
    """
    test = math.ceil(rows * options.test)
    if options.folds and options.folds > rows:
        raise DataError(f"dataset.folds: found {options.folds}, expected at most {rows}, the number of rows")
    if options.folds:  # as in scikit-learn's KFold, the first folds have one row more if the folds are not equal
        test = rows // options.folds + (options.fold < rows % options.folds)
    train, validation = rows - test, 0
    if options.validation is not None and options.validation_from == "train":
        validation = math.ceil(train * options.validation)
        train -= validation
    elif options.validation is not None:
        kept = math.ceil(test * (1 - options.validation))
        validation, test = test - kept, kept
    found: Sizes = {"train": train, "validation": validation, "test": test}
    _check_sizes(rows, found, options)
    return found


def _check_sizes(rows: int, found: Sizes, options: Splitting) -> None:
    """Raise DataError if a part that the options ask for is empty."""
    train, validation, test = found["train"], found["validation"], found["test"]
    if not train or not test or (options.validation is not None and not validation):
        number = "1 row, which leaves" if rows == 1 else f"{rows} rows, which leave"
        raise DataError(
            f"dataset: found {number} {train} for training, {validation} for validation and {test} for testing; "
            "expected at least one row in each part: change dataset.test or dataset.validation"
        )


def sizes_of(table: Table, options: Splitting, *, names: Sequence[str] = ()) -> Sizes:
    """The number of rows in each part of a table, which may have a published test part, or groups.

    Raises DataError if a part that the options ask for would be empty.
    """
    if not table.published and table.groups is None:
        return sizes(len(table.targets), options)
    rows = indices(table, options, names=names)
    found = Sizes(train=len(rows["train"]), validation=len(rows["validation"]), test=len(rows["test"]))
    _check_sizes(len(table.targets), found, options)
    return found


def learnt_rows(table: Table, options: Splitting, *, names: Sequence[str] = ()) -> Int64[np.ndarray, " rows"]:
    """The indices of the training rows without those that the recipe holds out."""
    train = indices(table, options, names=names)["train"]
    return train[: class_shares.learnt(len(train), options.held_out)]


def split(table: Table, options: Splitting, part: Part, *, prepare: Prepare | None = None) -> Split:
    """One part in float32, scaled by the options. Raises DataError if a class of the table has no row in some part.

    `prepare` makes the inputs of rows in place of `standardise`.
    """
    rows = indices(table, options)
    labels = table.targets.ndim == 1
    if labels:
        decisive = _decisive(table, rows)
        class_shares.check(table.targets, decisive, held_out=options.held_out, stratify=options.stratify)
    learnt = rows["train"][: class_shares.learnt(len(rows["train"]), options.held_out)]
    inputs, input_mean, input_deviation = table.inputs, np.zeros(0), np.zeros(0)
    if options.standardise and prepare is None:
        inputs, input_mean, input_deviation = scaled(table.inputs, learnt)
    targets, mean, deviation = table.targets, np.zeros(1), np.ones(1)
    if options.standardise_target and not labels:
        targets, mean, deviation = scaled(table.targets, learnt)
    chosen = inputs[rows[part]]
    return Split(
        inputs=(prepare(chosen) if prepare and len(chosen) else chosen).astype(np.float32),
        targets=targets[rows[part]] if labels else targets[rows[part]].astype(np.float32),
        target_mean=mean,
        target_deviation=deviation,
        input_mean=input_mean,
        input_deviation=input_deviation,
    )


def check(table: Table, options: Splitting, *, names: Sequence[str] = ()) -> None:
    """Raise DataError if a class has no row in some part, or too few rows for the shares that the options ask for.

    `names` are the names of the classes, for the message.
    """
    rows = indices(table, options, names=names)
    if table.targets.ndim == 1:
        decisive = _decisive(table, rows)
        class_shares.check(table.targets, decisive, held_out=options.held_out, stratify=options.stratify, names=names)


def _decisive(table: Table, rows: dict[Part, Int64[np.ndarray, " rows"]]) -> dict[Part, Int64[np.ndarray, " rows"]]:
    """The parts that need every class: a published test part is taken as it is."""
    return {part: chosen for part, chosen in rows.items() if part != "test" or not table.published}


def indices(table: Table, options: Splitting, *, names: Sequence[str] = ()) -> dict[Part, Int64[np.ndarray, " rows"]]:
    """The indices of the rows in each part. The last training rows are those that the recipe holds out."""
    labels = class_shares.labels(table.targets) if options.stratify else None
    how, cut = Dealing(options.seed, labels, names, table.groups), class_shares.cut
    rows = np.arange(len(table.targets))
    if table.published:
        train, test = rows[: -table.published], rows[-table.published :]
    elif options.folds:
        train, test = class_shares.folds(len(rows), options.folds, how)[options.fold]
    else:
        train, test = cut(rows, options.test, how, key="dataset.test")
    validation = train[:0]
    if options.validation is not None and options.validation_from == "train":
        train, validation = cut(train, options.validation, how, key="dataset.validation")
    elif options.validation is not None:
        validation, test = cut(test, 1 - options.validation, how, key="dataset.validation")
    last = len(train) - class_shares.learnt(len(train), options.held_out)
    if last and table.groups is not None:
        raise DataError(
            f"recipe.validation_fraction: found {options.held_out:g} and dataset.groups, expected one of both: the "
            "last rows may be a part of a group; hold out whole groups with dataset.validation"
        )
    if 0 < last < len(train) and (options.folds or options.stratify or table.published):
        # Else the end of the shuffled rows is random.
        train = np.concatenate(cut(train, last, how, key="recipe.validation_fraction"))
    return {"train": train, "validation": validation, "test": test}


def scaled(
    values: Float[np.ndarray, "rows ..."], train: Int64[np.ndarray, " chosen"]
) -> tuple[Float[np.ndarray, "rows ..."], Float[np.ndarray, " columns"], Float[np.ndarray, " columns"]]:
    """All rows, standardised, and the mean and the standard deviation of each column in the training rows.

    If a row has several axes, it is flattened, and each of its values is a column.
    """
    from sklearn.preprocessing import StandardScaler

    columns = values.reshape(len(values), -1)
    scaler = StandardScaler().fit(columns[train])
    return scaler.transform(columns).reshape(values.shape), scaler.mean_, scaler.scale_


def splitting_of(options: Splitting) -> Splitting:
    """The options that all tables share, without those of one data set alone."""
    return Splitting(**{field.name: getattr(options, field.name) for field in fields(Splitting)})


def fingerprint(options: object, *sources: str) -> str:
    """The sha256 in hex of the options, of RULE (how rows are split and scaled), and of the sources of the rows."""
    given: dict[str, object] = asdict(options)  # type: ignore[call-overload]
    if not given.get("held_out"):  # so that the digest of data without such rows stays what it was
        given.pop("held_out", None)
    return fingerprint_of(given, *sources)


def fingerprint_of(given: Mapping[str, object], *sources: str) -> str:
    """The same for options that are a mapping already."""
    return hashlib.sha256(json.dumps([RULE, given, *sources], sort_keys=True).encode()).hexdigest()


def _shown(column: object) -> str:
    """The name of a column in quotes, or its number if the file has no header."""
    return repr(column) if isinstance(column, str) else str(column)
