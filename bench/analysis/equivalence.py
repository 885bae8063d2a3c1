"""Makes certificates: compares the results of each framework with the reference and with those of other frameworks.

A trace holds the arrays that one framework computed on one workload in one precision, by name. The module
`bench.worker.proof_trace` makes traces; this module compares them in plain NumPy. A deviation is relative to the
largest absolute value on the other side. For weights this is the largest over all weights of the model. A ratio for
each tensor would mean nothing, because a bias in front of a batch norm has no gradient.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from bench.records.record import Certificate, Deviation

STEPS = 100
LOSS_STEPS = 10

WEIGHTS_CHECK = f"float64 weights after {STEPS} steps"

Trace = Mapping[str, np.ndarray]
Nudged = Mapping[str, Mapping[str, Trace]]  # by precision and framework

# Every framework is compared with these alone. If all agree with them, comparing every pair would add nothing.
PEERS = ("pytorch", "flax", "keras/tensorflow")

FORWARD_LIMIT = 1e-12
WEIGHTS_LIMIT = 1e-9
# If units saturate, gradients consist of rounding errors, and Adam divides them by their own size. Then two frameworks
# differ as much as one framework differs from itself if its initial weights and inputs are "nudged": changed in their
# last bit. The limit is therefore a multiple of that difference. The factor is needed because every operation of a
# step rounds, not its inputs alone. Deviations above 1e-5 never pass.
AMPLIFIED = 100
AMPLIFIED_WEIGHTS_LIMIT = 1e-5
# The same for losses in float32, which drift in deep networks. For ten convolutions of 224x224 images in batches of
# two, frameworks on a GPU are 1.4e-5 apart after two steps and 8e-3 after ten, with equal weights in float64.
AMPLIFIED_LOSS_FACTOR = 10  # the largest multiple of the usual limit of each check
FLOAT32_LIMIT = 1e-5
# Two float32 trainings drift apart by themselves, because Adam divides gradients that are little more than rounding
# errors by their own size. So the first two losses have the limit of float32, and later ones a wide limit. On
# mnist-cnn the float64 weights agree to 3e-14 after 100 steps. There the float32 losses of two frameworks are 8e-4
# apart after ten steps (1e-7 with SGD). Those of one framework change by 2e-4 if its initial weights change in their
# last bit.
FIRST_LOSSES = 2
FLOAT32_DRIFT_LIMIT = 5e-3
LOSS_LIMITS = {FIRST_LOSSES: FLOAT32_LIMIT, LOSS_STEPS: FLOAT32_DRIFT_LIMIT}  # by the number of steps
# The range of the deviation between the forward pass in a precision and the float64 reference. A smaller deviation
# shows that another precision was used. Products of numbers with 8 bits are 2e-3 off, with 11 bits 2e-4; sums of many
# products are off by less, recurrent networks by more. In bfloat16 all frameworks are 4e-3 to 3e-2 off on the
# catalogue, and their first losses are 4e-4 apart.
FORWARD_BOUNDS = {"fp64": (0.0, 1e-12), "fp32": (0.0, FLOAT32_LIMIT), "tf32": (1e-5, 2e-2), "bf16": (2e-4, 1e-1)}
REDUCED_LOSS_LIMIT = 1e-2
MANTISSA_BITS = {"fp32": 23, "tf32": 10, "bf16": 7}  # stored bits; a multiplication by 1 keeps all of them

NOTES = dict.fromkeys(
    ("keras/jax", "keras/torch"),
    "on JAX and torch Keras narrows the results of many operations to float32; for the proof it was set not to",
)


def certify(
    contender: str,
    double: Mapping[str, Trace],
    single: Mapping[str, Trace],
    *,
    dropout: bool,
    nudged: Nudged = MappingProxyType({}),
) -> Certificate:
    """The certificate of one framework, from the traces of all frameworks: `double` in float64, `single` in float32.

    The framework is compared with the NumPy reference, and with every other framework in PEERS. If it has no trace, or
    if there is no peer, the certificate has a `problem` and does not pass. `nudged` holds traces with initial weights
    and inputs that differ in their last bit, by precision and framework, for the precisions that `suspected` returns.
    """
    peers = [name for name in PEERS if name in double and name in single and name != contender]
    notes = [NOTES[contender]] if contender in NOTES else []
    notes += ["dropout was switched off for the proof"] if dropout else []
    if contender not in double or contender not in single:
        return _unproven(contender, "it computed no trace: see its failure")
    if not peers:
        return _unproven(
            contender, f"no second framework that does this to compare with: it takes one of {', '.join(PEERS)}"
        )
    exact, rounded = double[contender], single[contender]
    weights_limit, said = _weights_limit(double, nudged.get("fp64", {}))
    notes += said
    loss_limits = {}
    for steps, usual in LOSS_LIMITS.items():
        loss_limits[steps], said = _loss_limit(single, nudged.get("fp32", {}), steps=steps, usual=usual)
        notes += said
    deviations = [
        _against_reference("float64 forward", exact, "logits", "reference", FORWARD_LIMIT),
        _against_reference(
            "float64 forward after training", exact, "trained_logits", "trained_reference", FORWARD_LIMIT
        ),
        *(_weights(exact, double[peer], peer, limit=weights_limit) for peer in peers),
        _against_reference("float32 forward", rounded, "logits", "reference", FLOAT32_LIMIT),
        *(
            _losses(rounded, single[peer], peer, steps=steps, limit=limit)
            for steps, limit in loss_limits.items()
            for peer in peers
        ),
    ]
    return Certificate(contender=contender, deviations=tuple(deviations), steps=STEPS, notes=tuple(notes))


def in_precision(certificate: Certificate, precision: str, traces: Mapping[str, Trace]) -> Certificate:
    """The certificate with additional checks that the framework really computes in this precision.

    `traces` holds the traces of all frameworks in this precision. In a reduced precision, the framework is also
    compared with the reference and with every other framework in PEERS.
    """
    contender = certificate.contender
    if contender not in traces:
        problem = certificate.problem or f"it computed no trace in {precision}: see its failure"
        return replace(certificate, problem=problem)
    found = traces[contender]
    deviations = [_mantissa(found, precision)]
    if precision != "fp32":
        limit = FORWARD_BOUNDS[precision][1]
        deviations.append(_against_reference(f"{precision} forward", found, "logits", "reference", limit))
        for peer in (name for name in PEERS if name in traces and name != contender):
            compared = relative_deviation(found["losses"][:FIRST_LOSSES], traces[peer]["losses"][:FIRST_LOSSES])
            check = f"{precision} loss of {FIRST_LOSSES} steps"
            deviations.append(Deviation(check=check, against=peer, found=compared, allowed=REDUCED_LOSS_LIMIT))
    return replace(certificate, deviations=(*certificate.deviations, *deviations))


def misfit(deviation: float, precision: str) -> str | None:
    """Why outputs with this deviation from the float64 reference cannot be of this precision; None if they can."""
    low, high = FORWARD_BOUNDS[precision]
    if low <= deviation <= high:
        return None
    reason = f"the answers are {deviation:.1e} from the float64 reference, expected {low:.0e} to {high:.0e}"
    return f"{reason} in {precision}: something was computed in another precision"


def suspected(certificate: Certificate) -> tuple[str, ...]:
    """The precisions that need nudged traces: a deviation is above its usual limit, but rounding may be the cause."""
    most = {WEIGHTS_CHECK: ("fp64", WEIGHTS_LIMIT, AMPLIFIED_WEIGHTS_LIMIT)} | {
        _loss_check(steps): ("fp32", usual, AMPLIFIED_LOSS_FACTOR * usual) for steps, usual in LOSS_LIMITS.items()
    }
    asked = dict.fromkeys(
        most[item.check][0]
        for item in certificate.deviations
        if item.check in most and most[item.check][1] < item.found <= most[item.check][2]
    )
    return tuple(asked)


def relative_deviation(found: np.ndarray, expected: np.ndarray) -> float:
    """Max |found - expected| / max |expected|; infinite if the shapes differ, NaN if a value is not finite."""
    if found.shape != expected.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):  # infinity minus infinity is NaN, with which a check never passes
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


def _unproven(contender: str, problem: str) -> Certificate:
    return Certificate(contender=contender, deviations=(), steps=STEPS, problem=problem)


def _against_reference(check: str, trace: Trace, found: str, reference: str, limit: float) -> Deviation:
    deviation = relative_deviation(trace[found], trace[reference])
    return Deviation(check=check, against="reference", found=deviation, allowed=limit)


def _weights(trace: Trace, other: Trace, peer: str, *, limit: float) -> Deviation:
    return Deviation(check=WEIGHTS_CHECK, against=peer, found=weights_deviation(trace, other), allowed=limit)


def _losses(trace: Trace, other: Trace, peer: str, *, steps: int, limit: float) -> Deviation:
    found = relative_deviation(trace["losses"][:steps], other["losses"][:steps])
    return Deviation(check=_loss_check(steps), against=peer, found=found, allowed=limit)


def _loss_check(steps: int) -> str:
    return f"float32 loss of {steps} steps"


def _weights_limit(double: Mapping[str, Trace], nudged: Mapping[str, Trace]) -> tuple[float, list[str]]:
    """The largest allowed deviation of weights, and a note if it is above the usual limit."""
    own = max((weights_deviation(nudged[name], double[name]) for name in nudged if name in double), default=0.0)
    limit = min(max(WEIGHTS_LIMIT, AMPLIFIED * own), AMPLIFIED_WEIGHTS_LIMIT)
    return limit, [_amplified("weights", limit, own, STEPS)] if limit > WEIGHTS_LIMIT else []


def _loss_limit(
    single: Mapping[str, Trace], nudged: Mapping[str, Trace], *, steps: int, usual: float
) -> tuple[float, list[str]]:
    """The largest allowed deviation of the first float32 losses, and a note if it is above the usual limit."""
    pairs = ((nudged[name]["losses"], single[name]["losses"]) for name in nudged if name in single)
    own = max((relative_deviation(moved[:steps], losses[:steps]) for moved, losses in pairs), default=0.0)
    limit = min(max(usual, AMPLIFIED * own), AMPLIFIED_LOSS_FACTOR * usual)
    return limit, [_amplified("float32 losses", limit, own, steps)] if limit > usual else []


def _amplified(what: str, limit: float, own: float, steps: int) -> str:
    return (
        f"{what} may differ by {limit:.0e}: a framework's own differ by {own:.0e} after {steps} steps if first weights "
        "and inputs change by their last bit"
    )


def _mantissa(trace: Trace, precision: str) -> Deviation:
    """The difference between the mantissa bits that a multiplication kept, and those of the precision."""
    wrong = abs(int(trace["mantissa_bits"]) - MANTISSA_BITS[precision])
    return Deviation(check=f"{precision} mantissa bits", against="probe", found=wrong, allowed=0.5)


def _weight_names(trace: Trace) -> list[str]:
    return sorted(name for name in trace if name.startswith("weights/"))
