"""A deviation is relative to the largest expected value, and the weights that deviate most are known by name."""

import math

import numpy as np
import pytest

from bench.analysis.deviations import (
    NO_REFERENCE,
    Outputs,
    against_reference,
    relative_deviation,
    weights_deviation,
    worst_tensor,
)

Arrays = dict[str, np.ndarray]


def weights(**changes: np.ndarray) -> Arrays:
    """Weights whose largest value is 8, with some of them replaced."""
    found = {"kernel": np.array([[1.0, 2.0], [3.0, 8.0]]), "bias": np.array([1e-3, 0.0])}
    return {f"weights/head.{name}": value for name, value in (found | changes).items()}


@pytest.mark.parametrize(
    ("found", "expected", "deviation"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.5], [1.0, -2.0], 2.25),
        ([0.5, 0.0], [0.0, 0.0], 0.5),  # if all expected values are zero, the difference is absolute
        ([1.0, 2.0, 3.0], [1.0, 2.0], math.inf),
        ([math.inf, 0.0], [1.0, 0.0], math.inf),
        ([math.nan, 0.0], [1.0, 0.0], math.nan),
        ([1.0, 0.0], [math.nan, 0.0], math.nan),
        ([math.inf, 0.0], [math.inf, 0.0], math.nan),
        ([1.0, 0.0], [math.inf, 0.0], math.nan),
    ],
)
def test_the_relative_deviation_is_the_largest_difference_over_the_largest_value(
    found: list[float], expected: list[float], deviation: float
) -> None:
    np.testing.assert_equal(relative_deviation(np.array(found), np.array(expected)), deviation)


def test_differences_of_float32_values_are_computed_in_float64() -> None:
    found = relative_deviation(np.array([1 + 2**-23], np.float32), np.array([1 + 2**-24]))
    assert found == pytest.approx(2**-24, rel=1e-6)


def test_the_deviation_of_weights_is_relative_to_the_largest_weight_of_the_model() -> None:
    """A bias of 0.001 that is doubled deviates by 1 / 8000, because the largest weight is 8."""
    moved = weights(bias=np.array([2e-3, 0.0]))
    assert weights_deviation(moved, weights()) == pytest.approx(1e-3 / 8)
    assert weights_deviation(weights(), weights()) == 0.0


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"bias": np.array([2e-3, 0.0])}, "head.bias"),
        ({"bias": np.array([2e-3, 0.0]), "kernel": np.ones((2, 2))}, "head.kernel"),
        ({"bias": np.array([math.nan, 0.0]), "kernel": np.ones((2, 2))}, "head.bias"),
        ({"bias": np.zeros(3), "kernel": np.ones((2, 2))}, "head.bias"),
        ({"scale": np.ones(2), "kernel": np.ones((2, 2))}, "head.scale"),
    ],
    ids=["a small bias", "the larger difference", "not finite", "another shape", "only on one side"],
)
def test_the_weights_that_deviate_most_have_a_name(changed: Arrays, name: str) -> None:
    assert worst_tensor(weights(**changed), weights()) == name
    assert worst_tensor(weights(), weights(**changed)) == name


def test_there_is_no_name_without_weights() -> None:
    assert worst_tensor({}, {}) is None


def test_outputs_that_a_trace_lacks_deviate_infinitely() -> None:
    known = {"logits": np.ones(2), "reference": np.ones(2)}
    outputs = Outputs("forward", "logits", "reference")
    assert [line.holds for line in against_reference(outputs, known, peers={})] == [True]
    for name in known:
        without = {key: value for key, value in known.items() if key != name}
        assert [line.found for line in against_reference(outputs, without, peers={})] == [math.inf]


def test_without_a_reference_outputs_are_compared_with_those_of_each_peer() -> None:
    mine, near, far = ({"logits": np.full(2, value), NO_REFERENCE: np.array(1)} for value in (1.0, 1.0 + 1e-15, 1.5))
    lines = against_reference(Outputs("forward", "logits", "reference"), mine, peers={"flax": near, "keras": far})
    assert [(line.against, line.holds) for line in lines] == [("flax", True), ("keras", False)]
    lines = against_reference(Outputs("forward", "logits", "reference"), mine, peers={"flax": {}})
    assert [line.found for line in lines] == [math.inf]
