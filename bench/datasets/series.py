"""Reads a user's own series: windows of past rows are the samples, and the rows after them are the targets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.datasets import class_shares, csv, parquet, tables
from bench.datasets.base import Split, checksum
from bench.datasets.description import ColumnUse, Description, Part, Size, Switch, checked
from bench.datasets.own_files import parsed_cache, series_file
from bench.datasets.own_files import preparation as preparations
from bench.datasets.own_files.other_table import Opened
from bench.datasets.own_files.prepared_columns import Preparation, RawColumn
from bench.datasets.own_files.rows import counted
from bench.datasets.own_files.series_file import Series, SeriesOptions
from bench.datasets.own_files.table_options import Name
from bench.datasets.tables import HeldOut, Share
from bench.errors import DataError

FILLS = ("previous", "mean", "median")
READING = ("separator", "decimal", "encoding", "gaps", "header")  # options of CSV files


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options:
    """A series of your own, as a CSV or Parquet file with one row for each point in time, in their order.

    A sample is a window of `steps` rows, and its targets are the next `horizon` values of the target. The first rows
    are for training, the last ones are the test data. The naive forecast, which repeats the last value, stands beside
    the quality.

    Attributes:
        path: The path of the file, relative to the workload file. Its ending is `.csv` or `.parquet`.
        target: The name of the column to predict. Its past values are inputs.
        steps: How many rows a window has.
        horizon: How many values are predicted, from the next row on.
        features: The names of further input columns.
        time: The name of a column with dates or numbers that grow from row to row. The order of the rows is checked
            by it, and it is no input.
        date_format: How dates in the column `time` are written, in the signs of Python's `strftime`. Without this key
            as in ISO 8601.
        test: The share of all rows, at their end, whose values are the test data.
        validation: The share of the rows before the test data, at their end, whose values are the validation data.
        missing: What fills cells without a value: `"previous"` takes the row before, `"mean"` and `"median"` those of
            the rows that are learnt from, or a number. Without this key every cell needs a value.
        standardise: Whether columns are scaled to mean 0 and standard deviation 1 of the rows that are learnt from, the
            targets as well. Errors are reported in the original unit.
        separator: The sign between two cells of a CSV file.
        decimal: The sign before decimals in a CSV file, `"."` or `","`.
        encoding: The encoding of a CSV file.
        gaps: Texts that stand for a missing value in a CSV file, beside those that programs usually write.
        header: Whether the first line of a CSV file names the columns, as for `kind = "csv"`.
        unit: The unit of the target, for example `"passengers"`. Reports show it.
        held_out: The share of the training windows, at their end, that the recipe holds out for validation. No key of a
            file: Levelfield sets it from `recipe.validation_fraction`.
    """

    path: str
    target: Name
    steps: Size
    horizon: Size = 1
    features: tuple[Name, ...] = ()
    time: Name | None = None
    date_format: str | None = None
    test: Share = 0.2
    validation: Share | None = None
    missing: Annotated[float, Field(strict=True, allow_inf_nan=False)] | str | None = None
    standardise: Switch = False
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8"
    gaps: tuple[str, ...] = ()
    header: Switch | None = None
    unit: str = ""
    held_out: HeldOut = 0.0

    def __post_init__(self) -> None:
        """Refuse a rule for gaps that does not exist, and a column with two roles."""
        if isinstance(self.missing, str) and self.missing not in FILLS:
            raise ValueError(f"found missing = {self.missing!r}, expected {', '.join(map(repr, FILLS))} or a number")
        csv.check_notation(self.separator, self.decimal, self.encoding)
        names = [self.target, *self.features, *filter(None, [self.time])]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"found {', '.join(map(repr, twice))} more than once in target, features and time, expected each once: "
                "past values of the target are inputs already"
            )


class Windows(NamedTuple):
    """The first rows of the windows of each part, and the end of the rows that are learnt from."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    learnt_rows: int

    def of(self, part: Part) -> np.ndarray:
        """The windows of one part."""
        found: np.ndarray = getattr(self, part)
        return found


