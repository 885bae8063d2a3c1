"""Measures a case by its purpose: timing, learning, memory, whether a batch fits, or how it serves under load."""

import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.adapters.base import IDIOMATIC, Model
from bench.analysis.deviations import relative_deviation
from bench.datasets.base import cycle
from bench.records.measurement import Block, Capacity, Measurement, Memory, Trial
from bench.records.record import Case
from bench.worker.cost_model import Demand, demand
from bench.worker.measure import inference, memory, training, under_load
from bench.worker.measure.block import Conditions
from bench.worker.measure.clock import now_ns
from bench.worker.measure.interleaving import Meeting, Place
from bench.worker.prepared_workload import PreparedWorkload
from bench.workload import model_families
from bench.workload.axes import FrameworkOptions
from bench.workload.model_families import Weights

MEMORY_CALLS = 5
ANSWERS = 4  # outputs that are compared with the NumPy reference, which is slow
FITTING_CALLS = 3  # the first makes the optimizer's state, the second has everything in memory at once

Quality = dict[str, float]
Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The conditions under which a process measures a case.

    `block_seconds` is the time budget of a block, `started_ns` when the process started to prepare. `progress` is
    called with each message about progress, `keep` with trained weights and their quality. Memory may grow by
    `memory_limit_bytes`. Every timed call is slowed down by the share `planted` of its time. `turns` is where this run
    meets the run that it is interleaved with. `tunings` are the framework's options by batch size. `processes` is how
    many processes time the case, this one included. Logs of the load generator go into `load_logs`, and it runs on
    `spare_cores`, which this process does not use. The process is killed after `limit_s`.
    """

    block_seconds: float
    started_ns: int
    progress: Progress
    keep: Callable[[Weights, Quality], None] | None = None
    memory_limit_bytes: int | None = None
    planted: float = 0.0
    turns: Meeting | None = None
    tunings: Mapping[int, FrameworkOptions] = field(default_factory=dict)
    processes: int = 1
    load_logs: Path | None = None
    spare_cores: tuple[int, ...] = ()
    limit_s: float = math.inf

    def tuning(self, batch_size: int) -> FrameworkOptions:
        """The framework's options at this batch size."""
        return self.tunings.get(batch_size, IDIOMATIC)


def measure(subject: PreparedWorkload, case: Case, occasion: Occasion) -> Measurement:
    """The measurement for the purpose of the case; raises DivergedError, and the framework's own errors."""
    return PURPOSES[case.purpose, case.scenario](subject, case, occasion)


def _time_training(subject: PreparedWorkload, case: Case, occasion: Occasion) -> Measurement:
    train = subject.encoded(subject.split("train"))
    blocks = []
    for batch_size in case.batch_sizes:
        subject.build(tuning=occasion.tuning(batch_size))
        conditions = _conditions(case, batch_size, occasion)
        block = training.time_steps(
            subject.adapter,
            train,
            batch_size=batch_size,
            seed=case.seed,
            conditions=conditions,
            processes=occasion.processes,
        )
        blocks.append(_told(block, subject, case, occasion))
    return Measurement(blocks=tuple(blocks))


def _time_inference(subject: PreparedWorkload, case: Case, occasion: Occasion) -> Measurement:
    inputs = subject.split("test").inputs
    blocks, built = [], None
    for batch_size in case.batch_sizes:
        if built is None or occasion.tuning(batch_size) != built:
            built = occasion.tuning(batch_size)
            model = subject.build(tuning=built)
        block = inference.time_queries(
            subject.adapter, inputs, batch_size=batch_size, conditions=_conditions(case, batch_size, occasion)
        )
        blocks.append(_told(block, subject, case, occasion))
    query = inputs[cycle(len(inputs), max(case.batch_sizes))]
    return Measurement(blocks=tuple(blocks), forward_deviation=deviation(subject, model, query))


def deviation(subject: PreparedWorkload, model: Model, query: np.ndarray) -> float | None:
    """The relative deviation from the reference of the outputs for a timed query, by its first samples.

    None if the family has no reference.
    """
    if not model_families.has_reference(subject.workload.family):
        return None
    answers = subject.adapter.to_numpy(subject.adapter.predict(subject.adapter.put(query)))[:ANSWERS]
    return relative_deviation(answers, subject.reference(subject.export(model), query[:ANSWERS]))


def _learn(subject: PreparedWorkload, case: Case, occasion: Occasion) -> Measurement:
    train, validation, test = subject.lesson_splits()
    tuning = occasion.tuning(case.batch_sizes[0])
    models = [subject.build(tuning=tuning)]
    lesson = training.Lesson(
        workload=subject.workload,
        train=subject.encoded(train),
        validation=validation,
        test=test,
        seed=case.seed,
        prepare_ns=now_ns() - occasion.started_ns,
        snapshot=lambda: subject.export(models[-1]),
        restore=lambda weights: models.append(subject.build(weights=weights, tuning=tuning)),
    )
    learning = training.learn(subject.adapter, lesson, occasion.progress)
    if occasion.keep is not None:
        occasion.keep(subject.export(models[-1]), learning.quality)
    return Measurement(learning=learning)


