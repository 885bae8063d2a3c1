"""Names saved models with tags such as `production`; a tag names one model of a workload at most.

The tags of a model are in the file `tags.json` of its folder, each with the time since when it has the tag. So they
stay with a folder that is copied, and `model.json` is never changed. If two folders have the same tag, as after a
process was killed while it moved one, the tag belongs to the folder that got it last.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import UsageError, unknown, unreadable
from bench.records.shared_lines import locked
from bench.records.store import replaced, writing

TAGS = "tags.json"
LOCK = ".model-tags.lock"  # an empty file in the folder of results; who changes tags waits for it
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Tags = Mapping[str, str]  # when the model got each tag (ISO 8601, UTC)


def check(names: Iterable[str]) -> None:
    """Raises UsageError for a name that is no tag."""
    for name in names:
        if not NAME.fullmatch(name):
            raise UsageError(
                f"tag: found {name!r}, expected letters, digits, `.`, `_` and `-`, the first of them a letter or a "
                "digit, as in `production`"
            )


def read(folder: Path) -> Tags:
    """The tags that are stored in the folder of a model. Raises UsageError for a damaged file."""
    path = folder / TAGS
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {unreadable(error)}, {DAMAGED}") from None
    if not isinstance(found, dict) or not all(isinstance(when, str) for when in found.values()):
        raise UsageError(f"{path}: found no table of tags, {DAMAGED}")
    return found


def names(folder: Path) -> list[str]:
    """The names alone; none from a damaged file."""
    try:
        return sorted(read(folder))
    except UsageError:
        return []


DAMAGED = "expected the tags of a model, each with a time; remove the file, and tag the model again"


def owned(stored: Mapping[Path, Tags]) -> dict[Path, tuple[str, ...]]:
    """The tags of each of these models of one workload: a tag that several have belongs to the one that got it last."""
    owners: dict[str, Path] = {}
    for folder in sorted(stored):
        for name, when in stored[folder].items():
            if name not in owners or stored[owners[name]][name] < when:
                owners[name] = folder
    return {folder: tuple(sorted(name for name in tags if owners[name] == folder)) for folder, tags in stored.items()}


def add(results: Path, folder: Path, names: Sequence[str], *, others: Iterable[Path]) -> dict[str, Path]:
    """Tag a model, and return from which of the `others`, models of its workload, each tag was moved.

    Raises UsageError for a damaged file, and BenchError if a file cannot be written.
    """
    now = datetime.now(tz=UTC).isoformat()
    with _changing(results, folder):
        stored = {other: read(other) for other in others if other != folder}
        owners = owned(stored)
        _write(folder, {**read(folder), **dict.fromkeys(names, now)})
        for other, tags in stored.items():
            if not tags.keys().isdisjoint(names):
                _write(other, {name: when for name, when in tags.items() if name not in names})
    return {name: other for name in names for other in stored if name in owners[other]}


def remove(results: Path, folder: Path, names: Sequence[str]) -> None:
    """Take tags from a model. Raises UsageError if it has not all of them, and BenchError if it cannot be written."""
    with _changing(results, folder):
        stored = read(folder)
        if not stored:
            raise UsageError(f"--remove: found {names[0]!r}, but {folder} has no tags")
        if not stored.keys() >= set(names):
            raise UsageError(f"--remove: {unknown(names, sorted(stored))}")
        _write(folder, {name: when for name, when in stored.items() if name not in names})


@contextmanager
def _changing(results: Path, folder: Path) -> Iterator[None]:
    """Nobody else changes tags in these results as long as the context lasts."""
    path = (results if results.is_dir() else folder) / LOCK
    with writing(path), locked(path):
        yield


def _write(folder: Path, tags: Tags) -> None:
    path = folder / TAGS
    with writing(path):
        if tags:
            replaced(path, tags)
        else:
            path.unlink(missing_ok=True)
