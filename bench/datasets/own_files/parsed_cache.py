"""Keeps what was read from a user's files: in this process, and in the cache folder by the files' content."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np

from bench import cache
from bench.datasets.own_files import contents

Parsed = TypeVar("Parsed", bound=tuple[Any, ...])  # a NamedTuple of arrays and of values that JSON has

MOST_KNOWN = 8  # results that this process keeps
SMALL_BYTES = 1_000_000  # files that are read in less time than it takes to write a copy
MOST_BYTES = 4_000_000_000  # of all stored files; the oldest are deleted first

_KNOWN: dict[str, Any] = {}  # the latest results of this process, by their names


def stored(key: str, paths: Sequence[Path], read: Callable[[], Parsed], make: Callable[..., Parsed]) -> Parsed:
    """What `read` returns, from the cache if these files have been read by the same options before.

    `key` has the options. `make` takes the fields again, with tuples for lists. Errors of `read` are not kept. A cache
    folder that cannot be written is no error.
    """
    found = contents.digest(paths)
    if found is None:
        return read()
    name = hashlib.sha256(f"{contents.code()} {key} {found}".encode()).hexdigest()[:32]
    if name not in _KNOWN:
        _KNOWN[name] = _stored_or_read(name, paths, read, make)
    for oldest in list(_KNOWN)[:-MOST_KNOWN]:
        del _KNOWN[oldest]
    result: Parsed = _KNOWN[name]
    return result


def _stored_or_read(
    name: str, paths: Sequence[Path], read: Callable[[], Parsed], make: Callable[..., Parsed]
) -> Parsed:
    if contents.size(paths) < SMALL_BYTES:
        return read()
    path = cache.folder() / "own-files" / f"{name}.npz"
    with suppress(OSError, ValueError, KeyError, TypeError, BadZipFile, EOFError):
        return _loaded(path, make)
    found = read()
    with suppress(OSError):
        _store(path, found)
        _tidy(path.parent)
    return found


def _loaded(path: Path, make: Callable[..., Parsed]) -> Parsed:
    with np.load(path, allow_pickle=False) as file:
        about = {key: _tuples(value) for key, value in json.loads(str(file["about"])).items()}
        return make(**about, **{key: file[key] for key in file.files if key != "about"})


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _store(path: Path, found: Parsed) -> None:
    """Write the arrays, and everything else as JSON."""
    values: dict[str, Any] = found._asdict()  # type: ignore[attr-defined]  # of a NamedTuple
    arrays = {key: value for key, value in values.items() if isinstance(value, np.ndarray)}
    about = {key: value for key, value in values.items() if key not in arrays}
    cache.store(path, lambda draft: np.savez(draft, about=np.array(json.dumps(about)), **arrays))  # type: ignore[arg-type]  # no array is an option


def _tidy(folder: Path) -> None:
    """Delete the oldest files if all together are too large."""
    held = 0
    for path in sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True):
        held += path.stat().st_size
        if held > MOST_BYTES:
            path.unlink(missing_ok=True)
