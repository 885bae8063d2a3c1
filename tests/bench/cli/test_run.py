"""`levelfield run` measures what was asked for, and says so by what it prints, stores and returns."""

import re
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.analysis.time_breakdown import spent_s
from bench.cli.run_end import exit_code
from bench.records.store import RunFolder
from tests.bench.cli.conftest import Command, Finished, Place, records
from tests.bench.run.scripted_workers import Script, told
from tests.bench.sample_records import record


def test_a_run_ends_with_0_and_a_record_for_every_case(finished: Finished) -> None:
    assert finished.result.code == 0, finished.result.err
    stored = records(finished.place)
    assert [item.case for item in stored] == list(RunFolder(finished.place.records).load_plan().cases)
    assert len(stored) == 2 * 3, "memory, timing and learning, for each framework"
    assert {item.outcome for item in stored} == {"ok"}
    assert all(item.certificate and item.certificate.passed for item in stored)
    assert {item.environment.machine for item in stored} == {finished.place.records.parents[1].name}


def test_a_run_prints_its_summary_where_it_is_and_which_share_was_measuring(finished: Finished) -> None:
    out = finished.result.out
    assert str(finished.place.records) in out.splitlines()[-2]
    assert str(finished.place.reports / "latest.md") in out.splitlines()[-1]
    assert re.search(r"in all: .*\d+% timed rounds.*\d+% proofs, memory, peak rates and start-up", out)
    assert out.count("certificate tiny") == 2
    disturbed = [line for line in finished.result.err.splitlines() if "cores busy" in line]
    assert finished.result.err.splitlines() == disturbed, "nothing but that other work disturbs, if it does"


def test_a_run_writes_its_report_with_the_command_that_repeats_it(finished: Finished) -> None:
    page = (finished.place.reports / "latest.md").read_text()
    assert f"levelfield run --workload {finished.place.workload} --framework pytorch,flax --scenario training" in page
    assert "Tiny" in page or "tiny" in page


def test_the_logs_of_the_libraries_are_kept_beside_the_records(finished: Finished) -> None:
    names = {path.name for path in (finished.place.records.parent / "artifacts" / "logs").iterdir()}
    assert {"tiny-pytorch.log", "tiny-flax.log", "fork-server-pytorch-cpu.log"} <= names


def test_every_record_says_what_was_done_how_and_where(finished: Finished) -> None:
    for item in records(finished.place):
        library, other = ("torch", "jax") if item.case.framework == "pytorch" else ("jax", "torch")
        assert library in item.environment.versions
        assert other not in item.environment.versions
        assert item.settings
        assert item.startup_s
        assert item.duration_s > item.startup_s
        assert item.start_method == "fork"


def test_each_purpose_has_measured_its_part(finished: Finished) -> None:
    for item in records(finished.place):
        found = item.measurement
        parts = {"timing": bool(found.blocks), "learning": bool(found.learning), "memory": bool(found.memory)}
        assert [name for name, there in parts.items() if there] == [item.case.purpose]
        assert all((memory.host_baseline_bytes or 0) > 10_000_000 for memory in found.memory)
        assert sum(spent_s([item]).values()) < item.duration_s, "what was measured is a part of what a case took"
        assert bool(spent_s([item])) == (item.case.purpose != "memory")


def test_a_timed_record_has_the_roof_and_what_its_calls_need(finished: Finished) -> None:
    for item in records(finished.place):
        assert (item.roof is not None) == (item.case.purpose == "timing")
        if item.roof is None:
            continue
        assert item.roof.flops is not None
        assert 1e8 < item.roof.flops.per_second < 1e14
        assert len(item.roof.bytes) == 4
        (block,) = item.measurement.blocks
        assert block.flops == 8 * 2 * (2 * 6 * 5 + 3 * 5 * 3), "eight samples; inputs need no gradient"
        assert block.least_bytes


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.parametrize("percent", [100.0, 0.0])
def test_other_work_is_warned_of_before_a_run_begins_or_goes_on(
    levelfield: Command, place: Place, monkeypatch: pytest.MonkeyPatch, *, goes_on: bool, percent: float
) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: percent * (interval > 0))
    monkeypatch.setattr("bench.cli.run.check_devices", lambda *_: None)
    monkeypatch.setattr("bench.run.runner.run", lambda *_: [])
    place.records.write_text("")
    found = levelfield("run", *(("--resume",) if goes_on else ("--workload", place.workload)), *place.places)
    assert ("cores busy" in found.err) == (percent > 0)
    assert "nothing was measured" in found.err


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(("percent", "warned"), [(100.0, True), (0.0, False)])
def test_other_work_is_warned_of_before_a_search(
    levelfield: Command, monkeypatch: pytest.MonkeyPatch, *, percent: float, warned: bool
) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: percent * (interval > 0))
    monkeypatch.setattr("bench.run.option_search.search", lambda *_, **__: {})
    found = levelfield("tune", "digits-dnn", "--framework", "pytorch")
    assert ("cores busy" in found.err) == warned
    assert "nothing could be timed" in found.err


def test_where_no_framework_can_do_it_a_run_and_a_search_end_with_6(
    levelfield: Command, tmp_path: Path, script: Script
) -> None:
    """PyTorch's LSTM has tanh built in."""
    script.instead = lambda *_: told("unavailable", "it has tanh built in")
    folders = ("--results", tmp_path / "results", "--reports", tmp_path / "reports")
    asked = ("--framework", "pytorch", "--scenario", "inference", "--batch-size", 1)
    run = ("run", "--workload", "counting-lstm-relu", "--purpose", "timing", "--processes", 1)
    assert levelfield(*run, *asked, *folders).code == 6
    found = levelfield("tune", "counting-lstm-relu", *asked)
    assert found.code == 6
    assert "nothing could be timed" in found.err
    assert "import" not in found.out, "there is no script for what cannot run"


def test_a_proof_that_is_not_expected_does_not_change_how_a_run_ends() -> None:
    proven = record().certificate
    assert proven is not None
    known = replace(proven, problem="several devices do other work", alone=True)
    assert exit_code([record(), record(certificate=known)]) == 0
    assert exit_code([record(), record(certificate=replace(known, alone=False))]) == 1
