"""The proof of data parallel training, and what it is worth: efficiencies, and the share of communication."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from bench.analysis.deviations import Trace, weights_deviation, worst_tensor
from bench.analysis.equivalence import STEPS, WEIGHTS_LIMIT
from bench.records.measurement import Block
from bench.records.record import Certificate, Deviation
from bench.records.timing_metrics import METRICS, Summary, summary_of, value

COPIES = "copies"  # in a trace: a digest of the weights on each device
ONE, FIRST = "one device", "the first device"
SAME_BITS = "devices whose weights differ in a bit"


def proven(certificate: Certificate, one: Trace | str, several: Trace | str, *, devices: int) -> Certificate:
    """The certificate of a framework, extended by the proof that several devices do the work of one.

    `one` and `several` are the traces of training on one device and on several, with the same batches, or the reason
    why there is none. Their weights are compared, and those of all devices bit by bit.
    """
    if isinstance(one, str):
        return replace(certificate, problem=certificate.problem or one)
    if isinstance(several, str):
        return replace(certificate, problem=certificate.problem or several)
    apart = weights_deviation(several, one)
    line = Deviation(
        check=weights_check(devices),
        against=ONE,
        found=apart,
        allowed=WEIGHTS_LIMIT,
        tensor=None if apart <= WEIGHTS_LIMIT else worst_tensor(several, one),
    )
    copies = [str(copy) for copy in several[COPIES]] if COPIES in several else []
    others = sum(copy != copies[0] for copy in copies)
    same = Deviation(
        check=SAME_BITS, against=FIRST, found=others if len(copies) == devices else float("inf"), allowed=0
    )
    return replace(certificate, deviations=(*certificate.deviations, line, same))


def not_expected(certificate: Certificate, reason: str) -> Certificate:
    """The certificate of a network that does other work on several devices, for this known reason.

    Where the network is not proven equal on one device, that stays the result.
    """
    if not certificate.passed:
        return certificate
    return replace(certificate, problem=reason, alone=True)


def on_one_device(certificate: Certificate) -> Certificate:
    """The certificate without what is about several devices alone: their checks, and why such a proof is missing."""
    lines = tuple(line for line in certificate.deviations if line.against not in {ONE, FIRST})
    is_proven = bool(lines) and all(line.holds for line in lines)
    return replace(certificate, deviations=lines, problem=None if is_proven else certificate.problem)


def weights_check(devices: int) -> str:
    """The name of the check that compares the weights."""
    return f"float64 weights after {STEPS} steps on {devices} devices"


def efficiency(one: Sequence[Block], several: Sequence[Block], *, devices: int) -> Summary | None:
    """The samples/s of several devices, divided by as many times those of one; None without a pair of processes.

    1 means that no time is lost. With the same batch on both sides this is strong scaling, T₁/(N·T_N). With N times the
    batch on N devices it is weak scaling, T₁/T_N. The processes are paired in the order of measurement.
    """
    rate = METRICS["samples_per_second"]
    pairs = [(value(rate, alone), value(rate, both)) for alone, both in zip(one, several, strict=False)]
    return summary_of([both / (devices * alone) if alone and both else None for alone, both in pairs])


def share_of_communication(several: Sequence[Block]) -> Summary | None:
    """Which share of a step is the exchange of gradients; None where it was not measured.

    For each process 1 - (median time without the exchange) / (median time with it). It can be below 0 by chance.
    """
    known = [block.parallel for block in several if block.parallel is not None and block.parallel.apart_ns]
    shares = tuple(1 - median(item.apart_ns) / median(item.together_ns) for item in known)
    if not shares:
        return None
    return Summary(median=median(shares), low=min(shares), high=max(shares), processes=shares)
