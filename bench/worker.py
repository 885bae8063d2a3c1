"""One job in, one result out, in a process of its own: the only place where models and adapters are loaded by name.

A job is JSON: `kind` ("measure", "trace", "probe" or "serve"), `framework`, `device`, `threads`, and what the kind needs.
"""

import importlib
import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from bench import families
from bench.adapters.base import Adapter
from bench.datasets import base as datasets
from bench.datasets.base import Dataset, Split
from bench.equivalence import LOSS_STEPS, STEPS, write_trace
from bench.errors import BenchError
from bench.measure import inference, memory, training
from bench.measure.clock import now_ns
from bench.measure.training import DivergedError
from bench.record import Case, Measurement, Memory, to_json
from bench.workload import Workload, parse_workload
from models.layers.spec import without_dropout

MEMORY_CALLS = 5

Job = Mapping[str, Any]
Emit = Callable[[dict[str, Any]], None]
Receive = Callable[[], dict[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A workload made ready for one framework: its data in the shape that the network takes, and its two functions."""

    adapter: Adapter
    workload: Workload
    framework: str
    dataset: Dataset
    precision: str
    seed: int

    def split(self, part: str) -> Split:
        """One part of the data set, in the network's input shape and precision."""
        split: Split = getattr(self.dataset, part)
        shape = families.spec_module(self.workload.family).input_shape(self.workload.spec)
        inputs = split.inputs.reshape(len(split), *shape).astype(DTYPES[self.precision], copy=False)
        floating = np.issubdtype(split.targets.dtype, np.floating)
        targets = split.targets.astype(DTYPES[self.precision]) if floating else split.targets
        return Split(inputs=inputs, targets=targets)

    def build(self, *, spec: families.Spec | None = None) -> Any:  # noqa: ANN401 (a framework's own model)
        """A new model with the canonical first weights of the seed, handed to the adapter; returns the model."""
        spec = spec or self.workload.spec
        weights = families.spec_module(self.workload.family).initial_weights(spec, seed=self.seed)
        typed = {name: value.astype(DTYPES[self.precision]) for name, value in weights.items()}
        model = self.module.build(spec, typed, seed=self.seed)
        self.adapter.prepare(model, self.workload.recipe, mode="idiomatic")
        return model

    @property
    def module(self) -> Any:  # noqa: ANN401 (loaded by name)
        """`models.<family>.<framework>`."""
        return importlib.import_module(f"models.{self.workload.family}.{self.framework}")


DTYPES = {"fp32": np.dtype(np.float32), "fp64": np.dtype(np.float64)}


def run(job: Job, *, emit: Emit, receive: Receive) -> None:
    """Do one job and emit its result; whatever goes wrong is a result with an outcome, and a traceback in the log."""
    try:
        if job["kind"] != "probe":
            _pin(job["threads"])
        result = KINDS[job["kind"]](job, emit=emit, receive=receive)
    except Exception as error:  # noqa: BLE001 (a worker has nobody else to tell)
        traceback.print_exc()
        result = {"outcome": _outcome(error), "error": _one_line(error)}
        if isinstance(error, DivergedError):
            result["measurement"] = to_json(Measurement(learning=error.learning))
    emit({"event": "result", **result})


def _measure(job: Job, *, emit: Emit, receive: Receive) -> dict[str, Any]:  # noqa: ARG001 (jobs are called alike)
    case = TypeAdapter(Case).validate_python(job["case"])
    started = now_ns()
    subject = _subject(job, precision=case.precision, seed=case.seed)
    emit({"event": "configured"})
    measurement = PURPOSES[case.purpose, case.scenario](
        subject, case, job, lambda news: emit({"event": "progress", **news}), started
    )
    finite = all(np.isfinite(block.checksum) for block in measurement.blocks)
    return {
        "outcome": "ok" if finite else "diverged",
        "error": None if finite else "an output or a loss is not a finite number",
        "measurement": to_json(measurement),
        "settings": subject.adapter.settings(),
        "versions": subject.adapter.versions(),
    }


def _time_training(subject: Subject, case: Case, job: Job, progress: Any, started: int) -> Measurement:  # noqa: ANN401, ARG001
    train = subject.split("train")
    blocks = []
    for batch_size in case.batch_sizes:
        subject.build()
        block = training.time_steps(
            subject.adapter, train, batch_size=batch_size, seed=case.seed, block_seconds=job["block_seconds"]
        )
        progress({"batch_size": batch_size, "call_ns": int(np.median(block.synchronised_ns))})
        blocks.append(block)
    return Measurement(blocks=tuple(blocks))


def _time_inference(subject: Subject, case: Case, job: Job, progress: Any, started: int) -> Measurement:  # noqa: ANN401, ARG001
    inputs = subject.split("test").inputs
    subject.build()
    blocks = []
    for batch_size in case.batch_sizes:
        block = inference.time_queries(
            subject.adapter, inputs, batch_size=batch_size, block_seconds=job["block_seconds"]
        )
        progress({"batch_size": batch_size, "call_ns": int(np.median(block.synchronised_ns))})
        blocks.append(block)
    return Measurement(blocks=tuple(blocks))


def _learn(subject: Subject, case: Case, job: Job, progress: Any, started: int) -> Measurement:  # noqa: ANN401, ARG001
    train, test = subject.split("train"), subject.split("test")
    subject.build()
    learning = training.learn(
        subject.adapter,
        subject.workload,
        train=train,
        test=test,
        seed=case.seed,
        prepare_ns=now_ns() - started,
        progress=progress,
    )
    return Measurement(learning=learning)


def _peak(subject: Subject, case: Case, job: Job, progress: Any, started: int) -> Measurement:  # noqa: ANN401, ARG001
    train = case.scenario == "training"
    split = subject.split("train" if train else "test")
    baseline = memory.resident_bytes()
    peaks = []
    for batch_size in sorted(case.batch_sizes):
        readable = memory.reset_peak()
        subject.build()
        rows = datasets.cycle(len(split), batch_size)
        placed = subject.adapter.put(split.inputs[rows], split.targets[rows] if train else None)
        for _ in range(MEMORY_CALLS):
            subject.adapter.wait(subject.adapter.train([placed]) if train else subject.adapter.predict(placed))
        peak = memory.peak_resident_bytes() if readable else None
        peaks.append(
            Memory(
                batch_size=batch_size,
                host_peak_bytes=None if peak is None or baseline is None else max(0, peak - baseline),
                host_baseline_bytes=baseline,
                device_peak_bytes=subject.adapter.peak_memory_bytes(),
                nvml_used_bytes=memory.nvml_used_bytes(case.device),
            )
        )
    return Measurement(memory=tuple(peaks))


PURPOSES = {
    ("timing", "training"): _time_training,
    ("timing", "inference"): _time_inference,
    ("learning", "training"): _learn,
    ("memory", "training"): _peak,
    ("memory", "inference"): _peak,
}


def _trace(job: Job, *, emit: Emit, receive: Receive) -> dict[str, Any]:  # noqa: ARG001 (jobs are called alike)
    """What this framework computes, in one precision: the evidence for a certificate."""
    subject = _subject(job, precision=job["precision"], seed=job["seed"])
    path = Path(job["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_trace(path, trace(subject))
    return {"outcome": "ok", "error": None, "versions": subject.adapter.versions()}


def trace(subject: Subject) -> dict[str, np.ndarray]:
    """Logits at the start and after the last step, each beside the reference's, the losses, the weights after the steps."""
    module = families.spec_module(subject.workload.family)
    adapter, spec = subject.adapter, without_dropout(subject.workload.spec)
    train = subject.split("train")
    model = subject.build(spec=spec)
    batches = list(_proof_batches(subject.workload, len(train), seed=subject.seed, precision=subject.precision))
    inputs = train.inputs[batches[0]]
    first = subject.module.export(model)
    found = {
        "logits": adapter.to_numpy(adapter.predict(adapter.put(inputs))),
        "reference": module.forward(spec, _double(first), inputs.astype(np.float64)),
    }
    losses = [adapter.train([adapter.put(train.inputs[rows], train.targets[rows])])[0] for rows in batches]
    adapter.wait(losses)
    weights = subject.module.export(model)
    found |= {f"weights/{name}": value for name, value in weights.items()}
    found["losses"] = np.array([float(adapter.to_numpy(loss)) for loss in losses])
    found["trained_logits"] = adapter.to_numpy(adapter.predict(adapter.put(inputs)))
    found["trained_reference"] = module.forward(spec, _double(weights), inputs.astype(np.float64))
    return found


def _proof_batches(workload: Workload, samples: int, *, seed: int, precision: str) -> Any:  # noqa: ANN401 (an iterator)
    """The first batches of the recipe's own stream, epoch after epoch; float32 needs only those whose loss is compared."""
    recipe = workload.recipe
    left = STEPS if precision == "fp64" else LOSS_STEPS
    epoch = 0
    while left:
        stream = datasets.batches(samples, recipe.batch_size, seed=seed, epoch=epoch, last_batch=recipe.last_batch)
        for rows, _ in zip(stream, range(left), strict=False):
            left -= 1
            yield rows
        epoch += 1


def _double(weights: families.Weights) -> families.Weights:
    return {name: value.astype(np.float64) for name, value in weights.items()}


def _probe(job: Job, *, emit: Emit, receive: Receive) -> dict[str, Any]:  # noqa: ARG001 (jobs are called alike)
    """What the framework is and sees."""
    adapter = load_adapter(job["framework"])
    adapter.configure(device=job["device"], precision="fp32", threads=len(os.sched_getaffinity(0)))
    return {"outcome": "ok", "error": None, "devices": adapter.devices(), "versions": adapter.versions()}


def _serve(job: Job, *, emit: Emit, receive: Receive) -> dict[str, Any]:
    """Time calls one request at a time, for a program that has its own rounds; ends when no more requests come."""
    subject = _subject(job, precision="fp32", seed=0)
    subject.build()
    adapter, train = subject.adapter, job["scenario"] == "training"
    split = subject.split("train" if train else "test")
    rows = datasets.cycle(len(split), job["batch_size"])
    placed = adapter.put(split.inputs[rows], split.targets[rows] if train else None)
    emit({"event": "serving", "settings": adapter.settings(), "versions": adapter.versions()})
    while (request := receive()) is not None:
        start = now_ns()
        for _ in range(request["calls"]):
            adapter.wait(adapter.train([placed]) if train else adapter.predict(placed))
        emit({"event": "timed", "elapsed_ns": now_ns() - start})
    return {"outcome": "ok", "error": None}


KINDS = {"measure": _measure, "trace": _trace, "probe": _probe, "serve": _serve}


def load_adapter(framework: str) -> Adapter:
    """The adapter of one framework, which is imported with it."""
    adapter: Adapter = importlib.import_module(f"bench.adapters.{framework}").create()
    return adapter


def _subject(job: Job, *, precision: str, seed: int) -> Subject:
    workload = parse_workload(job["workload"], source=Path(job["source"]))
    adapter = load_adapter(job["framework"])
    adapter.configure(device="cuda" if job["device"] != "cpu" else "cpu", precision=precision, threads=job["threads"])
    return Subject(
        adapter=adapter,
        workload=workload,
        framework=job["framework"],
        dataset=datasets.load(workload.dataset),
        precision=precision,
        seed=seed,
    )


def _pin(threads: int) -> None:
    """Leave this process as many cores as it may have threads: JAX takes its number of threads from there."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _outcome(error: Exception) -> str:
    if isinstance(error, DivergedError):
        return "diverged"
    if isinstance(error, NotImplementedError):
        return "unavailable"
    out_of_memory = isinstance(error, MemoryError) or any(word in str(error) for word in OUT_OF_MEMORY)
    return "oom" if out_of_memory else "failed"


# What the frameworks say when an allocation fails: PyTorch, JAX and TensorFlow, PyTorch on a CPU.
OUT_OF_MEMORY = ("out of memory", "RESOURCE_EXHAUSTED", "OOM when allocating", "can't allocate memory")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, BenchError | DivergedError) else f"{type(error).__name__}: {text}"[:500]
