"""Repeats a timing until it is precise enough, alone or interleaved with another process.

Alone, a series stops when the confidence interval of its median is narrow enough, or when its time budget is used up.
Interleaved, it stops when both processes have enough timings to be compared, or when one has used up its budget.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median

import numpy as np

from bench.analysis import paired
from bench.analysis.statistics import median_interval
from bench.records.measurement import Ended
from bench.worker.measure.interleaving import Partner

NARROW = 0.01  # of the median, on either side of it
# Noise changes within hundredths of a second: an interval over less than this part of a block misses some of it.
LEAST_SHARE = 1 / 3
LOOKS = 1.25  # the interval is computed again when there are this many times as many timings
# Interleaved with another process, a block ends by the standard error of its fastest calls or of its slices.
SURE_ERROR = 0.01  # standard error, relative
SURE, UNSURE, OVER = range(3)  # the message of each side to the other; both act on the larger one
LONGEST = 1.5  # times the time budget of a block: more timings help less than more processes, which differ by more
LEAST_TURNS = 10
TURN_NS = 20_000_000  # the threads of a waiting process leave the cores only after some milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The length of a series: time budget, fewest timings, and how many until its first interval."""

    block_ns: int
    minimum: int
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The timings, why they ended, how many belong to one slice, and whether all were interleaved with a partner."""

    times: tuple[int, ...]
    ended: Ended
    in_a_turn: int
    together: bool


def take(once: Callable[[], int], length: Length, partner: Partner, *, once_ns: float) -> Series:
    """Timings of `once`, each expected to take about `once_ns`; never fewer than the minimum.

    With a partner, both have the same number of slices. They stop when both are precise enough, or when one of them has
    used 1.5 times its time budget.
    """
    in_a_turn = partner.meet(_in_a_turn(once_ns))
    turns_to_a_look = partner.meet(_turns(in_a_turn * once_ns, block_ns=length.block_ns))
    together = not partner.alone
    times: list[int] = []
    spent, look = 0, length.wanted
    for turn in count():
        partner.before(turn)
        new = [once() for _ in range(in_a_turn if together else 1)]
        partner.after(turn)
        times += new
        spent += sum(new)
        enough = len(times) >= length.minimum
        if enough and (partner.alone and (together or spent >= length.block_ns)):
            break
        if enough and not partner.alone and (turn + 1) % turns_to_a_look == 0:
            is_over = spent >= LONGEST * length.block_ns
            if partner.meet(OVER if is_over else SURE if _is_sure(times, in_a_turn) else UNSURE) != UNSURE:
                break
        if not together and len(times) >= look and spent >= LEAST_SHARE * length.block_ns:
            if _is_narrow(times):
                break
            look = int(LOOKS * len(times)) + 1
    partner.end()
    return Series(
        times=tuple(times),
        ended="interval" if _is_narrow(times) else "time",
        in_a_turn=in_a_turn,
        together=together and not partner.alone,
    )


def _in_a_turn(once_ns: float) -> int:
    """How many timings one slice has, so that a slice takes longer than the switch to the other process."""
    return max(1, round(TURN_NS / max(once_ns, 1)))


def _turns(turn_ns: float, *, block_ns: int) -> int:
    """How many slices of this length fill a block."""
    return max(LEAST_TURNS, round(block_ns / max(turn_ns, 1)))


def _is_sure(times: Sequence[int], in_a_turn: int) -> bool:
    """Whether the value by which two runs are compared is precise enough on this side."""
    turns = np.asarray(times, dtype=float).reshape(-1, in_a_turn)
    return bool(turns.min() > 0) and paired.surest(turns)[1] <= SURE_ERROR


def _is_narrow(times: Sequence[int]) -> bool:
    found, middle = median_interval(times), median(times)
    return found is not None and max(found[1] - middle, middle - found[0]) <= NARROW * middle
