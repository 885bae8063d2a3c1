"""Runs are loaded from folders and files, and what is wrong or missing is told."""

import gc
import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

import bench
from bench.api import loading
from bench.errors import BenchError, NothingMeasuredError, UsageError
from bench.records import machine_files
from bench.records.store import Plan, RunFolder
from tests.bench.api.conftest import MACHINE, records, store
from tests.bench.sample_records import record


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, RunFolder, RunFolder]:
    """A folder with two runs."""
    return tmp_path, store(tmp_path, [record()]), store(tmp_path, [record(framework="flax"), record("wine")])


def test_a_folder_has_all_its_runs_the_oldest_first(two: tuple[Path, RunFolder, RunFolder]) -> None:
    folder, first, second = two
    assert list(bench.load(folder).arranged) == [first.name, second.name]
    assert list(bench.load(str(folder), runs="latest").arranged) == [second.name]
    assert list(bench.load(folder, runs=[second.name, first.name]).arranged) == [second.name, first.name]


def test_a_run_is_loaded_by_its_folder_and_by_its_file(two: tuple[Path, RunFolder, RunFolder]) -> None:
    folder, first, second = two
    assert list(bench.load(first.folder).arranged) == [first.name]
    assert list(bench.load([first.records, second.folder]).arranged) == [first.name, second.name]
    assert len(bench.load([first.records, folder]).records) == 3, "each run once"


def test_a_selection_leaves_out_rows_and_changes_no_figure(runs: bench.Runs, results: Path) -> None:
    some = bench.load(results, workload="digits-dnn", framework=["flax", "pytorch"])
    for name in ("cells", "processes", "samples", "curves", "certificates"):
        whole, part = getattr(runs, name), getattr(some, name)
        kept = whole[(whole.workload == "digits-dnn") & whole.framework.isin(["flax", "pytorch"])].reset_index(
            drop=True
        )
        assert 0 < len(part) < len(whole)
        assert part.equals(kept.reset_index(drop=True))
    assert "1 run (workload: digits-dnn; framework: flax, pytorch)" in repr(some)


def test_answers_are_about_all_frameworks_also_if_a_few_are_selected(results: Path, runs: bench.Runs) -> None:
    some = bench.load(results, framework="flax")
    assert set(some.cells.framework) == {"flax"}
    assert some.answers.equals(runs.answers)
    named = bench.load(results, workload="digits-dnn")
    assert not named.answers.equals(runs.answers), "other selections count"
    assert bench.load(results, workload="digits-dnn", framework="flax").answers.equals(named.answers)


def test_a_framework_without_its_backend_is_all_its_backends(tmp_path: Path) -> None:
    names = ("pytorch", "keras/jax", "keras/tensorflow")
    store(tmp_path, [record(framework=name) for name in names])
    assert set(bench.load(tmp_path, framework="keras").cells.framework) == {*names[1:]}
    assert set(bench.load(tmp_path, framework=["keras/jax", "pytorch"]).cells.framework) == {*names[:2]}
    with pytest.raises(UsageError, match="framework: found 'ker'"):
        bench.load(tmp_path, framework="ker")


def test_a_time_that_pandas_does_not_have_is_missing(tmp_path: Path) -> None:
    usual = record()
    run = store(tmp_path, [usual, replace(record(replicate=1), started="9999-01-01T00:00:00+00:00")])
    started = bench.load(run.folder).processes.started
    assert started.isna().tolist() == [False, True]
    assert started[0] == datetime.fromisoformat(usual.started)


def test_a_path_that_is_too_long_is_told_like_one_that_does_not_exist() -> None:
    said = f"{'x' * 300}: found no such file or folder, expected a folder of results"
    with pytest.raises(UsageError, match=said):
        bench.load("x" * 300)
    with pytest.raises(UsageError, match="runs: found it beside xxx"):
        bench.load("x" * 300, runs="latest")


def test_all_wrong_values_are_told_with_those_that_exist(results: Path) -> None:
    with pytest.raises(UsageError, match=r"workload: found 'digits' .*; framework: found 'jax', expected one of "):
        bench.load(results, workload="digits", framework="jax")
    with pytest.raises(UsageError, match="workload: wine; framework: flax: found no case with all of these"):
        bench.load(results, workload="wine", framework="flax")


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("no-such", UsageError, "no-such: found no such file or folder, expected a folder of results"),
        ("empty", UsageError, "empty: found a folder without runs, expected a folder of results"),
        ("nothing.jsonl", NothingMeasuredError, "nothing.jsonl: found no records"),
        ("text.md", NothingMeasuredError, r"text.md:1: skipped, .*expected a record as a line of JSON"),
    ],
)
def test_what_cannot_be_loaded_is_told(path: str, kind: type[BenchError], said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "nothing.jsonl").touch()
    (tmp_path / "text.md").write_text("# A page\n")
    with pytest.raises(kind, match=said):
        bench.load(tmp_path / path)


