"""One job in, one result out, in a process of its own.

A job is JSON: `kind` (one of KINDS), `framework`, `device`, `threads`, and what the kind needs. `compiled` is a folder
for what is compiled, in place of the one that all processes share.
"""

import os
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from bench.analysis.equivalence import misfit
from bench.errors import BenchError, UnavailableError
from bench.records.measurement import Measurement
from bench.records.record import Case, to_json
from bench.records.trace_files import write_trace
from bench.worker import prediction
from bench.worker.measure import dispatch, memory, peak_rates, timing_server
from bench.worker.measure.block import collector_off
from bench.worker.measure.clock import now_ns
from bench.worker.measure.dispatch import Occasion
from bench.worker.measure.interleaving import Meeting
from bench.worker.measure.training import DivergedError
from bench.worker.prepared_workload import PreparedWorkload, load_adapter, prepare
from bench.worker.proof_trace import trace
from bench.workload.model_families import Weights
from bench.workload.workload import parse_workload

Job = Mapping[str, Any]
Message = dict[str, Any]
Emit = Callable[[Message], None]
Receive = Callable[[], Message | None]


def run(job: Job, *, emit: Emit, receive: Receive) -> None:
    """Do one job and emit its result; whatever goes wrong is a result with an outcome, and a traceback in the log."""
    try:
        if "threads" in job:
            _pin(job["threads"], first=job.get("first_core", 0))
        if "compiled" in job:
            os.environ[COMPILED] = job["compiled"]
        if job.get("case", {}).get("purpose") not in WEIGHED:
            memory.keep_freed_memory()
        result = KINDS[job["kind"]](job, emit, receive)
    except Exception as error:  # noqa: BLE001 (a worker has nobody else to tell)
        traceback.print_exc()
        result = {"outcome": _outcome(error), "error": _one_line(error), "exit_code": getattr(error, "exit_code", 1)}
        if isinstance(error, DivergedError):
            result["measurement"] = to_json(Measurement(learning=error.learning))
    emit({"event": "result", **result})


