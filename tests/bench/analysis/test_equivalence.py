"""A certificate passes if two frameworks computed the same, and fails for every fault that is injected into one."""

import math

import numpy as np
import pytest

from bench.analysis import dropout_masks
from bench.analysis.deviations import FLOAT32_LIMIT, FORWARD_LIMIT
from bench.analysis.equivalence import (
    AMPLIFIED_LOSS_FACTOR,
    AMPLIFIED_WEIGHTS_LIMIT,
    FIRST_LOSSES,
    FLOAT32_DRIFT_LIMIT,
    LOSS_STEPS,
    NOTES,
    STEPS,
    WEIGHTS_LIMIT,
    certify,
    in_precision,
    suspected,
)
from bench.analysis.second_network import AGAIN_CHECK, AGAIN_LIMIT, LOADED_CHECK, LOADED_LIMIT
from bench.analysis.second_network import STEPS as AGAIN_STEPS
from bench.records.record import Certificate

Arrays = dict[str, np.ndarray]

FORWARD = "float64 forward"
TRAINED = "float64 forward after training"
WEIGHTS = f"float64 weights after {STEPS} steps"
SINGLE = "float32 forward"
RANDOM, SINGLE_RANDOM = "float64 forward with random weights", "float32 forward with random weights"
FIRST = f"float32 loss of {FIRST_LOSSES} steps"
LOSSES = f"float32 loss of {LOSS_STEPS} steps"


def arrays(**changes: np.ndarray) -> Arrays:
    """The trace of a framework without any fault, with some arrays replaced by `changes`."""
    found = {
        "logits": np.array([[1.0, -2.0]]),
        "reference": np.array([[1.0, -2.0]]),
        "losses": np.linspace(0.7, 0.25, LOSS_STEPS),
        "trained_logits": np.array([[3.0, -4.0]]),
        "trained_reference": np.array([[3.0, -4.0]]),
        "weights/head.kernel": np.array([[1.0, 2.0], [3.0, 8.0]]),
        "weights/head.bias": np.array([1e-3, 0.0]),
        "random_logits": np.array([[5.0, -6.0]]),
        "random_reference": np.array([[5.0, -6.0]]),
        "loaded/head.kernel": np.array(0.0),
        "loaded/head.bias": np.array(0.0),
        "losses_again": np.linspace(2.0, 1.0, AGAIN_STEPS),
        "dropout_logits": np.array([[7.0, -8.0]]),
        "dropout_reference": np.array([[7.0, -8.0]]),
        "dropout_losses": np.random.default_rng(0).normal(2.0, 0.1, dropout_masks.STEPS),
    }
    return found | {name.replace("__", "/").replace("_of_", "."): value for name, value in changes.items()}


def failing(certificate: Certificate) -> set[str]:
    return {item.check for item in certificate.deviations if not item.holds}


def tensors(certificate: Certificate) -> dict[str, str]:
    """The weights that the certificate names, by check."""
    return {item.check: item.tensor for item in certificate.deviations if item.tensor}


def certificate(double: Arrays | None = None, single: Arrays | None = None) -> Certificate:
    """The certificate of Flax with these traces, compared with PyTorch without any fault."""
    doubles, singles = {"pytorch": arrays(), "flax": arrays()}, {"pytorch": arrays(), "flax": arrays()}
    if double is not None:
        doubles["flax"] = double
    if single is not None:
        singles["flax"] = single
    return certify("flax", doubles, singles, dropout=False)


def test_equal_traces_pass() -> None:
    found = certificate()
    assert found.passed
    assert found.contender == "flax"
    assert found.steps == STEPS
    assert not found.notes
    assert [(item.check, item.against, item.found, item.allowed) for item in found.deviations] == [
        (FORWARD, "reference", 0.0, FORWARD_LIMIT),
        (TRAINED, "reference", 0.0, FORWARD_LIMIT),
        (WEIGHTS, "pytorch", 0.0, WEIGHTS_LIMIT),
        (SINGLE, "reference", 0.0, FLOAT32_LIMIT),
        (FIRST, "pytorch", 0.0, FLOAT32_LIMIT),
        (LOSSES, "pytorch", 0.0, FLOAT32_DRIFT_LIMIT),
        (RANDOM, "reference", 0.0, FORWARD_LIMIT),
        (SINGLE_RANDOM, "reference", 0.0, FLOAT32_LIMIT),
        (LOADED_CHECK, "given weights", 0.0, LOADED_LIMIT),
        (AGAIN_CHECK, "pytorch", 0.0, AGAIN_LIMIT),
    ]


