"""The parent's end of a worker: starts a fork server, sends it jobs, and reports how each job ended."""

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

from bench import cache
from bench.errors import BenchError
from bench.records import variables
from bench.records.shell import shell
from bench.workload import places

ROOT = Path(__file__).parents[2]
VMSTAT = Path("/proc/vmstat")
LAUNCH_LIMIT_S = 300.0
CLOSING_S = 5.0
EVERY_GPU = "cuda:all"  # in place of a place

Job = Mapping[str, Any]
Message = dict[str, Any]
Listener = Callable[[Message], None]
StartMethod = Literal["fork", "spawn"]


class WorkerError(BenchError):
    """Raised if a fork server does not start, or ends while it is still needed."""


class EndedError(WorkerError):
    """Raised if a job ends while an answer is expected; `result` is the job's result, with an outcome and an error."""

    def __init__(self, message: str, result: "Message") -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a job ended: its result, or an outcome and an error, and the seconds until its framework was ready.

    `start_method` is how its process was started.
    """

    result: Message
    startup_s: float | None
    start_method: StartMethod = "fork"


@final
class WorkerClient:
    """A process that has imported one framework, for one device. Start it in a thread that lives longer than it.

    `backend` is Keras' engine. `device` is a place: the process sees its devices and no other.
    `hash_seed` fixes the order of Python's sets, and with it the order in which a framework may build its operations.
    A fork server forks a process for each job. A `spawned` process, or one that has threads which are not fork-safe,
    runs one job itself, and ends.
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
                env=process_environment(backend, device=device, hash_seed=hash_seed),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # only the parent gets Ctrl-C, and ends its processes in order
            )

    def wait_until_ready(self) -> None:
        """Return when the framework is imported; raises WorkerError, with the end of its log, if the import fails."""
        if self.ready is None:
            message = self.receive(limit_s=LAUNCH_LIMIT_S)
            if message is None:
                raise WorkerError(f"{self.contender}: the fork server did not start: {self._last_words()}")
            self.ready = message
            self.start_method = "fork" if message["forks"] else "spawn"

    @property
    def weighs(self) -> bool:
        """Whether the host memory of a forked process is that of a spawned one; False before it is ready."""
        return self.ready is not None and self.ready["weighs"] is True

    def run(self, job: Job, *, limit_s: float, listen: Listener = lambda _: None) -> Ending:
        """Run one job in a fresh process and return how it ended.

        The outcome is `timeout` after `limit_s` seconds, and `failed` if the process is killed.
        """
        self._begin(job)
        result = self._heard((), limit_s=limit_s, listen=listen)
        return Ending(result=result, startup_s=self._startup_s, start_method=self.start_method)

    def serve(self, job: Job, *, limit_s: float) -> "Service":
        """Begin a job that answers requests, in a fresh process; raises EndedError if it does not begin."""
        self._begin(job)
        news = self._heard(("serving",), limit_s=limit_s)
        if news["event"] != "serving":
            raise EndedError(f"{self.contender}: the job did not begin: {news['error']}", news)
        return Service(client=self, startup_s=self._startup_s or 0.0, news=news)

    def ask(self, request: Job, *, limit_s: float) -> Message:
        """The answer of the serving job to a request; raises EndedError if the job ends without one."""
        self.send(request)
        answer = self._heard(("answer",), limit_s=limit_s)
        if answer["event"] != "answer":
            raise EndedError(f"{self.contender}: no answer to a request: {answer['error']}", answer)
        return answer

    def send(self, message: Job) -> None:
        """Send one message to the fork server, or to the job that runs in its process."""
        try:
            self._connection.sendall((json.dumps(message) + "\n").encode())
        except OSError:
            raise WorkerError(f"{self.contender}: the fork server has ended: {self._last_words()}") from None

    def receive(self, *, limit_s: float) -> Message | None:
        """The next message of the running job; None if none comes in time, or if the socket is closed."""
        try:
            return self._receive(time.monotonic() + limit_s)
        except TimeoutError:
            return None

    def finish(self) -> None:
        """Ask a serving job to end, and return when the fork server is free again."""
        if self._child is None:
            return
        self.send({})
        self._heard((), limit_s=CLOSING_S)

    def close(self) -> None:
        """End the running job, if any, and the fork server."""
        self._kill_child()
        self._connection.close()
        if self.ready is None:  # it still imports, and does not look at the socket
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
        """Send a job, as soon as the fork server is ready."""
        self.wait_until_ready()
        self._began, self._startup_s = time.monotonic(), None
        self._killed_before = _killed_for_memory()
        self.send(job)

    def _heard(self, answers: Collection[str], *, limit_s: float, listen: Listener = lambda _: None) -> Message:
        """The next message whose event is in `answers`, or the result of the job once its process has ended."""
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
        """Kill a job that did not end by itself, and read messages until the fork server is free again."""
        self._kill_child()
        if self.start_method == "spawn":
            self._process.kill()
            self._process.wait()
            return
        for message in self._messages(time.monotonic() + CLOSING_S):
            if message["event"] in {"exited", "late"}:
                break

    def _status(self) -> int | None:
        """The exit status of a process that has closed its end of the socket; it may need a moment to exit."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=CLOSING_S)
        return None

    def _kill_child(self) -> None:
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)

    def _messages(self, deadline: float) -> Iterator[Message]:
        """The messages from the socket until it is closed; the last is `late` if the deadline passes first."""
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
        """The outcome and the error of a process that ended without a result."""
        if status is not None and status < 0:
            name = signal.Signals(-status).name
            killed_since = _killed_for_memory()
            if name == "SIGKILL" and self._killed_before is not None and killed_since != self._killed_before:
                return _ended("oom", "the system killed the process because it had no memory left")
            return _ended("failed", f"the process was killed by {name}")
        return _ended("failed", f"the process ended with status {status} and no result: {self._last_words()}")

    def _last_words(self) -> str:
        lines = [line for line in self.log.read_text("utf-8", "replace").splitlines() if line.strip()]
        return lines[-1].strip()[:300] if lines else "it logged nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A job that answers requests.

    `startup_s` are the seconds until its framework was ready, `news` is its first message, with settings and versions.
    """

    client: WorkerClient
    startup_s: float
    news: Message

    def place(self, batch_size: int, *, limit_s: float = 60.0) -> Message:
        """Make ready for another batch size; the nanoseconds of a call, and how many calls are submitted together."""
        return self.client.ask({"do": "place", "batch_size": batch_size}, limit_s=limit_s)

    def warm_up(self, limit_ns: int, *, limit_s: float = 60.0) -> float:
        """Call until the times no longer fall, at most `limit_ns` long; returns the nanoseconds of a warm call."""
        call_ns: float = self.client.ask({"do": "warm_up", "limit_ns": limit_ns}, limit_s=limit_s)["call_ns"]
        return call_ns

    def time(self, calls: int, *, pipelined: bool = False, limit_s: float = 60.0) -> list[int]:
        """The nanoseconds of each of `calls` calls; pipelined, the nanoseconds of all of them with one wait."""
        request = {"do": "time", "calls": calls, "pipelined": pipelined}
        elapsed: list[int] = self.client.ask(request, limit_s=limit_s)["elapsed_ns"]
        return elapsed


