"""A run loses nothing however it ends: it can be completed, and leaves no process behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bench.records.store import RunFolder
from bench.run.worker_client import ROOT
from tests.bench.cli.conftest import Command, Place, prepared, records
from tests.bench.workloads import toml

PATIENCE_S = 120.0


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, which hears Ctrl-C even where the tests do not."""
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, heard)
    try:
        yield run
    finally:
        run.kill()
        run.communicate()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.01)


def descendants(run: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(run.pid).children(recursive=True)


def workers(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that the fork servers of a run have made."""
    servers = psutil.Process(run.pid).children()
    return [worker for server in servers for worker in server.children()]


def interrupt(run: subprocess.Popen[str]) -> tuple[int, str, list[psutil.Process]]:
    """Ctrl-C: the exit code, what was said, and the processes that there were."""
    there = descendants(run)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=PATIENCE_S)
    return run.returncode, said, there


def stored_lines(place: Place) -> int:
    return sum(path.read_bytes().count(b"\n") for path in place.results.glob("*/*/records.jsonl"))


@pytest.mark.slow
def test_a_killed_worker_and_an_interrupt_lose_nothing_and_the_run_can_be_completed(
    levelfield: Command, tmp_path: Path
) -> None:
    place = prepared(tmp_path)
    asked = [
        "--workload",
        place.workload,
        "--framework",
        "pytorch",
        "--batch-size",
        8,
        "--processes",
        2,
        "--threads",
        1,
    ]

    with started(place.command(*asked)) as run:
        until(lambda: stored_lines(place) >= 3)  # memory, and a case that was timed: from now on workers are of cases
        until(lambda: workers(run))
        os.kill(workers(run)[0].pid, signal.SIGKILL)
        until(lambda: stored_lines(place) >= 5)
        code, said, there = interrupt(run)
    assert code == 130
    assert said.splitlines()[-1].startswith(
        f"levelfield: interrupted; the records so far are in {place.records}; continue with "
    )
    assert "Traceback" not in said
    assert there, "the fork servers at least"
    assert not any(process.is_running() for process in there)

    before = records(place)
    killed = [item for item in before if item.outcome != "ok"]
    assert [(item.outcome, item.error) for item in killed] == [("failed", "the process was killed by SIGKILL")]
    planned = RunFolder(place.records).load_plan().cases
    assert len(before) < len(planned)

    found = levelfield("run", "--resume", place.records.parent.name, *place.places)
    assert found.code == 1, "a case has failed"
    after = records(place)
    assert after[: len(before)] == before
    assert [item.case for item in after] == list(planned)
    assert [item.order for item in after] == list(range(len(planned)))
    assert [item.outcome for item in after].count("ok") == len(planned) - 1
    assert "the process was killed by SIGKILL" in (place.reports / "latest.md").read_text()


@pytest.mark.slow
def test_an_interrupt_before_anything_was_measured_ends_every_process(tmp_path: Path) -> None:
    place = prepared(tmp_path)
    place.workload.write_text(toml(("units = 5", "units = 4")))  # whose traces are not in the cache
    with started(place.command("--workload", place.workload, "--framework", "pytorch,flax")) as run:
        until(lambda: workers(run))  # the first ones train for the proof
        code, said, there = interrupt(run)
    assert code == 130
    assert said.splitlines()[-1].startswith("levelfield: interrupted; ")
    assert "Traceback" not in said
    assert not any(process.is_running() for process in there)
    assert stored_lines(place) == 0
