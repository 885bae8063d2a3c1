"""Defines what all recurrent families share: the interface of their specs, both directions, recurrent dropout.

A bidirectional layer (Schuster and Paliwal 1997) has a second recurrence of the same kind. It reads the sequence from
the last time step to the first. Its weights have the prefix `backward<number>`. Its outputs are put into the order of
the time steps, and follow the outputs of the forward recurrence as further features. A last layer returns two states:
the forward state after the last time step, and the backward state after the first time step. Both have read the whole
sequence.

Recurrent dropout (Gal and Ghahramani 2016) acts only in training. The previous state is multiplied by a mask before it
is multiplied by the recurrent kernel. A sequence has the same mask in all time steps, and a new one in each training
step. Each sample, each gate and each direction has a mask of its own. What is kept is multiplied by 1 / (1 - rate). The
cell state of an LSTM has no mask, and neither has the state that the update gate of a GRU keeps. Keras defines it so.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from models.layers.spec import Initializer, RecurrentLayer, Weights, activate, recurrences

# The states of one recurrence in all time steps, from the layer, the weights, their prefix and the sequences.
States = Callable[[Any, Weights, str, np.ndarray], np.ndarray]


@runtime_checkable  # the shape checks in the tests need it
class SequenceSpec(Protocol):
    """The spec of a recurrent network: sequences of `steps` × `features`, recurrent layers, a linear head."""

    @property
    def steps(self) -> int:
        """Time steps in a sequence."""

    @property
    def features(self) -> int:
        """Numbers in each step."""

    @property
    def layers(self) -> Sequence[RecurrentLayer]:
        """The stacked recurrent layers."""

    @property
    def outputs(self) -> int:
        """Outputs of the head."""


def initializers(stack: Sequence[RecurrentLayer]) -> dict[str, Initializer]:
    """The initializers of the input kernels, by the prefix of their weights."""
    return {name: layer.initializer for number, layer in enumerate(stack) for name in recurrences(number, layer)}


def recurrent(
    stack: Sequence[RecurrentLayer],
    weights: Weights,
    inputs: Float[np.ndarray, "batch time features"],
    *,
    states: States,
) -> Float[np.ndarray, "batch width"]:
    """What recurrent layers return for the head at inference: the reference for the frameworks."""
    values = inputs
    for number, layer in enumerate(stack):
        outputs = [
            states(layer, weights, name, values[:, ::-1] if name.startswith("backward") else values)
            for name in recurrences(number, layer)
        ]
        if number == len(stack) - 1:
            ordered = [output[:, -1] for output in outputs]
        else:
            ordered = [outputs[0], *(output[:, ::-1] for output in outputs[1:])]
        values = activate(np.concatenate(ordered, axis=-1), "linear", layer.batch_norm, weights, f"layer{number}")
    return values