def test_all_wrong_paths_are_told_at_once_and_none_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"one: found .*; .*two: found "):
        bench.load([tmp_path / "one", tmp_path / "two"])
    with pytest.raises(UsageError, match="path: found an empty list"):
        bench.load([])
    with pytest.raises(UsageError, match=r"runs: found it beside .*one, expected one folder of results"):
        bench.load(tmp_path / "one", runs="latest")


def test_damaged_lines_are_skipped_and_told(two: tuple[Path, RunFolder, RunFolder]) -> None:
    folder, first, _ = two
    with first.records.open("a") as file:
        file.write('{"format": "<script>"}\n')
    with pytest.warns(UserWarning, match=r"records.jsonl:2: skipped"):
        found = bench.load(folder)
    assert len(found.records) == 3
    assert len(found.damaged) == 1
    for shown in (repr(found), found._repr_html_()):
        assert "records.jsonl:2: skipped" in shown


def test_planned_cases_without_a_record_are_told(two: tuple[Path, RunFolder, RunFolder]) -> None:
    folder, first, second = two
    first.save_plan(Plan(cases=(record().case, record(replicate=1).case), options={}))
    with pytest.warns(UserWarning, match=f"{first.name}: planned cases without a record: 1; .*--resume {first.name}"):
        found = bench.load(folder)
    assert (len(found.remarks), found.damaged) == (1, ())
    assert bench.load(second.folder).remarks == ()


def test_objects_of_a_notebook_stay_in_later_searches_for_garbage(tmp_path: Path) -> None:
    """Also after a file of many records; a report on the command line may leave them out."""
    store(tmp_path, [record(replicate=number) for number in range(1100)])
    before = gc.get_freeze_count()
    assert len(bench.load(tmp_path).records) == 1100
    assert gc.get_freeze_count() == before


def test_a_damaged_plan_is_told_and_costs_no_run(two: tuple[Path, RunFolder, RunFolder]) -> None:
    folder, first, second = two
    first.save_plan(Plan(cases=(record().case,), options={}))
    first.plan.write_text("[]")
    second.save_plan(Plan(cases=(record(replicate=1).case,), options={}))
    with pytest.warns(UserWarning, match="planned cases"):
        found = bench.load(folder)
    assert list(found.arranged) == [first.name, second.name]
    plan, unmeasured = found.remarks
    assert plan.startswith(f"{first.plan}: found a plan that cannot be read")
    assert unmeasured.startswith(f"{second.name}: planned cases without a record: 1")
    assert found.damaged == ()


def test_a_records_file_below_the_root_has_no_calibration() -> None:
    told: list[str] = []
    assert loading._noise([record()], [RunFolder(Path("/run/records.jsonl"))], told) == {}
    assert told == []


def test_a_damaged_calibration_is_told_and_costs_no_figure(results: Path, runs: bench.Runs, tmp_path: Path) -> None:
    shutil.copytree(results, tmp_path / "copy")
    machine_files.save_calibration(tmp_path / "copy", MACHINE, {"machine": MACHINE})
    with pytest.warns(UserWarning, match="calibration"):
        found = bench.load(tmp_path / "copy")
    assert found.cells.equals(runs.cells)


def test_a_run_is_shown_with_its_cases(runs: bench.Runs) -> None:
    (run,) = runs.arranged
    number = len(records())
    line = f"  {run} {MACHINE}: cases: {number}, timed cells: 38, failed cases: 1, unavailable cases: 0"
    assert repr(runs).splitlines() == ["1 run", line]
    page = runs._repr_html_()
    assert f">{run}</td>" in page
    assert f">{number}</td>" in page


def test_names_of_other_people_are_shown_as_text(tmp_path: Path) -> None:
    run = store(tmp_path, [record()])
    content = json.loads(run.records.read_text())
    content["run"] = "<script>alert(1)</script>"
    run.records.write_text(json.dumps(content))
    page = bench.load(run.records)._repr_html_()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>" not in page


def test_a_password_in_an_address_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path))
    address = "memory://bob:hunter2@nowhere/results"
    with pytest.raises(UsageError, match="found it beside memory://nowhere/results, results"):
        bench.load([address, "results"], runs="latest")
