"""Runs are found by the names that people give, and read as one list or as the sides of a comparison."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import NothingMeasuredError, UsageError
from bench.records import named_runs
from bench.records.machine_files import set_baseline
from bench.records.named_runs import find, read, side, together
from bench.records.record import Record
from bench.records.store import Plan, RunFolder, new_run
from tests.bench.sample_records import record


def stored(results: Path, *records: Record, machine: str = "a-machine") -> RunFolder:
    """A run of these records, with its own id on them."""
    run = new_run(results, machine=machine)
    for item in records:
        run.append(replace(item, run=run.name))
    return run


def read_of(*runs: RunFolder) -> named_runs.Stored:
    return read(runs, warn=pytest.fail)


def test_runs_are_found_by_id_by_folder_and_as_the_baseline_of_a_machine(tmp_path: Path) -> None:
    first, second = stored(tmp_path, record()), stored(tmp_path, record())
    set_baseline(tmp_path, first, who="somebody", why="a test")
    assert find([second.name, str(first.folder)], results=tmp_path) == [second, first]
    assert find(["baseline"], results=tmp_path, machine="a-machine") == [first]
    with pytest.raises(UsageError, match="'baseline': no such run"):
        find(["baseline"], results=tmp_path)


def test_all_wrong_names_are_told_at_once(tmp_path: Path) -> None:
    stored(tmp_path, record())
    with pytest.raises(UsageError, match=r"run 'one': .*; run 'two': "):
        find(["one", "two"], results=tmp_path)


def test_a_run_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    run = stored(tmp_path, record(), record(replicate=1))
    again = RunFolder(tmp_path / "copy" / "records.jsonl")
    again.folder.mkdir()
    again.records.write_bytes(run.records.read_bytes())
    assert together(read_of(run, again)) == run.read(warn=pytest.fail)
    again.records.write_text(again.records.read_text().replace('"duration_s":2.5', '"duration_s":3.5'))
    with pytest.raises(UsageError, match=f"copy: found run {run.name} again with other results"):
        together(read_of(run, again))


def test_a_side_has_the_planned_cases_that_no_run_of_it_measured(tmp_path: Path) -> None:
    measured, other, never = (record(replicate=number) for number in range(3))
    run, more = stored(tmp_path, measured), stored(tmp_path, other)
    run.save_plan(Plan(cases=(measured.case, other.case, never.case), options={}))
    assert side(read_of(run), warn=pytest.fail).unmeasured == (other.case, never.case)
    assert side(read_of(run, more), warn=pytest.fail).unmeasured == (never.case,)
    assert side(read_of(more), warn=pytest.fail).unmeasured == (), "a run without a plan"


def test_a_plan_that_cannot_be_read_is_told_and_costs_no_other_run(tmp_path: Path) -> None:
    first, never = record(), record(replicate=1)
    damaged, run = stored(tmp_path, first), stored(tmp_path, first)
    for item in (damaged, run):
        item.save_plan(Plan(cases=(first.case, never.case), options={}))
    damaged.plan.write_text("{")
    told: list[str] = []
    found = side(read_of(damaged, run), warn=told.append)
    assert (len(found.records), found.unmeasured) == (2, (never.case,))
    (line,) = told
    assert line.startswith(f"{damaged.plan}: found a plan that cannot be read, ")
    assert "start a new run" not in line


def test_a_side_without_a_record_is_refused(tmp_path: Path) -> None:
    run = stored(tmp_path)
    run.records.touch()
    with pytest.raises(NothingMeasuredError, match=f"{run.name}: found no records"):
        named_runs.read_side([run.name], results=tmp_path, warn=pytest.fail)
