"""Checks that a recipe fits its data set and its network, so that every framework can follow it to the end."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass

from bench.datasets.description import Description
from bench.workload import model_families, training_checks
from bench.workload.recipe import LOSSES, METRICS, Band, Loss, Recipe, Target, impossible
from bench.workload.training_checks import training_samples

BINARY = 2  # classes


def outputs(loss: Loss, data: Description) -> int:
    """The number of outputs of the network: one for each class, or one for each number to predict.

    With two classes, every loss except `cross_entropy` needs a single output.
    """
    is_binary = data.task == "classification" and data.outputs == BINARY
    return 1 if is_binary and loss != "cross_entropy" else data.outputs


def problems(
    recipe: Recipe, data: Description, *, target: Target | None, band: Band | None, timed: Sequence[int]
) -> list[str]:
    """What does not fit the data set: for each problem the key, what was found, what is expected.

    `timed` are the batch sizes of the table `[timing]`.
    """
    return [
        *_loss(recipe, data),
        *_validation(recipe, data),
        *_sizes(recipe, data, timed),
        *_metrics(recipe, data, target, band),
        *training_checks.problems(recipe, data, timed=timed),
    ]


def single_values(
    family: str, spec: model_families.Spec, recipe: Recipe, data: Description, *, timed: Sequence[int]
) -> list[str]:
    """Batches in which a batch norm would take its variance from one value: PyTorch refuses them, the others do not."""
    names = norms_over_one_value(family, spec)
    if not names:
        return []
    layers = f"the batch norm of {' and '.join(names)} needs two values or more of each feature"
    if recipe.accumulation > 1:
        return list(training_checks.parts_of_one(recipe, data, layers, timed=timed))
    found = []
    training = training_samples(recipe, data)
    if recipe.batch_size == 1:
        found.append(
            f"recipe.batch_size: found 1, expected at least 2: {layers}, and PyTorch refuses a batch of one sample; "
            "set a larger batch_size, or leave batch_norm out"
        )
    elif recipe.last_batch == "keep" and training % recipe.batch_size == 1:
        found.append(
            f"recipe.batch_size: found {recipe.batch_size} for {training} training samples, which leaves a last batch "
            f"of one sample, expected none: {layers}, and PyTorch refuses such a batch; set batch_size = "
            f'{_other_size(recipe.batch_size, training)}, or last_batch = "drop"'
        )
    if 1 in timed:
        found.append(
            f"timing.batch_sizes: found 1, expected at least 2: {layers}, and PyTorch refuses a training step of one "
            "sample; leave 1 out, and time queries of one sample with --batch-size 1 --scenario inference"
        )
    return found


def norms_over_one_value(family: str, spec: model_families.Spec) -> list[str]:
    """The layers whose batch norm has one value of each feature in a batch of one sample.

    A convolution with batch norm has more values if its image has more than one pixel before pooling. A recurrent layer
    has more if it returns several time steps.
    """
    layers = [
        layer
        for field in fields(spec)
        if isinstance(stack := getattr(spec, field.name), tuple)
        for layer in stack
        if is_dataclass(layer)
    ]
    if not model_families.has_parts(family):
        return []
    # One for each layer, then the head; a table of integers comes before them. The batch norm of a shortcut has as many
    # values as that of its layer.
    parts = [part for part in model_families.spec_module(family).parts(spec) if not part.beside]
    return [
        part.name
        for layer, part in zip(layers, parts[-len(layers) - 1 :], strict=False)
        if getattr(layer, "batch_norm", None) and getattr(layer, "pool", 1) == 1 and math.prod(part.shape[:-1]) == 1
    ]


def _other_size(size: int, training: int) -> int:
    """The batch size next to `size` that leaves no last batch of one sample."""
    sizes = (size + sign * step for step in range(1, training) for sign in (-1, 1))
    return next((other for other in sizes if 1 < other <= training and training % other != 1), training)


def _loss(recipe: Recipe, data: Description) -> Iterator[str]:
    fitting = LOSSES[data.task]
    if recipe.loss not in fitting:
        allowed = " or ".join(map(repr, fitting))
        yield f"recipe.loss: found {recipe.loss!r}, expected {allowed}: the task is {data.task}"
    elif recipe.loss == "binary_cross_entropy" and data.outputs != BINARY:
        yield (
            f"recipe.loss: found {recipe.loss!r}, which needs two classes, expected 'cross_entropy': "
            f"the data set has {data.outputs} classes"
        )


def _validation(recipe: Recipe, data: Description) -> Iterator[str]:
    training = training_samples(recipe, data)
    if recipe.validation_fraction and data.validation:
        yield (
            f"recipe.validation_fraction: found {recipe.validation_fraction}, expected no such key: "
            f"the data set {data.name!r} has {data.validation} validation samples of its own"
        )
    elif recipe.validation_fraction and not 0 < training < data.train:
        yield (
            f"recipe.validation_fraction: found {recipe.validation_fraction}, which leaves {training} of "
            f"{data.train} samples to train on; expected a fraction that leaves samples for training and validation"
        )
    if recipe.early_stopping and not (recipe.validation_fraction or data.validation):
        yield (
            "recipe.early_stopping: found no validation data, which early stopping needs; set "
            "recipe.validation_fraction, or use a data set with a validation part"
        )


def _sizes(recipe: Recipe, data: Description, timed: Sequence[int]) -> Iterator[str]:
    training = training_samples(recipe, data)
    if recipe.batch_size > training > 0:
        yield (
            f"recipe.batch_size: found {recipe.batch_size}, expected at most {training}, the number of training samples"
        )
    if timed and max(timed) > data.train:
        yield f"timing.batch_sizes: found {max(timed)}, expected at most {data.train}, the number of training samples"


def _metrics(recipe: Recipe, data: Description, target: Target | None, band: Band | None) -> Iterator[str]:
    """Metrics that do not exist for the task, and values that they cannot have."""
    for key, item in (("target", target), ("band", band), ("recipe.early_stopping", recipe.early_stopping)):
        if item and item.metric not in METRICS[data.task]:
            allowed = ", ".join(METRICS[data.task])
            yield f"{key}.metric: found {item.metric!r}, expected one of {allowed}: the task is {data.task}"
    values = [("target.value", target.metric, target.value)] if target else []
    if band:
        values += [("band.lowest", band.metric, band.lowest), ("band.highest", band.metric, band.highest)]
    for key, metric, value in values:
        if problem := impossible(metric, value):
            yield f"{key}: {problem}"