def _ended(outcome: str, error: str) -> Message:
    return {"event": "result", "outcome": outcome, "error": error}


def process_environment(backend: str | None, *, device: str, hash_seed: int = 0) -> dict[str, str]:
    """The environment variables that have to be set before a framework is imported, and those of the shell."""
    path = os.pathsep.join(filter(None, [str(ROOT), shell().get("PYTHONPATH")]))
    settings = {
        "PYTHONPATH": path,
        "PYTHONHASHSEED": str(hash_seed),
        "OPENBLAS_NUM_THREADS": "1",  # NumPy's threads would make the fork unsafe, and compete with the framework's
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "JAX_ENABLE_COMPILATION_CACHE": "false",  # else JAX reuses the user's cache, and the first call is too fast
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # the default check would make a CUDA context before the fork
        "KERAS_HOME": str(cache.folder() / "keras"),  # else keras.json of the user sets precision, epsilon and layout
        **({"KERAS_BACKEND": backend} if backend else {}),
        **_visible_gpus(device),
    }
    return {**variables.passed_on(shell()), **settings}


def _visible_gpus(device: str) -> dict[str, str]:
    """The variable that shows a process the GPUs of its place, no GPU for a CPU, or every GPU for "cuda:all"."""
    if device == EVERY_GPU:
        return {}
    mine = shell().get("CUDA_VISIBLE_DEVICES", "").split(",")
    usable = mine if mine != [""] else None
    shown = (usable[index] if usable and index < len(usable) else str(index) for index in places.read(device).gpus)
    return {"CUDA_VISIBLE_DEVICES": ",".join(shown)}


def _killed_for_memory() -> int | None:
    """How many processes the system has killed because memory ran out; None where it does not count them."""
    try:
        lines = VMSTAT.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
