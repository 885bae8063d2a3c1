"""The certificate: what each framework computed, held against the reference and against each other.

A trace is what one framework computed on one workload in one precision, as named arrays;
`bench.worker.proof_trace` makes it. Here traces are compared, in plain NumPy. Deviations are relative to the largest
absolute value of what they are compared with, over all weights of the model together (a bias in front of a batch norm
has no gradient, so a ratio for each tensor would mean nothing).
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
Nudged = Mapping[str, Mapping[str, Trace]]  # by precision and contender

# Those that everyone is held against: each pair of them would say the same once more.
PEERS = ("pytorch", "flax", "keras/tensorflow")

FORWARD_LIMIT = 1e-12
WEIGHTS_LIMIT = 1e-9
# Where units saturate, gradients are nothing but rounding, and Adam divides them by their own size: one framework is
# then as far from itself, when its first weights and all its inputs change by their last bit, as two frameworks are
# from each other. Every operation of a step rounds, and not its inputs alone, hence the factor; beyond 1e-5 nothing
# passes.
AMPLIFIED = 100
AMPLIFIED_WEIGHTS_LIMIT = 1e-5
# The same in float32, where the losses of deep networks drift: on ten convolutions of 224x224 images in batches of two
# frameworks on a GPU are 1.4e-5 apart after two steps and 8e-3 after ten, with equal weights in float64.
AMPLIFIED_LOSS_FACTOR = 10  # times the usual limit of each check at the most
FLOAT32_LIMIT = 1e-5
# A float32 trajectory drifts apart by itself, because Adam divides a gradient that is hardly more than rounding by its
# own size. So the loss of one update is held to float32's own limit, and what follows to a wide one. On mnist-cnn,
# whose float64 weights agree to 3e-14 after 100 steps, the float32 losses of two frameworks are 8e-4 apart after ten
# (1e-7 with SGD), and one framework is 2e-4 from itself when its first weights change by their last bit.
FIRST_LOSSES = 2
FLOAT32_DRIFT_LIMIT = 5e-3
LOSS_LIMITS = {FIRST_LOSSES: FLOAT32_LIMIT, LOSS_STEPS: FLOAT32_DRIFT_LIMIT}  # by steps
# Between which bounds the forward pass is away from the reference in a reduced precision: what is nearer was computed
# in another one. Products of numbers of 8 bits are 2e-3 off, of 11 bits 2e-4; a sum of many of them less, a recurrence
# more. In bfloat16 all frameworks are 4e-3 to 3e-2 off on the catalogue, and their first losses 4e-4 from each other.
FORWARD_BOUNDS = {"fp64": (0.0, 1e-12), "fp32": (0.0, FLOAT32_LIMIT), "tf32": (1e-5, 2e-2), "bf16": (2e-4, 1e-1)}
REDUCED_LOSS_LIMIT = 1e-2
MANTISSA_BITS = {"fp32": 23, "tf32": 10, "bf16": 7}  # that are stored; a product of a number with one keeps them

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
    """The certificate of one framework from the traces of all, by contender: `double` in float64, `single` in float32.

    It is held against the NumPy reference, and against each of PEERS but itself. Where there is no trace of it, or no
    peer to compare with, the certificate says so and does not pass. `nudged` are traces whose first weights and inputs
    differ in their last bit, by precision and contender, of those that `suspected` asks for.
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
    """The same proof with the evidence that a framework computes in this precision, from the traces of all in it.

    A reduced precision is held against the reference and against each of PEERS as well.
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
    """Why answers so far from the float64 reference are none of this precision; None where they may be."""
    low, high = FORWARD_BOUNDS[precision]
    if low <= deviation <= high:
        return None
    reason = f"the answers are {deviation:.1e} from the float64 reference, expected {low:.0e} to {high:.0e}"
    return f"{reason} in {precision}: something was computed in another precision"


def suspected(certificate: Certificate) -> tuple[str, ...]:
    """In which precisions results are so far apart that rounding might have done it: nudged traces will tell."""
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
    """Max |found - expected| / max |expected|; infinite where the shapes differ, NaN where either is not finite."""
    if found.shape != expected.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):  # infinite less infinite is NaN, which never holds
        largest = np.abs(expected).max(initial=0.0)
        difference = np.abs(found.astype(np.float64) - expected.astype(np.float64)).max(initial=0.0)
        return float(difference / largest) if largest else float(difference)


def weights_deviation(found: Trace, expected: Trace) -> float:
    """The largest difference of any weight over the largest weight of the model.

    Infinite where names or shapes differ.
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
    """How far weights may be apart, and what to say of it where that is more than usual."""
    own = max((weights_deviation(nudged[name], double[name]) for name in nudged if name in double), default=0.0)
    limit = min(max(WEIGHTS_LIMIT, AMPLIFIED * own), AMPLIFIED_WEIGHTS_LIMIT)
    return limit, [_amplified("weights", limit, own, STEPS)] if limit > WEIGHTS_LIMIT else []


def _loss_limit(
    single: Mapping[str, Trace], nudged: Mapping[str, Trace], *, steps: int, usual: float
) -> tuple[float, list[str]]:
    """How far the first losses in float32 may be apart, and what to say of it where that is more than usual."""
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
    """How many bits of a number more or fewer survive a product than the precision keeps."""
    wrong = abs(int(trace["mantissa_bits"]) - MANTISSA_BITS[precision])
    return Deviation(check=f"{precision} mantissa bits", against="probe", found=wrong, allowed=0.5)


def _weight_names(trace: Trace) -> list[str]:
    return sorted(name for name in trace if name.startswith("weights/"))
