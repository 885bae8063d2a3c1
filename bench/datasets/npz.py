"""Reads a user's own .npz file of NumPy with two arrays: inputs of any shape, and targets."""

from functools import cache
from pathlib import Path

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets import tables
from bench.datasets.base import Split, checksum
from bench.datasets.description import Description, Part, Task, checked
from bench.datasets.tables import Splitting, Table
from bench.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(Splitting):
    """A file of your own with NumPy arrays: inputs of shape (samples, ...) and one target for each sample.

    For classification, targets are integers from 0 of shape (samples,). For regression, they are numbers of shape
    (samples,) or (samples, outputs).

    Attributes:
        path: The path of the file, relative to the workload file.
        task: Whether a target is a class or a number.
        inputs: The name of the array of inputs.
        target: The name of the array of targets.
        unit: The unit of a predicted number, for example `"dollars"`. Reports show it.
    """

    path: str
    task: Task
    inputs: str = "inputs"
    target: str = "targets"
    unit: str = ""


def describe(options: Options) -> Description:
    """The description of the file, which is read and checked; raises DataError with array and sample of a mistake."""
    table = _table(options)
    tables.split(table, options, "train")  # raises DataError if a part has no row of some class
    labels = options.task == "classification"
    return Description(
        name=Path(options.path).stem,
        task=options.task,
        sample_shape=table.inputs.shape[1:],
        outputs=int(table.targets.max()) + 1 if labels else table.targets.shape[1],
        **tables.sizes(len(table.targets), options),
        unit=options.unit,
        source=f"{Path(options.path).name}, {len(table.targets)} samples",
        download=False,
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the two arrays, and of the options for splitting and scaling."""
    return tables.fingerprint(tables.splitting_of(options), checksum(*_table(options)))


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    return tables.split(_table(options), options, part)


@cache
def _table(options: Options) -> Table:
    path = Path(options.path)
    inputs, targets = tables.read_arrays(path, {"inputs": options.inputs, "target": options.target})
    if inputs.ndim < 2 or targets.shape[:1] != inputs.shape[:1] or not inputs.size:  # noqa: PLR2004 (samples, ...)
        raise DataError(
            f"{path}: found {options.inputs} of shape {inputs.shape} and {options.target} of shape {targets.shape}, "
            "expected inputs of shape (samples, ...) with at least two axes, and one target for each sample"
        )
    return Table(inputs=inputs.astype(np.float64), targets=_targets(options, targets, path))


def _targets(options: Options, targets: np.ndarray, path: Path) -> np.ndarray:
    if options.task == "regression":
        return targets.reshape(len(targets), -1).astype(np.float64)
    where = f"{path}, {options.target}"
    if targets.ndim != 1 or not np.issubdtype(targets.dtype, np.integer):
        raise DataError(
            f"{where}: found {targets.dtype} of shape {targets.shape}, expected integer labels of shape (samples,)"
        )
    if targets.min() < 0:
        raise DataError(f"{where}, sample {int(targets.argmin())}: found the label {targets.min()}, expected 0 or more")
    missing = np.setdiff1d(np.arange(targets.max() + 1), targets)
    if len(missing):
        raise DataError(f"{where}: found no sample of class {missing[0]}, expected every class up to {targets.max()}")
    return targets.astype(np.int64)
