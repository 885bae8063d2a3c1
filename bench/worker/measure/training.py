"""Times training steps, and trains a workload by its recipe with an evaluation after each epoch."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

import numpy as np

from bench.adapters.base import Adapter, HostBatch
from bench.datasets import base as datasets
from bench.datasets.base import Split
from bench.errors import BenchError
from bench.records.measurement import Block, Epoch, Learning
from bench.worker import quality_metrics
from bench.worker.measure import block, communication
from bench.worker.measure.block import Conditions
from bench.worker.measure.clock import now_ns
from bench.worker.measure.inference import logits_of
from bench.worker.measure.timed_call import Work
from bench.workload import model_families
from bench.workload.axes import Feed
from bench.workload.model_families import Weights
from bench.workload.recipe import EarlyStopping, Recipe, Target, is_better, primary
from bench.workload.workload import Workload

TIMED_STEPS = 200  # at least, in all processes of a case together
BINARY = 2  # classes, which have a threshold
GATHERED_BYTES = 4_000_000
DIFFERENT_BATCHES = 16  # timed blocks cycle through them, so that no step sees the same batch as the step before

Progress = Callable[[dict[str, Any]], None]


class DivergedError(Exception):
    """Raised if a loss is not finite; `learning` has the learning curve up to that epoch."""

    def __init__(self, message: str, learning: Learning) -> None:
        super().__init__(message)
        self.learning = learning


def time_steps(  # noqa: PLR0913 (what a block needs)
    adapter: Adapter, train: Split, *, batch_size: int, seed: int, conditions: Conditions, processes: int = 1
) -> Block:
    """The raw timings of training steps at one batch size.

    At least 200 steps are pipelined in all `processes` of the case together; each process runs its share.
    """
    work = steps(adapter, train, batch_size=batch_size, seed=seed, feed=conditions.feed)
    found = block.measure(
        work,
        batch_size=batch_size,
        conditions=conditions,
        minimum_calls=-(-TIMED_STEPS // processes),
        checksum=lambda losses: float(np.asarray(adapter.to_numpy(losses[-1]))),
    )
    if adapter.parallel is None:
        return found
    budget_ns = int(conditions.block_seconds * block.NANOSECONDS)
    cost = communication.measure(adapter.parallel, work, steps=found.iterations_per_round, budget_ns=budget_ns)
    # The CPU time of one process of several would be no figure of the whole; 0 is shown as none.
    return replace(found, parallel=cost, cpu_ns=found.cpu_ns if adapter.parallel.processes == 1 else 0)


def steps(adapter: Adapter, train: Split, *, batch_size: int, seed: int, feed: Feed = "device") -> Work:
    """Training steps that cycle through several batches, which are on the device already or moved there each time."""
    batches = [(train.inputs[rows], train.targets[rows]) for rows in _turns(len(train), batch_size, seed=seed)]
    placed = [adapter.put(*batch) for batch in batches]
    turns = count()

    def run(number: int) -> Any:  # noqa: ANN401 (a framework's own)
        turn = islice(turns, number)
        if feed == "host":
            return adapter.train(adapter.put(*batches[number % len(batches)]) for number in turn)
        return adapter.train(placed[number % len(placed)] for number in turn)

    return Work(
        run=run,
        wait=adapter.wait,
        feed=lambda: adapter.put(*batches[next(turns) % len(batches)]),
        call=lambda batch: adapter.train([batch]),
        fetch=lambda losses: adapter.to_numpy(losses[-1]),
        compiled=adapter.engine.compiled,
        together=adapter.steps_per_call,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A training by the recipe of a workload; one seed decides the initial weights and the order of the batches.

    `train` has targets as the loss takes them; `validation` (or None) and `test` have targets as the metrics take them.
    `snapshot` returns a copy of the current weights, `restore` makes the adapter continue with such a copy.
    """

    workload: Workload
    train: Split
    validation: Split | None
    test: Split
    seed: int
    prepare_ns: int
    snapshot: Callable[[], Weights]
    restore: Callable[[Weights], object]

    @property
    def evaluation(self) -> Split:
        """The data on which each epoch is evaluated."""
        return self.test if self.validation is None else self.validation


