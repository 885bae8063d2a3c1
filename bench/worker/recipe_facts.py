"""Finds what a recipe needs to know of the data and of the model's file, before the adapter follows it."""

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from bench.adapters.base import Facts
from bench.datasets import base as datasets
from bench.datasets.base import Dataset
from bench.errors import UnavailableError
from bench.workload import training_checks
from bench.workload.workload import Workload

KERNELS = "kernels"  # the function of a framework's file that returns the kernel of each layer
NAMED = "layers"  # the function of a user's own file that names its layers


def facts(
    workload: Workload, dataset: Dataset, *, module: ModuleType, framework: str, schedule_steps: int | None = None
) -> Facts:
    """The facts that the recipe of a workload needs; a longer schedule is passed in `schedule_steps` steps, if given.

    Raises UnavailableError if the recipe has L2 penalties and the framework's file does not say where the kernels are.
    """
    recipe = workload.recipe
    return Facts(
        rates=passed_in(training_checks.rates(recipe, workload.description), schedule_steps),
        class_weights=class_weights(workload, dataset),
        kernels=kernels(module, framework) if recipe.l2 else None,
    )


def passed_in(rates: np.ndarray | None, steps: int | None) -> np.ndarray | None:
    """As many of the rates as there are steps, evenly spread from the first to the last one; all of a shorter table."""
    if rates is None or steps is None or len(rates) <= steps:
        return rates
    found: np.ndarray = rates[np.linspace(0, len(rates) - 1, steps).round().astype(int)]
    return found


def class_weights(workload: Workload, dataset: Dataset) -> np.ndarray | None:
    """The weight of each class, in float64; balanced weights are counted in the data that is learnt from."""
    given = workload.recipe.class_weights
    if given != "balanced":
        return None if given is None else np.array(given, np.float64)
    train, held_out = dataset.train, workload.recipe.validation_fraction
    if held_out:
        train, _ = datasets.validation_split(train, held_out)
    return balanced(train.targets, workload.description.outputs)


def balanced(labels: np.ndarray, classes: int) -> np.ndarray:
    """For each class samples / (classes · samples of the class); 0 for a class without a sample."""
    counts = np.bincount(labels, minlength=classes)
    return np.where(counts > 0, len(labels) / (classes * np.maximum(counts, 1)), 0.0)


def kernels(module: ModuleType, framework: str) -> Callable[[Any], Mapping[str, Any]]:
    """The function that returns the kernel of each canonical layer of a model, as the framework's own parameter."""
    if hasattr(module, KERNELS):
        found: Callable[[Any], Mapping[str, Any]] = module.kernels
        return found
    if hasattr(module, NAMED):
        named = importlib.import_module(f"models.named_layers.{framework}")
        return lambda model: named.kernels(module.layers(model))
    raise UnavailableError(f"{framework}.py of the network has no function `kernels` or `layers`; recipe.l2 needs it")
