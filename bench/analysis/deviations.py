"""Deviations between arrays of two traces, relative to the largest absolute value of the expected array.

For weights, that is the largest weight of the whole model: a bias in front of a batch norm has no gradient, so a ratio
for each tensor would mean nothing.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bench.records.record import Deviation

Trace = Mapping[str, np.ndarray]

NO_REFERENCE = "no reference"  # in the trace of a family that has none
FORWARD_LIMIT = 1e-12  # of outputs in float64
FLOAT32_LIMIT = 1e-5


def relative_deviation(found: np.ndarray, expected: np.ndarray) -> float:
    """Max |found - expected| / max |expected|; infinite if the shapes differ, NaN if an array is not finite."""
    if found.shape != expected.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):  # infinity minus infinity is NaN, which never passes
        largest = np.abs(expected).max(initial=0.0)
        difference = np.abs(found.astype(np.float64) - expected.astype(np.float64)).max(initial=0.0)
        return float(difference / largest) if largest else float(difference)


def weights_deviation(found: Trace, expected: Trace) -> float:
    """The largest difference of any weight, divided by the largest weight of the model.

    Infinite if names or shapes differ.
    """
    names = _weight_names(expected)
    if _weight_names(found) != names or not names:
        return float("inf")
    if any(found[name].shape != expected[name].shape for name in names):
        return float("inf")
    return relative_deviation(*(np.concatenate([trace[name].ravel() for name in names]) for trace in (found, expected)))


class Outputs(NamedTuple):
    """Outputs in a trace: the name of their check, their name, that of the reference's outputs, and the limit."""

    check: str
    name: str
    reference: str
    limit: float = FORWARD_LIMIT


def against_reference(outputs: Outputs, trace: Trace, *, peers: Mapping[str, Trace]) -> list[Deviation]:
    """The deviation of outputs from the reference; infinite if the trace has no such outputs, as an old one.

    For a family without a reference: from the same outputs of each of the other frameworks in `peers`.
    """
    others = {peer: other.get(outputs.name) for peer, other in peers.items()}
    if NO_REFERENCE not in trace:
        others = {"reference": trace.get(outputs.reference)}
    return [_from(other, against, outputs, trace.get(outputs.name)) for against, other in others.items()]


def _from(expected: np.ndarray | None, against: str, outputs: Outputs, found: np.ndarray | None) -> Deviation:
    deviation = float("inf") if found is None or expected is None else relative_deviation(found, expected)
    return Deviation(check=outputs.check, against=against, found=deviation, allowed=outputs.limit)


def worst_tensor(found: Trace, expected: Trace) -> str | None:
    """The weights that differ most: those that only one side has, of another shape, not finite, or farthest apart."""

    def apart(name: str) -> tuple[bool, float]:
        if name not in found or name not in expected or found[name].shape != expected[name].shape:
            return True, float("inf")
        with np.errstate(invalid="ignore"):
            difference = float(np.abs(found[name] - expected[name]).max(initial=0.0))
        return not np.isfinite(difference), difference

    names = {*_weight_names(found), *_weight_names(expected)}
    worst = max(sorted(names), key=apart, default=None)
    return worst and worst.removeprefix("weights/")


def _weight_names(trace: Trace) -> list[str]:
    return sorted(name for name in trace if name.startswith("weights/"))
