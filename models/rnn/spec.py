"""Describes a plain recurrent network with one output per sequence: sizes, initial weights, reference in NumPy."""

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass

from models.layers import probes, sequence
from models.layers import spec as layers
from models.layers.activations import ACTIVATIONS
from models.layers.examples import AFTER, NORM_AFTER
from models.layers.sequence import Inputs, SequenceSpec
from models.layers.spec import Part, RecurrentLayer, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class RnnSpec(SequenceSpec):
    """A plain recurrent network (Elman 1990): stacked recurrent layers and a linear head on the last state."""

    layers: Annotated[tuple[RecurrentLayer, ...], Field(min_length=1)]


Spec = RnnSpec
PROBES = probes.DENSE

sizes = layers.sequence_sizes
input_shape = sequence.input_shape


def parameter_shapes(spec: RnnSpec) -> dict[str, tuple[int, ...]]:
    """The canonical names and shapes of all weights."""
    return sequence.parameter_shapes(spec, gates=1)


def initial_weights(spec: RnnSpec, *, seed: int) -> Weights:
    """Initial weights in float64: kernels by their layers' initializers, recurrent kernels orthogonal, zero biases."""
    return layers.initial_weights(parameter_shapes(spec), sequence.initializers(spec), seed=seed)


def parts(spec: RnnSpec) -> list[Part]:
    """The layers of the network, in order."""
    return sequence.parts("recurrent", spec, gates=1)


def forward(spec: RnnSpec, weights: Weights, inputs: Inputs) -> Float[np.ndarray, "batch outputs"]:
    """The logits in NumPy, which every framework must match (Elman 1990)."""
    return sequence.forward(spec, weights, inputs, states=_states)


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
    "embedded-integers-with-layer-norm": RnnSpec(
        steps=2,
        features=2,
        vocabulary=7,
        width=3,
        layers=(
            RecurrentLayer(units=3, layer_norm=NORM_AFTER, dropout=0.4),
            RecurrentLayer(units=4, layer_norm=NORM_AFTER),
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
