"""The first place where two implementations deviate is named, with its usual causes."""

import numpy as np
import pytest

from bench.analysis.deviations import Trace
from bench.analysis.first_deviation import (
    BETWEEN,
    CHANNELS,
    EPSILON,
    FLATTENED,
    FLOAT32,
    GATES,
    IN_FRONT,
    KERNEL,
    MOMENTUM,
    NO_GRADIENT,
    ORDER,
    PADDING,
    TWO_BIASES,
    UNBIASED,
    first,
    in_order,
)

SHAPES = {
    "stem.kernel": (3, 3, 1, 4),
    "norm.scale": (4,),
    "norm.mean": (4,),
    "memory.kernel": (4, 8),
    "memory.recurrent": (2, 8),
    "head.kernel": (2, 3),
    "head.bias": (3,),
}
LAYERS = ("stem", "norm", "memory", "head")


def look(*, wrong: str = "", by: float = 1e-3) -> Trace:
    """A look into a network; the outputs or weights called `wrong`, and all outputs behind them, are off."""
    values = {name: np.ones(4) for name in LAYERS}
    weights = {name: np.ones(shape) for name, shape in SHAPES.items()}
    late = LAYERS[LAYERS.index(wrong) :] if wrong in LAYERS else ()
    outputs = {name: value + by if name in late else value for name, value in values.items()}
    logits = np.ones(3) + (by if late or wrong == "logits" else 0)
    stepped = {name: value + by if name == wrong else value for name, value in weights.items()}
    return in_order(outputs, logits, given={name: value - 1 for name, value in weights.items()}, weights=stepped)


def test_networks_that_agree_have_no_first_deviation() -> None:
    assert first(look(), look(), SHAPES) is None
    assert first(look(wrong="stem", by=1e-14), look(), SHAPES) is None


@pytest.mark.parametrize(
    ("layer", "agreed", "causes"),
    [
        ("stem", (), (PADDING, KERNEL, IN_FRONT)),
        ("norm", ("stem",), (EPSILON, f"what lies between stem and norm: {BETWEEN}")),
        ("memory", ("stem", "norm"), (f"what lies between norm and memory: {BETWEEN}", GATES)),
        ("head", ("stem", "norm", "memory"), (f"what lies between memory and head: {BETWEEN}", KERNEL, FLATTENED)),
    ],
)
def test_the_first_layer_whose_outputs_deviate_is_named(
    layer: str, agreed: tuple[str, ...], causes: tuple[str, ...]
) -> None:
    found = first(look(wrong=layer), look(), SHAPES)
    assert found is not None
    assert (found.place, found.agreed) == (f"the outputs of {layer}", agreed)
    assert found.causes[: len(causes)] == causes
    assert found.deviation == pytest.approx(1e-3)


@pytest.mark.parametrize("wrong", ["norm", "logits"])
def test_a_deviation_of_the_size_of_float32_is_said_to_come_from_a_number_in_float32(wrong: str) -> None:
    for by, is_first in ((5e-9, True), (1e-3, False)):
        found = first(look(wrong=wrong, by=by), look(), SHAPES)
        assert found is not None
        assert (found.causes[0] == FLOAT32) == is_first


def test_the_order_of_a_sequence_is_the_first_cause_for_a_convolution_over_steps() -> None:
    found = first(look(wrong="stem"), look(), {**SHAPES, "stem.kernel": (3, 8, 4)})
    assert found is not None
    assert found.causes == (CHANNELS, PADDING, KERNEL, IN_FRONT, ORDER)


def test_outputs_of_another_shape_or_that_are_not_finite_deviate() -> None:
    narrow = {**look(), "outputs/norm": np.ones(3)}
    for wrong, deviation in ((narrow, np.inf), (look(wrong="norm", by=np.nan), np.nan)):
        found = first(wrong, look(), SHAPES)
        assert found is not None
        assert (found.place, found.agreed) == ("the outputs of norm", ("stem",))
        assert np.array_equal(found.deviation, deviation, equal_nan=True)


def test_what_lies_behind_the_last_layer_is_told() -> None:
    found = first(look(wrong="logits"), look(), SHAPES)
    assert found is not None
    assert (found.place, found.agreed, found.causes) == ("the outputs of the network", LAYERS, (IN_FRONT, ORDER))


@pytest.mark.parametrize(
    ("name", "cause"), [("norm.mean", MOMENTUM), ("norm.variance", UNBIASED), ("head.bias", TWO_BIASES)]
)
def test_if_all_outputs_agree_the_weights_after_one_step_are_compared(name: str, cause: str) -> None:
    mine, other = ({**look(), "weights/norm.variance": np.ones(4)} for _ in range(2))
    mine[f"weights/{name}"] = mine[f"weights/{name}"] + 1e-3
    found = first(mine, other, SHAPES)
    assert found is not None
    assert found.place == f"the weights after one training step, most in {name}"
    assert (found.still, found.still_there) == ((), ())
    assert found.agreed[-1] == "all outputs"
    assert found.causes[0] == cause


def test_epsilon_is_the_last_cause_of_a_deviation_that_is_too_large_for_it() -> None:
    found = first(look(wrong="norm", by=0.5), look(), SHAPES)
    assert found is not None
    assert found.causes == (f"what lies between stem and norm: {BETWEEN}", ORDER, EPSILON)


def test_weights_that_only_one_side_trains_are_named() -> None:
    still = {**look(), "weights/memory.kernel": look()["given/memory.kernel"]}
    found, turned = first(still, look(), SHAPES), first(look(), still, SHAPES)
    assert found is not None
    assert turned is not None
    assert (found.still, found.still_there) == (("memory.kernel",), ())
    assert (turned.still, turned.still_there) == ((), ("memory.kernel",))
    assert found.causes == turned.causes == (NO_GRADIENT,)


def test_a_layer_that_one_side_does_not_name_is_left_out() -> None:
    without = {name: value for name, value in look(wrong="norm").items() if name != "outputs/norm"}
    found = first(without, look(), SHAPES)
    assert found is not None
    assert (found.place, found.agreed) == ("the outputs of memory", ("stem",))
