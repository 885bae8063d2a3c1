"""Stored records stay readable after interruptions, damaged lines and full disks; runs and baselines are found."""

import multiprocessing
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import BenchError, NothingMeasuredError, UsageError
from bench.records.machine_files import (
    baseline_of,
    baselines,
    clear_baseline,
    load_calibration,
    save_calibration,
    set_baseline,
)
from bench.records.record import SCHEMA_VERSION, Record
from bench.records.record_lines import to_line
from bench.records.records_file import read
from bench.records.store import Plan, RunFolder, find_run, new_run, runs, unfinished
from tests.bench.sample_records import record


def a_record(order: int = 0) -> Record:
    return record(replicate=order, order=order, samples=3)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return new_run(tmp_path / "results", machine="machine")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


def silent(warning: str) -> None:
    pytest.fail(f"no warning was expected: {warning}")


def test_appended_records_are_read_back_in_order(run: RunFolder) -> None:
    stored = [a_record(order) for order in range(3)]
    for each in stored:
        run.append(each)
    assert run.read(warn=silent) == stored
    assert run.read(warn=silent) != stored[::-1]


def test_the_last_attempt_of_a_case_is_read_and_all_attempts_are_stored(run: RunFolder) -> None:
    first, second, other = a_record(0), replace(a_record(0), attempt=2, order=1), a_record(2)
    for each in (first, second, other):
        run.append(each)
    assert run.read(warn=silent) == [second, other]
    assert read(run.records, warn=silent) == [first, second, other]


def test_equal_cases_of_different_runs_are_all_read(run: RunFolder) -> None:
    stored = [a_record(0), replace(a_record(0), run="another", attempt=2)]
    for each in stored:
        run.append(each)
    assert run.read(warn=silent) == stored


def test_a_run_without_a_file_has_no_records(run: RunFolder) -> None:
    assert run.read(warn=silent) == []


def test_an_incomplete_last_line_is_skipped_with_a_warning_that_has_its_file_and_number(run: RunFolder) -> None:
    run.append(a_record(0))
    with run.records.open("a") as file:
        file.write(to_line(a_record(1))[:200])
    warnings: list[str] = []
    assert run.read(warn=warnings.append) == [a_record(0)]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{run.records}:2: skipped, found the beginning of a record, expected")


def test_a_record_after_an_incomplete_line_is_on_a_new_line(run: RunFolder) -> None:
    run.append(a_record(0))
    with run.records.open("a") as file:
        file.write(to_line(a_record(1))[:200])
    run.append(a_record(2))
    warnings: list[str] = []
    assert run.read(warn=warnings.append) == [a_record(0), a_record(2)]
    assert [warning.split(" ")[0] for warning in warnings] == [f"{run.records}:2:"]


def test_a_record_that_is_there_twice_counts_once_and_that_is_told(run: RunFolder) -> None:
    run.append(a_record(0))
    run.append(a_record(1))
    content = run.records.read_bytes()
    run.records.write_bytes(content + content)
    warnings: list[str] = []
    assert run.read(warn=warnings.append) == [a_record(0), a_record(1)]
    assert warnings == [f"{run.records}:3: skipped, and so was line 4: found the same record again, expected each once"]
    run.records.write_bytes(content)
    assert run.read(warn=warnings.append) == [a_record(0), a_record(1)]
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "found an incomplete or damaged line, expected a record"),
        (b'{"a": 1}', f"schema_version: found None, expected {SCHEMA_VERSION}"),
        (b"[]", "schema_version: found None"),
        (
            to_line(replace(a_record(), schema_version=99)).encode(),
            f"schema_version: found 99, expected {SCHEMA_VERSION}",
        ),
        (to_line(a_record()).replace('"cores":2', '"cores":"two"').encode(), "environment.cores: "),
        (
            to_line(replace(a_record(), started="yesterday")).encode(),
            "started: found 'yesterday', expected a date and a time",
        ),
        (
            to_line(replace(a_record(), duration_s=float("nan"))).encode(),
            "duration_s: found nan, expected seconds from 0 to ",
        ),
        (b"\xff\xfe\x00", "found bytes that are not text in UTF-8"),
    ],
    ids=["text", "foreign", "list", "newer", "mistyped", "no time", "no duration", "binary"],
)
def test_a_line_that_is_not_a_record_is_skipped_and_the_others_are_read(
    run: RunFolder, line: bytes, reason: str
) -> None:
    run.append(a_record(0))
    with run.records.open("ab") as file:
        file.write(line + b"\n")
    run.append(a_record(1))
    warnings: list[str] = []
    assert run.read(warn=warnings.append) == [a_record(0), a_record(1)]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{run.records}:2: skipped")
    assert reason in warnings[0]


