"""What is measured reaches the address once, and nothing that was measured is lost on the way."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from bench.errors import BenchError, UnsentWarning
from bench.records import remote_files, remote_results, store
from bench.records.record import Record
from bench.records.sending import TakenError
from bench.records.store import SEVERAL, Plan, RunFolder
from tests.bench.records.mirrors import ADDRESS, MACHINE, Mirror, measured, read
from tests.bench.sample_records import record

MEMORY = type(fsspec.filesystem("memory"))


def numbered(run: RunFolder, number: int, *, slowdown: float = 1.0) -> Record:
    return record(replicate=number, order=number, run=run.name, slowdown=slowdown)


def broken(*_: object, **__: object) -> None:
    raise ConnectionError("no route to host")


@pytest.mark.usefixtures("asked")
def test_nothing_is_lost_if_the_address_cannot_be_written(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    results = mirror("ada")
    run = store.new_run(results, machine=MACHINE)
    works = MEMORY.pipe_file
    context = run.measuring()
    context.__enter__()
    monkeypatch.setattr(MEMORY, "pipe_file", broken)
    run.append(record(run=run.name))
    with pytest.raises(BenchError, match=r"no route to host.*Nothing is lost: the records are in"):
        context.__exit__(None, None, None)
    assert len(run.records.read_text().splitlines()) == 1
    assert remote_results.runs(remote_results.of(results) or pytest.fail("no mirror")) == []
    monkeypatch.setattr(MEMORY, "pipe_file", works)
    with run.measuring():  # as `run --resume` does
        pass
    assert len(read(store.find_run(mirror("bob"), run.name))) == 1


@pytest.mark.usefixtures("asked")
def test_two_processes_that_measure_one_run_cannot_replace_a_record(mirror: Mirror) -> None:
    """Two runners of one class have one `--machine` name, and neither sees the process of the other."""
    first = measured(mirror("ada"))
    second = store.find_run(mirror("bob"), first.name)
    mirror("ada")
    first.append(numbered(first, 3))
    with pytest.raises(
        TakenError,
        match=rf"runs/{first.name}@{MACHINE}/record-000003-1.jsonl: found another record.*another process measures",
    ):
        second.append(numbered(second, 3, slowdown=2))
    assert read(second)[3] == numbered(second, 3, slowdown=2), "the mirror keeps what was measured"
    third = store.find_run(mirror("eve"), first.name)
    assert read(third) == read(first)


@pytest.mark.usefixtures("asked")
def test_the_same_record_may_be_sent_again(mirror: Mirror) -> None:
    first = measured(mirror("ada"))
    second = store.find_run(mirror("bob"), first.name)
    mirror("ada")
    first.append(numbered(first, 3))
    second.append(numbered(second, 3))
    assert read(second) == read(first)


@pytest.mark.usefixtures("asked")
def test_another_record_is_found_at_the_end_too_and_all_others_are_sent(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = measured(mirror("ada"))
    second = store.find_run(mirror("bob"), first.name)
    first.append(numbered(first, 3))
    context = second.measuring()
    context.__enter__()
    with monkeypatch.context() as patch:
        patch.setattr(MEMORY, "pipe_file", broken)
        second.append(numbered(second, 3, slowdown=2))
        second.append(numbered(second, 4))
    with pytest.raises(TakenError, match=r"record-000003-1.jsonl: found another record"):
        context.__exit__(None, None, None)
    assert len(read(store.find_run(mirror("eve"), first.name))) == 5
    with pytest.raises(TakenError), second.measuring():
        second.append(numbered(second, 3, slowdown=3))


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("problem", [SystemExit(130), KeyboardInterrupt(), ValueError("a fault")])
def test_the_end_of_a_run_is_kept_if_the_address_is_gone(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, problem: BaseException
) -> None:
    run = measured(mirror("ada"))

    def interrupted() -> None:
        with run.measuring():
            monkeypatch.setattr(MEMORY, "pipe_file", broken)
            run.append(numbered(run, 3))
            raise problem

    with pytest.warns(UnsentWarning, match="no route to host.*Nothing is lost"), pytest.raises(type(problem)) as found:
        interrupted()
    assert found.value is problem


@pytest.mark.usefixtures("asked")
def test_a_run_that_ends_well_but_is_not_sent_has_failed(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    run = measured(mirror("ada"))

    def ended_well() -> None:
        with run.measuring():
            monkeypatch.setattr(MEMORY, "pipe_file", broken)
            run.append(numbered(run, 3))
            raise SystemExit(0)

    with pytest.raises(BenchError, match="Nothing is lost"):
        ended_well()


def test_after_a_send_that_failed_there_is_none_until_the_end(
    mirror: Mirror, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = measured(mirror("ada"))
    asked.clear()
    tried: list[str] = []

    def silent(_: object, path: str, *__: object, **___: object) -> None:
        tried.append(path.rpartition("/")[2])
        raise TimeoutError

    with run.measuring():
        with monkeypatch.context() as patch:
            patch.setattr(MEMORY, "pipe_file", silent)
            for number in range(3, 6):
                run.append(numbered(run, number))
        run.append(numbered(run, 6))
        assert tried == ["record-000003-1.jsonl"]
        assert asked["pipe_file"] == 0
    assert asked["pipe_file"] == 4, "all that was missing"
    assert len(read(store.find_run(mirror("bob"), run.name))) == 7


@pytest.mark.usefixtures("asked")
def test_a_run_does_not_begin_if_its_plan_cannot_be_sent(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.new_run(mirror("ada"), machine=MACHINE)
    monkeypatch.setattr(MEMORY, "pipe_file", broken)
    with pytest.raises(BenchError, match=f"^{ADDRESS}: cannot be written") as found, run.measuring():
        run.save_plan(Plan(cases=(record().case,), options={}))
    assert "Nothing is lost" not in str(found.value), "there is nothing yet"


@pytest.mark.usefixtures("asked")
def test_the_parts_of_a_run_on_several_machines_are_sent_at_its_end(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = mirror("ada")
    run = store.new_run(results, machine=SEVERAL)
    part = RunFolder(results / MACHINE / run.name / store.RECORDS)
    plan = Plan(cases=(record().case,), options={})
    with run.measuring():
        run.save_plan(plan)
        with monkeypatch.context() as patch:
            patch.setattr(MEMORY, "pipe_file", broken)
            part.save_plan(plan)
            part.append(record(run=run.name))
    assert len(read(store.find_run(mirror("bob"), run.name))) == 1


@pytest.fixture
def silent_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """A server that accepts connections and never answers: the connections."""
    accepted: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                accepted.append(server.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept)
    thread.start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": url})
    yield accepted
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()
    for connection in accepted:
        connection.close()


def test_a_server_that_never_answers_is_given_up_soon(
    silent_server: list[socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path))
    short = {"connect_timeout": 0.2, "read_timeout": 0.2}
    monkeypatch.setattr(remote_files, "SILENCE", {**remote_files.SILENCE, **short})
    monkeypatch.setattr(remote_files, "LONGEST_WRITE_S", 1)
    run = store.new_run(remote_results.mirror("s3://lab/silent"), machine=MACHINE)
    context = run.measuring()
    context.__enter__()
    for number in range(20):
        run.append(numbered(run, number))
    tries = len(silent_server)
    assert 0 < tries <= 2 * remote_files.TRIES, "one record alone is tried"
    said = rf"\(\w*Timeout\w*: .*the records are in {run.folder}; `levelfield run --resume {run.name}"
    with pytest.raises(BenchError, match=said):
        context.__exit__(None, None, None)
    assert len(run.records.read_text().splitlines()) == 20
