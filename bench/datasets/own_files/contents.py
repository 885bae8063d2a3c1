"""Tells by a digest whether the content of a user's files has changed."""

import hashlib
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path


def digest(paths: Sequence[Path]) -> str | None:
    """The sha256 in hex of each file, in one text; of a folder, of the names, sizes and times of all files below it.

    None if one of them cannot be read.
    """
    try:
        return " ".join(_folder(path) if path.is_dir() else _file(path) for path in paths)
    except (OSError, ValueError):
        return None


def size(paths: Sequence[Path]) -> int:
    """The bytes of all these files, and of all files below these folders."""
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in files if file.is_file())


@cache
def code() -> str:
    """A digest of the code that reads files, so that another version of it reads them anew."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def _file(path: Path) -> str:
    found = path.stat()
    return _content(path, found.st_size, found.st_mtime_ns)


def _folder(path: Path) -> str:
    files = [(str(file.relative_to(path)), file.stat()) for file in sorted(path.rglob("*")) if file.is_file()]
    lines = [f"{name} {about.st_size} {about.st_mtime_ns}" for name, about in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@lru_cache(maxsize=64)
def _content(path: Path, size: int, changed_ns: int) -> str:
    """The sha256 of a file; the other arguments tell whether it has changed since it was computed."""
    del size, changed_ns
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