def test_processes_that_append_at_the_same_time_write_complete_lines(run: RunFolder) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=append_many, args=(run.records, start)) for start in (0, 100)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(stored.order for stored in run.read(warn=silent)) == [*range(50), *range(100, 150)]


def append_many(records: Path, start: int) -> None:
    for order in range(start, start + 50):
        RunFolder(records).append(a_record(order))


def test_a_folder_that_cannot_be_written_is_an_error_with_its_name(results: Path) -> None:
    results.write_text("a file where the folder should be")
    with pytest.raises(BenchError, match=rf"{re.escape(str(results))}.*: cannot be written .*--results DIR"):
        new_run(results, machine="machine")


def test_a_full_disk_is_an_error_and_stored_records_remain(results: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.fail("expected /dev/full, a device that is always full")
    with pytest.raises(BenchError, match=r"/dev/full: cannot be written .*still readable"):
        RunFolder(full).append(a_record())
    assert not results.exists()


def test_runs_are_listed_newest_first(results: Path) -> None:
    made = [new_run(results, machine=machine) for machine in ("one", "two", "one")]
    for run in made:
        run.append(a_record())
    assert runs(results) == made[::-1]
    assert len({run.name for run in made}) == 3
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{4}", run.name) for run in made)


def test_a_folder_without_results_has_no_runs(results: Path) -> None:
    assert runs(results) == []


def test_a_run_is_found_by_id_prefix_folder_file_and_as_the_latest(results: Path) -> None:
    for name in ("20260101T000000Z-aaaa", "20260102T000000Z-bbbb", "20260102T000000Z-bbbbbb"):
        RunFolder(folder(results / "machine" / name) / "records.jsonl").append(a_record())
    first = RunFolder(results / "machine" / "20260101T000000Z-aaaa" / "records.jsonl")
    assert find_run(results, "20260101T000000Z-aaaa") == first
    assert find_run(results, "20260101") == first
    assert find_run(results, str(first.folder)) == first
    assert find_run(results, str(first.records)) == first
    assert find_run(results, "20260102T000000Z-bbbb").name == "20260102T000000Z-bbbb", (
        "this id is also the beginning of another id"
    )
    assert find_run(results, "latest") == find_run(results, "last") != first


def test_a_records_file_can_be_in_any_folder(results: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.jsonl"
    baseline.write_text(to_line(a_record()) + "\n")
    assert find_run(results, str(baseline)).read(warn=silent) == [a_record()]
    assert read(baseline, warn=silent) == [a_record()]


@pytest.mark.parametrize("name", ["nonsense", "2025", ""])
def test_an_unknown_run_is_an_error_with_a_list_of_the_newest_runs(results: Path, name: str) -> None:
    names = [f"2026010{day}T000000Z-aaaa" for day in range(1, 8)]
    for known in names:
        RunFolder(folder(results / "machine" / known) / "records.jsonl").append(a_record())
    with pytest.raises(UsageError, match=rf"run '{name}': no such run") as caught:
        find_run(results, name)
    assert ", ".join(names[:1:-1]) in str(caught.value)
    assert "and 2 older ones" in str(caught.value)


def test_a_name_that_no_path_can_have_is_an_error_of_one_line(results: Path) -> None:
    with pytest.raises(UsageError, match=r"'a+': cannot be read \(File name too long\), expected an id, the beginning"):
        find_run(results, 300 * "a")


def test_the_beginning_of_several_ids_is_an_error_with_a_list_of_them(results: Path) -> None:
    for name in ("20260101T000000Z-aaaa", "20260101T000000Z-bbbb"):
        RunFolder(folder(results / "machine" / name) / "records.jsonl").append(a_record())
    with pytest.raises(UsageError, match=r"the ids of 2 runs begin with it; .*Z-bbbb, .*Z-aaaa"):
        find_run(results, "2026")


def test_latest_without_any_run_is_nothing_measured(results: Path) -> None:
    with pytest.raises(NothingMeasuredError, match="levelfield run"):
        find_run(results, "latest")


def test_a_plan_is_loaded_unchanged(run: RunFolder) -> None:
    plan = Plan(cases=(a_record(0).case, a_record(1).case), options={"time_limit_s": 60, "devices": ["cpu"]})
    run.save_plan(plan)
    assert run.load_plan() == plan
    assert run.load_plan() != replace(plan, options={})


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"cases": [{}], "options": {}}', '{"cases": [], "options": 3}'])
def test_a_damaged_plan_is_an_error_with_the_name_of_the_file(run: RunFolder, content: str) -> None:
    run.save_plan(Plan(cases=(), options={}))
    run.plan.write_text(content)
    with pytest.raises(UsageError, match=r"plan\.json: found no plan that can be resumed"):
        run.load_plan()


def test_the_unfinished_run_is_the_newest_one_with_missing_records(results: Path) -> None:
    plan = Plan(cases=(a_record(0).case, a_record(1).case), options={})
    older, newer, newest = (new_run(results, machine="machine") for _ in range(3))
    older.save_plan(plan)
    newer.save_plan(plan)
    newer.append(a_record(0))
    newest.save_plan(plan)
    newest.append(replace(a_record(0), outcome="failed", error="a failure is a record too"))
    newest.append(a_record(1))
    assert unfinished(results, warn=silent) == newer
    assert newer.missing(warn=silent) == [a_record(1).case]
    newer.append(a_record(1))
    assert unfinished(results, warn=silent) == older
    older.append(a_record(0))
    older.append(a_record(1))
    assert unfinished(results, warn=silent) is None


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_each_machine_has_its_baseline_with_user_time_and_reason(results: Path) -> None:
    first, second = new_run(results, machine="one"), new_run(results, machine="two")
    for run in (first, second):
        run.append(a_record())
        set_baseline(results, run, who="Ada", why=f"the release on {run.folder.parent.name}")
    assert baseline_of(results, "one") == first
    assert baseline_of(results, "two") == second
    assert [(item.machine, item.run, item.who, item.why) for item in baselines(results)] == [
        ("one", first.name, "Ada", "the release on one"),
        ("two", second.name, "Ada", "the release on two"),
    ]
    assert find_run(results, "latest") == second, "the file of a baseline is not a run"
    clear_baseline(results, "one")
    with pytest.raises(UsageError, match="baseline: found none for one, expected one: `levelfield baseline set"):
        baseline_of(results, "one")
    assert baseline_of(results, "two") == second
    assert first.read(warn=silent) == [a_record()]


def test_a_new_baseline_replaces_the_earlier_one(results: Path) -> None:
    first, second = new_run(results, machine="one"), new_run(results, machine="one")
    for run in (first, second):
        run.append(a_record())
        set_baseline(results, run, who="Ada", why="newer")
    assert baseline_of(results, "one") == second
    assert len(baselines(results)) == 1


def test_a_missing_foreign_or_damaged_baseline_is_refused(run: RunFolder, results: Path, tmp_path: Path) -> None:
    run.append(a_record())
    with pytest.raises(UsageError, match="found a run outside of"):
        set_baseline(tmp_path / "others", run, who="Ada", why="no")
    set_baseline(results, run, who="Ada", why="yes")
    run.records.unlink()
    with pytest.raises(UsageError, match=r"records\.jsonl is missing; set another"):
        baseline_of(results, "machine")
    (results / "machine" / "baseline.json").write_text("{")
    with pytest.raises(BenchError, match=r"baseline\.json: found no valid baseline \(.*\); set it again"):
        baselines(results)


def test_each_machine_has_its_calibration(results: Path) -> None:
    assert load_calibration(results, "one") is None
    save_calibration(results, "one", {"noise": 0.5})
    path = save_calibration(results, "one", {"noise": 0.25})
    assert load_calibration(results, "one") == {"noise": 0.25}
    assert load_calibration(results, "two") is None
    path.write_text("{")
    with pytest.raises(
        BenchError, match=r"calibration\.json: found no valid calibration \(.*\); run `levelfield doctor"
    ):
        load_calibration(results, "one")
