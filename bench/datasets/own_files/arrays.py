"""Reads the named arrays of an .npz file of NumPy; no other array of the file is opened."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from zipfile import is_zipfile

import numpy as np

from bench.datasets.own_files.rows import plain
from bench.errors import DataError, meant, unreadable

FILE = "expected an .npz file of NumPy"
KINDS = {"U": "text", "S": "bytes", "b": "truth values", "c": "complex numbers", "M": "dates", "m": "durations"}
LARGEST = float(np.finfo(np.float32).max)


def read(path: Path, names: Mapping[str, str]) -> list[np.ndarray]:
    """The arrays of an .npz file; `names` maps the key of the table `[dataset]` to the name of the array.

    Raises DataError if the file is not an .npz file. Raises DataError with all problems of the named arrays: one is
    missing, is damaged, has Python objects, or has a value that is not a real number that float32 can hold.
    """
    try:
        with path.open("rb") as file, _opened(file, path) as arrays:
            problems = _names(path, names, arrays.files)
            found = {} if problems else {name: _array(arrays, name) for name in names.values()}
    except OSError as error:
        raise DataError(f"{path}: {unreadable(error)}, {FILE}") from None
    except ValueError:  # a path that contains a NUL character
        raise DataError(f"{str(path)!r}: found a NUL character in the path, expected the path of a file") from None
    problems += [f"{path}, {name}{_problem(array)}" for name, array in found.items() if _problem(array)]
    if problems:
        raise DataError("; ".join(problems))
    return [array for name in names.values() if isinstance(array := found[name], np.ndarray)]


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
        is_object = "Object arrays" in str(error)
        return "found Python objects, expected numbers" if is_object else "found a damaged array, expected numbers"
    return found if isinstance(found, np.ndarray) else "found a file that is no array, expected numbers"


def _problem(array: np.ndarray | str) -> str:
    """What is wrong with an array, to put after its name; empty if it has numbers that float32 can hold."""
    if isinstance(array, str):
        return f": {array}"
    if array.dtype.kind not in "iuf":  # differences of times are integers for `issubdtype`
        return (
            f": found an array of {KINDS.get(array.dtype.kind, 'other values')} ({array.dtype}), expected real numbers"
        )
    wrong = np.argwhere(~np.isfinite(array)) if array.ndim else np.zeros((0, 1), int)
    if len(wrong):
        samples = len(set(wrong[:, 0].tolist()))
        more = f" ({samples - 1} more such samples)" if samples > 1 else ""
        return f", sample {wrong[0][0]}: found NaN or infinity, expected finite numbers{more}"
    if array.size and max(abs(float(array.min())), abs(float(array.max()))) > LARGEST:
        return f": found numbers from {array.min():g} to {array.max():g}, expected at most {LARGEST:g} (float32)"
    return ""
