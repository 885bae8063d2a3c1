"""`bench.compare` has the verdicts of `levelfield compare`."""

import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
from bench.api.comparison import LARGEST_PERCENT, WORDS
from bench.cli import console, main
from bench.errors import ExitCode, NotComparableError, NothingMeasuredError, UsageError
from bench.records.machine_files import set_baseline
from bench.records.record import Record
from bench.records.store import Plan, RunFolder
from tests.bench.api.conftest import store
from tests.bench.sample_records import ENVIRONMENT, quick_run, record

Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`levelfield compare --format json`: its exit code, and what it printed."""

    def run(*arguments: object) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["levelfield", "compare", *map(str, arguments), "--format", "json"])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), json.loads(capsys.readouterr().out)

    return run


def changed(records: list[Record], *, workload: str) -> list[Record]:
    """The same records with one workload in another environment, in which its accuracy is different."""
    other = replace(ENVIRONMENT, versions={**ENVIRONMENT.versions, "torch": "2.14.0"})
    return [replace(item, environment=other) if item.case.workload == workload else item for item in records]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunFolder, RunFolder]:
    """A folder with a run and a slower one, whose PyTorch is newer in a part of it."""
    folder = tmp_path_factory.mktemp("sides")
    slow = changed(quick_run(slowdown=1.3), workload="digits-dnn")
    return folder, store(folder, quick_run()), store(folder, slow)


def rows(found: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (JSON)
    """The rows that the command printed, by the names of the columns; null is missing."""
    times = [
        {**row["cell"], **{key: row[key] for key in ("metric", "ratio", "low", "high", "verdict", "reason")}}
        | {"baseline": row["baseline_s"], "candidate": row["candidate_s"]}
        for row in found["rows"]
    ]
    others = [
        {**row["cell"], **{key: row[key] for key in ("metric", "baseline", "candidate", "verdict", "reason")}}
        | dict.fromkeys(("ratio", "low", "high"))
        for row in found["changes"]
    ]
    return times + others


def framed(frame: pd.DataFrame) -> list[dict[str, Any]]:
    plain = frame.drop(columns=["unit", "reliable"]).astype(object)
    return [
        {str(key): item for key, item in row.items()} for row in plain.where(plain.notna(), None).to_dict("records")
    ]


def test_the_frame_is_what_the_command_prints(sides: tuple[Path, RunFolder, RunFolder], command: Command) -> None:
    folder, first, second = sides
    code, printed = command(first.name, second.name, "--results", folder)
    found = bench.compare(first.name, second.name, results=folder)
    assert framed(found.frame) == rows(printed)
    assert len(found.frame) > 40
    assert (found.exit_code, found.verdict) == (code, "regressed") == (3, "regressed")
    assert found.environment.to_dict("records") == printed["environments"]
    assert len(found.environment) == 1
    back = bench.compare(second.name, first.name, results=folder)
    assert framed(back.frame) != rows(printed)
    assert back.verdict in {"improved", "inconclusive"}


def test_a_side_is_a_run_that_was_loaded_or_the_baseline(sides: tuple[Path, RunFolder, RunFolder]) -> None:
    folder, first, second = sides
    by_name = bench.compare(first.name, second.name, results=folder)
    loaded = bench.compare(bench.load(first.folder), bench.load(second.records))
    assert loaded.found == by_name.found
    set_baseline(folder, first, who="somebody", why="a test")
    assert bench.compare("baseline", bench.load(second.folder)).found == by_name.found
    assert bench.compare(first.folder, [second.name], results=folder).found == by_name.found
    assert bench.compare(second.name, first.name, results=folder).found != by_name.found


def test_the_threshold_is_that_of_the_command(sides: tuple[Path, RunFolder, RunFolder], command: Command) -> None:
    folder, first, second = sides
    assert inspect.signature(bench.compare).parameters["threshold_percent"].default == console.THRESHOLD_PERCENT
    assert console.LARGEST_THRESHOLD == LARGEST_PERCENT
    found = bench.compare(first.name, second.name, results=folder, threshold_percent=40)
    code, printed = command(first.name, second.name, "--results", folder, "--threshold", 40)
    assert (found.exit_code, framed(found.frame)) == (code, rows(printed))
    for wrong in (0, -1, 1000, float("nan")):
        with pytest.raises(UsageError, match=r"threshold_percent: found .*, expected percent above 0 and below 1000"):
            bench.compare(first.name, second.name, results=folder, threshold_percent=wrong)


def test_what_the_candidate_lacks_fails_unless_it_is_a_subset(tmp_path: Path, command: Command) -> None:
    whole = store(tmp_path, quick_run())
    part = store(tmp_path, [item for item in quick_run() if item.case.framework != "flax"])
    names = (whole.name, part.name)
    for subset in (False, True):
        found = bench.compare(*names, results=tmp_path, subset=subset)
        code, _ = command(*names, "--results", tmp_path, *(["--subset"] if subset else []))
        assert found.exit_code == code
        assert (found.verdict == "failed") is not subset


def test_damaged_lines_count_as_in_the_command(tmp_path: Path, command: Command) -> None:
    run = store(tmp_path, quick_run())
    with run.records.open("a") as file:
        file.write("{}\n")
    with pytest.warns(UserWarning, match="skipped|same run"):
        found = bench.compare(run.name, run.name, results=tmp_path)
    code, _ = command(run.name, run.name, "--results", tmp_path)
    assert (found.exit_code, found.verdict) == (code, "failed") == (1, "failed")
    with pytest.warns(UserWarning, match="skipped"):
        loaded = bench.load(run.folder)
    with pytest.warns(UserWarning, match="skipped|same run"):
        assert bench.compare(loaded, loaded).exit_code == 1


def test_a_selection_is_not_used_and_that_is_told(sides: tuple[Path, RunFolder, RunFolder]) -> None:
    folder, first, second = sides
    part = bench.load(folder, runs=second.name, workload="digits-dnn")
    with pytest.warns(UserWarning, match=r"the selection \(workload\) is not used"):
        found = bench.compare(first.name, part)
    assert set(found.frame.workload) == {"digits-dnn", "digits-cnn", "digits-lstm"}


def test_runs_that_cannot_be_compared_are_refused_with_the_reason(tmp_path: Path) -> None:
    first = store(tmp_path, [record()])
    elsewhere = store(tmp_path, [record(environment=replace(ENVIRONMENT, machine="another"))])
    flax = store(tmp_path, [record(framework="flax")])
    with pytest.raises(NotComparableError, match=r"not comparable: machine: baseline .*; choose two runs"):
        bench.compare(first.name, elsewhere.name, results=tmp_path)
    with pytest.raises(NothingMeasuredError, match="nothing that was measured in both; framework: pytorch in the base"):
        bench.compare(first.name, flax.name, results=tmp_path)
    with pytest.raises(UsageError, match="run 'no-such': no such run"):
        bench.compare("no-such", first.name, results=tmp_path)


def test_every_exit_code_of_a_comparison_has_a_word(sides: tuple[Path, RunFolder, RunFolder]) -> None:
    assert WORDS.keys() == {*ExitCode} - {
        ExitCode.DONE,  # unchanged or improved
        ExitCode.USAGE,
        ExitCode.NOTHING_MEASURED,  # these two are errors
        ExitCode.INTERRUPTED,
    }
    folder, first, _ = sides
    with pytest.warns(UserWarning, match="same run"):
        same = bench.compare(first.name, first.name, results=folder)
    assert same.verdict == {0: "unchanged", 4: "inconclusive"}[same.exit_code]


def test_a_notebook_shows_what_the_command_prints(sides: tuple[Path, RunFolder, RunFolder]) -> None:
    folder, first, second = sides
    found = bench.compare(first.name, second.name, results=folder)
    page = found._repr_html_()
    assert "Verdict: regressed (exit code 3)." in page
    assert f"{second.name} compared with {first.name}" in page
    assert "version of torch" in page
    assert repr(found).startswith(f"{second.name} compared with {first.name}: regressed\ntimes: ")


def test_names_of_other_people_are_shown_as_text(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>"
    made = [record(workload=name, run=name, replicate=number) for number in range(3)]
    run = store(tmp_path, made)
    with pytest.warns(UserWarning, match="same run"):
        found = bench.compare(run.name, run.name, results=tmp_path)
    for page in (found._repr_html_(), found.frame.to_html()):
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>" not in page


def test_runs_below_the_root_are_compared_without_a_calibration(sides: tuple[Path, RunFolder, RunFolder]) -> None:
    folder, first, second = sides
    before, after = (bench.load(run.folder) for run in (first, second))
    below = replace(after, stored={RunFolder(Path("/run/records.jsonl")): after.records})
    assert bench.compare(before, below).frame.equals(bench.compare(before, after, results=folder).frame)


def test_a_damaged_plan_is_told_and_fails_no_comparison(tmp_path: Path, command: Command) -> None:
    first, second = (store(tmp_path, quick_run()) for _ in range(2))
    second.save_plan(Plan(cases=(), options={}))
    assert bench.compare(first.folder, second.folder).remarks == ()
    second.plan.write_text("{")
    with pytest.warns(UserWarning, match="found a plan that cannot be read"):
        found = bench.compare(first.folder, second.folder)
    (line,) = found.remarks
    assert line.startswith(str(second.plan))
    assert found.verdict == "failed", "nobody knows whether something is missing"
    code, _ = command(first.folder, second.folder, "--reports", tmp_path)
    assert code == found.exit_code
