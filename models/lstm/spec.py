"""Describes an LSTM with one output per sequence: its sizes, its initial weights, and its reference in NumPy."""

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass

from models.layers import probes, sequence
from models.layers import spec as layers
from models.layers.activations import ACTIVATIONS, sigmoid
from models.layers.examples import AFTER, NORM_AFTER
from models.layers.sequence import Inputs, SequenceSpec
from models.layers.spec import Part, RecurrentLayer, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class LstmLayer(RecurrentLayer):
    """One LSTM layer.

    Attributes:
        activation: The activation of the candidate and of the output.
        unit_forget_bias: Whether the bias of the forget gate starts at 1 (Jozefowicz et al. 2015) and not at 0.
    """

    unit_forget_bias: Annotated[bool, Field(strict=True)] = False


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class LstmSpec(SequenceSpec):
    """A long short-term memory network: stacked LSTM layers and a linear head on the last state."""

    layers: Annotated[tuple[LstmLayer, ...], Field(min_length=1)]


Spec = LstmSpec
PROBES = probes.DENSE

GATES = 4  # i f g o: input, forget, candidate, output

sizes = layers.sequence_sizes
input_shape = sequence.input_shape


def parameter_shapes(spec: LstmSpec) -> dict[str, tuple[int, ...]]:
    """The canonical names and shapes of all weights. Gates are stacked i f g o along the last axis, with one bias."""
    return sequence.parameter_shapes(spec, gates=GATES)


def initial_weights(spec: LstmSpec, *, seed: int) -> Weights:
    """Initial weights in float64, each gate drawn separately.

    Kernels by their layers' initializers, recurrent kernels orthogonal, biases zero except with `unit_forget_bias`.
    """
    weights = layers.initial_weights(parameter_shapes(spec), sequence.initializers(spec), seed=seed, gates=GATES)
    for number, layer in enumerate(spec.layers):
        for name in layers.recurrences(number, layer) if layer.unit_forget_bias else ():
            weights[f"{name}.bias"][layer.units : 2 * layer.units] = 1
    return weights


def parts(spec: LstmSpec) -> list[Part]:
    """The layers of the network, in order."""
    return sequence.parts("LSTM", spec, gates=GATES)


def forward(spec: LstmSpec, weights: Weights, inputs: Inputs) -> Float[np.ndarray, "batch outputs"]:
    """The logits in NumPy, which every framework must match.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    """
    return sequence.forward(spec, weights, inputs, states=_states)


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
    "embedded-integers-with-layer-norm": LstmSpec(
        steps=2,
        features=2,
        vocabulary=7,
        width=3,
        layers=(LstmLayer(units=3, layer_norm=NORM_AFTER, dropout=0.4), LstmLayer(units=4, layer_norm=NORM_AFTER)),
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
