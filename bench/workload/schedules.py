"""Defines how the learning rate changes during training: one function computes the rate of every step."""

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.workload.toml_types import Fraction, Number, Positive, Size, from_toml

if TYPE_CHECKING:  # commands that only list workloads start faster without NumPy
    import numpy as np

Unit = Literal["epoch", "step"]


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class StepSchedule:
    """The rate falls in steps: η·f^⌊s/n⌋ in unit s, counted from 0 after the warm-up.

    Attributes:
        name: The kind of schedule.
        every: The units n after which the rate changes.
        factor: What the rate is multiplied with, the f of the formula.
        warm_up: The units W of the warm-up. Its unit u, counted from 0, has the rate η·(u+1)/(W+1).
        by: The unit. A rate holds for a whole `"epoch"`, or for a single `"step"`.
    """

    name: Literal["step"]
    every: Size
    factor: Positive
    warm_up: Number = 0
    by: Unit = "epoch"


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class CosineSchedule:
    """The rate falls as a cosine: η·(f + (1-f)·(1+cos(π·s/S))/2) in unit s of S (Loshchilov and Hutter 2017).

    S is the number of units after the warm-up, and s counts them from 0. So the last unit is just above f·η.

    Attributes:
        name: The kind of schedule.
        final: The share f of the learning rate that the cosine ends at.
        warm_up: The units W of the warm-up. Its unit u, counted from 0, has the rate η·(u+1)/(W+1).
        by: The unit. A rate holds for a whole `"epoch"`, or for a single `"step"`.
    """

    name: Literal["cosine"]
    final: Fraction = 0.0
    warm_up: Number = 0
    by: Unit = "epoch"


Schedule = Annotated[StepSchedule | CosineSchedule, Field(discriminator="name")]


def steps_per_epoch(samples: int, batch_size: int, *, last_batch: Literal["keep", "drop"]) -> int:
    """The number of steps of an epoch over so many training samples."""
    return samples // batch_size if last_batch == "drop" else -(-samples // batch_size)


def rates(
    schedule: StepSchedule | CosineSchedule, learning_rate: float, *, epochs: int, steps_per_epoch: int
) -> "np.ndarray":
    """The learning rate of each step of the training, shape (epochs × steps per epoch), in float64.

    After the last step the last rate stays. It is used where more steps are timed than the recipe trains.
    """
    import numpy as np

    by_epoch = schedule.by == "epoch"
    units = epochs if by_epoch else epochs * steps_per_epoch
    each = [learning_rate * share(schedule, unit, units=units) for unit in range(units)]
    return np.repeat(np.array(each, np.float64), steps_per_epoch if by_epoch else 1)


def share(schedule: StepSchedule | CosineSchedule, unit: int, *, units: int) -> float:
    """The share of the learning rate in a unit, counted from 0, of a training of so many units."""
    since = unit - schedule.warm_up
    if since < 0:
        return (unit + 1) / (schedule.warm_up + 1)
    if isinstance(schedule, StepSchedule):
        return schedule.factor ** (since // schedule.every)
    fallen = (1 + math.cos(math.pi * since / (units - schedule.warm_up))) / 2
    return schedule.final + (1 - schedule.final) * fallen
