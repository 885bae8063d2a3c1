"""The proof of data parallel training, and what it is worth: efficiencies, and the share of communication."""

from dataclasses import replace

from bench.analysis.deviations import Trace, weights_deviation, worst_tensor
from bench.analysis.equivalence import STEPS, WEIGHTS_LIMIT
from bench.records.record import Certificate, Deviation

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


def weights_check(devices: int) -> str:
    """The name of the check that compares the weights."""
    return f"float64 weights after {STEPS} steps on {devices} devices"
