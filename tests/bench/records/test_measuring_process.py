"""The file of a run says which process measures it, and a process is not taken for another one with its number."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from bench.records import measuring_process
from bench.records.measuring_process import MeasuringProcess, this_process
from bench.records.store import RECORDS, RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run without any file."""
    return RunFolder(tmp_path / RECORDS)


def test_the_file_is_there_while_the_run_is_measured_and_not_before_or_after(run: RunFolder) -> None:
    assert run.measured_by() is None
    with run.measuring():
        found = run.measured_by()
        assert found is not None
        assert (found.pid, found.state()) == (os.getpid(), "running")
        assert 0 <= found.elapsed_s() < 60
    assert run.measured_by() is None
    assert not run.process.exists()


def test_the_file_goes_too_if_the_run_ends_with_an_error(run: RunFolder) -> None:
    with pytest.raises(KeyboardInterrupt), run.measuring():
        raise KeyboardInterrupt
    assert not run.process.exists()


def test_a_file_that_cannot_be_read_names_a_process_that_is_not_known(run: RunFolder) -> None:
    with run.measuring():
        whole = run.process.read_bytes()
        run.process.write_bytes(whole[: len(whole) // 2])
        found = run.measured_by()
    assert found is not None, "it may still run"
    assert (found.state(), found.is_known) == ("unseen", False)
    run.process.unlink()
    run.process.mkdir()
    found = run.measured_by()
    assert found is not None
    assert found.state() == "unseen"
    assert this_process().is_known


def test_a_process_that_ends_leaves_the_file_of_another_one(run: RunFolder) -> None:
    with run.measuring():
        other = replace(this_process(), pid=1)
        run.process.write_bytes(TypeAdapter(MeasuringProcess).dump_json(other))
    assert run.measured_by() == other


@pytest.mark.parametrize("waited_for", [False, True])
def test_a_process_that_has_ended_is_gone_also_before_its_parent_has_asked_for_it(*, waited_for: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = replace(this_process(), pid=child.pid, ticks=measuring_process._ticks(child.pid))
        assert found.state() == "running"
        child.kill()
        if waited_for:
            child.wait()
        else:
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
        assert found.state() == "gone"


def test_another_process_with_the_same_number_is_not_the_one_that_measured() -> None:
    assert replace(this_process(), ticks="1").state() == "gone"


def test_a_process_of_another_machine_or_container_cannot_be_seen() -> None:
    assert replace(this_process(), boot="another").state() == "unseen"
    assert replace(this_process(), namespace="pid:[1]").state() == "unseen"
    assert replace(this_process(), boot="").state() == "unseen"


def test_without_proc_no_process_can_be_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measuring_process, "PROC", tmp_path)
    assert this_process().state() == "unseen"
