"""Declares every column of every frame once: its name, its type and what it means."""

from collections.abc import Mapping
from typing import NamedTuple

from bench.analysis.long_table import COLUMNS, MEMORY
from bench.records.timing_metrics import METRICS
from bench.report.results import STATUS_WORDS

TEXT, INTEGER, NUMBER, TRUTH, TIME = "string", "Int64", "float64", "boolean", "datetime64[ns, UTC]"


class Column(NamedTuple):
    """A column: its type in pandas, and what it means."""

    type: str
    meaning: str


Columns = Mapping[str, Column]

CELL: Columns = {
    "workload": Column(TEXT, "The name of the workload."),
    "scenario": Column(TEXT, "What was measured: `training` or `inference`."),
    "device": Column(TEXT, "The device: `cpu`, `cuda` or `cuda:N`."),
    "mode": Column(TEXT, "`idiomatic` or `tuned`."),
    "precision": Column(TEXT, "The precision of the computation: `fp32`, `tf32` or `bf16`."),
    "threads": Column(INTEGER, "The CPU threads of the framework."),
    "feed": Column(TEXT, "Where a batch is when the clock starts: on the `device` or on the `host`."),
    "batch_size": Column(INTEGER, "Samples in one call."),
    "framework": Column(TEXT, "The framework, with its backend: `pytorch`, `keras/jax`, `flax`."),
}
RUN: Columns = {
    "run": Column(TEXT, "The id of the run."),
    "machine": Column(TEXT, "The name of the machine."),
}
# A framework, and how it runs: what has a certificate, and what learns.
LANE: Columns = {name: CELL[name] for name in COLUMNS if name not in {"scenario", "feed", "batch_size"}}
SEED = Column(INTEGER, "The seed of the initial weights, the order of the batches and dropout.")
STATES = ", ".join(f"`{words}`" for words in STATUS_WORDS.values())
STATUS = Column(TEXT, f"Whether the framework is proven to do the same work in this run: {STATES}.")
BYTES = {
    "host_peak_bytes": "Peak memory of the process on the host, less `host_baseline_bytes`.",
    "host_baseline_bytes": "Memory of that process when the framework, the data and the harness were loaded.",
    "device_peak_bytes": "Peak memory that the framework had allocated on the device.",
    "device_reserved_bytes": "Peak memory that the framework had reserved on the device.",
    "nvml_used_bytes": "Memory of the process on the device, as the driver reports it.",
}


def _metric(name: str) -> Column:
    """The column of a metric, whose meaning is its formula."""
    return Column(NUMBER, " ".join((METRICS[name].compute.__doc__ or "").split()))


