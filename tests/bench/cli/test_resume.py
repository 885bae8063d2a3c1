"""`levelfield run --resume` measures what is left of a run, if it is still the same run."""

import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.cli.run import _display
from bench.cli.stored_runs import options_of
from bench.cli.workload_places import sources
from bench.records.store import RunFolder
from bench.workload import source_code
from tests.bench.cli.conftest import Command, Place, records


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_goes_on_with_its_own_options_and_no_others(levelfield: Command, place: Place) -> None:
    result = levelfield("run", "--resume", "--seeds", "3", "--results", place.results)
    assert result.code == 2
    assert "--resume: found other options" in result.err


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_whose_workload_has_changed_is_not_continued(levelfield: Command, place: Place) -> None:
    run = RunFolder(place.records)
    plan = run.load_plan()
    run.save_plan(replace(plan, options={**plan.options, "workloads": {"tiny": "another digest"}}))
    place.records.write_text("")
    result = levelfield("run", "--resume", run.name, "--results", place.results)
    assert result.code == 2
    assert "tiny.toml: changed since" in result.err


@pytest.mark.usefixtures("nothing_starts")
def test_a_plan_may_know_the_work_by_an_earlier_digest_and_lack_a_workload_that_came_later(
    levelfield: Command, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(place.records)
    plan = run.load_plan()
    place.records.write_text("")
    today = plan.options["workloads"]["tiny"]
    monkeypatch.setitem(source_code._kept()["digests"], "earlier digest", today)
    for workloads in ({"tiny": "earlier digest"}, {}):
        run.save_plan(replace(plan, options={**plan.options, "workloads": workloads}))
        result = levelfield("run", "--resume", run.name, "--dry-run", "--results", place.results)
        assert result.code == 0, result.err
        assert "tiny pytorch training" in result.out


@pytest.mark.usefixtures("nothing_starts")
def test_a_plan_with_options_of_another_version_is_refused_in_one_line(levelfield: Command, place: Place) -> None:
    run = RunFolder(place.records)
    plan = run.load_plan()
    run.save_plan(replace(plan, options={**plan.options, "options": {**plan.options["options"], "colour": "red"}}))
    for command in (("run", "--resume", run.name), ("report", run.name)):
        found = levelfield(*command, "--results", place.results)
        assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
        assert "plan.json: found options that this version of Levelfield does not have" in found.err
    run.save_plan(plan)
    assert levelfield("report", run.name, "--format", "csv", "--results", place.results).code == 0


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_that_another_process_measures_is_refused(levelfield: Command, place: Place) -> None:
    run = RunFolder(place.records)
    place.records.write_text("")
    with run.measuring():
        found = levelfield("run", "--resume", *place.places)
        named = run.process.read_text()
    assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
    assert f"--resume: found {run.name}, which process {os.getpid()} measures now, expected a run that was" in found.err
    assert f"`levelfield watch {run.name}" in found.err
    run.process.write_text(named.replace('"ticks": "', '"ticks": "1'))
    assert levelfield("run", "--resume", "--dry-run", *place.places).code == 0, "that process is gone"


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_goes_on_from_any_folder_and_after_its_project_was_moved(
    levelfield: Command, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(place.records)
    monkeypatch.chdir(place.folder)
    options = replace(options_of(run, run.load_plan()), workload="tiny.toml,wine")
    found = sources(run, options)
    assert found == {"tiny.toml": "../../../tiny.toml"}, "no folder above those of the run and the workload"
    assert sources(RunFolder(Path("results", "machine", "run", "records.jsonl")), options) == found
    asked = {**run.load_plan().options, "options": asdict(replace(options, workload="tiny.toml")), "sources": found}
    run.save_plan(replace(run.load_plan(), options=asked))
    place.records.write_text("")
    moved = tmp_path / "moved"
    shutil.copytree(place.folder, moved)
    monkeypatch.chdir(tmp_path)
    for project in (place.folder, moved):
        result = levelfield("run", "--resume", run.name, "--dry-run", "--results", project / "results")
        assert result.code == 0, result.err
        assert "tiny pytorch training" in result.out
    (moved / "tiny.toml").unlink()
    result = levelfield("run", "--resume", run.name, "--dry-run", "--results", moved / "results")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert f"found no file {tmp_path / 'tiny.toml'} nor {moved / 'tiny.toml'}, expected the workload of" in result.err


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_of_an_older_version_goes_on_from_the_folder_where_it_was_started(
    levelfield: Command, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(place.records)
    plan = run.load_plan()
    options = {**plan.options["options"], "workload": "tiny.toml"}
    asked = {key: value for key, value in plan.options.items() if key != "sources"} | {"options": options}
    run.save_plan(replace(plan, options=asked))
    place.records.write_text("")
    for folder, code in ((place.folder, 0), (tmp_path, 2)):
        monkeypatch.chdir(folder)
        result = levelfield("run", "--resume", run.name, "--dry-run", "--results", place.results)
        assert result.code == code, result.err
    assert f"found no file {tmp_path / 'tiny.toml'}, expected the workload of {run.name}; start in the" in result.err


def test_nothing_to_resume_ends_with_6(levelfield: Command, place: Place, tmp_path: Path) -> None:
    complete = levelfield("run", "--resume", *place.places)
    assert (complete.code, complete.err) == (6, f"levelfield: {place.results}: found no unfinished run to continue\n")
    assert levelfield("run", "--resume", "--results", tmp_path / "nowhere").code == 6


def test_a_resumed_run_counts_all_cases_of_its_plan(place: Place) -> None:
    run = RunFolder(place.records)
    planned = run.load_plan().cases
    (counted,) = _display(run, dict.fromkeys(planned[4:], 1.0)).progress.tasks
    assert (counted.completed, counted.total) == (4, len(planned))


@pytest.mark.usefixtures("script")
def test_a_run_whose_records_are_incomplete_is_completed(levelfield: Command, place: Place) -> None:
    lines = place.records.read_text().splitlines(keepends=True)
    place.records.write_text("".join([*lines[:2], lines[3], *lines[5:]]))
    before = records(place)
    found = levelfield("run", "--resume", *place.places)
    assert found.code == 0, found.err
    after = records(place)
    assert after[: len(before)] == before, "what was measured is not measured again"
    assert {item.case for item in after} == set(RunFolder(place.records).load_plan().cases)
    assert len(after) == len(lines)
    orders = [item.order for item in after]
    assert orders == sorted(set(orders)), "what is measured later is in the order of the run, not of its second start"
