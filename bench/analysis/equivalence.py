"""The certificate: the results of each framework, compared with the NumPy reference and with the other frameworks.

A trace has the results of one framework on one workload in one precision, as named arrays; `bench.worker.proof_trace`
makes it. This module compares traces, in plain NumPy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from bench.analysis import dropout_masks, second_network
from bench.analysis.deviations import (
    FLOAT32_LIMIT,
    NO_REFERENCE,
    Outputs,
    Trace,
    against_reference,
    relative_deviation,
    weights_deviation,
    worst_tensor,
)
from bench.records.record import Certificate, Deviation

STEPS = 100
LOSS_STEPS = 10

WEIGHTS_CHECK = f"float64 weights after {STEPS} steps"
TRAINED_CHECK = "float64 forward after training"
WITHOUT_REFERENCE = "without a reference in NumPy: the implementations are compared with each other alone"

Nudged = Mapping[str, Mapping[str, Trace]]  # by precision and framework

# Every framework is compared with these. Comparing all pairs would add no information.
NO_SECOND = "found no second framework"
PEERS = ("pytorch", "flax", "keras/tensorflow")

WEIGHTS_LIMIT = 1e-9
# If units saturate, gradients are only rounding errors, and Adam divides them by their own size. If the first weights
# and all inputs of one framework then change by their last bit, its result changes as much as two frameworks differ.
# Every operation of a step rounds, not only its inputs: hence the factor. No deviation above 1e-5 passes.
AMPLIFIED = 100
AMPLIFIED_WEIGHTS_LIMIT = 1e-5
# The same in float32, in which the losses of deep networks drift apart. Example: ten convolutions, 224x224 images,
# batch size 2, on a GPU. Two frameworks differ by 1.4e-5 after two steps and 8e-3 after ten, although their float64
# weights agree.
AMPLIFIED_LOSS_FACTOR = 10  # the largest multiple of the usual limit of each check
# Float32 trajectories always drift apart, because Adam divides gradients that are hardly more than rounding errors by
# their own size. So the losses of the first update have the limit of float32, and later ones a wide limit. Example:
# mnist-cnn, whose float64 weights agree to 3e-14 after 100 steps. The float32 losses of two frameworks differ by 8e-4
# after ten steps (1e-7 with SGD). Those of one framework change by 2e-4 if its first weights change by their last bit.
FIRST_LOSSES = 2
FLOAT32_DRIFT_LIMIT = 5e-3
LOSS_LIMITS = {FIRST_LOSSES: FLOAT32_LIMIT, LOSS_STEPS: FLOAT32_DRIFT_LIMIT}  # by steps
# The bounds of the forward deviation from the reference in each precision; a smaller deviation was computed in a higher
# precision. Products of numbers with 8 bits are off by 2e-3, with 11 bits by 2e-4; a sum of many products by less, a
# recurrence by more. On our workloads, all frameworks are off by 4e-3 to 3e-2 in bfloat16, and their first losses
# differ by 4e-4.
FORWARD_BOUNDS = {"fp64": (0.0, 1e-12), "fp32": (0.0, FLOAT32_LIMIT), "tf32": (1e-5, 2e-2), "bf16": (2e-4, 1e-1)}
REDUCED_LOSS_LIMIT = 1e-2
MANTISSA_BITS = {"fp32": 23, "tf32": 10, "bf16": 7}  # stored bits, which a multiplication by one keeps

NOTES = dict.fromkeys(
    ("keras/jax", "keras/torch"),
    "on JAX and torch, Keras casts the results of many operations to float32; this was switched off for the proof",
)


def certify(  # noqa: PLR0913 (the traces, and what is known of the network)
    contender: str,
    double: Mapping[str, Trace],
    single: Mapping[str, Trace],
    *,
    dropout: bool,
    nudged: Nudged = MappingProxyType({}),
    alone: str = "",
) -> Certificate:
    """The certificate of one framework, from the traces of all frameworks in float64 (`double`) and float32 (`single`).

    Its trace is compared with the NumPy reference and with each of the other frameworks in PEERS. Without a trace, or
    without a peer to compare with, the certificate does not pass and states the reason. `nudged` are the traces that
    `suspected` asks for: their first weights and inputs are changed in the last bit. `alone` says why there is only one
    implementation of the network, if it is so.
    """
    peers = _peers(contender, double, single)
    notes = [NOTES[contender]] if contender in NOTES else []
    notes += dropout_masks.notes(contender, double) if dropout else []
    if contender not in double or contender not in single:
        return _unproven(contender, "it produced no results for the proof: see its failure")
    if reason := dropout_masks.refusal(double[contender]):
        return replace(_unproven(contender, reason), available=False)
    if alone:
        return replace(_unproven(contender, alone), alone=True)
    if not peers:
        return _unproven(contender, f"{NO_SECOND} to compare it with, expected one of {', '.join(PEERS)}")
    exact, rounded = double[contender], single[contender]
    doubles, singles = ({name: of[name] for name in peers} for of in (double, single))
    notes += [WITHOUT_REFERENCE] if NO_REFERENCE in exact else []
    weights_limit, remarks = _weights_limit(double, nudged.get("fp64", {}))
    notes += remarks
    loss_limits = {}
    for steps, usual in LOSS_LIMITS.items():
        loss_limits[steps], remarks = _loss_limit(single, nudged.get("fp32", {}), steps=steps, usual=usual)
        notes += remarks
    deviations = [
        *against_reference(Outputs("float64 forward", "logits", "reference"), exact, peers=doubles),
        # Without a reference, the weights after training say the same, with a limit of their own.
        *against_reference(Outputs(TRAINED_CHECK, "trained_logits", "trained_reference"), exact, peers={}),
        *(_weights(exact, other, peer, limit=weights_limit) for peer, other in doubles.items()),
        *against_reference(Outputs("float32 forward", "logits", "reference", FLOAT32_LIMIT), rounded, peers=singles),
        *(
            _losses(rounded, other, peer, steps=steps, limit=limit)
            for steps, limit in loss_limits.items()
            for peer, other in singles.items()
        ),
        *second_network.deviations(exact, rounded, doubles, rounded_peers=singles),
        *(dropout_masks.deviations(exact, dropout_masks.peers(contender, doubles, double)) if dropout else ()),
    ]
    return Certificate(contender=contender, deviations=tuple(deviations), steps=STEPS, notes=tuple(notes))


def _peers(contender: str, *known: Mapping[str, Trace]) -> list[str]:
    """The frameworks that this one is compared with: those of PEERS that have traces."""
    return [name for name in PEERS if name != contender and all(name in traces for traces in known)]


def added_peers(certificates: Iterable[Certificate]) -> tuple[str, ...]:
    """The frameworks that these certificates were compared with, and that have none among them."""
    made = tuple(certificates)
    against = {line.against for item in made for line in item.deviations} - {item.contender for item in made}
    return tuple(name for name in PEERS if name in against)


def in_precision(certificate: Certificate, precision: str, traces: Mapping[str, Trace]) -> Certificate:
    """The same certificate, extended by checks that the framework really computes in this precision.

    `traces` are those of all frameworks in this precision. In a reduced precision, results are also compared with the
    reference and with each of PEERS.
    """
    contender = certificate.contender
    if contender not in traces:
        problem = certificate.problem or f"it produced no results for the proof in {precision}: see its failure"
        return replace(certificate, problem=problem)
    if not certificate.available:
        return certificate
    found = traces[contender]
    deviations = [_mantissa(found, precision)]
    if precision != "fp32":
        limit = FORWARD_BOUNDS[precision][1]
        peers = {name: traces[name] for name in _peers(contender, traces)}
        outputs = Outputs(f"{precision} forward", "logits", "reference", limit)
        deviations += against_reference(outputs, found, peers=peers)
        for peer, other in peers.items():
            compared = relative_deviation(found["losses"][:FIRST_LOSSES], other["losses"][:FIRST_LOSSES])
            check = f"{precision} loss of {FIRST_LOSSES} steps"
            deviations.append(Deviation(check=check, against=peer, found=compared, allowed=REDUCED_LOSS_LIMIT))
    return replace(certificate, deviations=(*certificate.deviations, *deviations))


def misfit(deviation: float, precision: str) -> str | None:
    """The reason if outputs with this deviation from the float64 reference are not of this precision; else None."""
    low, high = FORWARD_BOUNDS[precision]
    if low <= deviation <= high:
        return None
    reason = f"the outputs deviate by {deviation:.1e} from the float64 reference, expected {low:.0e} to {high:.0e}"
    other = "was computed in another precision" if deviation <= FORWARD_BOUNDS["bf16"][1] else "differs in the network"
    return f"{reason} in {precision}: something {other}"


def suspected(certificate: Certificate) -> tuple[str, ...]:
    """The precisions in which a deviation is above its limit but may be amplified rounding: they need nudged traces."""
    most = {WEIGHTS_CHECK: ("fp64", WEIGHTS_LIMIT, AMPLIFIED_WEIGHTS_LIMIT)} | {
        _loss_check(steps): ("fp32", usual, AMPLIFIED_LOSS_FACTOR * usual) for steps, usual in LOSS_LIMITS.items()
    }
    asked = dict.fromkeys(
        most[item.check][0]
        for item in certificate.deviations
        if item.check in most and most[item.check][1] < item.found <= most[item.check][2]
    )
    return tuple(asked)


def _unproven(contender: str, problem: str) -> Certificate:
    return Certificate(contender=contender, deviations=(), steps=STEPS, problem=problem)


def _weights(trace: Trace, other: Trace, peer: str, *, limit: float) -> Deviation:
    line = Deviation(check=WEIGHTS_CHECK, against=peer, found=weights_deviation(trace, other), allowed=limit)
    return line if line.holds else replace(line, tensor=worst_tensor(trace, other))


def _losses(trace: Trace, other: Trace, peer: str, *, steps: int, limit: float) -> Deviation:
    found = relative_deviation(trace["losses"][:steps], other["losses"][:steps])
    return Deviation(check=_loss_check(steps), against=peer, found=found, allowed=limit)


def _loss_check(steps: int) -> str:
    return f"float32 loss of {steps} steps"


def _weights_limit(double: Mapping[str, Trace], nudged: Mapping[str, Trace]) -> tuple[float, list[str]]:
    """The limit for weights, and a note if it is wider than usual."""
    own = max((weights_deviation(nudged[name], double[name]) for name in nudged if name in double), default=0.0)
    limit = min(max(WEIGHTS_LIMIT, AMPLIFIED * own), AMPLIFIED_WEIGHTS_LIMIT)
    return limit, [_amplified("weights", limit, own, STEPS)] if limit > WEIGHTS_LIMIT else []


def _loss_limit(
    single: Mapping[str, Trace], nudged: Mapping[str, Trace], *, steps: int, usual: float
) -> tuple[float, list[str]]:
    """The limit for the first losses in float32, and a note if it is wider than usual."""
    pairs = ((nudged[name]["losses"], single[name]["losses"]) for name in nudged if name in single)
    own = max((relative_deviation(moved[:steps], losses[:steps]) for moved, losses in pairs), default=0.0)
    limit = min(max(usual, AMPLIFIED * own), AMPLIFIED_LOSS_FACTOR * usual)
    return limit, [_amplified("float32 losses", limit, own, steps)] if limit > usual else []


def _amplified(what: str, limit: float, own: float, steps: int) -> str:
    return (
        f"{what} may differ by {limit:.0e}: those of a single framework change by {own:.0e} after {steps} steps if its "
        "first weights and inputs change by their last bit"
    )


def _mantissa(trace: Trace, precision: str) -> Deviation:
    """By how many bits a multiplication keeps more or fewer than the precision stores."""
    wrong = abs(int(trace["mantissa_bits"]) - MANTISSA_BITS[precision])
    return Deviation(check=f"{precision} mantissa bits", against="probe", found=wrong, allowed=0.5)
