"""Without a reference in NumPy, frameworks are compared with each other, and a fault in one is found."""

import numpy as np
import pytest

from bench.analysis import dropout_masks
from bench.analysis.deviations import NO_REFERENCE
from bench.analysis.equivalence import WITHOUT_REFERENCE, certify
from tests.bench.analysis.test_equivalence import (
    FORWARD,
    RANDOM,
    SINGLE,
    SINGLE_RANDOM,
    Arrays,
    arrays,
    failing,
)


def without_reference(**changes: np.ndarray) -> Arrays:
    """The trace of a family that has no reference in NumPy."""
    found = {name: value for name, value in arrays(**changes).items() if not name.endswith("reference")}
    return found | {NO_REFERENCE: np.array(1)}


def test_without_a_reference_the_implementations_are_compared_with_each_other() -> None:
    traces = {"pytorch": without_reference(), "flax": without_reference()}
    found = certify("flax", traces, traces, dropout=True)
    assert found.passed
    assert {item.against for item in found.deviations} == {"pytorch", "given weights"}
    assert WITHOUT_REFERENCE in found.notes
    assert {FORWARD, SINGLE, RANDOM, SINGLE_RANDOM, dropout_masks.FORWARD} <= {item.check for item in found.deviations}


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("logits", {FORWARD, SINGLE}),
        ("random_logits", {RANDOM, SINGLE_RANDOM}),
        ("dropout_logits", {dropout_masks.FORWARD}),
    ],
)
def test_without_a_reference_a_fault_in_one_implementation_is_found_in_both(name: str, checks: set[str]) -> None:
    wrong = without_reference(**{name: np.array([[1.0, -2.1]])})
    traces = {"pytorch": without_reference(), "flax": wrong}
    for contender in traces:
        assert failing(certify(contender, traces, traces, dropout=True)) == checks
