"""Defines what all recurrent families share: their specs, embedded integers, both directions, recurrent dropout.

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

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass

from models.layers.spec import (
    GLOROT,
    TABLE,
    Initializer,
    Part,
    RecurrentLayer,
    Size,
    Weights,
    activate,
    head_part,
    norm_shapes,
    recurrences,
    tail_words,
    type_checked,
)

Inputs = Float[np.ndarray, "batch time features"] | Int[np.ndarray, "batch time"] | Float[np.ndarray, "batch time"]

# The states of one recurrence in all time steps, from the layer, the weights, their prefix and the sequences.
States = Callable[[Any, Weights, str, np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class SequenceSpec:
    """A recurrent network: stacked recurrent layers and a linear head on the last state.

    Attributes:
        steps: The length of a sequence. The data set decides it.
        features: The numbers of one time step. The data set decides it.
        vocabulary: The inputs are whole numbers from 0 to below this one, and each gets a row of a trained table. A
            sample of several features has one time step for each of its numbers. Without this key, the first recurrent
            layer gets the features of a time step.
        width: The length of a row of that table. Required with `vocabulary`, and not allowed without it.
        layers: The recurrent layers, from the input to the head.
        outputs: The outputs of the head. The data set decides it.
        table_initializer: How the table is initialized.
        head_initializer: How the kernel of the linear head is initialized.
    """

    steps: Size
    features: Size
    vocabulary: Size | None = None
    width: Size | None = None
    layers: Annotated[tuple[RecurrentLayer, ...], Field(min_length=1)]
    outputs: Size
    table_initializer: Initializer = TABLE
    head_initializer: Initializer = GLOROT

    def __post_init__(self) -> None:
        """Raise ValueError if there is a vocabulary without a width, or a width without a vocabulary."""
        if (self.vocabulary is None) != (self.width is None):
            expected = "no such key without `vocabulary`" if self.width else "a value, since there is a `vocabulary`"
            raise ValueError(f"width: found {self.width}, expected {expected}")

    @property
    def embedded(self) -> int:
        """What the first recurrent layer gets in a time step: a row of the table, or the features."""
        return self.width or self.features


def input_shape(spec: SequenceSpec) -> tuple[int, ...]:
    """The shape of one sample as the network takes it: (steps,) of integers, or (steps, features)."""
    return (spec.steps * spec.features,) if spec.vocabulary else (spec.steps, spec.features)


def initializers(spec: SequenceSpec) -> dict[str, Initializer]:
    """The initializers of the table, the input kernels and the head, by the prefix of their weights."""
    found = {"embedding": spec.table_initializer, "head": spec.head_initializer}
    for number, layer in enumerate(spec.layers):
        found |= dict.fromkeys(recurrences(number, layer), layer.initializer)
    return found


def forward(
    spec: SequenceSpec, weights: Weights, inputs: Inputs, *, states: States
) -> Float[np.ndarray, "batch outputs"]:
    """The logits at inference, in NumPy: the reference that every framework must match."""
    values = weights["embedding.table"][inputs.astype(int)] if spec.vocabulary else inputs
    for number, layer in enumerate(spec.layers):
        outputs = [
            states(layer, weights, name, values[:, ::-1] if name.startswith("backward") else values)
            for name in recurrences(number, layer)
        ]
        if number == len(spec.layers) - 1:
            ordered = [output[:, -1] for output in outputs]
        else:
            ordered = [outputs[0], *(output[:, ::-1] for output in outputs[1:])]
        values = activate(np.concatenate(ordered, axis=-1), "linear", layer.norm, weights, f"layer{number}")
    return values @ weights["head.kernel"] + weights["head.bias"]


def parameter_shapes(spec: SequenceSpec, *, gates: int) -> dict[str, tuple[int, ...]]:
    """Canonical names and shapes of all weights; the gates of a recurrent layer lie along the last axis."""
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = spec.embedded
    if spec.vocabulary:
        shapes["embedding.table"] = (spec.vocabulary, inputs)
    for number, layer in enumerate(spec.layers):
        units = layer.units
        for name in recurrences(number, layer):
            shapes[f"{name}.kernel"] = (inputs, gates * units)
            shapes[f"{name}.recurrent"] = (units, gates * units)
            shapes[f"{name}.bias"] = (gates * units,)
        shapes |= norm_shapes(f"layer{number}", layer.width, layer.norm)
        inputs = layer.width
    return shapes | {"head.kernel": (inputs, spec.outputs), "head.bias": (spec.outputs,)}


def parts(kind: str, spec: SequenceSpec, *, gates: int) -> list[Part]:
    """The layers of the network, in order; all recurrent ones except the last return the states of all time steps.

    The backward pass of each needs the states of all time steps again. With gates it also needs the gates, and one
    number more: in an LSTM the cell state, in a GRU the part of the candidate that comes from the state.
    """
    steps, inputs, numbers = input_shape(spec)[0], spec.embedded, 1 if gates == 1 else gates + 2
    found = [Part("embedding", f"rows of a table of {spec.vocabulary}", (steps, inputs), 0)] if spec.vocabulary else []
    for number, layer in enumerate(spec.layers):
        last = number == len(spec.layers) - 1
        name, *others = recurrences(number, layer)
        flops = steps * 2 * (inputs + layer.units) * gates * layer.width
        words = f"{_recurrence_words(kind, layer)}, {tail_words(layer.activation, layer.norm, layer.dropout)}"
        shape, kept = (layer.width,) if last else (steps, layer.width), numbers * steps * layer.width
        found.append(Part(name, words, shape, flops, kept, others=tuple(others)))
        inputs = layer.width
    return [*found, head_part(inputs, spec.outputs)]


def _recurrence_words(kind: str, layer: RecurrentLayer) -> str:
    direction = "bidirectional " if layer.bidirectional else ""
    return f"{direction}{kind}" + (
        f", recurrent dropout {layer.recurrent_dropout:g}" if layer.recurrent_dropout else ""
    )
