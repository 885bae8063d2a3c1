"""Finds what is wrong with the targets in an .npz file, and says what to write before the file is saved."""

from collections.abc import Iterator

import numpy as np

WHOLE = "expected whole numbers from 0 for the classes, of shape (samples,)"


def problems(targets: np.ndarray, where: str) -> list[str]:
    """What is wrong with finite class labels; `where` names the file and the array."""
    if targets.ndim != 1:
        return [f"{where}: found labels of shape {targets.shape}, {WHOLE}: {_reshaped(targets)}"]
    if targets.dtype.kind in "iu":
        return list(_numbers(targets, where))
    return [f"{where}: found {_kind(targets)}, {WHOLE}: {_whole(targets)}"]


def constant(targets: np.ndarray, where: str) -> list[str]:
    """What is wrong with finite numbers that are all the same: there is nothing to learn."""
    columns = targets.reshape(len(targets), -1)
    if len(columns) < 2 or (columns != columns[0]).any():  # noqa: PLR2004 (a single row is no constant)
        return []
    what = "found the same number in every sample, expected numbers that differ"
    return [f"{where}: {what}: there is nothing to learn; choose another target"]


def _reshaped(targets: np.ndarray) -> str:
    name = "targets"
    if targets.ndim > 1 and targets[0].size == 1:
        whole = targets.dtype.kind in "iu"
        return f"write `{name}.ravel()`" if whole else f"write `{name}.ravel()`, and then {_whole(targets.ravel())}"
    is_one_hot = targets.ndim == 2 and ((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all()  # noqa: PLR2004 (samples, classes)
    if is_one_hot:
        return f"for labels with a 1 in the column of the class (one-hot), write `{name}.argmax(axis=1)`"
    return (
        f"write one number for each sample, `{name}.argmax(axis=1)` for scores of classes, or set dataset.task = "
        '"regression" for several numbers'
    )


def _kind(targets: np.ndarray) -> str:
    return "truth values" if targets.dtype.kind == "b" else "numbers with a decimal point"


def _whole(targets: np.ndarray) -> str:
    """How labels that are no integers become integers."""
    if targets.dtype.kind == "b" or (targets == np.floor(targets)).all():
        return "write `targets.astype(int)`"
    return 'set dataset.task = "regression" if the target is a quantity, or number the classes before'


def _numbers(targets: np.ndarray, where: str) -> Iterator[str]:
    """What is wrong with whole numbers as labels."""
    present = np.unique(targets)
    remedy = "count the classes from 0, for example with `labels, numbers = np.unique(targets, return_inverse=True)`"
    if targets.min() < 0:
        yield (
            f"{where}, sample {int(targets.argmin())}: found the label {targets.min()}, expected 0 or more: {remedy}"
        )
        return
    missing = np.flatnonzero(present != np.arange(len(present)))
    if len(missing):
        yield (f"{where}: found no sample of class {missing[0]}, expected every class up to {present[-1]}: {remedy}")
    elif len(present) == 1:
        yield f"{where}: found a single class, expected two classes or more"
