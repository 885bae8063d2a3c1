"""Reads a user's file for a saved model: the samples, and their labels where the file has them."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from bench.datasets import csv, npz
from bench.datasets.own_files import arrays
from bench.errors import DataError, UsageError
from bench.workload.saved_model import SavedModel

PARTS = ("train", "validation", "test")
UNSCORED = "correct it, or predict without labels: leave out {what}"


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Samples, scaled like those that the model was trained on.

    `labelled` has the indices of the samples with a label, and `targets` their labels, or their numbers on the scale of
    training. Both are empty if there are no labels.
    """

    inputs: np.ndarray
    labelled: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    targets: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def read(path: Path, about: SavedModel) -> Samples:
    """The samples of a .csv or .npz file.

    Raises UsageError or DataError, with line and column or with array and sample, if it does not fit the model.
    """
    known = about.description
    if path.suffix == ".npz":
        inputs = npz.inputs_of(path, about.dataset)
    elif path.suffix == ".csv":
        cells = csv.inputs_of(path, about.dataset, known.features)
        fits = cells.shape[1] == math.prod(known.sample_shape)
        inputs = cells.reshape(len(cells), *known.sample_shape) if fits else cells
    else:
        raise UsageError(f"DATA: found {str(path)!r}, expected a .csv or .npz file, or one of {', '.join(PARTS)}")
    if inputs.shape[1:] != known.sample_shape or not len(inputs):
        expected = ", ".join(map(str, ("samples", *known.sample_shape)))
        raise UsageError(f"{path}: found samples of shape {inputs.shape}, expected ({expected})")
    is_table = path.suffix == ".csv"
    labelled, truth = _column(path, about) if is_table else _array(path, about, samples=len(inputs))
    return Samples(inputs=about.inputs.apply(inputs.astype(np.float64)), labelled=labelled, targets=truth)


def _array(path: Path, about: SavedModel, *, samples: int) -> tuple[np.ndarray, np.ndarray]:
    name = str(about.dataset.get("target", "targets"))
    if not _has_array(path, name):
        return _no_labels()
    remedy = UNSCORED.format(what=f"the array {name!r}")
    try:
        (found,) = arrays.read(path, {"target": name})
    except DataError as error:
        raise DataError(f"{error}; {remedy}") from None
    where = f"{path}, {name}"
    if found.shape[:1] != (samples,):
        raise DataError(
            f"{where}: found shape {found.shape} for {samples} samples, expected a label for each; {remedy}"
        )
    columns = found.reshape(samples, -1)
    wanted = about.description.outputs if about.description.task == "regression" else 1
    if columns.shape[1] != wanted:
        raise DataError(f"{where}: found {columns.shape[1]} numbers for each sample, expected {wanted}; {remedy}")
    every = np.arange(samples)
    if about.description.task == "regression":
        return every, about.targets.apply(columns.astype(np.float64)).astype(np.float32)
    labels = columns[:, 0]
    classes = max(2, about.description.outputs)
    wrong = (labels < 0) | (labels >= classes) | (labels != np.floor(labels))
    if wrong.any():
        sample = int(wrong.argmax())
        raise DataError(
            f"{where}, sample {sample}: found {labels[sample]:g}, expected the number of a class, 0 to {classes - 1}; "
            f"{remedy}"
        )
    return every, labels.astype(np.int64)


def _has_array(path: Path, name: str) -> bool:
    try:
        with ZipFile(path) as file:
            return f"{name}.npy" in file.namelist()
    except (OSError, BadZipFile):
        return False


def _column(path: Path, about: SavedModel) -> tuple[np.ndarray, np.ndarray]:
    """The rows with a label, and these labels; a row whose cell is empty has none."""
    if about.dataset.get("kind") != "csv":
        return _no_labels()
    is_text = about.description.task == "classification"
    try:
        found = csv.targets_of(path, about.dataset, about.description.labels if is_text else None)
    except DataError as error:
        what = f"the column {about.dataset['target']!r}"
        raise DataError(f"{error}; {UNSCORED.format(what=what)}") from None
    if found is None:
        return _no_labels()
    if is_text:
        return found
    rows, values = found
    return rows, about.targets.apply(values[:, None]).astype(np.float32)


def _no_labels() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)
