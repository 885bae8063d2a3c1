"""Reads a user's file for a saved model: the samples, and their labels where the file has them."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from bench.datasets import csv, npz, parquet, series
from bench.datasets.own_files import array_labels, arrays, idx_file, image_folder, other_table, preparation
from bench.datasets.own_files import table_options as options_of
from bench.datasets.own_files.other_table import KnownTable, Opened
from bench.datasets.own_files.prepared_columns import RawColumn
from bench.errors import DataError, UsageError, meant
from bench.workload.saved_model import SavedModel

PARTS = ("train", "validation", "test")
TABLES = {".csv": csv, ".parquet": parquet}
KINDS = {"csv": csv, "parquet": parquet}
UNSCORED = "correct it, or predict without labels: leave out {what}"


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Samples, scaled like those that the model was trained on.

    `labelled` has the indices of the samples with a label, and `targets` their labels, or their numbers on the scale of
    training. Both are empty if there are no labels. `remarks` has what a user has to know about the file.
    """

    inputs: np.ndarray
    labelled: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    targets: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    remarks: tuple[str, ...] = ()


def read(path: Path, about: SavedModel) -> Samples:
    """The samples of a file of the kind that the model was trained on, prepared like those.

    Tables and arrays (.csv, .parquet, .npz) go with any model whose samples have as many numbers. Raises UsageError or
    DataError, with line and column or with array and sample, if the file does not fit the model.
    """
    kind = about.dataset.get("kind")
    if not path.suffix and not path.exists():
        near = meant(str(path), PARTS)
        raise UsageError(f"DATA: found {str(path)!r}{near}, expected a file, or one of {', '.join(PARTS)}")
    if kind in KINDS and path.suffix.lower() == ".npz":
        raise UsageError(f"DATA: found {str(path)!r}, expected a table like the one of the training (.csv or .parquet)")
    if kind == "series":
        samples = _windows(path, about)
    elif path.suffix == ".npz":
        samples = Samples(inputs=_scaled(npz.inputs_of(path, about.dataset), path, about))
    elif path.suffix.lower() in TABLES or kind in KINDS:
        samples = _table(path, about)
    elif kind == "images":
        samples = _images(path, about)
    elif kind == "idx":
        samples = Samples(inputs=_scaled(idx_file.read(path), path, about))
    else:
        raise UsageError(
            f"DATA: found {str(path)!r}, expected a .csv, .parquet or .npz file, or one of {', '.join(PARTS)}"
        )
    _check_shape(samples.inputs, path, about)
    if path.suffix != ".npz" or kind == "series":
        return samples
    labelled, targets = _array(path, about, samples=len(samples.inputs))
    return replace(samples, labelled=labelled, targets=targets)


def _check_shape(inputs: np.ndarray, path: Path, about: SavedModel) -> None:
    """Raise UsageError if the samples are not of the shape that the model takes."""
    known = about.description.sample_shape
    if inputs.shape[1:] != known or not inputs.ndim or not len(inputs):
        expected = ", ".join(map(str, ("samples", *known)))
        raise UsageError(f"{path}: found samples of shape {inputs.shape}, expected ({expected})")


def _scaled(values: np.ndarray, path: Path, about: SavedModel) -> np.ndarray:
    """The values on the scale of the training."""
    _check_shape(values, path, about)
    return about.inputs.apply(values.astype(np.float64))


def _table(path: Path, about: SavedModel) -> Samples:
    inputs, remarks = _rows(path, about)
    labelled, targets = _column(path, about)
    return Samples(inputs=inputs, labelled=labelled, targets=targets, remarks=remarks)


def _images(path: Path, about: SavedModel) -> Samples:
    """The images of a folder, or a single one; the name of the folder that one is in is its label if it is a class."""
    pixels, folders = image_folder.loose(path, about.description.sample_shape)
    places = {name: place for place, name in enumerate(about.description.labels)}
    labels = [(number, places[name]) for number, name in enumerate(folders) if name in places]
    rows, targets = zip(*labels, strict=True) if labels else ((), ())
    return Samples(
        inputs=about.inputs.apply(pixels.astype(np.float64)),
        labelled=np.array(rows, np.int64),
        targets=np.array(targets, np.int64),
    )


