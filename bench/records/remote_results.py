"""Results at a remote address, such as s3://bucket/results: a local folder mirrors what a command needs of them.

Below the address are

    runs/<run>@<machine>/plan.json
    runs/<run>@<machine>/record-000012-1.jsonl     the order of the record and its attempt, written once
    machines/<machine>/baseline.json and calibration.json

The names of runs begin with their time. So one request lists all runs in their order, and a read asks only for one run.
A mirror is a folder of results with a file that has the address. It keeps what was read, since records never change.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench import cache as local_cache
from bench.errors import BenchError, UsageError
from bench.records.record_lines import place_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

MARK = "remote-address"  # the file of a mirror that has its address
RUNS, MACHINES = "runs", "machines"
PLAN = "plan.json"
# Records are small, so none is read in several parts: s3fs would ask for the length of each one first.
OPTIONS: Mapping[str, Mapping[str, Any]] = {"s3": {"max_concurrency": 1}, "s3a": {"max_concurrency": 1}}
LONGEST = 200  # characters of a reason
HELP = "check the address, the network, and the credentials that this file system reads (for S3 those of AWS)"


class Remote(NamedTuple):
    """A file system, and the folder on it; `address` names both."""

    files: "AbstractFileSystem"
    root: str
    address: str


def is_address(text: str) -> bool:
    """Whether this names a file system: `s3://bucket/results`."""
    return "://" in text


def mirror(address: str) -> Path:
    """The local folder that mirrors the results at this address; nothing is read from it yet.

    Raises UsageError if there is no file system for the address.
    """
    plain = address.rstrip("/")
    _opened(plain)
    folder = local_cache.folder() / "mirrors" / hashlib.sha256(plain.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(plain, encoding="utf-8")
    return folder


def address_of(results: Path | None) -> str | None:
    """The address that a folder of results mirrors; None for a local folder."""
    try:
        return None if results is None else (results / MARK).read_text(encoding="utf-8")
    except OSError:
        return None


def of(results: Path | None) -> Remote | None:
    """What a folder of results mirrors; None for a local folder."""
    address = address_of(results)
    return None if address is None else _opened(address)


def runs(remote: Remote) -> list[tuple[str, str]]:
    """The machine and the name of every run, the oldest first; one request for a thousand runs."""
    with _speaking(remote, "read"):
        found = _names(remote, RUNS)
    pairs = (name.partition("@")[::2] for name in sorted(found) if "@" in name)
    return [(machine, run) for run, machine in pairs]


def fetch(remote: Remote, folder: Path, records: Path, plan: Path) -> None:
    """Bring what the mirror lacks of a run: one request for its list, and one for each object that is missing."""
    place = _place(folder)
    with _speaking(remote, "read"):
        names = _names(remote, place)
        known = set(_names_of(_lines(records)))
        missing = sorted(name for name in names if name.startswith("record-") and name not in known)
        wanted = [*missing, *([PLAN] if PLAN in names and not plan.is_file() else [])]
        contents = _contents(remote, [f"{place}/{name}" for name in wanted])
    if PLAN in wanted:
        plan.parent.mkdir(parents=True, exist_ok=True)
        plan.write_bytes(contents.pop())
    if contents:
        records.parent.mkdir(parents=True, exist_ok=True)
        with records.open("ab") as file:
            file.writelines(content if content.endswith(b"\n") else content + b"\n" for content in contents)


def send(remote: Remote, folder: Path, records: Path, plan: Path) -> None:
    """Write what the address lacks of a run. No object is written twice."""
    place = _place(folder)
    with _speaking(remote, "written"):
        there = set(_names(remote, place))
        lines = _lines(records)
        for name, line in zip(_names_of(lines), lines, strict=True):
            if name not in there:
                remote.files.pipe_file(f"{remote.root}/{place}/{name}", line + b"\n")
        if plan.is_file() and PLAN not in there:
            remote.files.pipe_file(f"{remote.root}/{place}/{PLAN}", plan.read_bytes())


def send_record(remote: Remote, folder: Path, line: str) -> None:
    """Write one record as an object of its own."""
    (name,) = _names_of([line.encode()])
    with _speaking(remote, "written"):
        remote.files.pipe_file(f"{remote.root}/{_place(folder)}/{name}", f"{line}\n".encode())


def fetch_machine_file(remote: Remote, path: Path) -> None:
    """Bring the newest version of a machine's file into the mirror, or remove it there if it is gone."""
    with _speaking(remote, "read"):
        try:
            content = remote.files.cat_file(_machine_file(remote, path))
        except FileNotFoundError:
            path.unlink(missing_ok=True)
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def send_machine_file(remote: Remote, path: Path) -> None:
    """Write a machine's file to the address, or remove it there if it is gone in the mirror."""
    with _speaking(remote, "written"):
        if path.is_file():
            remote.files.pipe_file(_machine_file(remote, path), path.read_bytes())
        elif remote.files.exists(_machine_file(remote, path)):
            remote.files.rm_file(_machine_file(remote, path))


