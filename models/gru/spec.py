"""Describes a GRU with one output per sequence: its sizes, its initial weights, and its reference in NumPy."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass

from models.layers import probes, sequence
from models.layers import spec as layers
from models.layers.activations import sigmoid
from models.layers.examples import AFTER
from models.layers.spec import GLOROT, Initializer, Part, RecurrentLayer, Size, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class GruLayer(RecurrentLayer):
    """One GRU layer. The reset gate applies after the matrix multiplication, as in cuDNN.

    Attributes:
        activation: The activation of the candidate. It is tanh in every framework.
    """

    activation: Literal["tanh"] = "tanh"


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class GruSpec:
    """A gated recurrent network: stacked GRU layers and a linear head on the last state.

    Attributes:
        steps: The length of a sequence. The data set decides it.
        features: The numbers of one time step. The data set decides it.
        layers: The recurrent layers, from the input to the head.
        outputs: The outputs of the head. The data set decides it.
        head_initializer: How the kernel of the linear head is initialized.
    """

    steps: Size
    features: Size
    layers: Annotated[tuple[GruLayer, ...], Field(min_length=1)]
    outputs: Size
    head_initializer: Initializer = GLOROT


Spec = GruSpec
PROBES = probes.DENSE

GATES = 3  # r z n: reset, update, candidate

sizes = layers.sequence_sizes


def input_shape(spec: GruSpec) -> tuple[int, ...]:
    """The shape of one sample as the network takes it."""
    return (spec.steps, spec.features)


def parameter_shapes(spec: GruSpec) -> dict[str, tuple[int, ...]]:
    """The canonical names and shapes of all weights. Gates are stacked r z n along the last axis.

    There are two biases, since the recurrent bias is multiplied by the reset gate.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in sequence.shapes_of(spec.features, spec.layers, gates=GATES).items():
        shapes[name] = shape
        if name.endswith(".bias"):
            shapes[name.replace(".bias", ".recurrent_bias")] = shape
    return shapes | {"head.kernel": (spec.layers[-1].width, spec.outputs), "head.bias": (spec.outputs,)}


def initial_weights(spec: GruSpec, *, seed: int) -> Weights:
    """Initial weights in float64, each gate drawn separately.

    Kernels by their layers' initializers, recurrent kernels orthogonal, biases zero.
    """
    initializers = sequence.initializers(spec.layers) | {"head": spec.head_initializer}
    return layers.initial_weights(parameter_shapes(spec), initializers, seed=seed, gates=GATES)


def parts(spec: GruSpec) -> list[Part]:
    """The layers of the network, in order."""
    stack = sequence.parts_of("GRU", spec.steps, spec.features, spec.layers, gates=GATES)
    return [*stack, layers.head_part(spec.layers[-1].width, spec.outputs)]


def forward(
    spec: GruSpec, weights: Weights, inputs: Float[np.ndarray, "batch time features"]
) -> Float[np.ndarray, "batch outputs"]:
    """The logits in NumPy, which every framework must match.

    Cho et al. 2014, but with the reset gate after the matrix multiplication, as in cuDNN.
    """
    values = sequence.recurrent(spec.layers, weights, inputs, states=_states)
    return values @ weights["head.kernel"] + weights["head.bias"]


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
