"""A file system in memory, and the mirrors that users have of it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from bench.records import remote_files, remote_results
from tests.bench.records.mirrors import ADDRESS, Mirror


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each kind of request was made, and each object was written, on an empty file system."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    remote_files.opened.cache_clear()
    counted: Counter[str] = Counter()

    def watched(name: str) -> None:
        real = getattr(type(files), name)

        def call(self: Any, path: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 (the file system's own)
            paths = path if isinstance(path, list) else [path]
            counted[name] += len(paths) if name == "cat" else 1
            if name == "pipe_file":
                counted[str(path).rpartition("/")[2]] += 1
            return real(self, path, *more, **named)

        monkeypatch.setattr(type(files), name, call)

    for name in ("ls", "cat", "cat_file", "pipe_file"):
        watched(name)
    yield counted
    files.store.clear()


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mirror:
    """A function that returns the mirror of a user with this name: each user has a cache of their own."""

    def of(user: str) -> Path:
        monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / user))
        return remote_results.mirror(ADDRESS)

    return of