def _windows(path: Path, about: SavedModel) -> Samples:
    """Each window of another series; the last ones have no targets, since their future is not in the file."""
    options, found = series.another(path, about.dataset)
    prepared = about.preparation
    if prepared is None:
        raise UsageError(f"{path}: found a model without its preparation; train it again with --save-models")
    if not all(column.fill is not None for column in prepared.columns) and np.isnan(found.values).any():
        raise DataError(f"{path}: found gaps that nothing fills, expected a value in every row")
    rows = preparation.apply(prepared, found.values)
    if len(rows) < options.steps:
        raise UsageError(f"{path}: found {len(rows)} rows, expected at least {options.steps}: a window has so many")
    starts = np.arange(len(rows) - options.steps + 1)
    labelled = starts[: max(0, len(starts) - options.horizon)]
    labelled = labelled[series.are_known(found, labelled, options)]
    targets = series.cut(rows[:, :1], labelled + options.steps, options.horizon)[:, :, 0]
    return Samples(
        inputs=series.cut(rows, starts, options.steps),
        labelled=labelled,
        targets=targets.astype(np.float32),
        remarks=found.remarks,
    )


def _rows(path: Path, about: SavedModel) -> tuple[np.ndarray, tuple[str, ...]]:
    """The rows of a table as samples, and what a user has to know about them."""
    known = about.description
    remarks: tuple[str, ...] = ()
    target = str(about.dataset.get("target", ""))
    if not known.features:  # the model was not trained on a table
        values = other_table.numbers(_opened(path, about, target))
        if values.shape[1] != math.prod(known.sample_shape):
            _check_shape(values, path, about)
    else:
        prepared = about.preparation
        columns = prepared.columns if prepared else [RawColumn(name, "number") for name in known.features]
        fills = {column.name: column.fill is not None for column in columns}
        form = about.dataset.get("date_format")
        wanted = KnownTable(columns, fills.__getitem__, None, None, None if form is None else str(form))
        found = other_table.read(_opened(path, about, target), wanted)
        values, remarks = found.values, found.remarks
    inputs = preparation.apply(about.preparation, values) if about.preparation else about.inputs.apply(values)
    fits = inputs.shape[1] == math.prod(known.sample_shape)
    return (inputs.reshape(len(inputs), *known.sample_shape) if fits else inputs), remarks


def _opened(path: Path, about: SavedModel, target: str) -> Opened:
    kind = str(about.dataset.get("kind"))
    reader = TABLES.get(path.suffix.lower(), KINDS.get(kind, csv))
    found: Opened = reader.open_another(path, about.dataset if kind in KINDS else {}, target)
    return found


def _array(path: Path, about: SavedModel, *, samples: int) -> tuple[np.ndarray, np.ndarray]:
    name = npz.target_name(path, about.dataset)
    if not _has_array(path, name):
        return _no_labels()
    remedy = UNSCORED.format(what=f"the array {name!r}")
    is_class = about.description.task == "classification"
    found = arrays.find(path, {"target": name}, labels=("target",) if is_class else ())
    where = f"{path}, {name}"
    if found.problems:
        raise DataError(f"{'; '.join(found.problems)}; {remedy}")
    targets = found.arrays["target"]
    if targets.shape[:1] != (samples,):
        raise DataError(
            f"{where}: found shape {targets.shape} for {samples} samples, expected a label for each; {remedy}"
        )
    every, known = np.arange(samples), about.description
    if is_class:
        try:
            classes = max(2, known.outputs)
            return every, array_labels.of_classes(targets, where, names=known.labels, classes=classes)
        except DataError as error:
            raise DataError(f"{error}; {remedy}") from None
    columns = targets.reshape(samples, -1)
    if columns.shape[1] != known.outputs:
        raise DataError(
            f"{where}: found {columns.shape[1]} numbers for each sample, expected {known.outputs}; {remedy}"
        )
    return every, about.targets.apply(columns.astype(np.float64)).astype(np.float32)


def _has_array(path: Path, name: str) -> bool:
    try:
        with ZipFile(path) as file:
            return f"{name}.npy" in file.namelist()
    except (OSError, BadZipFile):
        return False


def _column(path: Path, about: SavedModel) -> tuple[np.ndarray, np.ndarray]:
    """The rows with a label, and these labels; a row whose cell is empty has none."""
    if about.dataset.get("kind") not in KINDS:
        return _no_labels()
    is_text = about.description.task == "classification"
    target = options_of.named(about.dataset["target"])
    known = KnownTable((), bool, target, about.description.labels if is_text else None)
    try:
        found = other_table.read(_opened(path, about, target), known)
    except DataError as error:
        what = f"the column {about.dataset['target']!r}"
        raise DataError(f"{error}; {UNSCORED.format(what=what)}") from None
    if is_text or not len(found.labelled):
        return found.labelled, found.targets.astype(np.int64)
    return found.labelled, about.targets.apply(found.targets[:, None]).astype(np.float32)


def _no_labels() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)
