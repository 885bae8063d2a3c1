"""A network with random weights shows lost tensors, and what a first training left behind."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from bench.analysis.second_network import AGAIN_CHECK, LOADED_CHECK, STEPS, deviations
from bench.records.record import Deviation

Arrays = dict[str, np.ndarray]
FORWARD = {precision: f"{precision} forward with random weights" for precision in ("float64", "float32")}


def trace(**changes: float) -> Arrays:
    """A trace without faults; `changes` are deviations of tensors between what is loaded and what is exported."""
    loaded = {"bias": 0.0, "kernel": 0.0} | changes
    return {
        "random_logits": np.array([[1.0, -2.0]]),
        "random_reference": np.array([[1.0, -2.0]]),
        "losses_again": np.linspace(2.0, 1.0, STEPS),
        **{f"loaded/head.{name}": np.array(value) for name, value in loaded.items()},
    }


def failing(exact: Arrays, rounded: Arrays | None = None, *, peer: Arrays | None = None) -> list[Deviation]:
    single = rounded if rounded is not None else trace()
    found = deviations(exact, single, {"flax": peer or trace()}, rounded_peers={"flax": trace()})
    return [item for item in found if not item.holds]


def test_a_network_without_faults_passes() -> None:
    assert failing(trace()) == []


@pytest.mark.parametrize("change", [1e-14, 0.3, math.inf, math.nan])
def test_a_tensor_that_changes_between_load_and_export_fails_and_is_named(change: float) -> None:
    for exact, rounded in ((trace(bias=change), trace()), (trace(), trace(bias=change))):
        (line,) = failing(exact, rounded)
        assert (line.check, line.tensor) == (LOADED_CHECK, "head.bias")


def test_the_tensor_that_changes_most_is_named() -> None:
    for bias, kernel, name in ((0.1, 0.2, "head.kernel"), (0.2, 0.1, "head.bias"), (math.nan, 2.0, "head.bias")):
        assert [line.tensor for line in failing(trace(bias=bias, kernel=kernel))] == [name]


def without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda made: {key: value for key, value in made.items() if not key.startswith(name)}


@pytest.mark.parametrize(
    ("name", "check"),
    [("random_logits", FORWARD["float64"]), ("losses_again", AGAIN_CHECK), ("loaded/", LOADED_CHECK)],
)
def test_a_trace_from_before_these_checks_does_not_pass(name: str, check: str) -> None:
    assert [item.check for item in failing(without(name)(trace()))] == [check]


def test_a_float32_trace_from_before_these_checks_does_not_pass() -> None:
    assert [item.check for item in failing(trace(), {})] == [FORWARD["float32"], LOADED_CHECK]


def test_a_second_training_with_other_losses_than_a_peer_fails() -> None:
    moved = trace()
    moved["losses_again"][1:] *= 1 + 1e-6
    assert [(item.check, item.against) for item in failing(moved)] == [(AGAIN_CHECK, "flax")]
    assert [item.check for item in failing(trace(), peer=moved)] == [AGAIN_CHECK]
    assert [item.check for item in failing(trace(), peer=without("losses_again")(trace()))] == [AGAIN_CHECK]