def machines(remote: Remote) -> list[str]:
    """The machines that have files of their own."""
    with _speaking(remote, "read"):
        return sorted(_names(remote, MACHINES))


@cache
def _opened(address: str) -> Remote:
    try:
        import fsspec

        # Objects come from other machines too, so a list is asked for each time.
        protocol = address.partition("://")[0]
        files, root = fsspec.url_to_fs(address, use_listings_cache=False, **OPTIONS.get(protocol, {}))
    except ImportError as error:
        raise UsageError(f"{address}: {error}; for S3 `pip install 'levelfield[s3]'`") from None
    except Exception as error:  # noqa: BLE001 (each file system has errors of its own)
        first = next(iter(str(error).splitlines()), type(error).__name__)
        expected = "an address that fsspec knows and can open here, such as s3://bucket/results"
        raise UsageError(f"{address}: {first[:LONGEST]}, expected {expected}") from None
    return Remote(files, root.rstrip("/"), address)


def _place(folder: Path) -> str:
    """The place of a run below the address, by its folder in the mirror: <machine>/<run>."""
    return f"{RUNS}/{folder.name}@{folder.parent.name}"


def _machine_file(remote: Remote, path: Path) -> str:
    return f"{remote.root}/{MACHINES}/{path.parent.name}/{path.name}"


def _names(remote: Remote, place: str) -> list[str]:
    """What lies directly below a place; nothing if there is no such place."""
    try:
        found = remote.files.ls(f"{remote.root}/{place}", detail=False)
    except FileNotFoundError:
        return []
    return [str(path).rstrip("/").rpartition("/")[2] for path in found]


def _contents(remote: Remote, places: Iterable[str]) -> list[bytes]:
    """The contents of these objects, many at a time where the file system can do that."""
    paths = [f"{remote.root}/{place}" for place in places]
    if not paths:
        return []
    found: Mapping[str, bytes] | bytes = remote.files.cat(paths)
    if isinstance(found, bytes):  # a list of one
        return [found]
    by_end = {path.lstrip("/"): content for path, content in found.items()}
    return [by_end[path.lstrip("/")] for path in paths]


def _lines(records: Path) -> list[bytes]:
    """The whole lines of a records file that are records; none if there is no file."""
    try:
        lines = records.read_bytes().split(b"\n")[:-1]
    except OSError:
        return []
    return [line for line in lines if place_of(line) is not None]


def _names_of(lines: Iterable[bytes]) -> Iterator[str]:
    """The name of the object of each record."""
    for line in lines:
        place = place_of(line)
        if place is not None:
            yield f"record-{place[0]:06d}-{place[1]}.jsonl"


@contextmanager
def _speaking(remote: Remote, done: str) -> Iterator[None]:
    """Turn whatever a file system raises into one line."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:  # noqa: BLE001 (each file system has errors of its own)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BenchError(f"{remote.address}: cannot be {done} ({type(error).__name__}: {reason}); {HELP}") from None
