"""Learning curves as points, for programs that plot them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bench.records.measurement import Epoch, Learning
from bench.records.record import Record

NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of a curve after an epoch (from 1), with the wall time in seconds since 1970 at which it ended."""

    curve: str
    value: float
    epoch: int
    wall_time: float


def points(record: Record) -> Iterator[Point]:
    """The learning curve of a record: training loss and seconds, and loss and target metric of the evaluation."""
    learning = record.measurement.learning
    if learning is None:
        return
    wall_time = datetime.fromisoformat(record.started).timestamp() + learning.prepare_ns / NANOSECONDS
    for number, epoch in enumerate(learning.epochs, start=1):
        wall_time += (epoch.train_ns + epoch.evaluation_ns) / NANOSECONDS
        for name, value in _values(epoch, learning).items():
            yield Point(curve=name, value=value, epoch=number, wall_time=wall_time)


def _values(epoch: Epoch, learning: Learning) -> dict[str, float]:
    on, metric = learning.evaluated_on, learning.target_metric
    seconds = epoch.train_ns / NANOSECONDS
    found = {"train/loss": epoch.train_loss, f"{on}/loss": epoch.evaluation_loss, "train/seconds": seconds}
    return found if metric == "loss" else found | {f"{on}/{metric}": epoch.evaluation_quality}
