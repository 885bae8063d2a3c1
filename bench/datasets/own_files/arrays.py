"""Reads the named arrays of an .npz file of NumPy; no other array of the file is opened."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import is_zipfile

import numpy as np

from bench.datasets.own_files.notation import LARGEST
from bench.datasets.own_files.rows import plain
from bench.errors import DataError, meant, unreadable

FILE = "expected an .npz file of NumPy"
KINDS = {"U": "text", "S": "bytes", "b": "truth values", "c": "complex numbers", "M": "dates", "m": "durations"}
# What to write before the file is saved, by the kind of the values.
REMEDIES = {
    "b": ": write `array.astype(int)`",
    "U": ": if the text has numbers, write `array.astype(float)`",
    "S": ": if the bytes have numbers, write `array.astype(float)`",
    "c": ": write `np.stack([array.real, array.imag], axis=-1)`",
    "M": ": write the time since the first date, `(array - array.min()) / np.timedelta64(1, 'D')`",
    "m": ": write the number of days, `array / np.timedelta64(1, 'D')`",
}
OBJECTS = "found Python objects, expected numbers: if all of them are numbers, write `array.astype(float)`"
FINITE = "fill these values, or leave these samples out of every array"


class Found(NamedTuple):
    """The named arrays by the keys of the table `[dataset]`, without those that have no numbers.

    `problems` has what is wrong with the arrays.
    """

    arrays: dict[str, np.ndarray]
    problems: tuple[str, ...]


def read(path: Path, names: Mapping[str, str]) -> list[np.ndarray]:
    """The arrays of an .npz file; `names` maps the key of the table `[dataset]` to the name of the array.

    Raises DataError if the file is not an .npz file. Raises DataError with all problems of the named arrays: one is
    missing, is damaged, has Python objects, or has a value that is not a real number that float32 can hold.
    """
    found = find(path, names)
    if found.problems:
        raise DataError("; ".join(found.problems))
    return [found.arrays[key] for key in names]


def names(path: Path) -> tuple[str, ...]:
    """The names of the arrays in an .npz file. Raises DataError if it is none."""
    try:
        with path.open("rb") as file, _opened(file, path) as found:
            return tuple(found.files)
    except OSError as error:
        raise DataError(f"{path}: {unreadable(error)}, {FILE}") from None
    except ValueError:  # a path that contains a NUL character
        raise DataError(f"{str(path)!r}: found a NUL character in the path, expected the path of a file") from None


def find(path: Path, names: Mapping[str, str], *, labels: Sequence[str] = ()) -> Found:
    """The arrays like `read`, and their problems. `labels` are the keys of arrays that may have text or truth values.

    Raises DataError only if no array can be looked at: the file is not an .npz file, or a name is unknown.
    """
    try:
        with path.open("rb") as file, _opened(file, path) as arrays:
            if wrong := _names(path, names, arrays.files):
                raise DataError("; ".join(wrong))
            found = {key: _array(arrays, name) for key, name in names.items()}
    except OSError as error:
        raise DataError(f"{path}: {unreadable(error)}, {FILE}") from None
    except ValueError:  # a path that contains a NUL character
        raise DataError(f"{str(path)!r}: found a NUL character in the path, expected the path of a file") from None
    problems = {key: _problem(array, is_label=key in labels) for key, array in found.items()}
    return Found(
        {
            key: array
            for key, array in found.items()
            if isinstance(array, np.ndarray) and array.dtype.kind in ("iufbUS" if key in labels else "iufb")
        },
        tuple(f"{path}, {names[key]}{problem}" for key, problem in problems.items() if problem),
    )


def _opened(file: object, path: Path) -> "np.lib.npyio.NpzFile":
    found: object = None
    try:
        found = np.load(file, allow_pickle=False)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 (NumPy and zipfile raise many kinds of errors for a damaged file)
        what = "a damaged file" if is_zipfile(path) or _begins_like_one(path) else "another format"
        raise DataError(f"{path}: found {what}, {FILE}; write it with numpy.savez") from None
    if not isinstance(found, np.lib.npyio.NpzFile):
        raise DataError(f"{path}: found a single array without a name (.npy), {FILE}; write it with numpy.savez")
    return found


def _begins_like_one(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _names(path: Path, names: Mapping[str, str], known: list[str]) -> list[str]:
    """What is wrong with the names of the arrays: unknown, or not unique."""
    shown = [plain(name) for name in known]
    unknown = [
        f"dataset.{key}: found {name!r}{meant(name, shown)}, expected an array of {path}: one of {', '.join(shown)}"
        for key, name in names.items()
        if name not in known
    ]
    times = Counter(name.strip() for name in known)
    twice = [
        f"{path}: found {times[name.strip()]} arrays with the name {name!r}, expected different names"
        for name in dict.fromkeys(names.values())
        if times[name.strip()] > 1
    ]
    return [*unknown, *twice]


def _array(arrays: "np.lib.npyio.NpzFile", name: str) -> np.ndarray | str:
    """The array, or what is wrong with it."""
    try:
        found: object = arrays[name]
    except Exception as error:  # noqa: BLE001 (NumPy and zipfile raise many kinds of errors for a damaged file)
        return OBJECTS if "Object arrays" in str(error) else "found a damaged array, expected numbers"
    return found if isinstance(found, np.ndarray) else "found a file that is no array, expected numbers"


def _problem(array: np.ndarray | str, *, is_label: bool) -> str:
    """What is wrong with an array, to put after its name; empty if it has numbers that float32 can hold."""
    if isinstance(array, str):
        return f": {array}"
    kind = array.dtype.kind
    if is_label and kind in "USb":
        return ""
    if kind not in "iuf":  # differences of times are integers for `issubdtype`
        remedy = REMEDIES.get(kind, "")
        return f": found an array of {KINDS.get(kind, 'other values')}, expected real numbers{remedy}"
    wrong = np.argwhere(~np.isfinite(array)) if array.ndim else np.zeros((0, 1), int)
    if len(wrong):
        samples = len(set(wrong[:, 0].tolist()))
        more = f" ({samples - 1} more such sample{'s' * (samples > 2)})" if samples > 1 else ""  # noqa: PLR2004 (one more)
        return f", sample {wrong[0][0]}: found NaN or infinity, expected finite numbers{more}; {FINITE}"
    if array.size and max(abs(float(array.min())), abs(float(array.max()))) > LARGEST:
        return f": found numbers from {array.min():g} to {array.max():g}, expected at most {LARGEST:g} (float32)"
    return ""
