"""Results at an address: every record is an object of its own, and a read asks only for what it needs."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from bench.errors import BenchError, NothingMeasuredError, UsageError
from bench.records import machine_files, remote_results, store
from bench.records.record import Record
from bench.records.store import Plan, RunFolder
from tests.bench.sample_records import record

ADDRESS = "memory://bucket/results"
MACHINE = "i7-2c-1f3a"

Mirror = Callable[[str], Path]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each kind of request was made, and each object was written, on an empty file system."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    remote_results._opened.cache_clear()
    counted: Counter[str] = Counter()

    def watched(name: str) -> None:
        real = getattr(type(files), name)

        def call(self: Any, path: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 (the file system's own)
            paths = path if isinstance(path, list) else [path]
            counted[name] += len(paths) if name == "cat" else 1
            if name == "pipe_file":
                counted[str(path).rpartition("/")[2]] += 1
            return real(self, path, *more, **named)

        monkeypatch.setattr(type(files), name, call)

    for name in ("ls", "cat", "cat_file", "pipe_file"):
        watched(name)
    yield counted
    files.store.clear()


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mirror:
    """A function that returns the mirror of a user with this name: each user has a cache of their own."""

    def of(user: str) -> Path:
        monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / user))
        return remote_results.mirror(ADDRESS)

    return of


def measured(results: Path, number: int = 3, *, machine: str = MACHINE) -> RunFolder:
    """A run with so many records."""
    run = store.new_run(results, machine=machine)
    planned = [record(replicate=count, order=count, run=run.name) for count in range(number)]
    with run.measuring():
        run.save_plan(Plan(cases=tuple(item.case for item in planned), options={"machine": machine}))
        for item in planned:
            run.append(item)
    return run


def read(run: RunFolder) -> list[Record]:
    return run.read(warn=pytest.fail)


@pytest.mark.usefixtures("asked")
def test_what_one_user_stored_another_one_reads(mirror: Mirror) -> None:
    run = measured(mirror("ada"))
    mine = read(run)
    found = store.find_run(mirror("bob"), "latest")
    assert found.records != run.records
    assert read(found) == mine
    assert found.load_plan() == run.load_plan()
    assert found.place == f"{ADDRESS}/runs/{run.name}"


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
def test_nothing_is_lost_if_the_address_cannot_be_written(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    results = mirror("ada")
    run = store.new_run(results, machine=MACHINE)
    kind = type(fsspec.filesystem("memory"))
    works = kind.pipe_file

    def broken(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    context = run.measuring()
    context.__enter__()
    monkeypatch.setattr(kind, "pipe_file", broken)
    run.append(record(run=run.name))
    with pytest.raises(BenchError, match=r"no route to host.*Nothing is lost: the records are in"):
        context.__exit__(None, None, None)
    assert len(run.records.read_text().splitlines()) == 1
    assert remote_results.runs(remote_results.of(results) or pytest.fail("no mirror")) == []
    monkeypatch.setattr(kind, "pipe_file", works)
    with run.measuring():  # as `run --resume` does
        pass
    assert len(read(store.find_run(mirror("bob"), run.name))) == 1


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
    assert not remote_results.is_address("results/s3")
    assert remote_results.is_address("s3://bucket")
