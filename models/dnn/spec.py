"""Describes a fully connected network: its sizes, its initial weights, and its reference in NumPy."""

import numpy as np
from jaxtyping import Float
from pydantic.dataclasses import dataclass

from models.layers import probes
from models.layers import spec as layers
from models.layers.activations import ACTIVATIONS
from models.layers.examples import AFTER, BEFORE
from models.layers.spec import GLOROT, DenseLayer, Initializer, LayerNorm, Part, Size, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class DnnSpec:
    """A fully connected network: hidden dense layers and a linear head.

    Attributes:
        features: The numbers of one sample. The data set decides it.
        hidden: The hidden layers. There may be none.
        outputs: The outputs of the head. The data set decides it.
        head_initializer: How the kernel of the linear head is initialized.
    """

    features: Size
    hidden: tuple[DenseLayer, ...] = ()
    outputs: Size
    head_initializer: Initializer = GLOROT


Spec = DnnSpec
PROBES = probes.DENSE


def sizes(sample_shape: tuple[int, ...]) -> dict[str, int]:
    """The fields of the spec that the shape of one sample gives; the sample is flattened."""
    return {"features": int(np.prod(sample_shape))}


def input_shape(spec: DnnSpec) -> tuple[int, ...]:
    """The shape of one sample as the network takes it."""
    return (spec.features,)


def parameter_shapes(spec: DnnSpec) -> dict[str, tuple[int, ...]]:
    """The canonical names and shapes of all weights."""
    shapes: dict[str, tuple[int, ...]] = {}
    widths = (spec.features, *(layer.units for layer in spec.hidden), spec.outputs)
    for number, (inputs, layer) in enumerate(zip(widths, spec.hidden, strict=False)):
        shapes |= layers.dense_shapes(f"hidden{number}", inputs, layer)
    shapes["head.kernel"] = widths[-2:]
    shapes["head.bias"] = (spec.outputs,)
    return shapes


def initial_weights(spec: DnnSpec, *, seed: int) -> Weights:
    """Initial weights in float64: kernels by their layers' initializers, zero biases."""
    initializers = {f"hidden{number}": layer.initializer for number, layer in enumerate(spec.hidden)}
    return layers.initial_weights(parameter_shapes(spec), initializers | {"head": spec.head_initializer}, seed=seed)


def parts(spec: DnnSpec) -> list[Part]:
    """The layers of the network, in order."""
    widths = (spec.features, *(layer.units for layer in spec.hidden))
    hidden = enumerate(zip(widths, spec.hidden, strict=False))
    dense = [layers.dense_part(f"hidden{number}", inputs, layer) for number, (inputs, layer) in hidden]
    return [*dense, layers.head_part(widths[-1], spec.outputs)]


def forward(
    spec: DnnSpec, weights: Weights, inputs: Float[np.ndarray, "batch features"]
) -> Float[np.ndarray, "batch outputs"]:
    """The logits at inference, in NumPy: the reference that every framework must match."""
    values = inputs
    for number, layer in enumerate(spec.hidden):
        values = layers.dense(layer, weights, f"hidden{number}", values)
    return values @ weights["head.kernel"] + weights["head.bias"]


EXAMPLES = {
    "no-hidden-layer": DnnSpec(features=5, outputs=3),
    "every-activation": DnnSpec(
        features=5,
        hidden=tuple(DenseLayer(units=6, activation=name) for name in ACTIVATIONS),
        outputs=3,
    ),
    "layer-norm": DnnSpec(
        features=5,
        hidden=(
            DenseLayer(units=6, activation="gelu", layer_norm=LayerNorm(epsilon=1e-2), dropout=0.2),
            DenseLayer(units=6, activation="silu", layer_norm=LayerNorm(position="after", epsilon=1e-3)),
        ),
        outputs=2,
    ),
    "batch-norm-and-dropout": DnnSpec(
        features=5,
        hidden=(
            DenseLayer(units=6, batch_norm=BEFORE, dropout=0.5),
            DenseLayer(units=6, activation="tanh", batch_norm=AFTER, dropout=0.2),
        ),
        outputs=1,
    ),
}
