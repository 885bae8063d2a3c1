"""Runs a part of a run on the machine to which it was sent: `levelfield run --resume` in a process of its own.

The part is a run with the same id, whose plan has the cases of one workload. Its folder stays in the user's cache until
the sender has taken the end of the part, so that no record is lost: if the part is sent again, its first lines are
those left there.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import cache
from bench.records.record_lines import place_of
from bench.records.store import LOGS, PLAN, RECORDS, RunFolder

LOOK_S = 0.2  # between two looks for new lines
PATIENCE_S = 60.0  # for a run to end after an interrupt
LONGEST = 300  # characters of what a run said last
LONGEST_LOG = 50_000  # characters of the end of a log
FAILED = 1
PARENT_DIED = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A part: the id of the run, the machine's name, the plan as JSON, and the records that are known already."""

    run: str
    machine: str
    plan: str
    lines: tuple[str, ...]


Told = Mapping[str, Any]


def run(job: Job, *, environment: Mapping[str, str]) -> Iterator[Told]:
    """Each new record as a line, then the ends of the logs and the exit code; one part at a time on a machine.

    When the generator goes on after the exit code, everything has arrived, and the folder of the part is removed.
    `environment` is the shell that the user of this machine has.
    """
    import filelock

    path = Path(tempfile.gettempdir(), "levelfield-part.lock")
    with suppress(OSError):  # each user of the machine may lock it
        path.touch()
        path.chmod(0o666)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        yield {"kind": "told", "text": "waits: another part is measured on this machine"}
        lock.acquire()
    try:
        yield from _measured(job, environment)
    finally:
        lock.release()


def _measured(job: Job, environment: Mapping[str, str]) -> Iterator[Told]:
    results = cache.folder() / "parts" / f"{job.run}-{job.machine}"
    folder = RunFolder(results / job.machine / job.run / RECORDS)
    known = set(map(place_of, job.lines))
    if not _is_free(folder):
        yield {"kind": "ended", "code": FAILED, "text": "an earlier attempt still runs there; continue the run later"}
        return
    _prepare(folder, job)
    command = [sys.executable, "-m", "bench", "run", "--resume", job.run, "--results", str(results)]
    with tempfile.TemporaryFile("w+b") as said:
        process = subprocess.Popen(
            [*command, "--reports", str(results / "reports")],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 (no thread of this process is involved)
        )
        try:
            while (code := process.poll()) is None:
                time.sleep(LOOK_S)
                yield from _new(folder.records, known)
        finally:
            _stopped(process)
        yield from _new(folder.records, known)
        said.seek(0)
        last = said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
    yield from _logs(folder)
    yield {"kind": "ended", "code": code if code >= 0 else FAILED, "text": _why(code, last)}
    shutil.rmtree(results, ignore_errors=True)


def _why(code: int, last: Sequence[str]) -> str:
    """Why a run failed: what it said last, or the signal that ended it; empty if it did not fail."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return last[0][:LONGEST] if last and code else ""


def _is_free(folder: RunFolder) -> bool:
    """Wait for the process of an earlier attempt, and say whether it has ended: before, `run --resume` refuses."""
    for _ in range(round(PATIENCE_S / LOOK_S)):
        process = folder.measured_by()
        if process is None or process.state() != "running":
            return True
        time.sleep(LOOK_S)
    return False


def _logs(folder: RunFolder) -> Iterator[Told]:
    """The end of each file in which libraries have written."""
    for path in sorted((folder.folder / LOGS).glob("*.log")):
        if text := path.read_text("utf-8", "replace")[-LONGEST_LOG:]:
            yield {"kind": "log", "name": path.name, "text": text}


def _prepare(folder: RunFolder, job: Job) -> None:
    """Make the folder of the part: its plan, the known records, and those that an earlier attempt has left here."""
    (folder.folder / PLAN).parent.mkdir(parents=True, exist_ok=True)
    (folder.folder / PLAN).write_text(job.plan, encoding="utf-8")
    left = folder.records.read_text("utf-8").splitlines() if folder.records.is_file() else []
    there = set(map(place_of, left))
    missing = [line for line in job.lines if place_of(line) not in there]
    with folder.records.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in missing)


def _new(records: Path, known: set[tuple[int, int] | None]) -> Iterator[Told]:
    """The whole lines whose records are not known yet."""
    for line in records.read_text("utf-8").split("\n")[:-1]:
        place = place_of(line)
        if place is not None and place not in known:
            known.add(place)
            yield {"kind": "line", "text": line}


def _stopped(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt a run that is not over, and give it time to end its own processes."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _end_with_parent() -> None:
    """Interrupt this process when its parent dies, where the system can do that (Linux)."""
    with suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PARENT_DIED, signal.SIGINT)
