"""What the layers of every family share: their options, their first weights, and what they must compute.

Weights are named `<layer>.<part>` and laid out one way: dense kernels (in, out), convolutions HWIO, flattened images in
H·W·C order. A batch norm adds `scale`, `offset` and the running `mean` and `variance`.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

type_checked = ConfigDict(extra="forbid", allow_inf_nan=False)

Weights = dict[str, np.ndarray]
Activation = Literal["linear", "relu", "tanh", "sigmoid"]
Size = Annotated[int, Field(gt=0, strict=True)]
Fraction = Annotated[float, Field(ge=0, lt=1, strict=True)]
AnySpec = TypeVar("AnySpec")


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class BatchNorm:
    """Normalisation over the batch; `momentum` weighs the old running value, and the running variance is biased."""

    position: Literal["before", "after"] = "before"
    epsilon: Annotated[float, Field(gt=0, strict=True)] = 1e-5
    momentum: Fraction = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class DenseLayer:
    """A hidden dense layer: its units, then batch norm before or after the activation, then dropout."""

    units: Size
    activation: Activation = "relu"
    batch_norm: BatchNorm | None = None
    dropout: Fraction = 0.0


def without_dropout(spec: AnySpec) -> AnySpec:
    """The same network with every dropout rate at zero, as a proof of equivalence needs it."""
    changes: dict[str, Any] = {}
    for field in fields(spec):
        value = getattr(spec, field.name)
        if field.name == "dropout":
            changes[field.name] = 0.0
        elif isinstance(value, tuple) and any(is_dataclass(item) for item in value):
            changes[field.name] = tuple(without_dropout(item) for item in value)
    return replace(spec, **changes)  # type: ignore[type-var]


def dense_shapes(name: str, inputs: int, layer: DenseLayer) -> dict[str, tuple[int, ...]]:
    """Canonical names and shapes of one hidden dense layer."""
    shapes: dict[str, tuple[int, ...]] = {f"{name}.kernel": (inputs, layer.units), f"{name}.bias": (layer.units,)}
    return shapes | batch_norm_shapes(name, layer.units, layer.batch_norm)


def batch_norm_shapes(name: str, channels: int, batch_norm: BatchNorm | None) -> dict[str, tuple[int, ...]]:
    """Canonical names and shapes that a batch norm adds to its layer: none where there is no batch norm."""
    parts = ("scale", "offset", "mean", "variance") if batch_norm else ()
    return {f"{name}.{part}": (channels,) for part in parts}


def initial(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """The first value of one weight: Glorot-uniform kernels, zero biases, batch norm at rest; float64."""
    if name.endswith((".scale", ".variance")):
        return np.ones(shape)
    if name.endswith((".bias", ".offset", ".mean")):
        return np.zeros(shape)
    return glorot_uniform(shape, generator)


def glorot_uniform(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Uniform within ±√(6 / (fan in + fan out)) (Glorot and Bengio 2010); the last two axes are inputs and outputs."""
    receptive_field = int(np.prod(shape[:-2]))
    limit = np.sqrt(6 / (receptive_field * (shape[-2] + shape[-1])))
    return generator.uniform(-limit, limit, shape)


def dense(
    layer: DenseLayer, weights: Weights, name: str, inputs: Float[np.ndarray, "batch features"]
) -> Float[np.ndarray, "batch units"]:
    """The reference of one hidden dense layer at inference, when dropout does nothing."""
    values = inputs @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]
    return activate(values, layer.activation, layer.batch_norm, weights, name)


def activate(
    values: Float[np.ndarray, "*batch channels"],
    activation: Activation,
    batch_norm: BatchNorm | None,
    weights: Weights,
    name: str,
) -> Float[np.ndarray, "*batch channels"]:
    """The activation, with the batch norm of layer `name` before or after it where there is one."""
    if batch_norm and batch_norm.position == "before":
        values = _normalise(values, batch_norm, weights, name)
    values = ACTIVATIONS[activation](values)
    if batch_norm and batch_norm.position == "after":
        values = _normalise(values, batch_norm, weights, name)
    return values


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-values))


def _normalise(values: np.ndarray, batch_norm: BatchNorm, weights: Weights, name: str) -> np.ndarray:
    scale, offset, mean, variance = (weights[f"{name}.{part}"] for part in ("scale", "offset", "mean", "variance"))
    return (values - mean) / np.sqrt(variance + batch_norm.epsilon) * scale + offset


ACTIVATIONS: dict[Activation, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, 0),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
}
