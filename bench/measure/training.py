"""Training: timed on batches that are already on the device, and learning to the end, watched epoch by epoch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.adapters.base import Adapter
from bench.datasets import base as datasets
from bench.datasets.base import Split
from bench.measure import rounds
from bench.measure.clock import now_ns
from bench.measure.inference import logits_of
from bench.measure.rounds import Thoroughness, Work
from bench.quality import evaluate, primary
from bench.record import Block, Epoch, Learning
from bench.workload import Workload

TIMED_STEPS = 200
DIFFERENT_BATCHES = 16  # that take turns in timed blocks, so that no step is timed on a batch that it has just seen

Progress = Callable[[dict[str, Any]], None]


class DivergedError(Exception):
    """The loss is no longer a number; carries the curve up to there."""

    def __init__(self, message: str, learning: Learning) -> None:
        super().__init__(message)
        self.learning = learning


def time_steps(adapter: Adapter, train: Split, *, batch_size: int, seed: int, block_seconds: float) -> Block:
    """The raw timings of training steps at one batch size, at least 200 of them in the pipelined block."""
    return rounds.measure(
        steps(adapter, train, batch_size=batch_size, seed=seed),
        batch_size=batch_size,
        thoroughness=Thoroughness(block_seconds=block_seconds, minimum_calls=TIMED_STEPS),
        checksum=lambda losses: float(np.asarray(adapter.to_numpy(losses[-1]))),
    )


def steps(adapter: Adapter, train: Split, *, batch_size: int, seed: int) -> Work:
    """Training steps, on batches that are already on the device and take turns."""
    placed = [
        adapter.put(train.inputs[rows], train.targets[rows]) for rows in _turns(len(train), batch_size, seed=seed)
    ]
    turn = 0

    def run(count: int) -> Any:  # noqa: ANN401 (a framework's own)
        nonlocal turn
        start, turn = turn, turn + count
        return adapter.train(placed[number % len(placed)] for number in range(start, start + count))

    return Work(run=run, wait=adapter.wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is learnt: a workload's recipe on its data, from the first weights and the batch order of one seed."""

    workload: Workload
    train: Split
    test: Split
    seed: int
    prepare_ns: int


def learn(adapter: Adapter, lesson: Lesson, progress: Progress) -> Learning:
    """Learn for all epochs of the recipe and judge the result on the test set.

    Raises DivergedError, with the curve, where a loss is not a finite number.
    """
    recipe, target = lesson.workload.recipe, lesson.workload.target
    task = lesson.workload.description.task
    metric = target.metric if target else primary(task).metric
    train, evaluation = lesson.train, lesson.test
    if recipe.validation_fraction:
        train, evaluation = datasets.validation_split(train, recipe.validation_fraction)
    epochs: list[Epoch] = []
    for number in range(recipe.epochs):
        epochs.append(_epoch(adapter, lesson, train, evaluation, metric=metric, number=number))
        news = {"epoch": number + 1, "epochs": recipe.epochs, "loss": epochs[-1].evaluation_loss}
        progress(news | {metric: epochs[-1].evaluation_quality})
        if not _is_finite(epochs[-1]):
            break
    learning = Learning(
        seed=lesson.seed,
        epochs=tuple(epochs),
        evaluated_on="validation" if recipe.validation_fraction else "test",
        quality=evaluate(task, logits_of(adapter, lesson.test.inputs), lesson.test.targets),
        target_metric=metric,
        target=target.value if target else None,
        time_to_target_ns=_time_to_target(epochs, target.value) if target else None,
        prepare_ns=lesson.prepare_ns,
    )
    if not _is_finite(epochs[-1]):
        raise DivergedError(f"a loss is not a finite number in epoch {len(epochs)} of {recipe.epochs}", learning)
    return learning


def _epoch(  # noqa: PLR0913 (an epoch of a lesson)
    adapter: Adapter, lesson: Lesson, train: Split, evaluation: Split, *, metric: str, number: int
) -> Epoch:
    recipe = lesson.workload.recipe
    stream = datasets.batches(
        len(train), recipe.batch_size, seed=lesson.seed, epoch=number, last_batch=recipe.last_batch
    )
    started = now_ns()
    sizes: list[int] = []
    losses: list[Any] = []
    for rows in stream:
        sizes.append(len(rows))
        losses += adapter.train([adapter.put(train.inputs[rows], train.targets[rows])])
    adapter.wait(losses)
    trained = now_ns()
    logits = logits_of(adapter, evaluation.inputs)
    judged = evaluate(lesson.workload.description.task, logits, evaluation.targets)
    return Epoch(
        # Over samples and not over batches, since the last batch may be smaller.
        train_loss=float(np.average([float(adapter.to_numpy(loss)) for loss in losses], weights=sizes)),
        evaluation_loss=judged["loss"],
        evaluation_quality=judged[metric],
        train_ns=trained - started,
        evaluation_ns=now_ns() - trained,
    )


def _turns(samples: int, batch_size: int, *, seed: int) -> Iterator[np.ndarray]:
    """The first batches of the index stream, all of full size; fewer where there are not enough samples."""
    stream = datasets.batches(samples, batch_size, seed=seed, epoch=0, last_batch="drop")
    return (rows for rows, _ in zip(stream, range(DIFFERENT_BATCHES), strict=False))


def _is_finite(epoch: Epoch) -> bool:
    return bool(np.isfinite([epoch.train_loss, epoch.evaluation_loss]).all())


def _time_to_target(epochs: list[Epoch], target: float) -> int | None:
    spent = 0
    for epoch in epochs:
        spent += epoch.train_ns + epoch.evaluation_ns
        if epoch.evaluation_quality >= target:
            return spent
    return None
