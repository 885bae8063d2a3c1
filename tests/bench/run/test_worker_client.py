"""Each job runs in a fresh process, and however that process ends, the next job runs."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.run import worker_client
from bench.run.worker_client import ROOT, Ending, Message, WorkerClient, WorkerError
from bench.worker import fork_server
from tests.bench.run.light_workers import light_job, plant
from tests.bench.workloads import (
    CANNOT_BE_DONE_IN_PYTORCH,
    DIVERGES,
    LEARNS_WITHOUT_END,
    NEEDS_TOO_MUCH_MEMORY,
    job,
    workload,
)

PATIENCE_S = 30.0
LIMIT_S = 60.0
ENDLESS = workload(LEARNS_WITHOUT_END)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def pytorch(logs: Path) -> Iterator[WorkerClient]:
    """One fork server for all tests; each test must leave it usable for the next."""
    client = WorkerClient("pytorch", None, device="cpu", log=logs / "fork-server.log")
    yield client
    client.close()


def until(holds: Callable[[], object]) -> None:
    """Wait until the condition holds; fail if it does not hold soon."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.01)


def pids(client: WorkerClient, logs: Path) -> tuple[int, Ending]:
    """The process of one short job, and how it ended."""
    seen: set[int] = set()
    ending = client.run(
        job(workload(), logs / "job.log"), limit_s=LIMIT_S, listen=lambda _: seen.add(client._child or 0)
    )
    (pid,) = seen
    return pid, ending


def test_each_job_has_its_own_process_which_ends_with_the_job(pytorch: WorkerClient, logs: Path) -> None:
    first, ended = pids(pytorch, logs)
    second, ended_too = pids(pytorch, logs)
    assert ended.result["outcome"] == ended_too.result["outcome"] == "ok"
    assert ended.startup_s is not None
    assert first != second
    assert not psutil.pid_exists(first)
    assert not psutil.pid_exists(second)
    assert psutil.pid_exists(pytorch._process.pid), "the fork server is still running"


def test_jobs_share_no_state_so_the_same_job_has_the_same_result(pytorch: WorkerClient, logs: Path) -> None:
    asked = job(workload(), logs / "job.log", purpose="learning")
    other = job(workload(), logs / "job.log", purpose="learning", seed=1)
    curves = [learnt(pytorch.run(each, limit_s=LIMIT_S)) for each in (asked, other, asked)]
    assert curves[0] == curves[2]
    assert curves[0] != curves[1]


def learnt(ending: Ending) -> list[float]:
    return [epoch["train_loss"] for epoch in ending.result["measurement"]["learning"]["epochs"]]


def test_a_fork_server_has_only_fork_safe_threads(pytorch: WorkerClient) -> None:
    pytorch.wait_until_ready()
    assert pytorch.ready is not None
    assert pytorch.ready["forks"]
    assert fork_server.FORKABLE.issuperset(pytorch.ready["threads"])


def test_other_threads_are_counted() -> None:
    before = fork_server._other_threads()
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    assert len(fork_server._other_threads()) == len(before) + 1
    ended.set()
    thread.join()


def learning(logs: Path) -> Message:
    """A job that trains endlessly."""
    return job(ENDLESS, logs / "endless.log", purpose="learning")


def endless(client: WorkerClient, asked: Message, act: Callable[[int], object], *, limit_s: float = LIMIT_S) -> Ending:
    """How an endless job ends if `act` is called with its process id."""
    acted: set[int] = set()

    def listen(news: Message) -> None:
        if news["event"] == "progress" and not acted:
            assert client._child is not None
            acted.add(client._child)
            act(client._child)

    ending = client.run(asked, limit_s=limit_s, listen=listen)
    assert all(not psutil.pid_exists(pid) for pid in acted)
    return ending


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_killed_worker_fails_with_the_name_of_the_signal(
    pytorch: WorkerClient, logs: Path, number: signal.Signals
) -> None:
    ending = endless(pytorch, learning(logs), lambda pid: os.kill(pid, number))
    assert ending.result["outcome"] == "failed"
    assert ending.result["error"] == f"the process was killed by {number.name}"
    assert pids(pytorch, logs)[1].result["outcome"] == "ok", "the fork server runs the next job"


