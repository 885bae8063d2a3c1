"""Fork servers without processes, which answer each job at once with the JSON that a real worker would send.

The code of the parent process runs unchanged. Traces of all frameworks are computed here, by PyTorch. Calls take the
times that a test chooses; measurements are those of `sample_records`.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, cast

import pytest
from pydantic import TypeAdapter

from bench.analysis.deviations import Trace
from bench.records.record import Case, to_json
from bench.records.trace_files import write_trace
from bench.run.worker_client import EndedError, Ending, Job, Listener, Message, Service, StartMethod, WorkerClient
from bench.worker import main
from bench.worker.prepared_workload import prepare
from bench.worker.proof_trace import trace
from bench.workload.axes import FrameworkOptions
from bench.workload.frameworks import Contender
from bench.workload.workload import parse_workload
from tests.bench.sample_records import record

STARTUP_S = 0.001
OK: Mapping[str, Any] = {"outcome": "ok", "error": None}
VERSIONS = {"pytorch": {"torch": "2"}, "flax": {"flax": "0.12", "jax": "0.11", "optax": "0.2"}, "keras": {"keras": "3"}}
SIZES = (10**5, 10**6, 10**7, 10**8)
ALONE = Lock()  # the settings of a framework hold for all threads of the process


def told(outcome: str, error: str) -> Message:
    """The result of a job that failed."""
    return {"event": "result", "outcome": outcome, "error": error}


@dataclass(frozen=True)
class Asked:
    """A job, the fork server that got it, and its time limit in seconds."""

    job: Message
    client: "ScriptedLauncher"
    limit_s: float


@dataclass
class Script:
    """The answers of the workers in a test, and the jobs that they got (`asked`).

    `call_ns` returns the nanoseconds of a call for options and batch size. `instead` returns another result for a job
    and its time limit; None keeps the usual result. `changed` returns a changed trace.
    """

    call_ns: Callable[[FrameworkOptions, int], float] = lambda _, __: 1e6
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    instead: Callable[[Message, float], Message | None] = lambda _, __: None
    changed: Callable[[Trace, Message], Trace] = lambda made, _: made
    asked: list[Asked] = field(default_factory=list)
    probed: list[Contender] = field(default_factory=list)

    def probe(self, contenders: Iterable[Contender], *, waiting: object) -> dict[Contender, Message]:  # noqa: ARG002 (as the real one)
        """Every framework sees the CPU."""
        self.probed += contenders
        return {item: {**OK, "devices": ["cpu"], "versions": {}} for item in self.probed}

    def result(self, job: Job, client: "ScriptedLauncher", limit_s: float) -> Message:
        """The result that the worker sends for a job."""
        taken: Message = json.loads(json.dumps(job))
        self.asked.append(Asked(taken, client, limit_s))
        found = self.instead(taken, limit_s)
        answer = found if found is not None else self._usual(taken)
        sent: Message = json.loads(json.dumps(answer))
        return sent

    def of(self, kind: str) -> list[Asked]:
        """The jobs of one kind, in order."""
        return [item for item in self.asked if item.job["kind"] == kind]

    def _usual(self, job: Message) -> Message:
        answers: dict[str, Callable[[Message], Message]] = {
            "choices": lambda _: {"choices": self.choices},
            "measure": measured,
            "roof": lambda _: {"flops": {512: 1e9}, "bytes": dict.fromkeys(SIZES, 1e9)},
            "serve": lambda _: {},
            "trace": self._traced,
        }
        return {**OK, **answers[job["kind"]](job)}

    def _traced(self, job: Message) -> Message:
        path = Path(job["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        with ALONE:
            made = traced(json.dumps(job["workload"]), job["precision"], nudged=job["nudged"], seed=job["seed"])
        write_trace(path, self.changed(made, job))
        return {}


def measured(job: Message) -> Message:
    """The measurement of a case; its settings are the options that it got."""
    case = TypeAdapter(Case).validate_python(job["case"])
    made = record(
        case.workload, case.contender, case.scenario, purpose=case.purpose, batch_sizes=case.batch_sizes, seed=case.seed
    )
    return {
        "measurement": to_json(made.measurement),
        "settings": {"options": json.dumps(job["tunings"], sort_keys=True)},
        "versions": VERSIONS[case.framework],
    }


@cache
def traced(content: str, precision: str, *, nudged: bool, seed: int) -> Trace:
    """The trace of PyTorch on a workload."""
    made = parse_workload(json.loads(content), source=Path("tiny.toml"))
    return trace(prepare("pytorch", made, device="cpu", precision=precision, threads=1, seed=seed), nudged=nudged)


def worked(job: Message, _: float) -> Message:
    """The result of the code of a real worker, which runs the job in this process."""
    with ALONE:
        try:
            # JAX would keep the folder of compiled programs for all later tests of this process.
            asked = {name: value for name, value in job.items() if name != "compiled"}
            return main.KINDS[job["kind"]](asked, lambda _: None, lambda: None)
        except Exception as error:  # noqa: BLE001 (as a worker)
            exit_code = getattr(error, "exit_code", 1)
            return told(main._outcome(error), main._one_line(error)) | {"exit_code": exit_code}


class ScriptedLauncher:
    """A fork server with the methods that a worker pool and an options search need."""

    script: ClassVar[Script]

    def __init__(  # noqa: PLR0913 (as a fork server)
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
        self.device, self.log, self.hash_seed = device, log, hash_seed
        self.start_method: StartMethod = "spawn" if spawned else "fork"
        self.alive = True
        self.weighs = False
        self._serving: Message = {}

    def wait_until_ready(self) -> None:
        """Return at once."""

    def run(self, job: Job, *, limit_s: float, listen: Listener = lambda _: None) -> Ending:
        """Send one progress message, then return the result."""
        result = self.script.result(job, self, limit_s)
        listen({"event": "progress", "phase": "scripted"})
        return Ending(result=result, startup_s=STARTUP_S, start_method=self.start_method)

    def serve(self, job: Job, *, limit_s: float) -> Service:
        """Begin a job that answers requests."""
        result = self.script.result(job, self, limit_s)
        if result["outcome"] != "ok":
            raise EndedError(f"{self.contender}: the job did not begin: {result['error']}", result)
        self._serving = json.loads(json.dumps(job))
        news = self.ask({"do": "place", "batch_size": job["batch_size"]}, limit_s=limit_s)
        return Service(client=cast("WorkerClient", self), startup_s=STARTUP_S, news=news)

    def ask(self, request: Job, *, limit_s: float) -> Message:
        """The time of one call, or of each of several calls."""
        if request["do"] == "place":
            self._serving["batch_size"] = request["batch_size"]
            failed = self.script.instead(self._serving, limit_s)
            if failed is not None:
                raise EndedError(f"{self.contender}: no answer to a request: {failed['error']}", failed)
        call_ns = self.script.call_ns(self._serving["tuning"], self._serving["batch_size"])
        if request["do"] != "time":
            return {"call_ns": call_ns, "together": 1}
        calls = request["calls"]
        return {"elapsed_ns": [calls * call_ns] if request["pipelined"] else [call_ns] * calls}

    def finish(self) -> None:
        """End the job."""

    def close(self) -> None:
        """End the fork server."""
        self.alive = False


def scripted(monkeypatch: pytest.MonkeyPatch, script: Script) -> Script:
    """Make every new fork server follow the script."""
    client = type("WorkerClient", (ScriptedLauncher,), {"script": script})
    monkeypatch.setattr("bench.run.worker_pool.WorkerClient", client)
    monkeypatch.setattr("bench.run.device_probe.probe", script.probe)
    monkeypatch.setattr("bench.run.interleaved_timing.PAUSE_S", 0.0)
    monkeypatch.setattr("bench.records.environment.busy_cores", lambda *_: 0.25)
    return script
