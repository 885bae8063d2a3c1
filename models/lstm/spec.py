"""Describes an LSTM with one output per sequence: its sizes, its initial weights, and its reference in NumPy."""

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass

from models.layers import probes, sequence
from models.layers import spec as layers
from models.layers.activations import ACTIVATIONS, sigmoid
from models.layers.examples import AFTER
from models.layers.spec import GLOROT, Initializer, Part, RecurrentLayer, Size, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class LstmLayer(RecurrentLayer):
    """One LSTM layer.

    Attributes:
        activation: The activation of the candidate and of the output.
        unit_forget_bias: Whether the bias of the forget gate starts at 1 (Jozefowicz et al. 2015) and not at 0.
    """

    unit_forget_bias: Annotated[bool, Field(strict=True)] = False


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class LstmSpec:
    """A long short-term memory network: stacked LSTM layers and a linear head on the last state.

    Attributes:
        steps: The length of a sequence. The data set decides it.
        features: The numbers of one time step. The data set decides it.
        layers: The recurrent layers, from the input to the head.
        outputs: The outputs of the head. The data set decides it.
        head_initializer: How the kernel of the linear head is initialized.
    """

    steps: Size
    features: Size
    layers: Annotated[tuple[LstmLayer, ...], Field(min_length=1)]
    outputs: Size
    head_initializer: Initializer = GLOROT


Spec = LstmSpec
PROBES = probes.DENSE

GATES = 4  # i f g o: input, forget, candidate, output

sizes = layers.sequence_sizes


def input_shape(spec: LstmSpec) -> tuple[int, ...]:
    """The shape of one sample as the network takes it."""
    return (spec.steps, spec.features)


def parameter_shapes(spec: LstmSpec) -> dict[str, tuple[int, ...]]:
    """The canonical names and shapes of all weights. Gates are stacked i f g o along the last axis, with one bias."""
    head = {"head.kernel": (spec.layers[-1].width, spec.outputs), "head.bias": (spec.outputs,)}
    return sequence.shapes_of(spec.features, spec.layers, gates=GATES) | head


def initial_weights(spec: LstmSpec, *, seed: int) -> Weights:
    """Initial weights in float64, each gate drawn separately.

    Kernels by their layers' initializers, recurrent kernels orthogonal, biases zero except with `unit_forget_bias`.
    """
    initializers = sequence.initializers(spec.layers) | {"head": spec.head_initializer}
    weights = layers.initial_weights(parameter_shapes(spec), initializers, seed=seed, gates=GATES)
    for number, layer in enumerate(spec.layers):
        for name in layers.recurrences(number, layer) if layer.unit_forget_bias else ():
            weights[f"{name}.bias"][layer.units : 2 * layer.units] = 1
    return weights


def parts(spec: LstmSpec) -> list[Part]:
    """The layers of the network, in order."""
    stack = sequence.parts_of("LSTM", spec.steps, spec.features, spec.layers, gates=GATES)
    return [*stack, layers.head_part(spec.layers[-1].width, spec.outputs)]


def forward(
    spec: LstmSpec, weights: Weights, inputs: Float[np.ndarray, "batch time features"]
) -> Float[np.ndarray, "batch outputs"]:
    """The logits in NumPy, which every framework must match.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    """
    values = sequence.recurrent(spec.layers, weights, inputs, states=_states)
    return values @ weights["head.kernel"] + weights["head.bias"]


def _states(
    layer: LstmLayer, weights: Weights, name: str, inputs: Float[np.ndarray, "batch time features"]
) -> Float[np.ndarray, "batch time units"]:
    from_input, recurrent, bias = (weights[f"{name}.{part}"] for part in ("kernel", "recurrent", "bias"))
    squash = ACTIVATIONS[layer.activation]
    hidden = cell = np.zeros((len(inputs), layer.units), inputs.dtype)
    states = []
    for step in np.moveaxis(inputs, 1, 0):
        i, f, g, o = np.split(step @ from_input + hidden @ recurrent + bias, GATES, axis=-1)
        cell = sigmoid(f) * cell + sigmoid(i) * squash(g)
        hidden = sigmoid(o) * squash(cell)
        states.append(hidden)
    return np.stack(states, axis=1)


EXAMPLES = {
    "one-layer": LstmSpec(steps=5, features=3, layers=(LstmLayer(units=4),), outputs=2),
    "two-layers-with-batch-norm-and-dropout": LstmSpec(
        steps=4,
        features=3,
        layers=(LstmLayer(units=5, batch_norm=AFTER, dropout=0.4), LstmLayer(units=4, batch_norm=AFTER)),
        outputs=2,
    ),
    "bidirectional-layers-with-batch-norm-and-dropout": LstmSpec(
        steps=4,
        features=3,
        layers=(
            LstmLayer(units=3, bidirectional=True, batch_norm=AFTER, dropout=0.4),
            LstmLayer(units=4, bidirectional=True, batch_norm=AFTER),
        ),
        outputs=2,
    ),
}
