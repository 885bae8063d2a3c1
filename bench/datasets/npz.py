"""Reads a user's own .npz file of NumPy with two arrays: inputs of any shape, and targets."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets import tables
from bench.datasets.base import Split, checksum
from bench.datasets.description import Description, Part, Task, checked
from bench.datasets.own_files import array_labels as labels
from bench.datasets.own_files import arrays
from bench.datasets.own_files.rows import counted
from bench.datasets.tables import Splitting, Table
from bench.errors import DataError

CHANNELS = (1, 3, 4)  # of images: grey, red-green-blue, and the same with opacity
IMAGES = 4  # axes


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(Splitting):
    """A file of your own with NumPy arrays: inputs of shape (samples, ...) and one target for each sample.

    For classification, targets are integers from 0 of shape (samples,). For regression, they are numbers of shape
    (samples,) or (samples, outputs). Other arrays of the file are not opened.

    Attributes:
        path: The path of the file, relative to the workload file.
        task: Whether a target is a class or a number.
        inputs: The name of the array of inputs.
        target: The name of the array of targets.
        channels: Where images have their channels: `"last"` is (samples, height, width, channels), `"first"` is
            (samples, channels, height, width). Without this key they are last, and arrays that look like channels first
            are refused.
        unit: The unit of a predicted number, for example `"dollars"`. Reports show it.
    """

    path: str
    task: Task
    inputs: str = "inputs"
    target: str = "targets"
    channels: Literal["first", "last"] | None = None
    unit: str = ""


def describe(options: Options) -> Description:
    """The description of the file, which is read and checked; raises DataError with array and sample of a mistake."""
    table = _table(options)
    sizes = tables.sizes(len(table.targets), options)
    tables.check(table, options)
    is_class = options.task == "classification"
    return Description(
        name=Path(options.path).stem,
        task=options.task,
        sample_shape=table.inputs.shape[1:],
        outputs=int(table.targets.max()) + 1 if is_class else table.targets.shape[1],
        **sizes,
        unit=options.unit,
        source=f"{Path(options.path).name}, {counted(len(table.targets), 'sample')}",
        download=False,
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the two arrays, and of the options for splitting and scaling."""
    return tables.fingerprint(tables.splitting_of(options), checksum(*_table(options)))


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError like `describe`."""
    return tables.split(_table(options), options, part)


def inputs_of(path: Path, dataset: Mapping[str, object]) -> np.ndarray:
    """The inputs of another file, read like the file of the table `[dataset]`; no other array is opened."""
    name = str(dataset.get("inputs", "inputs"))
    (inputs,) = arrays.read(path, {"inputs": name})
    channels = dataset.get("channels")
    return _channels_last(inputs, channels, f"{path}, {name}") if dataset.get("kind") == "npz" else inputs


@cache
def _table(options: Options) -> Table:
    path, is_class = Path(options.path), options.task == "classification"
    names = {"inputs": options.inputs, "target": options.target}
    found = arrays.find(path, names, labels="target" if is_class else "")
    problems = list(found.problems)
    inputs, targets = found.arrays.get("inputs"), found.arrays.get("target")
    if inputs is not None and targets is not None:
        problems += _shapes(options, inputs, targets)
    where = f"{path}, {options.target}"
    if targets is not None and targets.size and targets.ndim and not (targets.ndim == 1 and np.isnan(targets).any()):
        problems += labels.problems(targets, where) if is_class else labels.constant(targets, where)
    try:
        inputs = inputs if inputs is None else _channels_last(inputs, options.channels, f"{path}, {options.inputs}")
    except DataError as error:
        problems.append(str(error))
    if problems or inputs is None or targets is None:
        raise DataError("; ".join(problems))
    numbers = targets.astype(np.int64) if is_class else targets.reshape(len(targets), -1).astype(np.float64)
    return Table(inputs=inputs.astype(np.float64), targets=numbers)


def _shapes(options: Options, inputs: np.ndarray, targets: np.ndarray) -> Iterator[str]:
    """What is wrong with the shapes of both arrays."""
    if inputs.ndim >= 2 and targets.shape[:1] == inputs.shape[:1] and inputs.size and targets.size:  # noqa: PLR2004 (samples, ...)
        return
    column = f": for a single column write `{options.inputs}.reshape(-1, 1)`" if inputs.ndim == 1 else ""
    yield (
        f"{options.path}: found {options.inputs} of shape {inputs.shape} and {options.target} of shape "
        f"{targets.shape}, expected inputs of shape (samples, ...) with at least two axes, and one target for each "
        f"sample{column}"
    )


def _channels_last(inputs: np.ndarray, channels: object, where: str) -> np.ndarray:
    """Images of shape (samples, height, width, channels). Raises DataError for images that look like channels first."""
    if inputs.ndim != IMAGES:
        if channels is not None:
            raise DataError(
                f"dataset.channels: found {channels!r}, and inputs of shape {inputs.shape}, expected images with four "
                "axes: samples, height, width and channels; leave dataset.channels out"
            )
        return inputs
    if channels is None and inputs.shape[1] in CHANNELS and inputs.shape[3] not in CHANNELS:
        raise DataError(
            f"{where}: found images of shape {inputs.shape[1:]}, whose first axis looks like channels, expected "
            '(height, width, channels); set dataset.channels = "first" to read them as channels first, or '
            'dataset.channels = "last" if they are as expected'
        )
    return np.ascontiguousarray(inputs.transpose(0, 2, 3, 1)) if channels == "first" else inputs