CELLS: Columns = {
    **RUN,
    **CELL,
    "status": STATUS,
    "metric": Column(TEXT, "The name of the metric, as on the page of metrics; `test_` begins the names of quality."),
    "unit": Column(
        TEXT,
        "The unit of the value, such as `s`, `samples/s`, `B`, `J/sample`, `cores` or `samples`; empty for quality.",
    ),
    "value": Column(NUMBER, "The median over processes; for quality, memory and time to target the mean."),
    "low": Column(NUMBER, "The smallest value of a process, or of a seed."),
    "high": Column(NUMBER, "The largest value of a process, or of a seed."),
    "processes": Column(INTEGER, "How many processes, or seeds, the value is made from."),
    "doubt": Column(TEXT, "Why the figure cannot be relied on (reports mark it with †); empty if it can."),
}
PROCESSES: Columns = {
    **RUN,
    **CELL,
    "purpose": Column(TEXT, "What the process measured: `timing`, `learning`, `memory`, `capacity` or `serving`."),
    "replicate": Column(INTEGER, "The number of the process among those that repeat the same case, from 0."),
    "seed": SEED,
    "order": Column(INTEGER, "The place of the case in the run, from 0."),
    "attempt": Column(INTEGER, "The attempt, from 1: a throttled case is measured again, and the last one counts."),
    "started": Column(TIME, "When the case started; missing if pandas has no such time, as in the year 9999."),
    "duration_s": Column(NUMBER, "Wall time of the case."),
    "startup_s": Column(NUMBER, "Wall time until the framework was ready; missing if it never was."),
    "outcome": Column(TEXT, "`ok`, `failed`, `oom`, `timeout`, `diverged` or `unavailable`."),
    "error": Column(TEXT, "The error message; missing if the case ended well."),
    **{name: _metric(name) for name in METRICS},
    **{name: Column(INTEGER, BYTES[name]) for name in MEMORY},
    "largest_batch": Column(INTEGER, "The largest batch that fits, if the process searched for it."),
    "load_p90_s": Column(NUMBER, "The 90th percentile of latency under load, at the median over its runs."),
    "load_p99_s": Column(NUMBER, "The 99th percentile of latency under load, at the median over its runs."),
    "offline_rate": Column(NUMBER, "Samples per second if all queries are there from the start."),
    "sla_rate": Column(NUMBER, "The highest rate of queries per second that keeps the latency limit."),
    "goodput": Column(NUMBER, "Queries per second that are answered within the limit, at that rate."),
    "target_metric": Column(
        TEXT, "The metric of the target, or the first metric of the task, if it trained to the end."
    ),
    "target": Column(NUMBER, "The value of the target metric that is to be reached."),
    "quality": Column(NUMBER, "The target metric on the test data after the last epoch."),
    "time_to_target_s": Column(
        NUMBER, "Wall time of training and evaluation until the target was reached; missing if it never was."
    ),
}
SAMPLES: Columns = {
    **RUN,
    **CELL,
    "replicate": PROCESSES["replicate"],
    "order": PROCESSES["order"],
    "kind": Column(
        TEXT,
        "`call` (the first three calls), `warm_up`, `synchronised` (single calls with a wait after each) or "
        "`pipelined` (rounds of calls with one wait at the end).",
    ),
    "number": Column(INTEGER, "The number of the timing among those of its kind and process, from 0."),
    "calls": Column(INTEGER, "The calls that were timed together: 1, or those of a round."),
    "time_ns": Column(INTEGER, "The time of these calls together."),
}
CURVES: Columns = {
    **RUN,
    **LANE,
    "seed": SEED,
    "epoch": Column(INTEGER, "The epoch, from 1."),
    "train_loss": Column(NUMBER, "The training loss during the epoch, while the weights changed."),
    "evaluation_loss": Column(NUMBER, "The loss on the evaluation data after the epoch."),
    "evaluation_quality": Column(NUMBER, "The target metric on the evaluation data after the epoch."),
    "evaluated_on": Column(TEXT, "The evaluation data: `validation` or `test`."),
    "target_metric": Column(TEXT, "The metric of the target, or the first metric of the task."),
    "target": Column(NUMBER, "The value to reach; missing if the workload has none."),
    "train_ns": Column(INTEGER, "Wall time of the training steps of the epoch."),
    "evaluation_ns": Column(INTEGER, "Wall time of the evaluation after the epoch."),
    "elapsed_ns": Column(INTEGER, "Wall time of training and evaluation up to here."),
}
CERTIFICATES: Columns = {
    **RUN,
    **LANE,
    "status": STATUS,
    "check": Column(TEXT, "What was compared; missing if there is no proof."),
    "against": Column(TEXT, "The other side: `reference`, `given weights` or the name of a framework."),
    "found": Column(NUMBER, "The largest relative deviation. Losses with dropout differ by so many standard errors."),
    "allowed": Column(NUMBER, "The largest deviation that is allowed."),
    "holds": Column(TRUTH, "Whether the deviation is at most the allowed one."),
    "tensor": Column(TEXT, "The weights that deviate most; missing if the check holds or compares no weights."),
    "steps": Column(INTEGER, "The training steps of the proof."),
    "problem": Column(TEXT, "Why there is no proof; missing if there is one."),
}
ANSWERS: Columns = {
    **RUN,
    "about": Column(TEXT, "The device, the mode and the precision that the answer is about."),
    "question": Column(TEXT, "A question that readers of a report have."),
    "answer": Column(TEXT, "The sentences that the report answers it with."),
}
COMPARISON: Columns = {
    **CELL,
    "metric": CELLS["metric"],
    "unit": CELLS["unit"],
    "baseline": Column(NUMBER, "The value of the baseline; of times the geometric mean over processes."),
    "candidate": Column(NUMBER, "The value of the candidate; of times the baseline × the ratio."),
    "ratio": Column(NUMBER, "Of times: candidate / baseline. Above 1: slower. Missing for memory and quality."),
    "low": Column(NUMBER, "The lower bound of the ratio; missing with one process on a side."),
    "high": Column(NUMBER, "The upper bound of the ratio; missing with one process on a side."),
    "verdict": Column(TEXT, "`improved`, `unchanged`, `regressed` or `inconclusive`."),
    "reason": Column(TEXT, "Why the verdict is what it is, where the ratio does not say it."),
    "reliable": Column(TRUTH, "Whether the figures of the cell can be relied on in both sides."),
}
ENVIRONMENT: Columns = {
    "what": Column(TEXT, "What differs: a variable of the shell, a version, a limit, the system."),
    "baseline": Column(TEXT, "Its value in the baseline; several values are listed."),
    "candidate": Column(TEXT, "Its value in the candidate; several values are listed."),
}

# The frames of `bench.Runs`, then those of `bench.Comparison`, each with what a row of it is.
OF_RUNS: Mapping[str, tuple[str, Columns]] = {
    "cells": ("A row for each figure of each cell: what the tables of a report show.", CELLS),
    "processes": (
        "A row for each process and batch size, with its metrics; failed ones too.",
        PROCESSES,
    ),
    "samples": ("A row for each timing of records that ended `ok`, as it was stored.", SAMPLES),
    "curves": ("A row for each epoch of each seed that ended `ok`.", CURVES),
    "certificates": ("A row for each check of each framework's proof, or one row if it has no proof.", CERTIFICATES),
    "answers": ("A row for each question that a report answers.", ANSWERS),
}
OF_COMPARISONS: Mapping[str, tuple[str, Columns]] = {
    "frame": ("A row for each figure that both sides have.", COMPARISON),
    "environment": ("A row for each difference between the environments of the two sides.", ENVIRONMENT),
}
