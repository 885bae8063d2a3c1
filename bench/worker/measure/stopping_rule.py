"""A series of times of the same thing: how long it goes on, by itself or in turns with another process.

It ends when the interval of its median is narrow enough, or when its time is up; in turns when both sides know enough
to be compared.
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
# Noise comes and goes within hundredths of a second: an interval over less than this part of a block does not know it.
LEAST_SHARE = 1 / 3
LOOKS = 1.25  # how much more there is when the interval is looked at again
# In turns with another process: what is known of a block's quickest calls or of its turns decides when it ends.
SURE_ERROR = 0.01  # standard, relative
SURE, UNSURE, OVER = range(3)  # what a side says of itself; the larger one counts
LONGEST = 1.5  # times a block's time: beyond it, what a process has for itself is larger than what is not known of it
LEAST_TURNS = 10
TURN_NS = 20_000_000  # whoever waits for its turn leaves the cores only after some milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a series lasts, and how many times it has at least, and before it may end sooner by itself."""

    block_ns: int
    minimum: int
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Times, why there are no more of them, how many belong to one turn, and whether another process had the others."""

    times: tuple[int, ...]
    ended: Ended
    in_a_turn: int
    together: bool


def take(once: Callable[[], int], length: Length, partner: Partner, *, once_ns: float) -> Series:
    """Times of `once`, each of which is expected to be about `once_ns`; there are never fewer than the minimum.

    With a partner both have as many turns, until both know enough, or one and a half times the block's time is up for
    one of them.
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
    """How often something is timed in one turn, so that a turn is longer than it takes to hand it over."""
    return max(1, round(TURN_NS / max(once_ns, 1)))


def _turns(turn_ns: float, *, block_ns: int) -> int:
    """How many turns of such a length make a block."""
    return max(LEAST_TURNS, round(block_ns / max(turn_ns, 1)))


def _is_sure(times: Sequence[int], in_a_turn: int) -> bool:
    """Whether what two sides will be compared by is known of this one."""
    turns = np.asarray(times, dtype=float).reshape(-1, in_a_turn)
    return bool(turns.min() > 0) and paired.surest(turns)[1] <= SURE_ERROR


def _is_narrow(times: Sequence[int]) -> bool:
    found, middle = median_interval(times), median(times)
    return found is not None and max(found[1] - middle, middle - found[0]) <= NARROW * middle
