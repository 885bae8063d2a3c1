"""Reads a user's own CSV file with a header; one column is the target."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.datasets import csv_mistakes, tables
from bench.datasets.base import Split, checksum
from bench.datasets.description import Description, Part, Task, checked
from bench.datasets.tables import Splitting, Table
from bench.errors import DataError, meant

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(Splitting):
    """A CSV file of your own. Its first line names the columns.

    Attributes:
        path: The path of the file, relative to the workload file.
        target: The name of the column to predict.
        task: Whether the target is a class or a number.
        features: The names of the input columns. Without this key, all columns but the target and those in `drop`.
        drop: The names of columns that are not used.
        classes: The values of the target in the order of their labels. Without this key, the sorted values of the
            column.
        unit: The unit of a predicted number, for example `"dollars"`. Reports show it.
    """

    path: str
    target: str
    task: Task
    features: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    classes: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    unit: str = ""


def describe(options: Options) -> Description:
    """The description of the file, which is read and checked; raises DataError with line and column of a mistake."""
    table, names, features = _table(options)
    sizes = tables.sizes(len(table.targets), options)
    tables.split(table, options, "train")  # raises DataError if a part has no row of some class
    return Description(
        name=Path(options.path).stem,
        task=options.task,
        sample_shape=table.inputs.shape[1:],
        outputs=len(names) or 1,
        **sizes,
        unit=options.unit,
        labels=names,
        features=features,
        source=f"{Path(options.path).name}, {len(table.targets)} rows",
        download=False,
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the used columns, of the class names, and of the options for splitting and scaling."""
    table, names, _ = _table(options)
    return tables.fingerprint(tables.splitting_of(options), checksum(*table), *names)


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    return tables.split(_table(options)[0], options, part)


@cache
def _table(options: Options) -> tuple[Table, tuple[str, ...], tuple[str, ...]]:
    """The rows, the names of the classes (empty for regression), and the names of the features."""
    path = Path(options.path)
    text = (options.target,) if options.task == "classification" else ()
    frame = tables.read_csv(path, header=True, text=text)
    columns = options.features or tuple(name for name in frame.columns if name not in {options.target, *options.drop})
    for key, wanted in (("target", (options.target,)), ("features", columns), ("drop", options.drop)):
        _check_columns(frame, path, key=key, wanted=wanted)
    if options.target in columns:
        raise DataError(f"dataset.features: found {options.target!r}, which is the target; expected other columns")
    if not columns or not len(frame):
        raise DataError(f"{path}: found {len(frame)} rows and {len(columns)} features, expected at least one of each")
    inputs = _inputs(frame[list(columns)], path)
    if options.task == "regression":
        return Table(inputs=inputs, targets=tables.numbers(frame[[options.target]], path, header=True)), (), columns
    names = options.classes or tuple(sorted(frame[options.target].dropna().unique()))
    labels = tables.labels(frame[options.target], names, path, header=True)
    if len(np.unique(labels)) < len(names) or len(names) < 2:  # noqa: PLR2004 (with one class there is nothing to predict)
        missing = sorted(set(range(len(names))) - set(labels.tolist()))
        what = f"no row of class {names[missing[0]]!r}" if missing else "a single class"
        raise DataError(
            f"{path}, column {options.target!r}: found {what}, expected two classes or more, each with rows"
        )
    return Table(inputs=inputs, targets=labels), names, columns


def _check_columns(frame: "pd.DataFrame", path: Path, *, key: str, wanted: Sequence[str]) -> None:
    """Raise DataError for a column that the file does not have, and for a file without a header."""
    known = tuple(map(str, frame.columns))
    for name in wanted:
        if name not in known:
            csv_mistakes.check_names(path)
            columns = f"a column of {path}: one of {', '.join(known)}"
            raise DataError(f"dataset.{key}: found {name!r}{meant(name, known)}, expected {columns}")


def _inputs(frame: "pd.DataFrame", path: Path) -> np.ndarray:
    try:
        return tables.numbers(frame, path, header=True)
    except DataError as error:
        remedy = "correct the cell, leave the column out with dataset.drop, or write its values as numbers"
        raise DataError(f"{error}; {remedy}") from None
