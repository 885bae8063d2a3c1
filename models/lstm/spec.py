"""An LSTM that reads a sequence and answers once: its sizes, its first weights, and what it must compute."""

from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass

from models.layers import spec as layers
from models.layers.spec import ACTIVATIONS, BatchNorm, Fraction, Size, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class LstmLayer:
    """One recurrent layer, which hands on its whole sequence, or only its last state where it is the last layer.

    `activation` is that of candidate and output; batch norm and dropout follow the layer.
    """

    units: Size
    activation: Literal["tanh", "relu"] = "tanh"
    batch_norm: BatchNorm | None = None
    dropout: Fraction = 0.0

    def __post_init__(self) -> None:
        """Refuse a position that a layer whose activation is inside its recurrence cannot have."""
        if self.batch_norm and self.batch_norm.position == "before":
            raise ValueError("batch norm can only come after a recurrent layer: position must be 'after'")


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class LstmSpec:
    """Sizes: sequences of `steps` × `features`, the stacked layers, `outputs` of the linear head."""

    steps: Size
    features: Size
    layers: Annotated[tuple[LstmLayer, ...], Field(min_length=1)]
    outputs: Size


Spec = LstmSpec

GATES = 4  # i f g o: input, forget, candidate, output


def sizes(sample_shape: tuple[int, ...]) -> dict[str, int]:
    """The spec's fields that follow from the shape of one sample: (steps,) or (steps, features)."""
    if len(sample_shape) not in {1, 2}:
        raise ValueError(f"samples have the shape {sample_shape}; an lstm takes (steps,) or (steps, features)")
    steps, features = (*sample_shape, 1)[:2]
    return {"steps": steps, "features": features}


def input_shape(spec: LstmSpec) -> tuple[int, ...]:
    """The shape in which the network takes one sample."""
    return (spec.steps, spec.features)


def parameter_shapes(spec: LstmSpec) -> dict[str, tuple[int, ...]]:
    """Canonical names and shapes. Gates are stacked i f g o along the last axis, with one bias for the four."""
    shapes: dict[str, tuple[int, ...]] = {}
    widths = (spec.features, *(layer.units for layer in spec.layers))
    for number, (layer, (inputs, units)) in enumerate(zip(spec.layers, pairwise(widths), strict=True)):
        shapes[f"layer{number}.kernel"] = (inputs, GATES * units)
        shapes[f"layer{number}.recurrent"] = (units, GATES * units)
        shapes[f"layer{number}.bias"] = (GATES * units,)
        shapes |= layers.batch_norm_shapes(f"layer{number}", units, layer.batch_norm)
    shapes["head.kernel"] = (widths[-1], spec.outputs)
    shapes["head.bias"] = (spec.outputs,)
    return shapes


def initial_weights(spec: LstmSpec, *, seed: int) -> Weights:
    """Each gate by itself: Glorot-uniform kernels, orthogonal recurrences (Saxe et al. 2014), zero biases; float64."""
    generator = np.random.default_rng(seed)
    return {name: _initial(name, shape, generator) for name, shape in parameter_shapes(spec).items()}


def flops_per_sample(spec: LstmSpec) -> int:
    """Floating-point operations of one forward pass: two for each multiplication with a kernel."""
    widths = (spec.features, *(layer.units for layer in spec.layers))
    recurrent = sum(2 * (inputs + units) * GATES * units for inputs, units in pairwise(widths))
    return spec.steps * recurrent + 2 * widths[-1] * spec.outputs


def forward(
    spec: LstmSpec, weights: Weights, inputs: Float[np.ndarray, "batch time features"]
) -> Float[np.ndarray, "batch outputs"]:
    """The reference that every framework must match (Hochreiter and Schmidhuber 1997; forget gates by Gers 2000)."""
    sequence = inputs
    for number, layer in enumerate(spec.layers):
        from_input, recurrent, bias = (weights[f"layer{number}.{part}"] for part in ("kernel", "recurrent", "bias"))
        squash = ACTIVATIONS[layer.activation]
        hidden = cell = np.zeros((len(inputs), layer.units), inputs.dtype)
        states = []
        for step in np.moveaxis(sequence, 1, 0):
            i, f, g, o = np.split(step @ from_input + hidden @ recurrent + bias, GATES, axis=-1)
            cell = layers.sigmoid(f) * cell + layers.sigmoid(i) * squash(g)
            hidden = layers.sigmoid(o) * squash(cell)
            states.append(hidden)
        last = number == len(spec.layers) - 1
        sequence = states[-1] if last else np.stack(states, axis=1)
        sequence = layers.activate(sequence, "linear", layer.batch_norm, weights, f"layer{number}")
    return sequence @ weights["head.kernel"] + weights["head.bias"]


def _initial(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    if name.startswith("head.") or len(shape) == 1:
        return layers.initial(name, shape, generator)
    first = _orthogonal if name.endswith(".recurrent") else layers.glorot_uniform
    gate = (shape[0], shape[1] // GATES)
    return np.concatenate([first(gate, generator) for _ in range(GATES)], axis=1)


def _orthogonal(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """A random rotation, so that signals neither fade nor explode over time."""
    orthogonal, triangular = np.linalg.qr(generator.standard_normal(shape))
    return orthogonal * np.sign(np.diag(triangular))
