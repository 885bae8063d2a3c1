"""The proof of data parallel training, and what it is worth: efficiencies, and the share of communication."""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import NamedTuple

from bench.analysis.deviations import Trace, weights_deviation, worst_tensor
from bench.analysis.equivalence import STEPS, WEIGHTS_LIMIT
from bench.records.measurement import Block
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


class Spread(NamedTuple):
    """A figure over pairs of processes: its median, the lowest and the highest."""

    median: float
    low: float
    high: float


def efficiency(one: Sequence[Block], several: Sequence[Block], *, devices: int) -> Spread | None:
    """The samples/s of several devices, divided by as many times those of one; None without a pair of processes.

    1 means that no time is lost. With the same batch on both sides this is strong scaling, T₁/(N·T_N). With N times the
    batch on N devices it is weak scaling, T₁/T_N. The processes are paired in the order of measurement.
    """
    ratios = [_rate(both) / (devices * _rate(alone)) for alone, both in zip(one, several, strict=False)]
    return _spread(ratios)


def share_of_communication(several: Sequence[Block]) -> Spread | None:
    """Which share of a step is the exchange of gradients; None where it was not measured.

    For each process 1 - (median time without the exchange) / (median time with it). It can be below 0 by chance.
    """
    known = [block.parallel for block in several if block.parallel is not None and block.parallel.apart_ns]
    return _spread([1 - median(item.apart_ns) / median(item.together_ns) for item in known])


def _rate(block: Block) -> float:
    """Samples per second of pipelined rounds, each of which waits for the slowest device."""
    return (
        block.batch_size * block.iterations_per_round / median(block.pipelined_ns) if block.pipelined_ns else math.nan
    )


def _spread(values: Sequence[float]) -> Spread | None:
    known = [value for value in values if math.isfinite(value)]
    return Spread(median(known), min(known), max(known)) if known else None
