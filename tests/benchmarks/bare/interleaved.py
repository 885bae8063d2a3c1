"""Times two ways of training in one process of one framework, interleaved; prints their rounds as JSON.

A script of this folder hands over two that start from the same weights and go through the same batches in the same
order, so that both must end with the same weights too: how far these are apart is printed beside the times.
"""

import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.analysis.deviations import weights_deviation
from bench.datasets import base as datasets
from bench.worker.measure import block, training
from bench.worker.measure.timed_call import Work
from bench.worker.prepared_workload import PreparedWorkload, prepare
from bench.workload import model_families
from bench.workload.update_rules import Adam
from bench.workload.workload import parse_workload
from models.layers.spec import Weights
from tests.benchmarks.turns import Way, in_turns

CHECKED_STEPS = 16

Batches = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainee:
    """A model with its way of training, and its weights as they are now."""

    way: Way
    weights: Callable[[], Weights]


def main(make: Callable[[PreparedWorkload, int], tuple[Trainee, Trainee]]) -> None:
    """Time the two that `make(subject, batch_size)` returns, baseline first, as the command line says."""
    job = json.loads(sys.argv[1])
    workload = parse_workload(job["workload"], source=Path(job["source"]))
    subject = prepare(job["framework"], workload, device="cpu", precision="fp32", threads=job["threads"], seed=0)
    trainees = make(subject, job["batch_size"])
    with block.collector_off():
        for trainee in trainees:
            trainee.way.synchronised(CHECKED_STEPS)
        deviation = weights_deviation(*({f"weights/{k}": v for k, v in one.weights().items()} for one in trainees))
        synchronised, pipelined = in_turns(*(trainee.way for trainee in trainees))
    found = {"synchronised": asdict(synchronised), "pipelined": asdict(pipelined), "deviation": deviation}
    sys.stdout.write("\n" + json.dumps(found))


def by_harness(subject: PreparedWorkload, batch_size: int) -> Trainee:
    """The harness' own way: its adapter, driven and timed by its own loop."""
    model = subject.build()
    work = training.steps(subject.adapter, subject.split("train"), batch_size=batch_size, seed=subject.seed)
    return Trainee(way=way_of(work), weights=lambda: subject.module.export(model))


def way_of(work: Work) -> Way:
    """Work as the harness times it: one call after another, or many with one wait."""
    return Way(
        synchronised=lambda steps: [block.timed(work, 1) for _ in range(steps)],
        pipelined=lambda steps: block.timed(work, steps),
    )


def fresh_model(subject: PreparedWorkload) -> Any:  # noqa: ANN401 (a framework's own)
    """A model with the first weights of the subject, that no adapter has seen."""
    weights = model_families.spec_module(subject.workload.family).initial_weights(
        subject.workload.spec, seed=subject.seed
    )
    typed = {name: value.astype(np.float32) for name, value in weights.items()}
    return subject.module.build(subject.workload.spec, typed, seed=subject.seed)


def adam_of(subject: PreparedWorkload) -> Adam:
    """The rule of its recipe, which has to be Adam."""
    rule = subject.workload.recipe.optimizer
    assert isinstance(rule, Adam), f"{subject.workload.name}: found {rule!r}, expected Adam"
    return rule


def first_batches(subject: PreparedWorkload, batch_size: int) -> Batches:
    """The batches that the harness uses one after the other, in host memory."""
    train = subject.split("train")
    stream = datasets.batches(len(train), batch_size, seed=subject.seed, epoch=0, last_batch="drop")
    chosen = itertools.islice(stream, training.DIFFERENT_BATCHES)
    return [(train.inputs[rows], train.targets[rows]) for rows in chosen]
