"""Runs one job in its own process, and sends its result.

A job is JSON: `kind` (one of KINDS), `framework`, `device`, `threads`, and what the kind needs. `compiled` is the
folder of the compilation cache, in place of the one that all processes share.
"""

import math
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
from bench.worker import data_parallel_trace, prediction, prediction_log
from bench.worker.layer_outputs import look
from bench.worker.measure import dispatch, memory, peak_rates, timing_server, under_load
from bench.worker.measure.block import collector_off
from bench.worker.measure.clock import now_ns
from bench.worker.measure.dispatch import Occasion
from bench.worker.measure.interleaving import Meeting
from bench.worker.measure.training import DivergedError
from bench.worker.prepared_workload import PreparedWorkload, prepare
from bench.worker.proof_trace import trace
from bench.workload import own_families, places
from bench.workload.model_families import Weights
from bench.workload.workload import parse_workload

Job = Mapping[str, Any]
Message = dict[str, Any]
Emit = Callable[[Message], None]
Receive = Callable[[], Message | None]


def run(job: Job, *, emit: Emit, receive: Receive) -> None:
    """Run one job and emit its result; an error becomes a result with an outcome, and a traceback in the log."""
    try:
        if "threads" in job:
            devices = places.read(job["device"]).devices
            spare = _pin(job["threads"] * devices, first=job.get("first_core", 0))
            job = {**job, "spare_cores": spare}
        if "compiled" in job:
            os.environ[COMPILED] = job["compiled"]
        if job.get("case", {}).get("purpose") not in WEIGHED:
            memory.keep_freed_memory()
        result = KINDS[job["kind"]](job, emit, receive)
    except Exception as error:  # noqa: BLE001 (a worker reports every error through its result)
        traceback.print_exc()
        result = {"outcome": _outcome(error), "error": _one_line(error), "exit_code": getattr(error, "exit_code", 1)}
        if isinstance(error, under_load.StoppedError):
            result["measurement"] = to_json(Measurement(loaded=error.loaded))
        if isinstance(error, DivergedError):
            result["measurement"] = to_json(Measurement(learning=error.learning))
    emit({"event": "result", **result})


def _measure(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """Measure a case."""
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
        load_logs=Path(job["load_logs"]) if "load_logs" in job else None,
        spare_cores=tuple(job.get("spare_cores", ())),
        limit_s=job.get("limit_s", math.inf),
    )
    found = dispatch.measure(subject, case, occasion)
    problem = _problem(found, case, subject)
    return {
        "outcome": "ok" if problem is None else problem[0],
        "error": None if problem is None else problem[1],
        "measurement": to_json(found),
        "settings": subject.adapter.settings() | _told_of(occasion),
        "versions": subject.adapter.versions(),
    }


def _problem(found: Measurement, case: Case, subject: PreparedWorkload) -> tuple[str, str] | None:
    """Outcome and reason if a result is not finite, has another accuracy than its precision, or was not compiled."""
    if not all(np.isfinite(block.checksum) for block in found.blocks):
        return "diverged", "an output or a loss is not a finite number"
    accuracy = None if found.forward_deviation is None else misfit(found.forward_deviation, case.precision)
    reason = accuracy or subject.adapter.uncompiled()
    return None if reason is None else ("failed", reason)


def _told_of(occasion: Occasion) -> Message:
    """The setting that a record needs if its calls were slowed down on purpose; empty if not."""
    return {"planted": f"calls take {occasion.planted:.1%} longer"} if occasion.planted else {}


def _meeting(job: Job) -> Meeting | None:
    meeting = job.get("turns")
    return None if meeting is None else Meeting(folder=Path(meeting["folder"]), side=meeting["side"])


def _keeper(job: Job, subject: PreparedWorkload, case: Case) -> Callable[[Weights, dict[str, float]], None]:
    folder = Path(job["models"], f"{case.workload}-{case.learner}")
    return lambda weights, quality: prediction.keep(subject, case, folder, weights=weights, quality=quality)