class _Watch:
    """Early stopping: keeps the best epoch so far, and decides when to stop."""

    def __init__(self, stopping: EarlyStopping, lesson: Lesson) -> None:
        self.stopping, self.lesson = stopping, lesson
        self.value, self.epoch = float("nan"), 0
        self.weights: Weights = {}

    def is_over(self, epoch: int, judged: dict[str, float]) -> bool:
        """Whether the last `patience` epochs brought no improvement. Raises BenchError if the metric is NaN."""
        value = judged[self.stopping.metric]
        if np.isnan(value):
            raise BenchError(
                f"recipe.early_stopping: {self.stopping.metric} is NaN on {len(self.lesson.evaluation)} validation "
                "samples, expected a number; choose another metric or more samples"
            )
        is_new_best = is_better(self.stopping.metric, value, self.value, by=self.stopping.min_delta)
        if not self.epoch or is_new_best:
            self.value, self.epoch, self.weights = value, epoch, self.lesson.snapshot()
        return epoch - self.epoch >= self.stopping.patience

    def restore(self, last: int) -> int | None:
        """Restore the weights of the best epoch if the recipe says so, and return its number, else None."""
        if not self.stopping.restore_best:
            return None
        if self.epoch < last:
            self.lesson.restore(self.weights)
        return self.epoch


def learn(adapter: Adapter, lesson: Lesson, progress: Progress) -> Learning:
    """Train for the epochs of the recipe, or until early stopping, and evaluate the result on the test set.

    Raises DivergedError, with the learning curve, if a loss is not finite.
    """
    recipe, target = lesson.workload.recipe, lesson.workload.target
    watch = _Watch(recipe.early_stopping, lesson) if recipe.early_stopping else None
    metric = target.metric if target else primary(lesson.workload.description.task)
    epochs: list[Epoch] = []
    finite, stopped = True, False
    while finite and not stopped and len(epochs) < recipe.epochs:
        epoch, judged = _epoch(adapter, lesson, metric=metric, number=len(epochs))
        epochs.append(epoch)
        progress({"epoch": len(epochs), "epochs": recipe.epochs, "loss": epoch.evaluation_loss, metric: judged[metric]})
        finite = _is_finite(epoch)
        stopped = finite and watch is not None and watch.is_over(len(epochs), judged)
    restored = watch.restore(len(epochs)) if watch and finite else None
    learning = _judged(
        adapter,
        lesson,
        Learning(
            seed=lesson.seed,
            epochs=tuple(epochs),
            evaluated_on="test" if lesson.validation is None else "validation",
            quality={},
            target_metric=metric,
            target=target.value if target else None,
            time_to_target_ns=_time_to_target(epochs, target) if target else None,
            prepare_ns=lesson.prepare_ns,
            restored_epoch=restored,
            stopped_early=stopped,
            band=lesson.workload.band,
            network=model_families.layers(lesson.workload.family, lesson.workload.spec),
            unit=lesson.workload.description.unit,
            labels=lesson.workload.description.labels,
        ),
    )
    if not finite:
        raise DivergedError(f"a loss is not a finite number in epoch {len(epochs)} of {recipe.epochs}", learning)
    return learning


