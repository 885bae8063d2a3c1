"""Turns the targets of an array into labels from 0, in every form that people store them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.datasets.own_files.rows import clean
from bench.errors import DataError

MOST_DIFFERENT = 0.5  # of the samples: with more different labels than that, the target is no class
ONE_HOT = 2  # axes: samples, classes


class Labels(NamedTuple):
    """Labels from 0, the names of the classes, the number of classes, and how the labels were stored.

    There are no names if the labels were numbers from 0 already. `problems` is not empty if there are no labels.
    """

    values: np.ndarray
    names: tuple[str, ...] = ()
    classes: int = 0
    note: str = ""
    problems: tuple[str, ...] = ()


def read(targets: np.ndarray, where: str, *, names: Sequence[str] = ()) -> Labels:
    """The labels of an array. `where` names the file and the array; `names` are the classes in the order of numbers.

    Whole numbers from 0, truth values, text, whole numbers in floating point, one-hot rows, and all of these with an
    axis of length 1 behind the samples.
    """
    if not targets.size or not targets.ndim:
        return _refused(f"{where}: found an array of shape {targets.shape}, expected one label for each sample")
    if targets.ndim > 1 and targets[0].size == 1:
        targets = targets.reshape(len(targets))
    if targets.ndim == ONE_HOT and _is_one_hot(targets):
        return _one_hot(targets, where, names)
    if targets.ndim != 1:
        return _refused(
            f"{where}: found labels of shape {targets.shape}, expected one label for each sample, or rows with a "
            'single one (one-hot); set dataset.task = "regression" for several numbers'
        )
    return _numbers(targets, where, names) if targets.dtype.kind in "iuf" else _words(targets, where, names)


def _one_hot(targets: np.ndarray, where: str, names: Sequence[str]) -> Labels:
    width = targets.shape[1]
    if names and len(names) != width:
        return _refused(f"{where}: found {width} columns (one-hot), and dataset.classes has {len(names)} names")
    found = _numbered(targets.argmax(axis=1), where, names, classes=width)
    return found._replace(note="labels with a 1 in the column of their class (one-hot)")


def _words(targets: np.ndarray, where: str, names: Sequence[str]) -> Labels:
    """Text or truth values as labels; their names are known."""
    if names:
        return _refused(
            f"{where}: found labels as text or truth values, and dataset.classes, expected one of both; leave "
            "dataset.classes out, since the names are known"
        )
    if targets.dtype.kind == "b":
        return _named(targets.astype(np.int64), ("false", "true"), where)._replace(note="truth values")
    return _texts(targets, where)


def _numbers(targets: np.ndarray, where: str, names: Sequence[str]) -> Labels:
    is_float = targets.dtype.kind == "f"
    if is_float and (targets != np.floor(targets)).any():
        return _refused(
            f"{where}: found numbers with decimals, expected labels; "
            'set dataset.task = "regression" if the target is a quantity'
        )
    found = _numbered(targets.astype(np.int64), where, names)
    return found._replace(note="whole numbers with a decimal point") if is_float and not found.note else found


def of_classes(targets: np.ndarray, where: str, *, names: Sequence[str], classes: int) -> np.ndarray:
    """The labels of other samples by the classes of a model, in any form. Raises DataError for a label of no class."""
    if targets.ndim > 1 and targets[0].size == 1:
        targets = targets.reshape(len(targets))
    if targets.ndim == ONE_HOT and _is_one_hot(targets):
        targets = targets.argmax(axis=1)
    expected = f"the name of a class: {', '.join(names)}" if names else f"the number of a class, 0 to {classes - 1}"
    if targets.ndim != 1:
        raise DataError(f"{where}: found labels of shape {targets.shape}, expected {expected}")
    if names:
        places = {name: place for place, name in enumerate(names)}
        found = np.array([places.get(text, -1) for text in _as_texts(targets)], np.int64)
        numbers = targets.dtype.kind in "iuf" and not set(_as_texts(targets)) & set(places)
        found = targets.astype(np.int64) if numbers else found
    elif targets.dtype.kind in "US":
        found = np.full(len(targets), -1)
    else:
        whole = targets == np.floor(targets) if targets.dtype.kind == "f" else np.ones(len(targets), bool)
        found = np.where(whole, targets, -1).astype(np.int64)
    wrong = (found < 0) | (found >= classes)
    if wrong.any():
        sample = int(wrong.argmax())
        shown = targets[sample].item()
        raise DataError(f"{where}, sample {sample}: found {shown!r}, expected {expected}")
    return found


def _as_texts(targets: np.ndarray) -> list[str]:
    """Labels as the names of classes are written."""
    kind = targets.dtype.kind
    if kind == "b":
        return ["true" if value else "false" for value in targets.tolist()]
    if kind == "S":
        return [clean(value.decode("utf-8", "replace")) for value in targets.tolist()]
    if kind == "f":
        return [f"{value:g}" for value in targets.tolist()]
    return [clean(str(value)) for value in targets.tolist()]


def constant(targets: np.ndarray, where: str) -> list[str]:
    """What is wrong with finite numbers that are all the same: there is nothing to learn."""
    columns = targets.reshape(len(targets), -1)
    if len(columns) < 2 or (columns != columns[0]).any():  # noqa: PLR2004 (a single row is no constant)
        return []
    what = "found the same number in every sample, expected numbers that differ"
    return [f"{where}: {what}: there is nothing to learn; choose another target"]


def _is_one_hot(targets: np.ndarray) -> bool:
    if targets.dtype.kind not in "biuf":
        return False
    return bool(((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all())


def _texts(targets: np.ndarray, where: str) -> Labels:
    if targets.dtype.kind == "S":
        try:
            targets = np.char.decode(targets, "utf-8")
        except UnicodeDecodeError:
            return _refused(f"{where}: found bytes that are no text in UTF-8, expected labels")
    cleaned = np.array([clean(text) for text in targets.tolist()])
    empty = np.flatnonzero(cleaned == "")
    if len(empty):
        return _refused(f"{where}, sample {empty[0]}: found an empty label, expected the name of a class")
    names, values = np.unique(cleaned, return_inverse=True)
    return _named(values.astype(np.int64), tuple(names.tolist()), where)


def _numbered(labels: np.ndarray, where: str, names: Sequence[str], *, classes: int = 0) -> Labels:
    """Whole numbers as labels: as they are if they count from 0, else each number is the name of a class."""
    present = np.unique(labels)
    if names and (present.min() < 0 or present.max() >= len(names)):
        return _refused(
            f"{where}: found the label {present.min() if present.min() < 0 else present.max()}, expected 0 to "
            f"{len(names) - 1}, since dataset.classes has {len(names)} names"
        )
    if names:
        return Labels(labels, tuple(names), len(names))
    if classes or np.array_equal(present, np.arange(len(present))):
        return _checked(Labels(labels, (), classes or len(present)), where)
    values = np.searchsorted(present, labels).astype(np.int64)
    found = _named(values, tuple(map(str, present.tolist())), where)
    return found._replace(note=f"numbers that do not count from 0, such as {present[-1]}")


def _named(values: np.ndarray, names: tuple[str, ...], where: str) -> Labels:
    return _checked(Labels(values, names, len(names)), where)


def _checked(found: Labels, where: str) -> Labels:
    """The labels, or what is wrong with them: a single class, or nearly as many classes as samples."""
    present = len(np.unique(found.values))
    if present < 2:  # noqa: PLR2004 (with one class there is nothing to predict)
        return _refused(f"{where}: found a single class, expected two classes or more")
    if present > max(2, MOST_DIFFERENT * len(found.values)):
        return _refused(
            f"{where}: found {present} different labels in {len(found.values)} samples, expected a few samples of "
            'each; set dataset.task = "regression" if the target is a quantity'
        )
    return found


def _refused(problem: str) -> Labels:
    return Labels(np.zeros(0, np.int64), problems=(problem,))
