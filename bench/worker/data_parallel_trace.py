"""Computes the trace of a training on one device or on several, which a proof compares: in float64, with SGD.

Adam would hide a factor in the gradients, since it divides them by their own size.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bench.analysis.data_parallel import COPIES
from bench.analysis.equivalence import STEPS
from bench.datasets import base as datasets
from bench.worker.prepared_workload import PreparedWorkload
from bench.workload.recipe import Recipe
from bench.workload.update_rules import RmsProp, Sgd
from models.layers.spec import without_dropout

SAMPLES = 32  # of each batch, as in the other proofs
FEWEST = 2  # on each device
RATE = 1e-2


def trace(subject: PreparedWorkload, *, devices: int) -> dict[str, np.ndarray]:
    """The weights after 100 steps, and a digest of the weights on each device.

    `devices` is the number of devices that the trace will be compared with: their parts decide the size of a batch.
    Dropout is off, since each device would drop other units.
    """
    subject = replace(
        subject,
        workload=replace(subject.workload, recipe=by_sgd(subject.workload.recipe)),
        schedule_steps=STEPS,
    )
    adapter = subject.adapter
    model = subject.build(spec=without_dropout(subject.workload.spec))
    train = subject.encoded(subject.split("train"))
    size = batch_size(subject.workload.recipe, devices)
    steps = [adapter.put(train.inputs[rows], train.targets[rows]) for rows in _rows(subject, len(train), size)]
    adapter.wait([adapter.train([step])[0] for step in steps])
    found = {f"weights/{name}": value for name, value in subject.export(model).items()}
    copies = [] if adapter.parallel is None else adapter.parallel.copies()
    return found | {COPIES: np.array(copies)}


def by_sgd(recipe: Recipe) -> Recipe:
    """The recipe with SGD in place of its update rule; what else it says stays, such as clipping and coupled decay."""
    rule = recipe.optimizer
    decay = 0.0 if isinstance(rule, RmsProp) else rule.weight_decay
    spared = "all" if isinstance(rule, RmsProp) else rule.decay
    return replace(recipe, optimizer=Sgd(name="sgd", learning_rate=RATE, weight_decay=decay, decay=spared))


def batch_size(recipe: Recipe, devices: int) -> int:
    """The samples of a step: a multiple of the devices and of the parts of an accumulated step."""
    parts = devices * recipe.accumulation
    return max(FEWEST, SAMPLES // parts) * parts


def _rows(subject: PreparedWorkload, samples: int, size: int) -> Iterator[np.ndarray]:
    """The rows of each step, epoch after epoch; all batches are full."""
    left, epoch = STEPS, 0
    while left:
        stream = datasets.batches(samples, size, seed=subject.seed, epoch=epoch, last_batch="drop")
        for rows, _ in zip(stream, range(left), strict=False):
            left -= 1
            yield rows
        epoch += 1
