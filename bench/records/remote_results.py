"""Results at a remote address, such as s3://bucket/results: a local folder mirrors what a command needs of them.

Below the address are

    runs/<run>@<machine>/plan.json
    runs/<run>@<machine>/record-000012-1.jsonl     the order of the record and its attempt, written once
    machines/<machine>/baseline.json and calibration.json

The names of runs begin with their time. So one request lists all runs in their order, and a read asks only for one run.
A mirror is a folder of results with a file that has the address. It keeps what was read, since records never change.
A plan may grow while the run is measured, so it is read again if the list shows another version of it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench import cache as local_cache
from bench.errors import UsageError
from bench.records.record_lines import place_of
from bench.records.remote_files import (
    Entry,
    Remote,
    contents,
    is_address,
    listed,
    opened,
    shown,
    speaking,
    version,
    write,
    writing,
)
from bench.records.shared_lines import append, locked

MARK = "remote-address"  # the file of a mirror that has its address
OWN = 0o600  # its mode, since an address may have a password
RUNS, MACHINES = "runs", "machines"
PLAN = "plan.json"
SYNCED = "plan-at-address.json"  # which plan was last sent or fetched


class RunFiles(NamedTuple):
    """The files of a run in a mirror that are at its address, too."""

    folder: Path
    records: Path
    plan: Path

    @property
    def place(self) -> str:
        """The place of the run below the address: the folder is <machine>/<run>."""
        return f"{RUNS}/{self.folder.name}@{self.folder.parent.name}"


def mirror(address: str) -> Path:
    """The local folder that mirrors the results at this address; nothing is read from it yet.

    Raises UsageError if there is no file system for the address.
    """
    plain = address.rstrip("/")
    opened(plain)
    folder = local_cache.folder() / "mirrors" / hashlib.sha256(plain.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / MARK
    if not mark.is_file() or mark.read_text(encoding="utf-8") != plain:
        local_cache.store(mark, lambda draft: draft.write_text(plain, encoding="utf-8"))
    if mark.stat().st_mode & 0o777 != OWN:
        mark.chmod(OWN)
    return folder


def address_of(results: Path | None) -> str | None:
    """The address that a folder of results mirrors, without user and password; None for a local folder."""
    given = _given(results)
    return None if given is None else shown(given)


def of(results: Path | None) -> Remote | None:
    """What a folder of results mirrors; None for a local folder."""
    given = _given(results)
    return None if given is None else opened(given)


def runs(remote: Remote) -> list[tuple[str, str]]:
    """The machine and the name of every run, the oldest first; one request for a thousand runs."""
    with speaking(remote, "read"):
        found = listed(remote, RUNS)
    pairs = (name.partition("@")[::2] for name in sorted(found) if "@" in name)
    return [(machine, run) for run, machine in pairs]


def fetch(remote: Remote, run: RunFiles) -> None:
    """Bring what the mirror lacks of a run: one request for its list, and one for each object that is missing."""
    before = digest(run.plan)
    with speaking(remote, "read"):
        there = listed(remote, run.place)
        known = set(names_of(lines(run.records)))
        wanted = sorted(name for name in there if name.startswith("record-") and name not in known)
        wanted += [PLAN] if PLAN in there and _is_outdated(run.plan, there[PLAN]) else []
        found = dict(zip(wanted, contents(remote, [f"{run.place}/{name}" for name in wanted]), strict=True))
    if PLAN in found:
        content = found.pop(PLAN)
        if digest(run.plan) == before:  # else this machine has just extended its plan
            local_cache.store(run.plan, lambda draft: draft.write_bytes(content))
            note_synced(run.plan, content, there=version(there[PLAN]))
    if found:
        _keep(run.records, found)


def fetch_machine_file(remote: Remote, path: Path) -> None:
    """Bring the newest version of a machine's file into the mirror, or remove it there if it is gone."""
    with speaking(remote, "read"):
        try:
            content = remote.files.cat_file(_machine_file(remote, path))
        except FileNotFoundError:
            path.unlink(missing_ok=True)
            return
    local_cache.store(path, lambda draft: draft.write_bytes(content))


def send_machine_file(remote: Remote, path: Path) -> None:
    """Write a machine's file to the address, or remove it there if it is gone in the mirror."""
    with writing(remote):
        if path.is_file():
            write(remote.files, _machine_file(remote, path), path.read_bytes())
        elif remote.files.exists(_machine_file(remote, path)):
            remote.files.rm_file(_machine_file(remote, path))


def machines(remote: Remote) -> list[str]:
    """The machines that have files of their own."""
    with speaking(remote, "read"):
        return sorted(listed(remote, MACHINES))


def lines(records: Path) -> list[bytes]:
    """The lines of a records file that are records; none if there is no file."""
    try:
        found = records.read_bytes().split(b"\n")
    except OSError:
        return []
    return [line for line in found if place_of(line) is not None]


def names_of(records: Iterable[bytes]) -> Iterator[str]:
    """The name of the object of each record."""
    for line in records:
        place = place_of(line)
        if place is not None:
            yield f"record-{place[0]:06d}-{place[1]}.jsonl"


def synced(plan: Path) -> Mapping[str, Any]:
    """The digest of the plan that was last sent or fetched (`here`), and its version in a list (`there`), if known."""
    try:
        found = json.loads(plan.with_name(SYNCED).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def note_synced(plan: Path, content: bytes, *, there: str | None) -> None:
    """Note which plan was sent or fetched."""
    text = json.dumps({"here": hashlib.sha256(content).hexdigest(), "there": there})
    local_cache.store(plan.with_name(SYNCED), lambda draft: draft.write_text(text, encoding="utf-8"))


def digest(path: Path) -> str | None:
    """The digest of a file; None if there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _given(results: Path | None) -> str | None:
    """The address in a folder of results; None for a local folder."""
    if results is None:
        return None
    try:
        text = (results / MARK).read_text(encoding="utf-8")
    except OSError:
        return None
    if not is_address(text):
        raise UsageError(
            f"{results / MARK}: found {text!r}, expected an address; name the address again with --results, which "
            "mends the file"
        )
    return text


def _machine_file(remote: Remote, path: Path) -> str:
    return f"{remote.root}/{MACHINES}/{path.parent.name}/{path.name}"


def _keep(records: Path, found: Mapping[str, bytes]) -> None:
    """Append records to the file of a mirror, but none that another reader has appended meanwhile."""
    records.parent.mkdir(parents=True, exist_ok=True)
    with locked(records) as descriptor:
        known = set(names_of(lines(records)))
        new = [content for name, content in found.items() if name not in known]
        if new:
            append(descriptor, b"".join(content if content.endswith(b"\n") else content + b"\n" for content in new))


def _is_outdated(plan: Path, entry: Entry) -> bool:
    """Whether the plan at the address is another one than the mirror has; a plan that still has to be sent stays."""
    last, here = synced(plan), digest(plan)
    if here is None or not last:
        return True
    return last.get("here") == here and last.get("there") != version(entry)