def _trace(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """Compute the trace that a certificate is made from, and write it to a file."""
    subject = _subject(job, precision=job["precision"], seed=job["seed"])
    if "compiled" in job:
        subject.adapter.engine.compile_once(Path(job["compiled"]))
    path = Path(job["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_trace(path, trace(subject, nudged=job.get("nudged", False), tuning=job.get("tuning", {})))
    return {"outcome": "ok", "error": None}


def _look(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """Write the outputs of the layers, and the weights after one step, to a file."""
    write_trace(Path(job["path"]), look(_subject(job, precision=job["precision"], seed=job["seed"])))
    return {"outcome": "ok", "error": None}


def _data_parallel(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """Compute the trace of a training on one device or on several, and write it to a file."""
    subject = _subject(job, precision="fp64", seed=job["seed"])
    path = Path(job["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_trace(path, data_parallel_trace.trace(subject, devices=job["devices"]))
    return {"outcome": "ok", "error": None}


def _choices(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """The options that a search for the fastest configuration can choose from."""
    subject = _subject(job, precision=job["precision"], seed=0)
    return {"outcome": "ok", "error": None, "choices": subject.choices(job["scenario"])}


def _roof(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """The peak rates of the device that this framework reaches."""
    case = TypeAdapter(Case).validate_python(job["case"])
    engine = _subject(job, precision=case.precision, seed=case.seed).adapter.engine
    return {
        "outcome": "ok",
        "error": None,
        "flops": peak_rates.products(engine, case.device, case.precision),
        "bytes": peak_rates.streams(engine, case.device),
    }


def _serve(job: Job, emit: Emit, receive: Receive) -> Message:
    """Time calls on request of the parent, which interleaves several processes; an empty request ends the job.

    In a request `do` is `place`, `warm_up` or `time`; its other keys are the arguments of that method of
    `bench.worker.measure.timing_server.Server`.
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
    """Write the predictions of a saved model to a CSV file."""
    folder, device = Path(job["folder"]), job["device"]
    about = {"device": device, "threads": job["threads"], "batch_size": job.get("batch_size")}
    with prediction_log.opened(job.get("predictions"), folder, device=device, explain=_one_line) as log:
        found = prediction.predict(job["framework"], folder, job["data"], log=log, **about)
    found.table.to_csv(job["output"], index=False)
    told: Message = {"source": found.source, "quality": found.quality, "remarks": list(found.remarks)}
    told |= {"labelled": found.labelled, "samples": len(found.table)}
    return {"outcome": "ok", "error": None, **told}


def _observe(job: Job, emit: Emit, receive: Receive) -> Message:  # noqa: ARG001 (jobs are called alike)
    """Write the columns of later data, and of a model's outputs for them, to a NumPy file; words are text."""
    found = prediction.observe(
        job["framework"], Path(job["folder"]), job["data"], device=job["device"], threads=job["threads"]
    )
    plain = {name: values.astype(str) if values.dtype == object else values for name, values in found.items()}
    np.savez(job["output"], **plain)  # type: ignore[arg-type]  # no column is called as one of its options
    return {"outcome": "ok", "error": None}


def _subject(job: Job, *, precision: str, seed: int) -> PreparedWorkload:
    workload = parse_workload(job["workload"], source=Path(job["source"]))
    return prepare(
        job["framework"], workload, device=job["device"], precision=precision, threads=job["threads"], seed=seed
    )


def _pin(threads: int, *, first: int) -> list[int]:
    """Restrict this process to as many cores as it may have threads: JAX takes its number of threads from them.

    The cores start at number `first`, or at the first one where too few cores follow. Returns the cores that are left.
    """
    if not hasattr(os, "sched_setaffinity"):
        return []
    cores = sorted(os.sched_getaffinity(0))
    following = cores[first : first + threads]
    own = following if len(following) == threads else cores[:threads]
    os.sched_setaffinity(0, own)
    return [core for core in cores if core not in own]


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
    """The text of an error in one line, for a record; the traceback is in the log.

    An error in a network of the user begins with its file and line.
    """
    text = " ".join(str(error).split())
    spoken = isinstance(error, BenchError | DivergedError | timing_server.WrongError | NotImplementedError)
    if spoken:
        return _cut(text)
    place = own_families.place_of(error)
    return _cut(f"{place}{': ' if place else ''}{type(error).__name__}: {text}")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_ERROR else f"{text[: LONGEST_ERROR - 2]} …"


KINDS = {
    "measure": _measure,
    "trace": _trace,
    "look": _look,
    "data parallel": _data_parallel,
    "choices": _choices,
    "roof": _roof,
    "serve": _serve,
    "predict": _predict,
    "observe": _observe,
}

WEIGHED = ("memory", "capacity")  # purposes that measure memory, where freed memory that is kept would be counted

LONGEST_ERROR = 500

# The folder of torch's compilation cache; torch reads this variable when it compiles for the first time.
COMPILED = "TORCHINDUCTOR_CACHE_DIR"

# Parts of the errors of a failed allocation: PyTorch, JAX and TensorFlow, PyTorch on a CPU.
OUT_OF_MEMORY = ("out of memory", "RESOURCE_EXHAUSTED", "OOM when allocating", "can't allocate memory")
# oneDNN's error for an operation that it does not have for this processor, such as PyTorch's LSTM in bfloat16.
NOT_HERE = ("could not create a primitive descriptor",)
