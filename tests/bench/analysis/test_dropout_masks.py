"""Frameworks drop as much as each other in training, with a new mask in each step, and nothing at inference."""

import math

import numpy as np
import pytest

from bench.analysis.dropout_masks import FORWARD, LOSS_CHECK, MASKS_CHECK, STEPS, deviations, errors_apart, repeated

Arrays = dict[str, np.ndarray]


def losses(*, mean: float = 2.0, deviation: float = 0.1, seed: float = 0) -> np.ndarray:
    return np.random.default_rng(int(seed)).normal(mean, deviation, STEPS)


def trace(made: np.ndarray) -> Arrays:
    outputs = np.array([[1.0, -2.0]])
    return {"dropout_logits": outputs, "dropout_reference": outputs, "dropout_losses": made}


def failing(mine: Arrays, other: Arrays) -> set[str]:
    return {item.check for item in deviations(mine, {"flax": other}) if not item.holds}


def test_other_masks_of_the_same_rate_pass() -> None:
    assert failing(trace(losses(seed=1)), trace(losses(seed=2))) == set()


@pytest.mark.parametrize("changed", [{"mean": 2.2}, {"deviation": 0.3}], ids=["mean", "variance"])
def test_another_rate_changes_the_losses_and_fails(changed: dict[str, float]) -> None:
    assert failing(trace(losses(**changed)), trace(losses(seed=1))) == {LOSS_CHECK}


def test_dropout_that_does_nothing_in_training_fails() -> None:
    assert failing(trace(np.full(STEPS, 1.8)), trace(losses())) == {LOSS_CHECK, MASKS_CHECK}


def test_the_same_mask_in_each_step_fails_however_small_the_steps_of_the_weights() -> None:
    still = 2.0 * (1 + 1e-12 * np.arange(STEPS))
    assert failing(trace(still), trace(losses())) == {LOSS_CHECK, MASKS_CHECK}


def test_the_same_mask_in_one_of_the_two_ways_to_train_fails() -> None:
    half = losses()
    half[STEPS // 2 :] = half[STEPS // 2]
    assert MASKS_CHECK in failing(trace(half), trace(losses(seed=1)))


def test_dropout_at_inference_fails() -> None:
    mine = trace(losses()) | {"dropout_logits": np.array([[1.0, 0.0]])}
    assert failing(mine, trace(losses(seed=1))) == {FORWARD}


def test_a_rate_so_small_that_hardly_a_unit_is_dropped_passes() -> None:
    """In one framework three steps dropped a unit, in the other none."""
    rare = np.full(STEPS, 2.0)
    rare[[3, 20, 50]] = 2.3, 2.2, 2.4
    assert failing(trace(rare), trace(np.full(STEPS, 2.0))) == set()


@pytest.mark.parametrize("mine", [{}, trace(losses() * math.nan)], ids=["from before these checks", "not finite"])
def test_a_trace_without_finite_losses_does_not_pass(mine: Arrays) -> None:
    assert {LOSS_CHECK, MASKS_CHECK} <= failing(mine, trace(losses()))
    assert {LOSS_CHECK, MASKS_CHECK} <= failing(trace(losses()), mine)


def test_means_and_variances_are_compared_in_standard_errors() -> None:
    first, second = np.array([1.0, 3.0] * 8), np.array([2.0, 4.0] * 8)
    assert errors_apart(first, second) == pytest.approx(1 / np.sqrt(1 / 16 + 1 / 16))
    assert errors_apart(first, first) == 0.0
    wide = np.array([0.0, 4.0, 2.0, 2.0] * 4)  # its variance of 2 has a standard error of √(4 / 16)
    assert errors_apart(first, wide) == pytest.approx(2.0)
    assert errors_apart(np.ones(4), np.full(4, 1 + 1e-12)) == 0.0
    assert errors_apart(np.ones(4), np.full(4, 1.1)) == math.inf


def test_the_share_of_repeated_losses() -> None:
    assert repeated(np.array([1.0, 2.0, 3.0, 4.0])) == 0.0
    assert repeated(np.array([1.0, 1.0 + 1e-12, 3.0, 3.0])) == 0.5
    assert math.isnan(repeated(np.array([1.0, math.inf])))
