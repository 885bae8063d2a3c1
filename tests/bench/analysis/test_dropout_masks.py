"""Frameworks drop as much as each other in training, with a new mask in each step, and nothing at inference."""

import math

import numpy as np
import pytest

from bench.analysis.dropout_masks import (
    ALONE,
    FORWARD,
    LOSS_CHECK,
    MASKS_CHECK,
    NOTE,
    STEPS,
    UNABLE,
    deviations,
    errors_apart,
    notes,
    peers,
    refusal,
    repeated,
)
from bench.analysis.equivalence import WEIGHTS_CHECK, certify, in_precision
from bench.records.record import Certificate
from tests.bench.analysis.test_equivalence import arrays
from tests.bench.analysis.test_equivalence import failing as failing_checks

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


CANNOT = {UNABLE: np.array("it has none")}


def test_a_framework_without_such_dropout_has_a_reason_and_no_masks() -> None:
    assert refusal(CANNOT) == "it has none"
    assert refusal(trace(losses())) == ""


def test_masks_are_compared_with_the_chosen_frameworks_or_with_the_others_if_these_have_none() -> None:
    able = trace(losses())
    known = {"pytorch": CANNOT, "keras/tensorflow": able, "keras/jax": able, "keras/torch": able}
    usual = {"pytorch": CANNOT, "keras/tensorflow": able}
    assert list(peers("keras/jax", usual, known)) == ["keras/tensorflow"]
    assert list(peers("keras/tensorflow", {"pytorch": CANNOT}, known)) == ["keras/jax", "keras/torch"]
    assert not peers("keras/jax", {"pytorch": CANNOT}, {"pytorch": CANNOT, "keras/jax": able})
    broken = {"keras/jax": {"dropout_logits": able["dropout_logits"]}}
    assert list(peers("keras/torch", broken, broken)) == ["keras/jax"], (
        "a trace without a reason is compared, and fails"
    )


def test_a_note_names_the_frameworks_without_masks() -> None:
    able = trace(losses())
    assert notes("flax", {"flax": able, "pytorch": able}) == [NOTE]
    among_keras = notes("keras/jax", {"pytorch": CANNOT, "flax": CANNOT, "keras/jax": able, "keras/torch": able})
    assert among_keras[0] == NOTE
    assert among_keras[1].startswith("pytorch and flax cannot build the network with dropout")
    assert ALONE in notes("keras/jax", {"pytorch": CANNOT, "keras/jax": able})[0]


def with_keras_alone(masks: float) -> dict[str, Certificate]:
    """The certificates of three frameworks, of which PyTorch has no such dropout; `masks` scales losses of Keras."""
    unable = {name: value for name, value in arrays().items() if not name.startswith("dropout")}
    scaled = arrays(dropout_losses=masks * arrays()["dropout_losses"])
    double = {
        "pytorch": unable | {UNABLE: np.array("it has none")},
        "keras/tensorflow": scaled,
        "keras/jax": arrays(),
    }
    single = {name: arrays() for name in double}
    return {name: certify(name, double, single, dropout=True) for name in double}


def test_a_framework_without_such_dropout_is_unavailable_and_the_others_are_proven() -> None:
    found = with_keras_alone(1.0)
    assert not found["pytorch"].available
    assert found["pytorch"].problem == "it has none"
    assert in_precision(found["pytorch"], "fp32", {"pytorch": arrays()}) == found["pytorch"]
    for name in ("keras/tensorflow", "keras/jax"):
        assert found[name].passed
        assert any("pytorch cannot build the network with dropout" in note for note in found[name].notes)
        assert (WEIGHTS_CHECK, "pytorch") in {(item.check, item.against) for item in found[name].deviations}


def test_backends_that_drop_another_share_fail_although_pytorch_has_no_masks() -> None:
    for name in ("keras/tensorflow", "keras/jax"):
        assert failing_checks(with_keras_alone(1.5)[name]) == {LOSS_CHECK}


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