@pytest.mark.parametrize(
    ("name", "limit", "check"),
    [
        ("logits", FORWARD_LIMIT, FORWARD),
        ("trained_logits", FORWARD_LIMIT, TRAINED),
        ("weights/head.kernel", WEIGHTS_LIMIT, WEIGHTS),
        ("random_logits", FORWARD_LIMIT, RANDOM),
        ("losses_again", AGAIN_LIMIT, AGAIN_CHECK),
    ],
)
def test_a_deviation_in_float64_above_its_limit_fails(name: str, limit: float, check: str) -> None:
    for share, expected in ((0.5, set()), (2.0, {check})):
        moved = arrays()
        moved[name] = moved[name] + share * limit * np.abs(moved[name]).max()
        assert failing(certificate(double=moved)) == expected


@pytest.mark.parametrize(("name", "check"), [("logits", SINGLE), ("random_logits", SINGLE_RANDOM)])
def test_a_deviation_of_float32_logits_above_its_limit_fails(name: str, check: str) -> None:
    for share, expected in ((0.5, set()), (2.0, {check})):
        moved = arrays()
        moved[name] = moved[name] + share * FLOAT32_LIMIT * np.abs(moved[name]).max()
        assert failing(certificate(single=moved)) == expected


@pytest.mark.parametrize(
    ("step", "limit", "check"),
    [
        (0, FLOAT32_LIMIT, FIRST),
        (FIRST_LOSSES - 1, FLOAT32_LIMIT, FIRST),
        (FIRST_LOSSES, FLOAT32_DRIFT_LIMIT, LOSSES),
        (LOSS_STEPS - 1, FLOAT32_DRIFT_LIMIT, LOSSES),
    ],
)
def test_the_first_float32_losses_have_a_narrow_limit_and_later_ones_a_wide_limit(
    step: int, limit: float, check: str
) -> None:
    for share, expected in ((0.5, set()), (2.0, {check})):
        moved = arrays()
        moved["losses"][step] += share * limit * moved["losses"].max()
        assert failing(certificate(single=moved)) == expected


def apart(share: float) -> Arrays:
    """A trace whose weights deviate from the right ones by this share of the largest weight."""
    kernel = arrays()["weights/head.kernel"]
    return arrays(weights__head_of_kernel=kernel + share * kernel.max())


@pytest.mark.parametrize(
    ("deviation", "own", "allowed", "passes"),
    [
        (5e-8, 1e-9, 1e-7, True),
        (5e-8, 1e-10, 1e-8, False),
        (5e-8, 0.0, WEIGHTS_LIMIT, False),
        (5e-10, 1e-13, WEIGHTS_LIMIT, True),
        (9e-6, 1e-3, AMPLIFIED_WEIGHTS_LIMIT, True),
        (2e-5, 1e-3, AMPLIFIED_WEIGHTS_LIMIT, False),
    ],
)
def test_weights_may_differ_as_far_as_rounding_explains_and_the_certificate_has_a_note(
    deviation: float, own: float, allowed: float, *, passes: bool
) -> None:
    double = {"pytorch": arrays(), "flax": apart(deviation)}
    single = {"pytorch": arrays(), "flax": arrays()}
    nudged = {"fp64": {"pytorch": apart(own)}, "fp32": {"pytorch": arrays()}}
    found = certify("flax", double, single, dropout=False, nudged=nudged)
    assert found.passed == passes
    assert [item.allowed for item in found.deviations if item.check == WEIGHTS] == [pytest.approx(allowed)]
    assert bool(found.notes) == (allowed > WEIGHTS_LIMIT)
    assert not certify("flax", double, single, dropout=False).notes


@pytest.mark.parametrize(("deviation", "amplified"), [(5e-10, False), (5e-9, True), (9e-6, True), (2e-5, False)])
def test_nudged_traces_are_required_if_rounding_may_be_the_cause(deviation: float, *, amplified: bool) -> None:
    assert suspected(certificate(double=apart(deviation))) == (("fp64",) if amplified else ())


def drifted(share: float, *, since: int = FIRST_LOSSES) -> Arrays:
    """A trace whose losses deviate from the right ones by this share of the largest loss, from step `since` on."""
    losses = arrays()["losses"].copy()
    losses[since:] += share * losses.max()
    return arrays(losses=losses)


