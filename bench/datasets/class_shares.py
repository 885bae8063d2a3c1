"""Deals rows out to parts by scikit-learn, with the classes in their shares, and checks the classes of every part."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bench.datasets.description import Part
from bench.errors import DataError

Rows = np.ndarray  # int64, of shape (rows,)

# What else a user can change if a part lacks a class.
REMEDIES: dict[str, str] = {
    "train": "dataset.test",
    "validation": "dataset.validation",
    "test": "dataset.test",
    "held-out": "recipe.validation_fraction",
}
HELD_OUT = "held-out"


def learnt(rows: int, held_out: float) -> int:
    """How many of the training rows are learnt from, if the last `held_out` of them, rounded, are for validation."""
    return rows - round(rows * held_out)


def labels(targets: np.ndarray) -> np.ndarray:
    """The labels to stratify by. Raises DataError if the targets are numbers."""
    if targets.ndim > 1:
        raise DataError(
            "dataset.stratify: found true for a task with numbers, expected false: only classes have shares"
        )
    return targets


class Dealing(NamedTuple):
    """How rows are dealt out: the seed, the labels whose shares are kept, or None, and the names of the classes.

    `groups` has the number of each row's group, or is None: no group is divided.
    """

    seed: int
    labels: np.ndarray | None = None
    names: Sequence[str] = ()
    groups: np.ndarray | None = None


def folds(rows: int, number: int, how: Dealing) -> list[tuple[Rows, Rows]]:
    """The training rows and the test rows of each fold. Raises DataError if a class has fewer rows than folds."""
    from sklearn.model_selection import KFold, StratifiedKFold

    labels = how.labels
    dealt = KFold if labels is None else StratifiedKFold
    if labels is not None:
        present, counts = np.unique(labels, return_counts=True)
        least = int(counts.min())
        if least < number:
            label = _named(int(present[counts.argmin()]), how.names)
            most = f"expected at most {least} folds with stratify = true"
            remedy = most if least > 1 else "add rows of this class, or leave it out"
            raise DataError(f"dataset.folds: found {number} folds, and only {_rows(least)} of class {label}; {remedy}")
    if how.groups is not None:
        return _folds_of_groups(rows, number, how)
    return list(dealt(number, shuffle=True, random_state=how.seed).split(np.zeros(rows), labels))


def _folds_of_groups(rows: int, number: int, how: Dealing) -> list[tuple[Rows, Rows]]:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    groups = len(np.unique(np.asarray(how.groups)))
    if groups < number:
        raise DataError(f"dataset.folds: found {number} folds for {groups} groups, expected at most {groups}")
    dealt = GroupKFold if how.labels is None else StratifiedGroupKFold
    return list(dealt(number, shuffle=True, random_state=how.seed).split(np.zeros(rows), how.labels, how.groups))


def cut(
    rows: Rows,
    share: float | int,  # noqa: PYI041 (tests check types at run time)
    how: Dealing,
    *,
    key: str,
) -> tuple[Rows, Rows]:
    """The kept rows and the rows that are held out: a share, or a number if `share` is an integer.

    With labels, both have the classes in their shares; raises DataError, which names `key`, if a class has too few rows
    for that.
    """
    from sklearn.model_selection import train_test_split

    if how.groups is not None:
        return _cut_groups(rows, share, how, key=key)
    chosen = None if how.labels is None else how.labels[rows]
    if chosen is not None:
        _check_numbers(chosen, share, key=key, names=how.names)
    kept, held_out = train_test_split(rows, test_size=share, random_state=how.seed, stratify=chosen)
    return kept, held_out


def _cut_groups(
    rows: Rows,
    share: float | int,  # noqa: PYI041 (tests check types at run time)
    how: Dealing,
    *,
    key: str,
) -> tuple[Rows, Rows]:
    """The rows of the kept groups, and those of the groups that are held out: a share of all groups."""
    from sklearn.model_selection import GroupShuffleSplit

    groups = (how.groups if how.groups is not None else rows)[rows]
    number = len(np.unique(groups))
    if not 0 < np.ceil(share * number) < number:
        raise DataError(
            f"{key}: found {share:g} of {number} groups, which leaves none on one side; expected groups in both parts"
        )
    ((kept, held_out),) = GroupShuffleSplit(1, test_size=share, random_state=how.seed).split(rows, groups=groups)
    return rows[kept], rows[held_out]


def check(
    targets: np.ndarray,
    rows: Mapping[Part, Rows],
    *,
    held_out: float = 0.0,
    stratify: bool = False,
    names: Sequence[str] = (),
) -> None:
    """Raise DataError if a part that decides something has no row of some class.

    The parts are those in `rows`, and the last `held_out` of the training rows, which the recipe takes for validation.
    """
    parts: dict[str, Rows] = dict(rows)  # type: ignore[arg-type]
    if held_out:
        first = learnt(len(rows["train"]), held_out)
        parts |= {"train": rows["train"][:first], HELD_OUT: rows["train"][first:]}
    classes = set(targets.tolist())
    used = [part for part, chosen in parts.items() if len(chosen)]
    for part in used:
        missing = sorted(classes - set(targets[parts[part]].tolist()))
        if missing:
            found = int((targets == missing[0]).sum())
            number = len(classes) if len(classes) > len(parts[part]) else 0
            absent = _Absent(part, len(parts[part]), _named(missing[0], names), found, number)
            raise DataError(_message(absent, parts=len(used), stratify=stratify))


class _Absent(NamedTuple):
    """A part that lacks a class: its rows, the class, its rows in all parts, and all classes if the part has fewer."""

    part: str
    rows: int
    name: str
    found: int
    classes: int


def _message(absent: _Absent, *, parts: int, stratify: bool) -> str:
    name = "validation" if absent.part == HELD_OUT else absent.part
    if absent.classes:
        return (
            f"dataset: found {absent.classes} classes but only {_rows(absent.rows)} in the {name} part, expected "
            'every class in every part; use task = "regression" if the target is a quantity, or a larger part '
            f"({REMEDIES[absent.part]})"
        )
    if absent.found < parts:
        return (
            f"dataset: found {_rows(absent.found)} of class {absent.name}, expected one or more in each of {parts} "
            "parts; add rows of this class, correct its name, or leave it out"
        )
    shares = "" if stratify else "set dataset.stratify = true, or "
    return (
        f"dataset: found no sample of class {absent.name} in the {name} part ({_rows(absent.rows)}), expected every "
        f"class in every part; {shares}change dataset.seed or {REMEDIES[absent.part]}"
    )


def _check_numbers(
    chosen: np.ndarray,
    share: float | int,  # noqa: PYI041 (tests check types at run time)
    *,
    key: str,
    names: Sequence[str],
) -> None:
    """Raise DataError if there is a class that cannot have a row in both parts."""
    present, counts = np.unique(chosen, return_counts=True)
    held_out = share if isinstance(share, int) else int(np.ceil(len(chosen) * share))
    smaller = min(held_out, len(chosen) - held_out)
    if counts.min() < 2:  # noqa: PLR2004 (one row for each of the two parts)
        raise DataError(
            f"dataset.stratify: found true, and only 1 row of class {_named(int(present[counts.argmin()]), names)} to "
            f"divide by {key}, expected at least one row of each class in each part; add rows of this class, or leave "
            "it out"
        )
    if smaller < len(present):
        raise DataError(
            f"dataset.stratify: found true, and {len(present)} classes for a part of {_rows(smaller)}, expected at "
            f"least one row of each class in each part; change {key}"
        )


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"


def _named(label: int, names: Sequence[str]) -> str:
    return repr(names[label]) if names else str(label)