def _judged(adapter: Adapter, lesson: Lesson, learning: Learning) -> Learning:
    """The same learning curve with the quality on the test set now."""
    description, loss = lesson.workload.description, lesson.workload.recipe.loss

    def answered(split: Split) -> quality_metrics.Answers:
        return quality_metrics.answers(description, loss, logits_of(adapter, split.inputs), split)

    found = answered(lesson.test)
    images = lesson.test.inputs.reshape(len(lesson.test), *description.sample_shape)  # if the samples are images
    binary = description.task == "classification" and description.outputs == BINARY
    chosen = answered(lesson.validation) if binary and lesson.validation is not None else None
    naive = None
    if description.naive == "last":
        # The first column of a step is the one that is predicted.
        last = np.repeat(images[:, -1].reshape(len(lesson.test), -1)[:, :1], description.outputs, axis=1)
        naive = quality_metrics.answers(description, loss, last, lesson.test)
    return replace(
        learning,
        quality=quality_metrics.evaluate(found),
        judgement=quality_metrics.judge(found, chosen=chosen, naive=naive, inputs=images),
    )


def _epoch(adapter: Adapter, lesson: Lesson, *, metric: str, number: int) -> tuple[Epoch, dict[str, float]]:
    """Train and evaluate one epoch; returns the epoch, and the metrics that early stopping and the target need."""
    recipe = lesson.workload.recipe
    train_loss, train_ns = train_epoch(adapter, lesson.train, recipe, seed=lesson.seed, number=number)
    trained = now_ns()
    evaluation = lesson.evaluation
    found = quality_metrics.answers(
        lesson.workload.description, recipe.loss, logits_of(adapter, evaluation.inputs), evaluation
    )
    watched = {"loss", metric} | ({recipe.early_stopping.metric} if recipe.early_stopping else set())
    judged = quality_metrics.evaluate(found, watched)
    epoch = Epoch(
        train_loss=train_loss,
        evaluation_loss=judged["loss"],
        evaluation_quality=judged[metric],
        train_ns=train_ns,
        evaluation_ns=now_ns() - trained,
    )
    return epoch, judged


def train_epoch(adapter: Adapter, train: Split, recipe: Recipe, *, seed: int, number: int) -> tuple[float, int]:
    """Train one epoch; returns the mean loss over its samples, and the nanoseconds until the last step is done."""
    stream = datasets.batches(len(train), recipe.batch_size, seed=seed, epoch=number, last_batch=recipe.last_batch)
    started = now_ns()
    losses = adapter.train_epoch(_gathered(train, stream))
    adapter.wait([loss for loss, _ in losses])
    spent = now_ns() - started
    # The mean is over samples and not over batches, since the last batch may be smaller.
    means = [float(adapter.to_numpy(loss)) for loss, _ in losses]
    return float(np.average(means, weights=[samples for _, samples in losses])), spent


def _gathered(train: Split, stream: Iterable[np.ndarray]) -> Iterator[HostBatch]:
    """The batches for a stream of row indices, as views of a few megabytes that are gathered at once.

    To gather each batch alone would take as long as a tenth of a small network's step.
    """
    rest = iter(stream)
    for first in rest:
        sample_bytes = train.inputs[:1].nbytes + train.targets[:1].nbytes
        number = max(1, GATHERED_BYTES // (len(first) * sample_bytes))
        rows = [first, *islice(rest, number - 1)]
        joined = np.concatenate(rows)
        inputs, targets = train.inputs[joined], train.targets[joined]
        end = 0
        for batch in rows:
            start, end = end, end + len(batch)
            yield inputs[start:end], targets[start:end]


def _turns(samples: int, batch_size: int, *, seed: int) -> Iterator[np.ndarray]:
    """The row indices of the first batches, all of full size; fewer batches if there are not enough samples."""
    stream = datasets.batches(samples, batch_size, seed=seed, epoch=0, last_batch="drop")
    return (rows for rows, _ in zip(stream, range(DIFFERENT_BATCHES), strict=False))


def _is_finite(epoch: Epoch) -> bool:
    return bool(np.isfinite([epoch.train_loss, epoch.evaluation_loss]).all())


def _time_to_target(epochs: list[Epoch], target: Target) -> int | None:
    spent = 0
    for epoch in epochs:
        spent += epoch.train_ns + epoch.evaluation_ns
        found = epoch.evaluation_quality
        if found == target.value or is_better(target.metric, found, target.value):
            return spent
    return None