@pytest.mark.parametrize(
    ("deviation", "own", "allowed", "passes"),
    [
        (8e-3, 2e-4, 2e-2, True),
        (8e-3, 6e-5, 6e-3, False),
        (8e-3, 0.0, FLOAT32_DRIFT_LIMIT, False),
        (4e-3, 1e-7, FLOAT32_DRIFT_LIMIT, True),
        (4e-2, 1e-2, AMPLIFIED_LOSS_FACTOR * FLOAT32_DRIFT_LIMIT, True),
        (6e-2, 1e-2, AMPLIFIED_LOSS_FACTOR * FLOAT32_DRIFT_LIMIT, False),
    ],
)
def test_float32_losses_may_drift_as_far_as_rounding_explains_and_the_certificate_has_a_note(
    deviation: float, own: float, allowed: float, *, passes: bool
) -> None:
    double, single = {"pytorch": arrays(), "flax": arrays()}, {"pytorch": arrays(), "flax": drifted(deviation)}
    found = certify("flax", double, single, dropout=False, nudged={"fp32": {"pytorch": drifted(own)}})
    assert found.passed == passes
    limits = {item.check: item.allowed for item in found.deviations}
    assert limits[LOSSES] == pytest.approx(allowed)
    assert limits[FIRST] == FLOAT32_LIMIT, "the first losses do not drift, so their limit stays"
    assert bool(found.notes) == (allowed > FLOAT32_DRIFT_LIMIT)


def test_the_first_losses_may_differ_as_far_as_rounding_explains() -> None:
    double, single = {"pytorch": arrays(), "flax": arrays()}, {"pytorch": arrays(), "flax": drifted(2e-5, since=1)}
    known, unknown = (
        certify("flax", double, single, dropout=False, nudged={"fp32": {"pytorch": drifted(own, since=1)}})
        for own in (1e-6, 1e-8)
    )
    assert known.passed
    assert failing(unknown) == {FIRST}


@pytest.mark.parametrize(
    ("deviation", "since", "asks"),
    [(4e-3, 2, False), (6e-3, 2, True), (6e-2, 2, False), (2e-5, 1, True), (2e-4, 1, False)],
)
def test_nudged_traces_in_float32_are_required_if_losses_drift(deviation: float, since: int, *, asks: bool) -> None:
    assert suspected(certificate(single=drifted(deviation, since=since))) == (("fp32",) if asks else ())


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("name", "check"), [("logits", FORWARD), ("weights/head.bias", WEIGHTS)])
def test_values_that_are_not_finite_fail(name: str, check: str, wrong: float) -> None:
    moved = arrays()
    moved[name] = np.full_like(moved[name], wrong)
    assert failing(certificate(double=moved)) == {check}


def test_equal_values_that_are_not_finite_fail_too() -> None:
    broken = arrays(
        losses=np.append(arrays()["losses"][:-1], math.inf), weights__head_of_bias=np.array([math.nan, 0.0])
    )
    found = certify("flax", {"pytorch": broken, "flax": broken}, {"pytorch": broken, "flax": broken}, dropout=False)
    assert failing(found) == {WEIGHTS, LOSSES}
    assert tensors(found) == {WEIGHTS: "head.bias"}


@pytest.mark.parametrize(
    "changed",
    [
        {"weights/head.kernel": np.ones((4, 1))},
        {"weights/head.scale": np.ones(2)},
        {"weights/head.bias": np.zeros(3)},
    ],
)
def test_different_names_or_shapes_of_weights_fail(changed: Arrays) -> None:
    assert failing(certificate(double=arrays() | changed)) == {WEIGHTS}


def test_missing_weights_fail() -> None:
    without = {name: value for name, value in arrays().items() if name != "weights/head.bias"}
    assert failing(certificate(double=without)) == {WEIGHTS}
    none = {name: value for name, value in arrays().items() if not name.startswith("weights/")}
    traces = {"pytorch": none, "flax": none}
    assert failing(certify("flax", traces, traces, dropout=False)) == {WEIGHTS}


def test_a_framework_is_compared_with_every_peer_except_itself() -> None:
    traces = dict.fromkeys(("pytorch", "flax", "keras/tensorflow", "keras/jax"), arrays())
    for contender, peers in (
        ("pytorch", {"flax", "keras/tensorflow"}),
        ("keras/jax", {"pytorch", "flax", "keras/tensorflow"}),
    ):
        found = certify(contender, traces, traces, dropout=False)
        assert {item.against for item in found.deviations if item.check == WEIGHTS} == peers
        assert {item.against for item in found.deviations if item.check == LOSSES} == peers
        assert found.passed


