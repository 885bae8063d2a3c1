"""Describes a plain recurrent network with one output per sequence: sizes, initial weights, reference in NumPy."""

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass

from models.layers import probes, sequence
from models.layers import spec as layers
from models.layers.activations import ACTIVATIONS
from models.layers.examples import AFTER
from models.layers.spec import GLOROT, Initializer, Part, RecurrentLayer, Size, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class RnnSpec:
    """A plain recurrent network (Elman 1990): stacked recurrent layers and a linear head on the last state.

    Attributes:
        steps: The length of a sequence. The data set decides it.
        features: The numbers of one time step. The data set decides it.
        layers: The recurrent layers, from the input to the head.
        outputs: The outputs of the head. The data set decides it.
        head_initializer: How the kernel of the linear head is initialized.
    """

    steps: Size
    features: Size
    layers: Annotated[tuple[RecurrentLayer, ...], Field(min_length=1)]
    outputs: Size
    head_initializer: Initializer = GLOROT


Spec = RnnSpec
PROBES = probes.DENSE

sizes = layers.sequence_sizes


def input_shape(spec: RnnSpec) -> tuple[int, ...]:
    """The shape of one sample as the network takes it."""
    return (spec.steps, spec.features)


def parameter_shapes(spec: RnnSpec) -> dict[str, tuple[int, ...]]:
    """The canonical names and shapes of all weights."""
    head = {"head.kernel": (spec.layers[-1].width, spec.outputs), "head.bias": (spec.outputs,)}
    return sequence.shapes_of(spec.features, spec.layers, gates=1) | head


def initial_weights(spec: RnnSpec, *, seed: int) -> Weights:
    """Initial weights in float64: kernels by their layers' initializers, recurrent kernels orthogonal, zero biases."""
    initializers = sequence.initializers(spec.layers) | {"head": spec.head_initializer}
    return layers.initial_weights(parameter_shapes(spec), initializers, seed=seed)


def parts(spec: RnnSpec) -> list[Part]:
    """The layers of the network, in order."""
    stack = sequence.parts_of("recurrent", spec.steps, spec.features, spec.layers, gates=1)
    return [*stack, layers.head_part(spec.layers[-1].width, spec.outputs)]


def forward(
    spec: RnnSpec, weights: Weights, inputs: Float[np.ndarray, "batch time features"]
) -> Float[np.ndarray, "batch outputs"]:
    """The logits in NumPy, which every framework must match (Elman 1990)."""
    values = sequence.recurrent(spec.layers, weights, inputs, states=_states)
    return values @ weights["head.kernel"] + weights["head.bias"]


def _states(
    layer: RecurrentLayer, weights: Weights, name: str, inputs: Float[np.ndarray, "batch time features"]
) -> Float[np.ndarray, "batch time units"]:
    from_input, recurrent, bias = (weights[f"{name}.{part}"] for part in ("kernel", "recurrent", "bias"))
    squash = ACTIVATIONS[layer.activation]
    hidden = np.zeros((len(inputs), layer.units), inputs.dtype)
    states = []
    for step in np.moveaxis(inputs, 1, 0):
        hidden = squash(step @ from_input + hidden @ recurrent + bias)
        states.append(hidden)
    return np.stack(states, axis=1)


EXAMPLES = {
    "one-layer": RnnSpec(steps=5, features=3, layers=(RecurrentLayer(units=4),), outputs=2),
    "two-layers-with-batch-norm-and-dropout": RnnSpec(
        steps=4,
        features=3,
        layers=(
            RecurrentLayer(units=5, activation="relu", batch_norm=AFTER, dropout=0.4),
            RecurrentLayer(units=4, batch_norm=AFTER),
        ),
        outputs=2,
    ),
    "bidirectional-layers-with-batch-norm-and-dropout": RnnSpec(
        steps=4,
        features=3,
        layers=(
            RecurrentLayer(units=3, bidirectional=True, batch_norm=AFTER, dropout=0.4),
            RecurrentLayer(units=4, bidirectional=True, batch_norm=AFTER),
        ),
        outputs=2,
    ),
}