def test_a_worker_killed_by_the_system_for_memory_is_oom(
    pytorch: WorkerClient, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vmstat = tmp_path / "vmstat"
    monkeypatch.setattr(worker_client, "VMSTAT", vmstat)
    vmstat.write_text("pgfault 7\noom_kill 3\n")

    def kill(pid: int) -> None:
        vmstat.write_text("pgfault 8\noom_kill 4\n")
        os.kill(pid, signal.SIGKILL)

    assert endless(pytorch, learning(logs), kill).result["outcome"] == "oom"
    assert endless(pytorch, learning(logs), lambda pid: os.kill(pid, signal.SIGKILL)).result["outcome"] == "failed"


def test_a_worker_that_does_not_end_is_stopped_at_the_time_limit(pytorch: WorkerClient, logs: Path) -> None:
    ending = endless(pytorch, learning(logs), lambda _: None, limit_s=1.5)
    assert ending.result["outcome"] == "timeout"
    assert ending.result["error"] == "no result within the time limit of 1.5 s"
    assert pids(pytorch, logs)[1].result["outcome"] == "ok", "the fork server runs the next job"


def test_a_suspended_worker_is_killed_at_the_time_limit(pytorch: WorkerClient, logs: Path) -> None:
    ending = endless(pytorch, learning(logs), lambda pid: os.kill(pid, signal.SIGSTOP), limit_s=1.5)
    assert ending.result["outcome"] == "timeout"
    assert pids(pytorch, logs)[1].result["outcome"] == "ok", "the fork server runs the next job"


def test_a_worker_that_exits_without_a_result_fails_with_its_status(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, monkeypatch)
    client = WorkerClient("light", None, device="cpu", log=logs / "leave.log")
    ending = client.run(light_job(logs, "leave"), limit_s=LIMIT_S)
    client.close()
    assert ending.result["outcome"] == "failed"
    assert ending.result["error"].startswith("the process ended with status 7 and no result: ")


def test_a_training_with_a_nan_loss_diverges_and_keeps_its_curve(pytorch: WorkerClient, logs: Path) -> None:
    asked = job(workload(DIVERGES), logs / "job.log", purpose="learning")
    result = pytorch.run(asked, limit_s=LIMIT_S).result
    assert result["outcome"] == "diverged"
    assert result["error"].startswith("a loss is not a finite number in epoch 1 of ")
    assert len(learnt(Ending(result=result, startup_s=None))) == 1


def test_a_timing_with_a_nan_output_diverges_too(pytorch: WorkerClient, logs: Path) -> None:
    result = pytorch.run(job(workload(DIVERGES), logs / "job.log"), limit_s=LIMIT_S).result
    assert result["outcome"] == "diverged"
    assert result["measurement"]["blocks"], "the measurement is kept"


def test_a_network_that_does_not_fit_is_oom(pytorch: WorkerClient, logs: Path) -> None:
    result = pytorch.run(job(workload(NEEDS_TOO_MUCH_MEMORY), logs / "job.log"), limit_s=LIMIT_S).result
    assert result["outcome"] == "oom"
    assert "Unable to allocate" in result["error"]


def test_a_case_that_a_framework_cannot_run_is_unavailable_with_the_reason(pytorch: WorkerClient, logs: Path) -> None:
    result = pytorch.run(job(workload(CANNOT_BE_DONE_IN_PYTORCH), logs / "job.log"), limit_s=LIMIT_S).result
    assert result["outcome"] == "unavailable"
    assert result["error"] == "PyTorch's nn.LSTM has tanh built in and no other activation"


def test_the_log_has_the_traceback_of_an_error(
    pytorch: WorkerClient, logs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = logs / "trouble.log"
    ending = pytorch.run(job(workload(CANNOT_BE_DONE_IN_PYTORCH), log), limit_s=LIMIT_S)
    assert "\n" not in ending.result["error"]
    assert "Traceback (most recent call last)" in log.read_text()
    assert capfd.readouterr() == ("", "")


def test_a_log_that_cannot_be_written_ends_the_job_and_not_the_fork_server(pytorch: WorkerClient, logs: Path) -> None:
    ending = pytorch.run(job(workload(), logs / "missing" / "job.log"), limit_s=LIMIT_S)
    assert ending.result["outcome"] == "failed"
    assert "missing/job.log" in ending.result["error"]
    assert pids(pytorch, logs)[1].result["outcome"] == "ok", "the fork server runs the next job"


def test_an_unknown_framework_is_named_with_the_reason(logs: Path) -> None:
    client = WorkerClient("theano", None, device="cpu", log=logs / "theano.log")
    with pytest.raises(WorkerError, match=r"^theano: the fork server did not start: .*No module named"):
        client.wait_until_ready()
    client.close()


def test_a_fork_server_that_never_gets_ready_is_an_error(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_client, "LAUNCH_LIMIT_S", 0.01)
    client = WorkerClient("pytorch", None, device="cpu", log=logs / "slow.log")
    with pytest.raises(WorkerError, match="the fork server did not start: it logged nothing"):
        client.wait_until_ready()
    client.close()
    assert not client.alive


@pytest.mark.parametrize("spawned", [False, True])
def test_only_a_spawned_job_runs_in_the_started_process_itself(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, spawned: bool
) -> None:
    plant(tmp_path, monkeypatch)
    client = WorkerClient("light", None, device="cpu", log=logs / "spawned.log", spawned=spawned)
    ending = client.run(light_job(logs), limit_s=LIMIT_S)
    assert ending.result["outcome"] == "ok"
    assert ending.start_method == ("spawn" if spawned else "fork")
    assert (ending.result["pid"] == client._process.pid) == spawned
    assert client.alive != spawned, "a spawned process runs one job"
    client.close()


def test_a_killed_spawned_job_fails_with_the_name_of_the_signal(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, monkeypatch)
    client = WorkerClient("light", None, device="cpu", log=logs / "spawned.log", spawned=True)
    ending = endless(client, light_job(logs, "endless"), lambda pid: os.kill(pid, signal.SIGKILL))
    assert ending.result["error"] == "the process was killed by SIGKILL"
    assert not client.alive
    client.close()


def test_half_a_line_of_a_killed_process_is_skipped(pytorch: WorkerClient) -> None:
    ours, theirs = socket.socketpair()
    real, pytorch._connection = pytorch._connection, ours
    theirs.sendall(b'{"event": "result", "measu\n{"event": "exited", "status": -9}\n')
    assert pytorch.receive(limit_s=1) == {"event": "exited", "status": -9}
    assert pytorch.receive(limit_s=0.01) is None, "no further message"
    pytorch._connection = real
    ours.close()
    theirs.close()


PARENT = """
import sys
from pathlib import Path
from bench.run.worker_client import WorkerClient
from tests.bench.run.light_workers import light_job

client = WorkerClient("light", None, device="cpu", log=Path(sys.argv[1]) / "fork-server.log")
told = []

def listen(news):
    if not told:
        told.append(print(client._process.pid, client._child, flush=True))

client.run(light_job(Path(sys.argv[1]), "endless"), limit_s=100, listen=listen)
"""


def test_fork_server_and_worker_die_with_the_program_that_started_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, monkeypatch)
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        assert len(children) == 2
        assert all(psutil.pid_exists(pid) for pid in children)
        parent.kill()
    until(lambda: not any(psutil.pid_exists(pid) for pid in children))


@pytest.mark.parametrize(
    ("device", "mine", "seen"),
    [
        ("cpu", None, ""),
        ("cuda", None, "0"),
        ("cuda:2", None, "2"),
        ("cuda:1", "4,5", "5"),
        ("cuda:all", "4,5", "4,5"),
    ],
)
def test_a_process_sees_only_its_own_device(
    device: str, mine: str | None, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if mine is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mine)
    assert worker_client.process_environment(None, device=device)["CUDA_VISIBLE_DEVICES"] == seen


def test_the_order_of_sets_follows_from_a_seed() -> None:
    assert worker_client.process_environment(None, device="cpu")["PYTHONHASHSEED"] == "0"
    assert worker_client.process_environment(None, device="cpu", hash_seed=3)["PYTHONHASHSEED"] == "3"


def test_keras_finds_its_engine_in_the_environment() -> None:
    assert worker_client.process_environment("jax", device="cpu")["KERAS_BACKEND"] == "jax"
    assert "KERAS_BACKEND" not in worker_client.process_environment(None, device="cpu").keys() - os.environ.keys()