def _peak(subject: PreparedWorkload, case: Case, occasion: Occasion) -> Measurement:
    """Peaks by ascending batch size: if a peak cannot be reset, the last one still belongs to the largest batch."""
    split = subject.split("train" if case.scenario == "training" else "test")
    baseline = memory.resident_bytes()
    peaks = []
    for batch_size in sorted(case.batch_sizes):
        readable = memory.reset_peak()
        rows = cycle(len(split), batch_size)
        once = _exercise(subject, case, rows, calls=MEMORY_CALLS, tuning=occasion.tuning(batch_size))
        peak = memory.peak_resident_bytes() if readable else None
        device = subject.adapter.peak_memory_bytes()
        asked = _demand(subject, case, batch_size)
        peaks.append(
            Memory(
                batch_size=batch_size,
                host_peak_bytes=None if peak is None or baseline is None else max(0, peak - baseline),
                host_baseline_bytes=baseline,
                device_peak_bytes=device.allocated,
                device_reserved_bytes=device.reserved,
                nvml_used_bytes=memory.nvml_used_bytes(case.device),
                demanded_bytes=asked.held if asked else {},
                accounted_bytes=_account(subject, once),
            )
        )
        del once  # it holds its batch, which would count in the next peak
    return Measurement(memory=tuple(peaks))


def _account(subject: PreparedWorkload, once: Callable[[], object]) -> dict[str, int]:
    """The library's own account of the peak; empty if it fails, since the peak itself is still valid."""
    try:
        return subject.adapter.engine.account(once)
    except Exception:  # noqa: BLE001 (the log has it)
        traceback.print_exc()
        return {}


def _fit(subject: PreparedWorkload, case: Case, occasion: Occasion) -> Measurement:
    """The device's peak with a batch of this size; the outcome of the job says whether the batch fits."""
    split = subject.split("train" if case.scenario == "training" else "test")
    if occasion.memory_limit_bytes is not None:
        memory.limit_growth(occasion.memory_limit_bytes)
    (batch_size,) = case.batch_sizes
    rows = cycle(len(split), batch_size)
    _exercise(subject, case, rows, calls=FITTING_CALLS, tuning=occasion.tuning(batch_size))
    trial = Trial(batch_size=batch_size, outcome="ok", device_peak_bytes=subject.adapter.peak_memory_bytes().allocated)
    return Measurement(capacity=Capacity(trials=(trial,), memory_limit_bytes=occasion.memory_limit_bytes))


def _exercise(
    subject: PreparedWorkload, case: Case, rows: np.ndarray, *, calls: int, tuning: FrameworkOptions
) -> Callable[[], object]:
    """Build a new model and make a few calls; returns a function that makes one more call.

    The first call compiles, and allocates the optimizer's state.
    """
    adapter = subject.adapter
    subject.build(tuning=tuning)
    if case.scenario == "training":
        split = subject.encoded(subject.split("train"))
        batch = adapter.put(split.inputs[rows], split.targets[rows])

        def once() -> None:
            adapter.wait(adapter.train([batch] * adapter.steps_per_call))
    else:
        query = adapter.put(subject.split("test").inputs[rows])

        def once() -> None:
            adapter.wait(adapter.predict(query))

    for _ in range(calls):
        once()
    return once


def _serve(subject: PreparedWorkload, case: Case, occasion: Occasion) -> Measurement:
    """What a server did under load; the deviation of its answers decides whether it did the right work."""
    if case.serving is None or occasion.load_logs is None:
        raise ValueError("found no load, expected case.serving and a folder for the logs of the generator")
    model = subject.build(tuning=occasion.tuning(case.batch_sizes[0]))
    words = (case.workload, case.learner, case.feed, case.serving.load, str(case.replicate + 1))
    conditions = under_load.Conditions(
        serving=case.serving,
        device=case.device,
        feed=case.feed,
        folder=occasion.load_logs / "-".join(words),
        cores=occasion.spare_cores,
        progress=occasion.progress,
        limit_s=occasion.limit_s,
    )
    found = under_load.loaded(subject, model, conditions)
    deviations = [run.deviation for run in found.runs if run.deviation is not None]
    if not deviations or not model_families.has_reference(subject.workload.family):
        return Measurement(loaded=found)
    return Measurement(loaded=found, forward_deviation=float(np.max(deviations)))  # NaN if one of them is


def _conditions(case: Case, batch_size: int, occasion: Occasion) -> Conditions:
    place = None
    if occasion.turns is not None:
        words = (case.workload, case.learner, case.scenario, str(case.replicate), str(batch_size))
        place = Place(meeting=occasion.turns, block="-".join(words).replace(".", "-").replace("/", "-"))
    return Conditions(
        block_seconds=occasion.block_seconds,
        device=case.device,
        feed=case.feed,
        planted=occasion.planted,
        turns=place,
    )


def _told(block: Block, subject: PreparedWorkload, case: Case, occasion: Occasion) -> Block:
    """Report progress; return the block with the FLOPs and bytes that one of its calls needs, where they are known."""
    occasion.progress({"batch_size": block.batch_size, "call_ns": int(np.median(block.synchronised_ns))})
    asked = _demand(subject, case, block.batch_size)
    if asked is None:
        return block
    held_bytes = sum(asked.held.values())
    return replace(block, flops=asked.flops, least_bytes=asked.least_bytes, held_bytes=held_bytes)


def _demand(subject: PreparedWorkload, case: Case, batch_size: int) -> Demand | None:
    """What one call needs; None if the family does not say what its layers are."""
    if not model_families.has_parts(subject.workload.family):
        return None
    return demand(subject.workload, case.scenario, batch_size, precision=case.precision)


PURPOSES = {
    ("timing", "training"): _time_training,
    ("timing", "inference"): _time_inference,
    ("learning", "training"): _learn,
    ("memory", "training"): _peak,
    ("memory", "inference"): _peak,
    ("capacity", "training"): _fit,
    ("capacity", "inference"): _fit,
    ("serving", "inference"): _serve,
}
