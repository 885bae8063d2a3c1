"""Fork servers start together, are replaced if they die, and end together with their jobs."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.run.worker_client import Ending, Message, WorkerClient
from bench.run.worker_pool import WorkerPool
from bench.workload.frameworks import Contender
from tests.bench.run.light_workers import LIGHT, light_job, plant

NOWHERE = Contender("theano")
LIMIT_S = 60.0
PATIENCE_S = 30.0


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerPool]:
    plant(tmp_path / "first", monkeypatch)
    fleet = WorkerPool(tmp_path / "logs")
    fleet.start([(LIGHT, "cpu")])
    yield fleet
    fleet.close()


def client(fleet: WorkerPool) -> WorkerClient:
    return fleet._clients[LIGHT, "cpu"]


def run(fleet: WorkerPool) -> Ending:
    return fleet.run(LIGHT, "cpu", light_job(fleet.logs), limit_s=LIMIT_S)


def hash_seed(found: WorkerClient) -> str:
    return psutil.Process(found._process.pid).environ()["PYTHONHASHSEED"]


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.01)


def until_gone(pid: int) -> None:
    def is_gone() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    until(is_gone)


def test_a_running_fork_server_is_not_started_again(fleet: WorkerPool) -> None:
    before = client(fleet)
    fleet.start([(LIGHT, "cpu")])
    assert client(fleet) is before
    fleet.wait()
    assert before.ready is not None


# Starts a thread with this name, as an import may do (prctl(2), PR_SET_NAME).
THREAD = """
import ctypes, threading, time

def work():
    ctypes.CDLL(None).prctl(15, {name!r}, 0, 0, 0)
    named.set()
    time.sleep(600)

named = threading.Event()
threading.Thread(target=work, daemon=True).start()
named.wait()
"""


@pytest.mark.parametrize(("name", "how"), [(b"worker", "spawn"), (b"jemalloc_bg_thd", "fork")])
def test_jobs_run_in_spawned_processes_if_an_import_starts_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes, how: str
) -> None:
    """Except if that thread is known to be fork-safe."""
    plant(tmp_path, monkeypatch, more=THREAD.format(name=name))
    fleet = WorkerPool(tmp_path / "logs")
    try:
        fleet.start([(LIGHT, "cpu")])
        for _ in range(2):
            ending = run(fleet)
            assert (ending.result["outcome"], ending.start_method) == ("ok", how)
            assert client(fleet).alive == (how == "fork")
    finally:
        fleet.close()


@pytest.mark.parametrize(("weighs", "how"), [(True, "fork"), (False, "spawn")])
def test_memory_is_measured_in_a_spawned_process_only_where_a_forked_one_would_count_wrong(
    fleet: WorkerPool, *, weighs: bool, how: str
) -> None:
    fleet.wait()
    assert client(fleet).ready is not None
    client(fleet).ready["weighs"] &= weighs  # type: ignore[index] # it is ready
    ending = fleet.run_weighed(LIGHT, "cpu", light_job(fleet.logs), limit_s=LIMIT_S)
    assert (ending.result["outcome"], ending.start_method) == ("ok", how)


def test_memory_of_a_framework_that_does_not_start_is_a_failed_ending(fleet: WorkerPool) -> None:
    fleet.start([(NOWHERE, "cpu")])
    ending = fleet.run_weighed(NOWHERE, "cpu", {}, limit_s=LIMIT_S)
    assert ending.result["error"].startswith("theano: the fork server did not start: ModuleNotFoundError")


def test_a_fork_server_that_was_killed_is_replaced(fleet: WorkerPool) -> None:
    assert run(fleet).result["outcome"] == "ok"
    before = client(fleet)
    os.kill(before._process.pid, signal.SIGKILL)
    until_gone(before._process.pid)
    assert run(fleet).result["outcome"] == "ok"
    assert client(fleet) is not before


def test_a_renewed_fork_server_is_a_new_process_with_the_given_seed(fleet: WorkerPool) -> None:
    fleet.wait()
    before = client(fleet)
    assert hash_seed(before) == "0"
    fleet.renew(hash_seed=3)
    after = client(fleet)
    assert after.ready is not None, "`renew` waits until they are ready"
    assert hash_seed(after) == "3"
    until_gone(before._process.pid)
    assert run(fleet).result["outcome"] == "ok"


def test_a_killed_fork_server_takes_its_worker_with_it_and_the_next_job_runs(
    fleet: WorkerPool,
) -> None:
    workers: list[int | None] = []

    def kill(_: Message) -> None:
        if not workers:
            workers.append(client(fleet)._child)
            os.kill(client(fleet)._process.pid, signal.SIGKILL)

    asked = light_job(fleet.logs, "endless")
    result = fleet.run(LIGHT, "cpu", asked, limit_s=LIMIT_S, listen=kill).result
    assert (result["outcome"], result["error"]) == ("failed", "the process was killed by SIGKILL")
    assert workers[0] is not None
    until_gone(workers[0])
    assert run(fleet).result["outcome"] == "ok"


def test_a_framework_that_does_not_start_gives_a_failed_ending(fleet: WorkerPool) -> None:
    fleet.start([(NOWHERE, "cpu")])
    for ending in (
        fleet.run(NOWHERE, "cpu", {}, limit_s=LIMIT_S),
        fleet.run_spawned(NOWHERE, "cpu", {}, limit_s=LIMIT_S),
    ):
        assert ending.result["outcome"] == "failed"
        assert ending.result["error"].startswith("theano: the fork server did not start: ModuleNotFoundError")


def test_each_fork_server_has_a_log_of_its_own(fleet: WorkerPool) -> None:
    fleet.start([(NOWHERE, "cpu")])
    names = {path.name for path in fleet.logs.glob("fork-server-*.log")}
    assert {"fork-server-light-cpu.log", "fork-server-theano-cpu.log"} <= names


def test_close_ends_running_jobs_of_other_threads_and_starts_no_waiting_job(fleet: WorkerPool, tmp_path: Path) -> None:
    mine = psutil.Process(client(fleet)._process.pid)
    others = {child for child in psutil.Process().children() if child != mine}
    fleet.wait()
    asked = light_job(tmp_path, "endless")
    endings: list[Ending] = []
    working = threading.Event()

    def forked() -> None:
        endings.append(fleet.run(LIGHT, "cpu", asked, limit_s=LIMIT_S, listen=lambda _: working.set()))

    def spawned() -> None:
        endings.append(fleet.run_spawned(LIGHT, "cpu", asked, limit_s=LIMIT_S))

    threads = [threading.Thread(target=work) for work in (forked, forked, spawned)]
    for thread in threads:
        thread.start()
    assert working.wait(PATIENCE_S)
    until(lambda: [other for other in fleet._spawned if other._child is not None])
    children = set(psutil.Process().children(recursive=True)) - others
    fleet.close()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in threads)
    assert [ending.result["outcome"] for ending in endings] == ["failed"] * 3
    assert len(children) >= 3, "a fork server, its worker, and a spawned process"
    for child in children:
        until_gone(child.pid)
    assert fleet.run(LIGHT, "cpu", asked, limit_s=LIMIT_S).result["error"] == (
        "light: not started, since the run has ended"
    )
