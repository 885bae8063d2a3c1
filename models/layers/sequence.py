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

from models.layers.spec import (
    Initializer,
    Part,
    RecurrentLayer,
    Weights,
    activate,
    norm_shapes,
    recurrences,
    tail_words,
)

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


def shapes_of(inputs: int, stack: Sequence[RecurrentLayer], *, gates: int) -> dict[str, tuple[int, ...]]:
    """Canonical names and shapes of recurrent layers, each with its gates side by side along the last axis."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, layer in enumerate(stack):
        units = layer.units
        for name in recurrences(number, layer):
            shapes[f"{name}.kernel"] = (inputs, gates * units)
            shapes[f"{name}.recurrent"] = (units, gates * units)
            shapes[f"{name}.bias"] = (gates * units,)
        shapes |= norm_shapes(f"layer{number}", layer.width, layer.batch_norm)
        inputs = layer.width
    return shapes


def parts_of(kind: str, steps: int, inputs: int, stack: Sequence[RecurrentLayer], *, gates: int) -> list[Part]:
    """Recurrent layers; all except the last return the states of all time steps.

    The backward pass of each needs the states of all time steps again. With gates it also needs the gates, and one
    number more: in an LSTM the cell state, in a GRU the part of the candidate that comes from the state.
    """
    parts, numbers = [], 1 if gates == 1 else gates + 2
    for number, layer in enumerate(stack):
        last = number == len(stack) - 1
        name, *others = recurrences(number, layer)
        flops = steps * 2 * (inputs + layer.units) * gates * layer.width
        words = f"{_recurrence_words(kind, layer)}, {tail_words(layer.activation, layer.batch_norm, layer.dropout)}"
        shape, kept = (layer.width,) if last else (steps, layer.width), numbers * steps * layer.width
        parts.append(Part(name, words, shape, flops, kept, others=tuple(others)))
        inputs = layer.width
    return parts


def _recurrence_words(kind: str, layer: RecurrentLayer) -> str:
    direction = "bidirectional " if layer.bidirectional else ""
    return f"{direction}{kind}" + (
        f", recurrent dropout {layer.recurrent_dropout:g}" if layer.recurrent_dropout else ""
    )
