"""Describes a GRU with one output per sequence: its sizes, its initial weights, and its reference in NumPy."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass

from models.layers import probes, sequence
from models.layers import spec as layers
from models.layers.activations import sigmoid
from models.layers.examples import AFTER, NORM_AFTER
from models.layers.sequence import Inputs, SequenceSpec
from models.layers.spec import Part, RecurrentLayer, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class GruLayer(RecurrentLayer):
    """One GRU layer. The reset gate applies after the matrix multiplication, as in cuDNN.

    Attributes:
        activation: The activation of the candidate. It is tanh in every framework.
    """

    activation: Literal["tanh"] = "tanh"


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class GruSpec(SequenceSpec):
    """A gated recurrent network: stacked GRU layers and a linear head on the last state."""

    layers: Annotated[tuple[GruLayer, ...], Field(min_length=1)]


Spec = GruSpec
PROBES = probes.DENSE

GATES = 3  # r z n: reset, update, candidate

sizes = layers.sequence_sizes
input_shape = sequence.input_shape


def parameter_shapes(spec: GruSpec) -> dict[str, tuple[int, ...]]:
    """The canonical names and shapes of all weights. Gates are stacked r z n along the last axis.

    There are two biases, since the recurrent bias is multiplied by the reset gate.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in sequence.parameter_shapes(spec, gates=GATES).items():
        shapes[name] = shape
        if name.endswith(".bias") and name != "head.bias":
            shapes[name.replace(".bias", ".recurrent_bias")] = shape
    return shapes


def initial_weights(spec: GruSpec, *, seed: int) -> Weights:
    """Initial weights in float64, each gate drawn separately.

    Kernels by their layers' initializers, recurrent kernels orthogonal, biases zero.
    """
    return layers.initial_weights(parameter_shapes(spec), sequence.initializers(spec), seed=seed, gates=GATES)


def parts(spec: GruSpec) -> list[Part]:
    """The layers of the network, in order."""
    return sequence.parts("GRU", spec, gates=GATES)


def forward(spec: GruSpec, weights: Weights, inputs: Inputs) -> Float[np.ndarray, "batch outputs"]:
    """The logits in NumPy, which every framework must match.

    Cho et al. 2014, but with the reset gate after the matrix multiplication, as in cuDNN.
    """
    return sequence.forward(spec, weights, inputs, states=_states)


def _states(
    layer: GruLayer, weights: Weights, name: str, inputs: Float[np.ndarray, "batch time features"]
) -> Float[np.ndarray, "batch time units"]:
    names = ("kernel", "recurrent", "bias", "recurrent_bias")
    from_input, recurrent, bias, recurrent_bias = (weights[f"{name}.{part}"] for part in names)
    hidden = np.zeros((len(inputs), layer.units), inputs.dtype)
    states = []
    for step in np.moveaxis(inputs, 1, 0):
        reset, update, candidate = np.split(step @ from_input + bias, GATES, axis=-1)
        state_reset, state_update, state = np.split(hidden @ recurrent + recurrent_bias, GATES, axis=-1)
        new = np.tanh(candidate + sigmoid(reset + state_reset) * state)
        kept = sigmoid(update + state_update)
        hidden = (1 - kept) * new + kept * hidden
        states.append(hidden)
    return np.stack(states, axis=1)


EXAMPLES = {
    "one-layer": GruSpec(steps=5, features=3, layers=(GruLayer(units=4),), outputs=2),
    "two-layers-with-batch-norm-and-dropout": GruSpec(
        steps=4,
        features=3,
        layers=(GruLayer(units=5, batch_norm=AFTER, dropout=0.4), GruLayer(units=4, batch_norm=AFTER)),
        outputs=2,
    ),
    "embedded-integers-with-layer-norm": GruSpec(
        steps=2,
        features=2,
        vocabulary=7,
        width=3,
        layers=(GruLayer(units=3, layer_norm=NORM_AFTER, dropout=0.4), GruLayer(units=4, layer_norm=NORM_AFTER)),
        outputs=2,
    ),
    "bidirectional-layers-with-batch-norm-and-dropout": GruSpec(
        steps=4,
        features=3,
        layers=(
            GruLayer(units=3, bidirectional=True, batch_norm=AFTER, dropout=0.4),
            GruLayer(units=4, bidirectional=True, batch_norm=AFTER),
        ),
        outputs=2,
    ),
}