def describe(options: Options) -> Description:
    """The description of the series, which is read and checked; raises DataError with line and column of a mistake."""
    found = _series(options)
    windows = _windows(found, options)
    prepared = preparation(options)
    name = Path(options.path)
    return Description(
        name=name.stem,
        task="regression",
        sample_shape=(options.steps, found.values.shape[1]),
        outputs=options.horizon,
        train=len(windows.train),
        validation=len(windows.validation),
        test=len(windows.test),
        unit=options.unit,
        naive="last",
        source=f"{name.name}, {counted(len(found.values), 'row')}",
        download=False,
        remarks=found.remarks,
        columns=tuple(_uses(found, prepared, options)),
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the used columns, and of the options for windows, parts and preparation."""
    given = {key: value for key, value in asdict(options).items() if key not in {"path", "unit", *READING}}
    if not given["held_out"]:
        given.pop("held_out")
    found = _series(options)
    return tables.fingerprint_of(given, checksum(found.values, found.filled))


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    found, prepared = _series(options), preparation(options)
    starts = _windows(found, options).of(part)
    rows = preparations.apply(prepared, found.values).astype(np.float32)
    mean, deviation = prepared.mean, prepared.deviation
    return Split(
        inputs=cut(rows, starts, options.steps),
        targets=cut(rows[:, :1], starts + options.steps, options.horizon)[:, :, 0],
        target_mean=np.repeat(mean[:1], options.horizon) if options.standardise else np.zeros(1),
        target_deviation=np.repeat(deviation[:1], options.horizon) if options.standardise else np.ones(1),
        input_mean=np.tile(mean, options.steps) if options.standardise else np.zeros(0),
        input_deviation=np.tile(deviation, options.steps) if options.standardise else np.zeros(0),
    )


def preparation(options: Options) -> Preparation:
    """The parameters that turn a row of the file into the numbers of a step."""
    found = _series(options)
    learnt = np.arange(_windows(found, options).learnt_rows)
    fill = None if options.missing in {None, "previous"} else options.missing
    raw = [RawColumn(name, "number", (), fill) for name in found.names]  # type: ignore[arg-type]  # checked by Options
    return preparations.fit(found.values, raw, learnt, standardise=options.standardise, scale=1.0)


def cut(rows: np.ndarray, starts: np.ndarray, steps: int) -> np.ndarray:
    """The windows (windows, steps, columns) of rows (rows, columns) that begin at these rows."""
    found: np.ndarray = rows[starts[:, None] + np.arange(steps)]
    return found


def are_known(found: Series, starts: np.ndarray, options: Options) -> np.ndarray:
    """Whether no target of the windows that begin at these rows is a gap that was filled."""
    filled = np.concatenate([[0], np.cumsum(found.filled)])
    first = starts + options.steps
    known: np.ndarray = filled[first] == filled[first + options.horizon]
    return known


def another(path: Path, dataset: Mapping[str, object]) -> tuple[Options, Series]:
    """Another series, which is read like the file of the table `[dataset]`."""
    known = {field.name for field in fields(Options)}
    given: dict[str, Any] = {key: value for key, value in dataset.items() if key in known}
    options = Options(**{**given, "path": str(path)})
    return options, _read(options)


def _series(options: Options) -> Series:
    key = json.dumps([__name__, asdict(options)], sort_keys=True, default=str)
    return parsed_cache.stored(key, [Path(options.path)], partial(_read, options), Series)


def _read(options: Options) -> Series:
    wanted = SeriesOptions(options.target, options.features, options.time, options.date_format, options.missing)
    return series_file.read(wanted, _opened(options))


def _opened(options: Options) -> Opened:
    path = Path(options.path)
    if path.suffix.casefold() == ".parquet":
        return parquet.open_another(path, {}, options.target)
    given = {key: getattr(options, key) for key in READING if getattr(options, key) is not None}
    return csv.open_another(path, given, options.target)


def _windows(found: Series, options: Options) -> Windows:
    """The windows of each part. No value is a target in two parts, and no target is a gap that was filled.

    Raises DataError if a part has no window.
    """
    rows = len(found.values)
    first_test = rows - int(np.ceil(rows * options.test))
    first_validation = first_test - int(np.ceil(first_test * (options.validation or 0)))
    starts = np.arange(max(0, rows - options.steps - options.horizon + 1))
    first, end = starts + options.steps, starts + options.steps + options.horizon  # of the targets
    whole = are_known(found, starts, options)
    train = starts[whole & (end <= first_validation)]
    validation = starts[whole & (first >= first_validation) & (end <= first_test)]
    test = starts[whole & (first >= first_test)]
    _check(train, validation, test, options, rows=rows)
    learnt = train[: class_shares.learnt(len(train), options.held_out)]
    last = int(learnt[-1]) if len(learnt) else 0
    return Windows(train, validation, test, last + options.steps + options.horizon)


def _check(train: np.ndarray, validation: np.ndarray, test: np.ndarray, options: Options, *, rows: int) -> None:
    """Raise DataError for a part without a window, and for windows that the recipe cannot hold out."""
    if options.held_out and options.horizon > 1:
        raise DataError(
            f"recipe.validation_fraction: found {options.held_out:g} and dataset.horizon = {options.horizon}, expected "
            "dataset.validation in its place: else windows that are learnt from have targets of the validation data"
        )
    if not len(train) or not len(test) or (options.validation and not len(validation)):
        raise DataError(
            f"{options.path}: found {counted(rows, 'row')}, which leave {len(train)} windows for training, "
            f"{len(validation)} for validation and {len(test)} for testing, expected at least one in each part; change "
            "dataset.steps, dataset.horizon, dataset.test or dataset.validation"
        )


def _uses(found: Series, prepared: Preparation, options: Options) -> Sequence[ColumnUse]:
    uses = []
    for place, column in enumerate(prepared.columns):
        values = found.values[:, place]
        scaled = f", standardised: mean {column.mean:g}, deviation {column.deviation:g}" if options.standardise else ""
        gaps = f", gaps become {column.fill:g} (the {options.missing})" if column.fill is not None else ""
        role = "the target, and an input of each step" if place == 0 else "an input of each step"
        was = f"numbers from {np.nanmin(values):g} to {np.nanmax(values):g}{found.gaps[place]}"
        uses.append(ColumnUse(name=column.name, was=was, became=f"{role}{gaps}{scaled}"))
    if options.time is not None:
        uses.append(ColumnUse(name=options.time, was="the time of each row", became="no input: the order was checked"))
    return uses
