"""Says where two implementations of one network first deviate, and what usually causes it.

The evidence is a look at both with the same random weights in float64: the outputs of their named layers for the same
inputs, the outputs of the network, and all weights after one training step. See `bench.worker.layer_outputs`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bench.analysis.deviations import Trace, relative_deviation, weights_deviation, worst_tensor

OUTPUTS, LOGITS, GIVEN, WEIGHTS = "outputs/", "logits", "given/", "weights/"
AGREES = 1e-10  # deep networks amplify the last digits of float64
ROUNDED = 1e-6  # below it a deviation is that of a number in float32
BY_EPSILON = 0.05  # above it, a deviation in a norm is hardly due to its epsilon

PADDING = (
    "padding: a causal one pads at the start alone; with a stride above 1, TensorFlow's `same` pads more at the end, "
    "and PyTorch's on both sides"
)
CHANNELS = "the order of a sequence: steps, features here; PyTorch's Conv1d takes features, steps"
KERNEL = "a kernel whose axes have another order"
FLATTENED = "the order of a flattened image: height, width, channels here; PyTorch flattens channels first"
BETWEEN = "an activation (the tanh form of GELU, the slope of leaky ReLU), pooling, a sum"
ORDER = "the order in which arrays are reshaped, split or joined, or the step of a sequence that is taken"
IN_FRONT = f"what lies in front of this layer: {BETWEEN}"
FLOAT32 = "a number that is float32 in this framework: TensorFlow's own exact GELU rounds √2 to float32"
EPSILON = "epsilon: Keras adds 1e-3, PyTorch and Flax add 1e-5 in a batch norm; 1e-5 and 1e-6 in a layer norm"
GATES = "the order of the gates: i f g o in an LSTM, r z n in a GRU"
BIASES = "a second bias that is not 0"
MOMENTUM = "momentum: PyTorch's is the weight of the new value, that of Keras and Flax the weight of the old one"
UNBIASED = "PyTorch's own batch norm keeps an unbiased variance: take `named.batch_norm`"
TWO_BIASES = "two trainable biases, which learn twice as fast as one"
DROPOUT = "dropout that is active in the proof: its field in Spec has to be called `dropout`"
GRADIENT = "an activation whose gradient differs, or a weight that is used twice"
NO_GRADIENT = "`detach` or `stop_gradient`, a weight that is not trainable, or a layer whose outputs are not used"
# By the parts of a layer's weights, the first that fits.
CAUSES: Sequence[tuple[str, tuple[str, ...]]] = (
    ("recurrent", (GATES, BIASES)),
    ("mean", (EPSILON,)),
    ("scale", (EPSILON,)),
    ("kernel 2", (KERNEL, FLATTENED)),
    ("kernel 3", (CHANNELS, PADDING, KERNEL)),
    ("kernel", (PADDING, KERNEL)),
    ("", ()),
)


class Found(NamedTuple):
    """The first place where two implementations deviate: its name, by how much, what agreed before it, the causes.

    `still` are the weights that a training step leaves as they were here and changes in the other implementation;
    `still_there` those that it leaves as they were in the other one.
    """

    place: str
    deviation: float
    agreed: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    still_there: tuple[str, ...] = ()


def first(mine: Trace, other: Trace, shapes: Mapping[str, tuple[int, ...]]) -> Found | None:
    """Where the first of two implementations begins to deviate from the other; None if all agrees.

    `shapes` are those of the weights by name.
    """
    agreed: list[str] = []
    for layer in _layers(mine):
        name = f"{OUTPUTS}{layer}"
        if name not in other:
            continue
        deviation = relative_deviation(mine[name], other[name])
        if not deviation <= AGREES:
            rounded = (FLOAT32,) if deviation < ROUNDED else ()
            causes = _ordered(_causes(layer, agreed, shapes), deviation)
            return Found(f"the outputs of {layer}", deviation, tuple(agreed), rounded + causes)
        agreed.append(layer)
    deviation = relative_deviation(mine[LOGITS], other[LOGITS])
    if not deviation <= AGREES:
        rounded = (FLOAT32,) if deviation < ROUNDED else ()
        return Found("the outputs of the network", deviation, tuple(agreed), (*rounded, IN_FRONT, ORDER))
    return _after_a_step(mine, other, tuple(agreed))


def _layers(trace: Trace) -> Iterator[str]:
    """The layers in the order in which they were computed."""
    yield from (name.removeprefix(OUTPUTS) for name in trace if name.startswith(OUTPUTS))


def _after_a_step(mine: Trace, other: Trace, agreed: tuple[str, ...]) -> Found | None:
    deviation = weights_deviation(mine, other)
    if deviation <= AGREES:
        return None
    worst = worst_tensor(mine, other) or ""
    part = worst.partition(".")[2]
    own = {"mean": (MOMENTUM,), "variance": (UNBIASED, MOMENTUM), "bias": (TWO_BIASES,)}.get(part, ())
    here, there = _unchanged(mine), _unchanged(other)
    still, still_there = (tuple(name for name in a if name not in b) for a, b in ((here, there), (there, here)))
    causes = (NO_GRADIENT,) if still or still_there else (*own, DROPOUT, GRADIENT)
    place = f"the weights after one training step, most in {worst}"
    return Found(place, deviation, (*agreed, "all outputs"), causes, still, still_there)


def _unchanged(trace: Trace) -> list[str]:
    """The weights that the training step left as they were."""
    names = (name.removeprefix(GIVEN) for name in trace if name.startswith(GIVEN))
    return [name for name in names if np.array_equal(trace[f"{GIVEN}{name}"], trace[f"{WEIGHTS}{name}"])]


def _ordered(causes: Sequence[str], deviation: float) -> tuple[str, ...]:
    """The causes with epsilon first where the deviation has its size, and last where it is larger."""
    if EPSILON not in causes:
        return tuple(causes)
    others = tuple(cause for cause in causes if cause != EPSILON)
    return (EPSILON, *others) if deviation <= BY_EPSILON else (*others, EPSILON)


def _causes(layer: str, agreed: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """What is usually wrong in a layer; and first what lies between it and the layer before it, which agrees."""
    parts = {name.partition(".")[2]: shape for name, shape in shapes.items() if name.partition(".")[0] == layer}
    kinds = {*parts, *(f"{part} {len(shape)}" for part, shape in parts.items()), ""}
    own = next(causes for kind, causes in CAUSES if kind in kinds)
    return (
        (f"what lies between {agreed[-1]} and {layer}: {BETWEEN}", *own, ORDER) if agreed else (*own, IN_FRONT, ORDER)
    )


def in_order(
    outputs: Mapping[str, np.ndarray],
    logits: np.ndarray,
    *,
    given: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
) -> Trace:
    """What `first` reads: outputs by layer in their order, those of the network, weights before and after a step."""
    return {
        **{f"{OUTPUTS}{name}": value for name, value in outputs.items()},
        LOGITS: logits,
        **{f"{GIVEN}{name}": value for name, value in given.items()},
        **{f"{WEIGHTS}{name}": value for name, value in weights.items()},
    }
