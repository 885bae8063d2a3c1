"""Training: timed on batches that are already on the device, and learning to the end, watched epoch by epoch."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench.adapters.base import Adapter, Batch
from bench.datasets import base as datasets
from bench.datasets.base import Split
from bench.measure import rounds
from bench.measure.clock import now_ns
from bench.measure.inference import logits_of
from bench.measure.rounds import Thoroughness, Work
from bench.quality import evaluate
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
    placed = [
        adapter.put(train.inputs[rows], train.targets[rows]) for rows in _turns(len(train), batch_size, seed=seed)
    ]
    turn = 0

    def run(count: int) -> Any:  # noqa: ANN401 (a framework's own)
        nonlocal turn
        start, turn = turn, turn + count
        return adapter.train(placed[number % len(placed)] for number in range(start, start + count))

    return rounds.measure(
        Work(run=run, wait=adapter.wait),
        batch_size=batch_size,
        thoroughness=Thoroughness(block_seconds=block_seconds, minimum_calls=TIMED_STEPS),
        checksum=lambda losses: float(np.asarray(adapter.to_numpy(losses[-1]))),
    )


def learn(
    adapter: Adapter, workload: Workload, *, train: Split, test: Split, seed: int, prepare_ns: int, progress: Progress
) -> Learning:
    """Learn for all epochs of the recipe and judge the result on the test set.

    Raises DivergedError, with the curve, where a loss is not a finite number.
    """
    recipe = workload.recipe
    evaluation, evaluated_on = test, "test"
    if recipe.validation_fraction:
        train, evaluation = datasets.validation_split(train, recipe.validation_fraction)
        evaluated_on = "validation"
    epochs: list[Epoch] = []
    quality: dict[str, float] = {}
    metric = workload.target.metric if workload.target else _main_metric(workload)
    for number in range(recipe.epochs):
        started = now_ns()
        batches = _epoch(adapter, train, workload, seed=seed, epoch=number)
        sizes, losses = zip(*((len(targets), loss) for targets, loss in batches), strict=True)
        adapter.wait(losses)
        trained = now_ns()
        train_loss = _mean([float(adapter.to_numpy(loss)) for loss in losses], sizes)
        judged = evaluate(workload.description.task, logits_of(adapter, evaluation.inputs), evaluation.targets)
        epochs.append(
            Epoch(
                train_loss=train_loss,
                evaluation_loss=judged["loss"],
                evaluation_quality=judged[metric],
                train_ns=trained - started,
                evaluation_ns=now_ns() - trained,
            )
        )
        progress({"epoch": number + 1, "epochs": recipe.epochs, metric: judged[metric], "loss": judged["loss"]})
        if not np.isfinite([train_loss, judged["loss"]]).all():
            break
    finite = np.isfinite([epochs[-1].train_loss, epochs[-1].evaluation_loss]).all()
    if finite:
        quality = evaluate(workload.description.task, logits_of(adapter, test.inputs), test.targets)
    learning = Learning(
        seed=seed,
        epochs=tuple(epochs),
        evaluated_on=evaluated_on,  # type: ignore[arg-type]
        quality=quality,
        target_metric=metric,
        target=workload.target.value if workload.target else None,
        time_to_target_ns=_time_to_target(epochs, workload.target.value if workload.target else None),
        prepare_ns=prepare_ns,
    )
    if not finite:
        raise DivergedError(f"the loss became {train_loss} in epoch {len(epochs)} of {recipe.epochs}", learning)
    return learning


def _epoch(adapter: Adapter, train: Split, workload: Workload, *, seed: int, epoch: int) -> Iterator[tuple[Any, Any]]:
    recipe = workload.recipe
    stream = datasets.batches(len(train), recipe.batch_size, seed=seed, epoch=epoch, last_batch=recipe.last_batch)
    for rows in stream:
        targets = train.targets[rows]
        batch: Batch = adapter.put(train.inputs[rows], targets)
        (loss,) = adapter.train([batch])
        yield targets, loss


def _turns(samples: int, batch_size: int, *, seed: int) -> Iterator[np.ndarray]:
    """The first batches of the index stream, all of full size; fewer where there are not enough samples."""
    stream = datasets.batches(samples, batch_size, seed=seed, epoch=0, last_batch="drop")
    return (rows for rows, _ in zip(stream, range(DIFFERENT_BATCHES), strict=False))


def _mean(losses: list[float], sizes: tuple[int, ...]) -> float:
    """The mean over samples, since the last batch may be smaller."""
    return float(np.average(losses, weights=sizes))


def _time_to_target(epochs: list[Epoch], target: float | None) -> int | None:
    spent = 0
    for epoch in epochs:
        spent += epoch.train_ns + epoch.evaluation_ns
        if target is not None and epoch.evaluation_quality >= target:
            return spent
    return None


def _main_metric(workload: Workload) -> str:
    return "accuracy" if workload.description.task == "classification" else "r2"
