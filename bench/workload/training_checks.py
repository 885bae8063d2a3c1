"""Checks the keys of a recipe that change the loss or the learning rate, and computes the rates of a recipe."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from bench.datasets.description import Description
from bench.errors import in_toml, meant
from bench.workload import schedules
from bench.workload.recipe import ALL, Recipe
from bench.workload.schedules import StepSchedule

if TYPE_CHECKING:  # commands that only list workloads start faster without NumPy
    import numpy as np

LARGEST = math.log(3.4e38)  # the largest float32
SMOOTH = ("cross_entropy", "binary_cross_entropy")  # the losses that take smoothed labels


def training_samples(recipe: Recipe, data: Description) -> int:
    """The number of samples that are learnt from, by the formula of `validation_split`."""
    return data.train - round(data.train * recipe.validation_fraction)


def steps_per_epoch(recipe: Recipe, data: Description) -> int:
    """The number of steps of an epoch."""
    samples = training_samples(recipe, data)
    return schedules.steps_per_epoch(samples, recipe.batch_size, last_batch=recipe.last_batch)


def rates(recipe: Recipe, data: Description) -> "np.ndarray | None":
    """The learning rate of each step of the training, in float64; None for a recipe without a schedule."""
    if recipe.schedule is None:
        return None
    rate, steps = recipe.optimizer.learning_rate, steps_per_epoch(recipe, data)
    return schedules.rates(recipe.schedule, rate, epochs=recipe.epochs, steps_per_epoch=steps)


def problems(recipe: Recipe, data: Description, *, timed: Sequence[int]) -> Iterator[str]:
    """What does not fit the data set: for each problem the key, what was found, what is expected."""
    yield from _schedule(recipe, data)
    yield from _class_weights(recipe, data)
    yield from _label_smoothing(recipe)
    yield from _accumulation(recipe, data, timed)


def unknown_layers(recipe: Recipe, names: Iterable[str]) -> Iterator[str]:
    """The layers with an L2 penalty that the network does not have; `names` are the canonical names of its weights."""
    layers = [name.removesuffix(".kernel") for name in names if name.endswith(".kernel")]
    for layer in recipe.l2:
        if layer not in {ALL, *layers}:
            known = ", ".join(map(repr, (*layers, ALL)))
            yield f"recipe.l2: found {layer!r}{meant(layer, (*layers, ALL))}, expected one of the layers {known}"


def parts_of_one(recipe: Recipe, data: Description, layers: str, *, timed: Sequence[int]) -> Iterator[str]:
    """Batches that accumulation splits into parts of one sample; `layers` says which batch norms cannot take them."""
    number = recipe.accumulation
    last = training_samples(recipe, data) % recipe.batch_size if recipe.last_batch == "keep" else 0
    if number in {recipe.batch_size, last, *timed}:
        yield (
            f"recipe.accumulation: found {number}, which splits a batch of {number} samples into parts of one sample, "
            f"expected larger parts: {layers}, and PyTorch refuses such a part; set a smaller accumulation"
        )


def _schedule(recipe: Recipe, data: Description) -> Iterator[str]:
    schedule = recipe.schedule
    if schedule is None:
        return
    units = recipe.epochs * (1 if schedule.by == "epoch" else steps_per_epoch(recipe, data))
    if schedule.warm_up >= units > 0:
        yield (
            f"recipe.schedule.warm_up: found {schedule.warm_up}, expected fewer than {units}: the training has {units} "
            f"{schedule.by}{'s' * (units > 1)}; set a shorter warm_up, or more epochs"
        )
    elif isinstance(schedule, StepSchedule) and units:
        falls = (units - 1 - schedule.warm_up) // schedule.every
        if falls * math.log(schedule.factor) + math.log(recipe.optimizer.learning_rate) > LARGEST:
            yield (
                f"recipe.schedule.factor: found {schedule.factor:g}, expected a smaller one: the learning rate would "
                f"be infinite, since it is multiplied {falls} times"
            )


def _class_weights(recipe: Recipe, data: Description) -> Iterator[str]:
    weights = recipe.class_weights
    if weights is None:
        return
    if data.task != "classification":
        yield f"recipe.class_weights: found {in_toml(weights)}, expected no such key: the task is {data.task}"
    elif weights != "balanced" and len(weights) != data.outputs:
        yield (
            f"recipe.class_weights: found {len(weights)} numbers, expected {data.outputs}: one for each class, or "
            '"balanced"'
        )
    if recipe.label_smoothing:
        yield (
            "recipe.class_weights: found class_weights and label_smoothing, expected one of them: the weight of a "
            "label that is spread over several classes is not defined; remove one of the two keys"
        )


def _label_smoothing(recipe: Recipe) -> Iterator[str]:
    if recipe.label_smoothing and recipe.loss not in SMOOTH:
        losses = " or ".join(map(repr, SMOOTH))
        yield f"recipe.label_smoothing: found loss {recipe.loss!r}, expected {losses}; remove label_smoothing"


def _accumulation(recipe: Recipe, data: Description, timed: Sequence[int]) -> Iterator[str]:
    number, size = recipe.accumulation, recipe.batch_size
    if size % number:
        yield (
            f"recipe.accumulation: found {number} for batch_size = {size}, expected a number that divides it: "
            "every part of a batch has the same size"
        )
        return
    last = training_samples(recipe, data) % size
    if recipe.last_batch == "keep" and last % number:
        yield (
            f"recipe.accumulation: found {number}, and a last batch of {last} samples, which cannot be split into "
            f'{number} equal parts; set last_batch = "drop"'
        )
    wrong = [item for item in timed if item % number]
    if wrong:
        sizes = ", ".join(map(str, wrong))
        yield f"timing.batch_sizes: found {sizes}, expected multiples of {number}, the number in recipe.accumulation"