def _measure(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """What a case measures."""
    case = TypeAdapter(Case).validate_python(job["case"])
    started = now_ns()
    subject = _subject(job, precision=case.precision, seed=case.seed)
    emit({"event": "configured"})
    occasion = Occasion(
        block_seconds=job["block_seconds"],
        started_ns=started,
        progress=lambda news: emit({"event": "progress", **news}),
        keep=_keeper(job, subject, case) if job.get("models") else None,
        memory_limit_bytes=job.get("memory_limit_bytes"),
        planted=job.get("planted", 0.0),
        turns=_meeting(job),
        tunings={int(size): tuning for size, tuning in job.get("tunings", {}).items()},
        processes=job.get("processes", 1),
    )
    found = dispatch.measure(subject, case, occasion)
    problem = _problem(found, case)
    return {
        "outcome": "ok" if problem is None else problem[0],
        "error": None if problem is None else problem[1],
        "measurement": to_json(found),
        "settings": subject.adapter.settings() | _told_of(occasion),
        "versions": subject.adapter.versions(),
    }


def _problem(found: Measurement, case: Case) -> tuple[str, str] | None:
    """An outcome and a reason where what was computed is no number, or nothing that this precision computes."""
    if not all(np.isfinite(block.checksum) for block in found.blocks):
        return "diverged", "an output or a loss is not a finite number"
    reason = None if found.forward_deviation is None else misfit(found.forward_deviation, case.precision)
    return None if reason is None else ("failed", reason)


def _told_of(occasion: Occasion) -> Message:
    """A record whose times were made longer on purpose says so."""
    return {"planted": f"calls take {occasion.planted:.1%} longer"} if occasion.planted else {}


def _meeting(job: Job) -> Meeting | None:
    meeting = job.get("turns")
    return None if meeting is None else Meeting(folder=Path(meeting["folder"]), side=meeting["side"])


def _keeper(job: Job, subject: PreparedWorkload, case: Case) -> Callable[[Weights, dict[str, float]], None]:
    folder = Path(job["models"], f"{case.workload}-{case.learner}")
    return lambda weights, quality: prediction.keep(subject, case, folder, weights=weights, quality=quality)


def _trace(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """The evidence for a certificate, in a file."""
    subject = _subject(job, precision=job["precision"], seed=job["seed"])
    path = Path(job["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_trace(path, trace(subject, nudged=job.get("nudged", False), tuning=job.get("tuning", {})))
    return {"outcome": "ok", "error": None}


def _probe(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """What the framework is and sees; it is not configured, since that would already choose a device."""
    adapter = load_adapter(job["framework"])
    return {"outcome": "ok", "error": None, "devices": adapter.devices(), "versions": adapter.versions()}


def _choices(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """What there is to choose from, where a workload shall be as fast as it can."""
    subject = _subject(job, precision=job["precision"], seed=0)
    return {"outcome": "ok", "error": None, "choices": subject.choices(job["scenario"])}


def _roof(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """What the device can do, as far as this framework can use it."""
    case = TypeAdapter(Case).validate_python(job["case"])
    engine = _subject(job, precision=case.precision, seed=case.seed).adapter.engine
    return {
        "outcome": "ok",
        "error": None,
        "flops": peak_rates.products(engine, case.device, case.precision),
        "bytes": peak_rates.streams(engine, case.device),
    }


def _serve(job: Job, emit: Emit, receive: Receive) -> Message:
    """Time calls one request at a time, for somebody who has rounds of its own; an empty request ends it.

    A request says what to `do`, one of `place`, `warm_up` and `time`, and with what:
    `bench.worker.measure.timing_server` has them.
    """
    subject = _subject(job, precision=job.get("precision", "fp32"), seed=0)
    emit({"event": "configured"})
    server = timing_server.Server(subject, job["scenario"], tuning=job.get("tuning", {}))
    requests: dict[str, Callable[..., Message]] = {
        "place": server.place,
        "warm_up": server.warm_up,
        "time": server.time,
    }
    with collector_off():
        placed = server.place(job["batch_size"])
        about = {"settings": subject.adapter.settings(), "versions": subject.adapter.versions()}
        emit({"event": "serving", **placed, **about})
        while request := receive():
            given = {name: value for name, value in request.items() if name != "do"}
            emit({"event": "answer", **requests[request["do"]](**given)})
    return {"outcome": "ok", "error": None}


def _predict(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """What a saved model says about data, in a table."""
    found = prediction.predict(
        job["framework"], Path(job["folder"]), job["data"], device=job["device"], threads=job["threads"]
    )
    found.table.to_csv(job["output"], index=False)
    return {"outcome": "ok", "error": None, "source": found.source, "quality": found.quality}


def _subject(job: Job, *, precision: str, seed: int) -> PreparedWorkload:
    workload = parse_workload(job["workload"], source=Path(job["source"]))
    return prepare(
        job["framework"], workload, device=job["device"], precision=precision, threads=job["threads"], seed=seed
    )


def _pin(threads: int, *, first: int) -> None:
    """Leave this process as many cores as it may have threads: JAX takes its number of threads from there.

    They are counted from `first` on, or from the beginning where there are not so many.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        own = cores[first : first + threads]
        os.sched_setaffinity(0, own if len(own) == threads else cores[:threads])


def _outcome(error: Exception) -> str:
    if isinstance(error, timing_server.WrongError):
        return error.outcome
    if isinstance(error, DivergedError):
        return "diverged"
    if isinstance(error, NotImplementedError | UnavailableError) or any(word in str(error) for word in NOT_HERE):
        return "unavailable"
    out_of_memory = isinstance(error, MemoryError) or any(word in str(error) for word in OUT_OF_MEMORY)
    return "oom" if out_of_memory else "failed"


def _one_line(error: Exception) -> str:
    """What a record says of an error; the log has the rest."""
    text = " ".join(str(error).split())
    spoken = isinstance(error, BenchError | DivergedError | timing_server.WrongError | NotImplementedError)
    return (text if spoken else f"{type(error).__name__}: {text}")[:LONGEST_ERROR]


KINDS = {
    "measure": _measure,
    "trace": _trace,
    "probe": _probe,
    "choices": _choices,
    "roof": _roof,
    "serve": _serve,
    "predict": _predict,
}

WEIGHED = ("memory", "capacity")  # what is kept for what comes next would be weighed as well

LONGEST_ERROR = 500

# Where torch looks for what it compiled in an earlier process, and reads this when it first compiles.
COMPILED = "TORCHINDUCTOR_CACHE_DIR"

# What the frameworks say when an allocation fails: PyTorch, JAX and TensorFlow, PyTorch on a CPU.
OUT_OF_MEMORY = ("out of memory", "RESOURCE_EXHAUSTED", "OOM when allocating", "can't allocate memory")
# What oneDNN says of an operation that it has for other processors alone, as PyTorch's LSTM in bfloat16.
NOT_HERE = ("could not create a primitive descriptor",)
