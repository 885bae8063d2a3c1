"""The rules of a recipe in NumPy, as `bench.workload` states them, on a network with one hidden layer.

A `Plant` changes one rule, so that a test can show that the comparison would notice it.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from bench.adapters.base import NO_FACTS, Facts
from bench.workload.recipe import Recipe, penalties
from bench.workload.update_rules import Adam, AdamW, RmsProp, Sgd, UpdateRule, decays
from models.dnn.spec import DnnSpec
from models.layers.spec import DenseLayer, Weights

FEATURES, UNITS, CLASSES, SAMPLES, STEPS = 4, 5, 3, 6, 12
Array = np.ndarray
GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(STEPS, SAMPLES, FEATURES))
LABELS = GENERATOR.integers(0, CLASSES, (STEPS, SAMPLES))


@dataclass(frozen=True)
class Plant:
    """How the written rules are changed; the default changes nothing."""

    l2: float = 1.0
    decay: str = "coupled"
    place: str = ""
    biases_decay: bool = False
    rate_in_buffer: bool = False
    by_sum_of_weights: bool = False
    smoothed_over: int = 0
    parts: str = "mean"
    late: int = 0


@dataclass
class State:
    """The moments of one parameter."""

    first: np.ndarray
    second: np.ndarray
    steps: int = field(default=0)


NO_PLANT = Plant()


def spec(outputs: int) -> DnnSpec:
    return DnnSpec(features=FEATURES, hidden=(DenseLayer(units=UNITS, activation="tanh"),), outputs=outputs)


def first_weights(outputs: int) -> Weights:
    generator = np.random.default_rng(1)
    shapes = {
        "hidden0.kernel": (FEATURES, UNITS),
        "hidden0.bias": (UNITS,),
        "head.kernel": (UNITS, outputs),
        "head.bias": (outputs,),
    }
    return {name: generator.normal(size=shape) for name, shape in shapes.items()}


def targets(recipe: Recipe) -> Array:
    """Labels, or 0 and 1 in a column for a single output, or one-hot labels."""
    if recipe.loss == "cross_entropy":
        return LABELS
    classes = np.array([1]) if recipe.loss == "binary_cross_entropy" else np.arange(CLASSES)
    found: Array = (LABELS[:, :, None] == classes).astype(np.float64)
    return found


def outputs(recipe: Recipe) -> int:
    return 1 if recipe.loss == "binary_cross_entropy" else CLASSES


def written(recipe: Recipe, facts: Facts = NO_FACTS, plant: Plant = NO_PLANT) -> list[Weights]:
    """The weights after each step."""
    weights = first_weights(outputs(recipe))
    states = {name: State(np.zeros_like(value), np.zeros_like(value)) for name, value in weights.items()}
    found = []
    for number, batch in enumerate(zip(INPUTS, targets(recipe), strict=True)):
        gradients = _clipped(_averaged(recipe, facts, plant, weights, batch), recipe)
        rate = recipe.optimizer.learning_rate
        if facts.rates is not None:
            rate = facts.rates[min(max(number - plant.late, 0), len(facts.rates) - 1)]
        for name, gradient in gradients.items():
            weights[name] = _updated(
                recipe.optimizer,
                (weights[name], gradient),
                states[name],
                rate=rate,
                has_decay=_has_decay(recipe.optimizer, name, plant),
                plant=plant,
            )
        found.append(dict(weights))
    return found


def _has_decay(rule: UpdateRule, name: str, plant: Plant) -> bool:
    everywhere = isinstance(rule, RmsProp) or rule.decay == "all" or plant.biases_decay
    return decays(rule) and (everywhere or name.endswith(".kernel"))


def _averaged(
    recipe: Recipe, facts: Facts, plant: Plant, weights: Weights, batch: tuple[np.ndarray, np.ndarray]
) -> Weights:
    number = recipe.accumulation
    each = [
        _gradients(recipe, facts, plant, weights, part)
        for part in zip(*(np.split(array, number) for array in batch), strict=True)
    ]
    scale = 1 if plant.parts == "sum" else 1 / number
    return {name: scale * np.sum([item[name] for item in each], axis=0) for name in weights}


def _gradients(
    recipe: Recipe, facts: Facts, plant: Plant, weights: Weights, batch: tuple[np.ndarray, np.ndarray]
) -> Weights:
    inputs, expected = batch
    states = np.tanh(inputs @ weights["hidden0.kernel"] + weights["hidden0.bias"])
    back = _of_logits(recipe, facts, plant, states @ weights["head.kernel"] + weights["head.bias"], expected)
    inner = (back @ weights["head.kernel"].T) * (1 - states**2)
    found = {
        "hidden0.kernel": inputs.T @ inner,
        "hidden0.bias": inner.sum(0),
        "head.kernel": states.T @ back,
        "head.bias": back.sum(0),
    }
    for layer, factor in penalties(recipe, ("hidden0", "head")).items():
        found[f"{layer}.kernel"] = found[f"{layer}.kernel"] + plant.l2 * 2 * factor * weights[f"{layer}.kernel"]
    return found


def _of_logits(recipe: Recipe, facts: Facts, plant: Plant, logits: np.ndarray, expected: np.ndarray) -> Array:
    """The gradient of the training loss of a part with respect to its logits."""
    smoothing, each = recipe.label_smoothing, 1 / len(logits)
    if facts.class_weights is not None:
        labels = expected if expected.ndim == 1 else _labels(expected)
        of_samples = facts.class_weights[labels][:, None]
        each = of_samples / (of_samples.sum() if plant.by_sum_of_weights else len(logits))
    chance = 1 / (1 + np.exp(-logits))
    found: Array
    if recipe.loss == "cross_entropy":
        exponents, hot, others = np.exp(logits), np.eye(CLASSES)[expected], plant.smoothed_over or CLASSES
        hot = hot * (1 - smoothing) + smoothing / others * (1 - hot * bool(plant.smoothed_over))
        found = exponents / exponents.sum(axis=1, keepdims=True) - hot
    elif recipe.loss == "binary_cross_entropy":
        found = chance - (expected * (1 - smoothing) + smoothing / 2)
    else:
        found = 2 * (chance - expected) * chance * (1 - chance) / logits.shape[1]
    return found * each


def _labels(expected: np.ndarray) -> Array:
    return expected[:, 0].astype(int) if expected.shape[1] == 1 else expected.argmax(1)


def _clipped(gradients: Weights, recipe: Recipe) -> Weights:
    if recipe.clipping is None:
        return gradients
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
    return {name: gradient * min(1, recipe.clipping.norm / norm) for name, gradient in gradients.items()}


def _updated(  # noqa: PLR0913 (all that an update depends on)
    rule: UpdateRule,
    values: tuple[np.ndarray, np.ndarray],
    state: State,
    *,
    rate: float,
    has_decay: bool,
    plant: Plant,
) -> Array:
    value, gradient = values
    state.steps += 1
    if has_decay and not isinstance(rule, RmsProp):
        if isinstance(rule, AdamW) or plant.decay == "decoupled":
            value = value - rate * rule.weight_decay * value
        else:
            gradient = gradient + rule.weight_decay * value
    if isinstance(rule, Sgd):
        return _by_sgd(rule, value, gradient, state, rate=rate, plant=plant)
    if isinstance(rule, RmsProp):
        state.second = rule.alpha * state.second + (1 - rule.alpha) * gradient**2
        inside = (plant.place or rule.epsilon_place) == "inside"
        root = np.sqrt(state.second + rule.epsilon) if inside else np.sqrt(state.second) + rule.epsilon
        return value - rate * gradient / root
    return _by_adam(rule, value, gradient, state, rate=rate)


def _by_sgd(  # noqa: PLR0913 (the same)
    rule: Sgd, value: np.ndarray, gradient: np.ndarray, state: State, *, rate: float, plant: Plant
) -> Array:
    if plant.rate_in_buffer:
        state.first = rule.momentum * state.first - rate * gradient
        return value + state.first
    state.first = rule.momentum * state.first + gradient
    return value - rate * (gradient + rule.momentum * state.first if rule.nesterov else state.first)


def _by_adam(rule: Adam | AdamW, value: np.ndarray, gradient: np.ndarray, state: State, *, rate: float) -> Array:
    state.first = rule.beta_1 * state.first + (1 - rule.beta_1) * gradient
    state.second = rule.beta_2 * state.second + (1 - rule.beta_2) * gradient**2
    corrected = state.first / (1 - rule.beta_1**state.steps)
    return value - rate * corrected / (np.sqrt(state.second / (1 - rule.beta_2**state.steps)) + rule.epsilon)


def largest_deviation(found: list[Weights], expected: list[Weights], *, names: Collection[str] = ()) -> float:
    """The largest absolute difference after any step, relative to the largest weight."""
    return max(
        float(np.abs(step[name] - wanted[name]).max() / max(np.abs(value).max() for value in wanted.values()))
        for step, wanted in zip(found, expected, strict=True)
        for name in names or wanted
    )
