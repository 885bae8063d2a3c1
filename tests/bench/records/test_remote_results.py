"""Results at an address: every record is an object of its own, and a read asks only for what it needs."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from bench.errors import BenchError, NothingMeasuredError, UsageError
from bench.records import machine_files, remote_files, remote_results, store
from bench.records.store import RunFolder
from tests.bench.records.mirrors import ADDRESS, MACHINE, Mirror, measured, read
from tests.bench.sample_records import record


@pytest.mark.usefixtures("asked")
def test_what_one_user_stored_another_one_reads(mirror: Mirror) -> None:
    run = measured(mirror("ada"))
    mine = read(run)
    found = store.find_run(mirror("bob"), "latest")
    assert found.records != run.records
    assert read(found) == mine
    assert found.load_plan() == run.load_plan()
    assert found.place == f"{ADDRESS}/runs/{run.name}@{MACHINE}"


def test_every_record_is_an_object_that_is_written_once(mirror: Mirror, asked: Counter[str]) -> None:
    run = measured(mirror("ada"))
    read(run)
    read(store.find_run(mirror("bob"), run.name))
    written = {name: times for name, times in asked.items() if name.startswith(("record-", "plan"))}
    names = [*(f"record-00000{number}-1.jsonl" for number in range(3)), "plan.json"]
    assert written == dict.fromkeys(names, 1)


def test_the_newest_run_is_read_with_two_lists_and_one_request_for_each_part(
    mirror: Mirror, asked: Counter[str]
) -> None:
    for _ in range(5):
        newest = measured(mirror("ada"))
    asked.clear()
    found = store.find_run(mirror("bob"), "latest")
    assert read(found) == read(newest)
    assert asked["cat"] == 4, "three records and the plan"
    assert asked["ls"] == 2, "all runs, and the objects of this run"
    asked.clear()
    store.find_run(mirror("bob"), "latest")
    assert asked["cat"] == 0, "what was read is kept"


@pytest.mark.usefixtures("asked")
def test_a_record_that_another_process_adds_later_is_read_too(mirror: Mirror) -> None:
    run = measured(mirror("ada"))
    there = store.find_run(mirror("bob"), run.name)
    assert len(read(there)) == 3
    mirror("ada")
    run.append(record(replicate=3, order=3, run=run.name))
    assert len(read(there)) == 3
    there.fetch()
    assert len(read(there)) == 4


@pytest.mark.usefixtures("asked")
def test_a_baseline_and_a_calibration_are_shared(mirror: Mirror) -> None:
    results = mirror("ada")
    run = measured(results)
    machine_files.set_baseline(results, run, who="ada", why="a quiet evening")
    machine_files.save_calibration(results, MACHINE, {"noise": 1})
    other = mirror("bob")
    assert [item.why for item in machine_files.baselines(other)] == ["a quiet evening"]
    assert read(machine_files.baseline_of(other, MACHINE)) == read(run)
    assert machine_files.load_calibration(other, MACHINE) == {"noise": 1}
    machine_files.clear_baseline(other, MACHINE)
    assert machine_files.baselines(mirror("ada")) == []


@pytest.mark.usefixtures("asked")
def test_a_run_that_is_gone_from_the_address_is_listed_only_where_it_was_begun(mirror: Mirror) -> None:
    mine = mirror("ada")
    run = measured(mine)
    other = mirror("bob")
    store.find_run(other, run.name)
    assert store.unsent(mine) == store.unsent(other) == []
    fsspec.filesystem("memory").rm(ADDRESS.removeprefix("memory:/"), recursive=True)
    assert [item.name for item in store.unsent(mine)] == [run.name]
    assert [item.name for item in store.runs(mine)] == [run.name]
    assert store.runs(other) == []


@pytest.mark.usefixtures("asked")
def test_an_address_without_runs_says_so(mirror: Mirror) -> None:
    with pytest.raises(NothingMeasuredError, match=f"{ADDRESS}: no runs yet"):
        store.find_run(mirror("ada"), "latest")
    run = measured(mirror("ada"))
    with pytest.raises(UsageError, match=f"{ADDRESS} has {run.name}"):
        store.find_run(mirror("bob"), "1999")


@pytest.mark.parametrize(
    ("address", "said"),
    [("tpu://bucket/results", "tpu://bucket/results: Protocol not known"), ("hdfs://bucket/results", "hdfs://bucket")],
)
def test_an_address_without_a_file_system_is_refused(address: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        remote_results.mirror(address)


def test_a_local_folder_is_no_mirror(tmp_path: Path) -> None:
    assert remote_results.address_of(tmp_path) is None
    assert remote_results.of(None) is None
    assert RunFolder(tmp_path / "m" / "r" / "records.jsonl").place == str(tmp_path / "m" / "r" / "records.jsonl")
    assert not remote_files.is_address("results/s3")
    assert remote_files.is_address("s3://bucket")


def test_the_address_file_is_written_only_if_it_differs_and_then_at_once(mirror: Mirror) -> None:
    mark = mirror("ada") / remote_results.MARK
    first = mark.stat()
    mirror("ada")
    assert (mark.stat().st_ino, mark.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    mark.write_text("")
    with mark.open() as reader:
        mirror("ada")
        assert reader.read() == "", "another file took its place"
    assert mark.read_text() == ADDRESS


def test_an_empty_address_is_an_error_and_not_the_working_directory(mirror: Mirror) -> None:
    results = mirror("ada")
    (results / remote_results.MARK).write_text("")
    with pytest.raises(UsageError, match="remote-address: found '', expected an address"):
        remote_results.of(results)
    with pytest.raises(UsageError, match="'s3:': found no address"):
        remote_results.mirror("s3://")


@pytest.mark.usefixtures("asked")
def test_two_readers_of_one_mirror_keep_each_record_once(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    run = measured(mirror("ada"), 40)
    results = mirror("bob")
    found = RunFolder(results / MACHINE / run.name / store.RECORDS)
    kind = type(fsspec.filesystem("memory"))
    cat = kind.cat

    def overtaken(self: Any, *paths: Any, **named: Any) -> Any:  # noqa: ANN401 (the file system's own)
        monkeypatch.setattr(kind, "cat", cat)
        found.fetch()  # the other reader is faster
        return cat(self, *paths, **named)

    monkeypatch.setattr(kind, "cat", overtaken)
    found.fetch()
    assert len(found.records.read_text().splitlines()) == 40
    assert read(found) == read(run)


@pytest.mark.usefixtures("asked")
def test_what_a_killed_reader_left_is_ended_before_more_is_appended(mirror: Mirror) -> None:
    run = measured(mirror("ada"), 2)
    found = RunFolder(mirror("bob") / MACHINE / run.name / store.RECORDS)
    found.folder.mkdir(parents=True)
    first, second = run.records.read_text().splitlines()
    found.records.write_text(first)  # whole, but for its end
    found.fetch()
    assert found.records.read_text().splitlines() == [first, second]
    found.records.write_text(f"{first}\n{second[:50]}")
    found.fetch()
    assert found.records.read_text().splitlines() == [first, second[:50], second]


@pytest.mark.usefixtures("asked")
def test_a_plan_that_grows_is_sent_and_fetched_again(mirror: Mirror) -> None:
    run = measured(mirror("ada"))
    there = store.find_run(mirror("bob"), run.name)
    assert there.missing(warn=pytest.fail) == []
    plan, more = run.load_plan(), record("other").case
    mirror("ada")
    run.save_plan(replace(plan, cases=(*plan.cases, more)))
    there.fetch()
    assert there.missing(warn=pytest.fail) == run.missing(warn=pytest.fail) == [more]


def test_a_plan_that_has_not_changed_is_fetched_once(mirror: Mirror, asked: Counter[str]) -> None:
    run = measured(mirror("ada"))
    run.fetch()
    there = store.find_run(mirror("bob"), run.name)
    asked.clear()
    run.fetch()
    there.fetch()
    assert (asked["cat"], asked["ls"]) == (0, 2)


@pytest.mark.usefixtures("asked")
def test_a_plan_that_still_has_to_be_sent_is_not_replaced(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    run = measured(mirror("ada"))
    longer = replace(run.load_plan(), cases=(*run.load_plan().cases, record("other").case))
    kind = type(fsspec.filesystem("memory"))
    works = kind.pipe_file
    monkeypatch.setattr(kind, "pipe_file", lambda *_, **__: pytest.fail("no network"))
    remote = remote_results.of(run.results)
    assert remote is not None
    remote.sending.works = False
    run.save_plan(longer)
    run.fetch()
    assert run.load_plan() == longer
    monkeypatch.setattr(kind, "pipe_file", works)
    with run.measuring():
        pass
    assert store.find_run(mirror("bob"), run.name).load_plan() == longer


@pytest.mark.usefixtures("asked")
def test_a_baseline_that_was_cleared_is_gone_in_every_mirror(mirror: Mirror) -> None:
    results = mirror("ada")
    machine_files.set_baseline(results, measured(results), who="ada", why="a quiet evening")
    other = mirror("bob")
    assert len(machine_files.baselines(other)) == 1
    machine_files.clear_baseline(results, MACHINE)
    assert remote_results.machines(remote_results.of(results) or pytest.fail("no mirror")) == []
    assert machine_files.baselines(other) == []


@pytest.mark.usefixtures("asked")
def test_a_password_is_in_no_text_and_in_a_file_of_its_owner_alone(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror("ada")
    results = remote_results.mirror("memory://bob:hunter2@bucket/results")
    run = measured(results)
    plain = "memory://bucket/results"
    assert remote_results.address_of(results) == plain
    assert run.place == f"{plain}/runs/{run.name}@{MACHINE}"
    assert (results / remote_results.MARK).stat().st_mode & 0o777 == 0o600
    (results / remote_results.MARK).chmod(0o644)
    remote_results.mirror("memory://bob:hunter2@bucket/results")
    assert (results / remote_results.MARK).stat().st_mode & 0o777 == 0o600

    def refused(_: object, path: str, *__: object, **___: object) -> None:
        raise ConnectionError(f"login to {path} with bob:hunter2 failed")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "ls", refused)
    with pytest.raises(BenchError, match=f"^{plain}: cannot be read") as found:
        run.fetch()
    assert "hunter2" not in str(found.value)
    with pytest.raises(UsageError, match=r"^tpu://bucket: ") as wrong:
        remote_results.mirror("tpu://bob:hunter2@bucket")
    assert "hunter2" not in str(wrong.value)


@pytest.mark.usefixtures("asked")
def test_only_runs_that_were_begun_with_this_mirror_are_unfinished_here(mirror: Mirror) -> None:
    results = mirror("ada")
    run = measured(results)
    run.save_plan(replace(run.load_plan(), cases=(*run.load_plan().cases, record("other").case)))
    assert store.unfinished(results, warn=pytest.fail) == run
    other = mirror("bob")
    assert store.find_run(other, run.name).missing(warn=pytest.fail)
    assert store.unfinished(other, warn=pytest.fail) is None
    files = fsspec.filesystem("memory")
    assert not [path for path in files.find("/bucket") if path.endswith(store.BEGUN_HERE)]


@pytest.mark.usefixtures("asked")
def test_the_place_of_a_run_is_where_its_objects_are(mirror: Mirror) -> None:
    results = mirror("ada")
    run = measured(results)
    files = fsspec.filesystem("memory")
    assert len(files.ls(run.place.removeprefix("memory://"))) == 4
    several = RunFolder(results / store.SEVERAL / run.name / store.RECORDS)
    assert several.place == f"{ADDRESS}/runs/{run.name}@*"
