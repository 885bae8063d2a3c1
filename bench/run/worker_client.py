"""The parent's end of the processes that measure: starts fork servers, hands them jobs, sees how each job ended."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

import bench
from bench.errors import BenchError

ROOT = Path(bench.__file__).parent.parent
VMSTAT = Path("/proc/vmstat")
LAUNCH_LIMIT_S = 300.0
CLOSING_S = 5.0

Job = Mapping[str, Any]
Message = dict[str, Any]
Listener = Callable[[Message], None]
StartMethod = Literal["fork", "spawn"]


class WorkerError(BenchError):
    """A fork server that did not start, or that ended while it was needed."""


class EndedError(WorkerError):
    """A job that ended while an answer was expected; carries its result, with an outcome and an error."""

    def __init__(self, message: str, result: "Message") -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a job ended: its result, or an outcome and an error; the seconds until its framework was ready.

    `start_method` is how its process came to be.
    """

    result: Message
    startup_s: float | None
    start_method: StartMethod = "fork"


@final
class WorkerClient:
    """A process in which one framework is imported, for one device. Start it in a thread that outlives it.

    `backend` is Keras' engine; `device` is "cpu", "cuda" or "cuda:N": the process sees that device and no other. The
    order of Python's sets, which may decide that of what a framework builds, follows from `hash_seed`. A process that
    was `spawned` for it, or that has threads that no fork takes along, does one job by itself, and ends.
    """

    def __init__(  # noqa: PLR0913 (what a process begins with)
        self,
        framework: str,
        backend: str | None,
        *,
        device: str,
        log: Path,
        spawned: bool = False,
        hash_seed: int = 0,
    ) -> None:
        self.contender = f"{framework}/{backend}" if backend else framework
        self.log = log
        self.start_method: StartMethod = "spawn" if spawned else "fork"
        self.ready: Message | None = None
        self._buffer = b""
        self._child: int | None = None
        self._began = 0.0
        self._startup_s: float | None = None
        self._killed_before: int | None = None
        self._connection, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "bench.worker.fork_server", framework, str(theirs.fileno())]
        with theirs, log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--spawned"] if spawned else command,
                env=_environment(backend, device=device, hash_seed=hash_seed),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the parent, which ends things in order
            )

    def wait_until_ready(self) -> None:
        """Return when the framework is imported; raises WorkerError, with the end of its log, where it cannot be."""
        if self.ready is None:
            message = self.receive(limit_s=LAUNCH_LIMIT_S)
            if message is None:
                raise WorkerError(f"{self.contender}: the fork server did not start: {self._last_words()}")
            self.ready = message
            self.start_method = "fork" if message["forks"] else "spawn"

    def run(self, job: Job, *, limit_s: float, listen: Listener = lambda _: None) -> Ending:
        """Do one job in a fresh process and return how it ended.

        `timeout` after `limit_s` seconds, `failed` if killed.
        """
        self._begin(job)
        result = self._heard((), limit_s=limit_s, listen=listen)
        return Ending(result=result, startup_s=self._startup_s, start_method=self.start_method)

    def serve(self, job: Job, *, limit_s: float) -> "Service":
        """Begin a job that answers requests, in a fresh process; raises EndedError where it does not begin."""
        self._begin(job)
        news = self._heard(("serving",), limit_s=limit_s)
        if news["event"] != "serving":
            raise EndedError(f"{self.contender}: the job did not begin: {news['error']}", news)
        return Service(client=self, startup_s=self._startup_s or 0.0, news=news)

    def ask(self, request: Job, *, limit_s: float) -> Message:
        """What the job that serves answers; raises EndedError where it has none."""
        self.send(request)
        answer = self._heard(("answer",), limit_s=limit_s)
        if answer["event"] != "answer":
            raise EndedError(f"{self.contender}: no answer to a request: {answer['error']}", answer)
        return answer

    def send(self, message: Job) -> None:
        """Hand one message to the fork server, or to the job that runs in its process."""
        try:
            self._connection.sendall((json.dumps(message) + "\n").encode())
        except OSError:
            raise WorkerError(f"{self.contender}: the fork server has ended: {self._last_words()}") from None

    def receive(self, *, limit_s: float) -> Message | None:
        """The next message of the job that runs; None where none comes in time or ever."""
        try:
            return self._receive(time.monotonic() + limit_s)
        except TimeoutError:
            return None

    def finish(self) -> None:
        """Let a job that answers requests end by itself, and return when the fork server is free again."""
        if self._child is None:
            return
        self.send({})
        self._heard((), limit_s=CLOSING_S)

    def close(self) -> None:
        """End the job that runs, if any, and the fork server."""
        self._kill_child()
        self._connection.close()
        if self.ready is None:  # it still imports, and would not notice
            self._process.kill()
        try:
            self._process.wait(timeout=CLOSING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def alive(self) -> bool:
        """Whether the fork server can take another job."""
        return self._process.poll() is None

    def _begin(self, job: Job) -> None:
        """Hand over a job, when the fork server is ready."""
        self.wait_until_ready()
        self._began, self._startup_s = time.monotonic(), None
        self._killed_before = _killed_for_memory()
        self.send(job)

    def _heard(self, answers: Collection[str], *, limit_s: float, listen: Listener = lambda _: None) -> Message:
        """The next message of the job that is one of the answers, or its result, when its process is gone."""
        result: Message | None = None
        for message in self._messages(time.monotonic() + limit_s):
            if message["event"] in answers:
                return message
            if message["event"] == "running":
                self._child = message["pid"]
            elif message["event"] == "configured":
                self._startup_s = time.monotonic() - self._began
            elif message["event"] == "result":
                result = message
            elif message["event"] == "late":
                result = _ended("timeout", f"no result within the time limit of {limit_s:g} s")
                break
            elif message["event"] == "exited":
                result = result or self._death(message["status"])
                break
            else:
                listen(message)
        if result is None or self.start_method == "spawn" or result["outcome"] == "timeout":
            result = result or self._death(self._status())
            self._settle()
        self._child = None
        return result

    def _settle(self) -> None:
        """After a job that did not end by itself: kill it, and read on until the fork server is free again."""
        self._kill_child()
        if self.start_method == "spawn":
            self._process.kill()
            self._process.wait()
            return
        for message in self._messages(time.monotonic() + CLOSING_S):
            if message["event"] in {"exited", "late"}:
                break

    def _status(self) -> int | None:
        """How the process ended whose end of the socket is closed; it may take a moment longer to be gone."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=CLOSING_S)
        return None

    def _kill_child(self) -> None:
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)

    def _messages(self, deadline: float) -> Iterator[Message]:
        """What comes over the socket, until it is closed; `late` when the deadline passes first."""
        while True:
            try:
                message = self._receive(deadline)
            except TimeoutError:
                yield {"event": "late"}
                return
            if message is None:
                return
            yield message

    def _receive(self, deadline: float) -> Message | None:
        while (line := self._line(deadline)) is not None:
            with suppress(ValueError):  # a process that is killed while it sends leaves a torn line
                message: Message = json.loads(line)
                return message
        return None

    def _line(self, deadline: float) -> bytes | None:
        while b"\n" not in self._buffer:
            try:
                self._connection.settimeout(max(0.001, deadline - time.monotonic()))
                received = self._connection.recv(1 << 16)
            except TimeoutError:
                raise
            except OSError:  # closed or reset: nothing more will come
                return None
            if not received:
                return None
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _death(self, status: int | None) -> Message:
        """What to say of a process that ended without a result."""
        if status is not None and status < 0:
            name = signal.Signals(-status).name
            killed_since = _killed_for_memory()
            if name == "SIGKILL" and self._killed_before is not None and killed_since != self._killed_before:
                return _ended("oom", "the system killed the process because it had no memory left")
            return _ended("failed", f"the process was killed by {name}")
        return _ended("failed", f"the process ended with status {status} and no result: {self._last_words()}")

    def _last_words(self) -> str:
        lines = [line for line in self.log.read_text("utf-8", "replace").splitlines() if line.strip()]
        return lines[-1].strip()[:300] if lines else "it said nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A job that answers requests; `startup_s` passed until its framework was ready, `news` has settings, versions."""

    client: WorkerClient
    startup_s: float
    news: Message

    def place(self, batch_size: int, *, limit_s: float = 60.0) -> Message:
        """Make ready for another batch size: the nanoseconds of a call, and how many are called together."""
        return self.client.ask({"do": "place", "batch_size": batch_size}, limit_s=limit_s)

    def warm_up(self, limit_ns: int, *, limit_s: float = 60.0) -> float:
        """Call until the times no longer fall, or so long: the nanoseconds of a call then."""
        call_ns: float = self.client.ask({"do": "warm_up", "limit_ns": limit_ns}, limit_s=limit_s)["call_ns"]
        return call_ns

    def time(self, calls: int, *, pipelined: bool = False, limit_s: float = 60.0) -> list[int]:
        """The nanoseconds of each of so many calls, or pipelined of all of them together."""
        request = {"do": "time", "calls": calls, "pipelined": pipelined}
        elapsed: list[int] = self.client.ask(request, limit_s=limit_s)["elapsed_ns"]
        return elapsed


def _ended(outcome: str, error: str) -> Message:
    return {"event": "result", "outcome": outcome, "error": error}


def _environment(backend: str | None, *, device: str, hash_seed: int = 0) -> dict[str, str]:
    """What a framework must find in its environment before it is imported."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    settings = {
        "PYTHONPATH": path,
        "PYTHONHASHSEED": str(hash_seed),
        "OPENBLAS_NUM_THREADS": "1",  # NumPy's threads would make the fork unsafe, and compete with the framework's
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "JAX_ENABLE_COMPILATION_CACHE": "false",  # else JAX, if told where, finds what it compiled before
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # the usual check would make a CUDA context before the fork
        **({"KERAS_BACKEND": backend} if backend else {}),
        **_visible_gpus(device),
    }
    return {**os.environ, **settings}


def _visible_gpus(device: str) -> dict[str, str]:
    """The one GPU that a process may see, none on a CPU; every GPU where it is asked what it sees."""
    kind, _, number = device.partition(":")
    if number == "all":
        return {}
    mine = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    usable = mine if mine != [""] else None
    if kind == "cpu":
        return {"CUDA_VISIBLE_DEVICES": ""}
    index = int(number or 0)
    return {"CUDA_VISIBLE_DEVICES": usable[index] if usable and index < len(usable) else str(index)}


def _killed_for_memory() -> int | None:
    """How many processes the system has killed for want of memory; None where it does not say."""
    try:
        lines = VMSTAT.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
