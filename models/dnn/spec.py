"""A fully connected network: its sizes, its first weights, and what it must compute."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float
from pydantic.dataclasses import dataclass

from models.layers import spec as layers
from models.layers.spec import DenseLayer, Size, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class DnnSpec:
    """Sizes: input `features`, any number of `hidden` layers (none is legal), `outputs` of the linear head."""

    features: Size
    hidden: tuple[DenseLayer, ...] = ()
    outputs: Size


Spec = DnnSpec


def sizes(sample_shape: tuple[int, ...]) -> dict[str, int]:
    """The spec's fields that follow from the shape of one sample, which is read as a flat vector."""
    return {"features": int(np.prod(sample_shape))}


def input_shape(spec: DnnSpec) -> tuple[int, ...]:
    """The shape in which the network takes one sample."""
    return (spec.features,)


def parameter_shapes(spec: DnnSpec) -> dict[str, tuple[int, ...]]:
    """Canonical names and shapes."""
    shapes: dict[str, tuple[int, ...]] = {}
    widths = (spec.features, *(layer.units for layer in spec.hidden), spec.outputs)
    for number, (inputs, layer) in enumerate(zip(widths, spec.hidden, strict=False)):
        shapes |= layers.dense_shapes(f"hidden{number}", inputs, layer)
    shapes["head.kernel"] = widths[-2:]
    shapes["head.bias"] = (spec.outputs,)
    return shapes


def initial_weights(spec: DnnSpec, *, seed: int) -> Weights:
    """Glorot-uniform kernels and zero biases; float64."""
    generator = np.random.default_rng(seed)
    return {name: layers.initial(name, shape, generator) for name, shape in parameter_shapes(spec).items()}


def flops_per_sample(spec: DnnSpec) -> int:
    """Floating-point operations of one forward pass: two for each multiplication with a kernel."""
    widths = (spec.features, *(layer.units for layer in spec.hidden), spec.outputs)
    return sum(2 * inputs * outputs for inputs, outputs in pairwise(widths))


def forward(
    spec: DnnSpec, weights: Weights, inputs: Float[np.ndarray, "batch features"]
) -> Float[np.ndarray, "batch outputs"]:
    """The reference that every framework must match at inference."""
    values = inputs
    for number, layer in enumerate(spec.hidden):
        values = layers.dense(layer, weights, f"hidden{number}", values)
    return values @ weights["head.kernel"] + weights["head.bias"]
