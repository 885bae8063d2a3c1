"""An error of another device is raised in the first process, and no process outlives the first one."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bench.adapters.data_parallel.other_processes import Failure, last_words
from bench.errors import BenchError, UnavailableError
from bench.run.worker_client import ROOT
from bench.worker.main import _outcome
from tests.bench.adapters.data_parallel.failing_processes import RESET

LIMIT_S = 60.0
FULL = "CUDA out of memory. Tried to allocate 2.00 GiB"


def scene(name: str, *given: str, of: str = "failing_processes") -> subprocess.CompletedProcess[str]:
    """The end of one scene."""
    return subprocess.run(
        [sys.executable, "-m", f"tests.bench.adapters.data_parallel.{of}", name, *given],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def told(name: str, *, of: str = "failing_processes") -> list[str]:
    """What the first process printed."""
    found: list[str] = json.loads(scene(name, of=of).stdout)
    return found


@pytest.mark.parametrize("when", ["asked", "exchanged"])
def test_memory_that_is_full_on_another_device_is_raised_and_not_what_follows_from_it(when: str) -> None:
    assert told(f"memory, {when}") == ["MemoryError", "device 2: MemoryError: 16 GB"]
    assert _outcome(MemoryError("device 2: MemoryError: 16 GB")) == "oom"


@pytest.mark.parametrize("when", ["asked", "exchanged"])
def test_a_killed_process_is_named_even_if_another_one_waits_for_it(when: str) -> None:
    assert told(f"killed, {when}") == ["BenchError", "device 1: its process was killed by SIGKILL"]


def test_a_process_that_has_ended_is_no_broken_pipe() -> None:
    assert told("cannot, told") == ["UnavailableError", "device 1: no way on 1"]


def test_answers_come_in_the_order_of_the_devices() -> None:
    assert told("answers") == ["wait 1", "wait 2"]


def test_an_error_of_the_first_process_stays_as_it_is() -> None:
    assert told("own error") == ["RuntimeError", "shapes do not fit"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_no_process_outlives_the_first_one(tmp_path: Path) -> None:
    assert scene("leader dies", str(tmp_path)).returncode < 0
    left = [int(path.read_text()) for path in tmp_path.iterdir()]
    assert len(left) == 2
    end = time.monotonic() + LIMIT_S
    while left and time.monotonic() < end:
        left = [pid for pid in left if _runs(pid)]
    assert not left


def _runs(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_the_last_words_of_a_process_are_the_kind_of_its_error_and_one_line() -> None:
    full = type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory.\nTried to allocate 2 GiB")
    words = last_words(full)
    assert words == Failure("memory", "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB")
    assert last_words(UnavailableError("no way")) == Failure("unavailable", "no way")
    assert last_words(BenchError("it broke")) == Failure("failed", "it broke")
    assert last_words(RuntimeError(RESET)) == Failure("failed", f"RuntimeError: {RESET}")


@pytest.mark.parametrize("where", ["step", "put", "prepare"])
def test_a_full_device_of_a_real_training_ends_as_out_of_memory(where: str) -> None:
    kind, text = told(where, of="failing_training")
    assert (kind, text) == ("MemoryError", f"device 1: OutOfMemoryError: {FULL}")


def test_a_killed_device_of_a_real_training_is_named() -> None:
    found = told("killed", of="failing_training")
    assert found == ["BenchError", "device 1: its process was killed by SIGKILL"]


def test_a_full_first_device_of_a_real_training_is_told_as_it_is() -> None:
    assert told("first device", of="failing_training") == ["OutOfMemoryError", FULL]