def test_a_deviation_from_one_peer_is_enough_to_fail() -> None:
    other = arrays(weights__head_of_bias=np.array([1.0, 1.0]))
    traces = {"pytorch": arrays(), "flax": other, "keras/jax": arrays()}
    found = certify("keras/jax", traces, traces, dropout=False)
    assert not found.passed
    assert [(item.against, item.holds) for item in found.deviations if item.check == WEIGHTS] == [
        ("pytorch", True),
        ("flax", False),
    ]


def test_without_a_peer_there_is_no_proof() -> None:
    traces = {"flax": arrays(), "keras/jax": arrays()}
    found = certify("flax", traces, traces, dropout=False)
    assert not found.passed
    assert found.problem is not None
    assert found.problem.startswith("found no second framework to compare it with, expected one of pytorch, flax")


def test_a_network_with_a_single_implementation_is_not_proven_and_says_why() -> None:
    traces = {"keras/tensorflow": arrays(), "keras/jax": arrays()}
    found = certify("keras/jax", traces, traces, dropout=False, alone="there is only keras.py")
    assert (found.passed, found.alone, found.problem) == (False, True, "there is only keras.py")
    assert not certify("keras/jax", traces, traces, dropout=False).alone


@pytest.mark.parametrize(("double", "single"), [({}, {"flax": arrays()}), ({"flax": arrays()}, {})])
def test_without_both_traces_there_is_no_proof(double: dict[str, Arrays], single: dict[str, Arrays]) -> None:
    found = certify("flax", {"pytorch": arrays(), **double}, {"pytorch": arrays(), **single}, dropout=False)
    assert not found.passed
    assert found.problem is not None
    assert "no results for the proof" in found.problem


def test_the_certificate_has_notes_about_settings_that_were_changed_for_the_proof() -> None:
    traces = {"pytorch": arrays(), "keras/jax": arrays()}
    found = certify("keras/jax", traces, traces, dropout=True)
    assert found.notes == (NOTES["keras/jax"], dropout_masks.NOTE)


def test_dropout_is_compared_if_the_network_has_any() -> None:
    same_mask = arrays(dropout_losses=np.full(dropout_masks.STEPS, 2.0))
    traces = {"pytorch": arrays(), "flax": same_mask}
    found, without = (certify("flax", traces, traces, dropout=dropout) for dropout in (True, False))
    assert failing(found) == {dropout_masks.LOSS_CHECK, dropout_masks.MASKS_CHECK}
    assert without.passed


def in_bf16(logit: float = -2.01, loss: float = 0.7, bits: int = 7) -> Certificate:
    """The certificate of Flax in bfloat16, compared with PyTorch without any fault."""
    proven = certificate()
    right = arrays(logits=np.array([[1.0, -2.01]]), mantissa_bits=np.array(7))
    losses = right["losses"].copy()
    losses[0] = loss
    mine = right | {"logits": np.array([[1.0, logit]]), "losses": losses, "mantissa_bits": np.array(bits)}
    return in_precision(proven, "bf16", {"pytorch": right, "flax": mine})


def test_a_reduced_precision_adds_its_own_checks_to_the_certificate() -> None:
    found = in_bf16()
    assert found.passed
    assert set(certificate().deviations) < set(found.deviations)
    assert failing(in_bf16(logit=-2.5)) == {"bf16 forward"}
    assert failing(in_bf16(loss=0.72)) == {f"bf16 loss of {FIRST_LOSSES} steps"}
    assert failing(in_bf16(bits=23)) == {"bf16 mantissa bits"}, "which is float32, however right the answers are"


def test_float32_with_too_few_mantissa_bits_fails() -> None:
    strict, loose = ({"flax": arrays(mantissa_bits=np.array(bits))} for bits in (23, 10))
    assert in_precision(certificate(), "fp32", strict).passed
    assert failing(in_precision(certificate(), "fp32", loose)) == {"fp32 mantissa bits"}


def test_a_precision_without_a_trace_is_unproven() -> None:
    found = in_precision(certificate(), "tf32", {})
    assert not found.passed
    assert found.problem == "it produced no results for the proof in tf32: see its failure"
