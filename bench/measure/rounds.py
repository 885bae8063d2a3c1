"""Timed rounds over any call: first calls, warm-up, a synchronised block for latency, a pipelined one for throughput.

Whatever is measured is a `Work`: `run(count)` makes `count` calls without waiting for them, `wait(result)` returns when
they are done. The order is always the same: three calls apart, warm-up until the times no longer fall, single calls
each waited for, a round apart, rounds of calls with one wait, and calls that are taken apart.

A block ends when the interval of its median is narrow enough, or when its time is up; in turns with another process
when both sides know enough to be compared.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import Any

import numpy as np

from bench.adapters.engines.base import Compiled
from bench.analysis import paired
from bench.analysis.statistics import median_interval
from bench.measure.clock import now_ns, processor_ns
from bench.measure.turns import Neighbour, Nobody, Partner, Place, one_after_the_other
from bench.measure.watch import Watch
from bench.measure.work import Work, slowed
from bench.record import Block, Boundary, Compiling, Ended, Feed, Turns

FIRST_CALLS = 3
WARM_UP_ROUNDS = 3  # the least that can show a plateau
WARM_UP_SHARE = 2.0  # of a block's time, at the most
PLATEAU = 1.05  # a round is on the plateau when it is at most this much slower than the fastest so far
ENOUGH_FOR_P99 = 662  # calls, where they fit into a block
# Pipelined rounds are short, so that nothing disturbs many of them, and still of several calls.
ROUND_NS = 4_000_000
DEPTH = 8  # calls with one wait, where there are enough of them
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
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How often something is called at least: in each round of the warm-up, by itself, in rounds, and taken apart.

    `shares` is how many rounds share a block's time, `most` how many pipelined calls may be asked for beyond its time.
    """

    warm_up: int
    synchronised: int
    rounds: int
    shares: int
    most: int | None
    boundary: int


# 64 calls are enough for a p90, and a median of 6 rounds has an interval of 95 %.
USUAL = Effort(warm_up=8, synchronised=64, rounds=6, shares=20, most=None, boundary=32)
# Enough to tell the faster of two, in rounds of as many calls.
BRIEF = Effort(warm_up=2, synchronised=8, rounds=3, shares=3, most=3 * DEPTH, boundary=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How blocks are timed: how long each lasts at most, on which device, and where batches are when the clock starts.

    `effort` is how often something is called at least, however long that takes. `planted` is the share of its own time
    by which every call is made longer, to see whether that is found. `turns` are those with the process of another run.
    """

    block_seconds: float
    device: str = "cpu"
    feed: Feed = "device"
    planted: float = 0.0
    turns: Place | None = None
    effort: Effort = USUAL


def measure(
    work: Work, *, batch_size: int, conditions: Conditions, minimum_calls: int = 1, checksum: Callable[[Any], float]
) -> Block:
    """The raw timings of one piece of work, from its first call to its steady state.

    At least `minimum_calls` are pipelined, however long that takes, or as many as the effort allows. `checksum` reads
    the last result, after the clock has stopped.
    """
    block_ns, effort = int(conditions.block_seconds * NANOSECONDS), conditions.effort
    minimum_calls = min(minimum_calls, effort.most or minimum_calls)
    work = slowed(work, conditions.planted) if conditions.planted else work
    watch = Watch(conditions.device)
    partner: Partner = Neighbour(conditions.turns) if conditions.turns else Nobody()
    spent = [work.compiled()]
    first = tuple(timed(work, 1) for _ in range(FIRST_CALLS))
    spent.append(work.compiled())
    watch.begin()
    with collector_off():
        with one_after_the_other(partner):  # threads of two processes that wait for each other take ten times as long
            warm_up, steady = _warm_up(work, calls=effort.warm_up, limit_ns=int(WARM_UP_SHARE * block_ns))
        call_ns = median(warm_up[-effort.warm_up :])
        wanted = ENOUGH_FOR_P99 if call_ns * ENOUGH_FOR_P99 <= block_ns else effort.synchronised
        single_turn = partner.meet(_in_a_turn(call_ns))
        single_looks = partner.meet(_turns(single_turn * call_ns, block_ns=block_ns))
        single_length = Length(block_ns=block_ns, minimum=effort.synchronised, wanted=wanted, turns=single_looks)
        together = not partner.alone
        single, single_ended = _block(lambda: timed(work, 1), single_length, partner, in_a_turn=single_turn)
        per_round = partner.meet(
            _calls_per_round(median(single), block_ns=block_ns, minimum=minimum_calls, shares=effort.shares)
        )
        least = max(effort.rounds, -(-minimum_calls // per_round))
        with one_after_the_other(partner):
            spent.append(work.compiled())
            first_round_ns = timed(work, per_round)
            spent.append(work.compiled())
        round_turn = partner.meet(_in_a_turn(per_round * median(single)))
        round_looks = partner.meet(_turns(round_turn * per_round * median(single), block_ns=block_ns))
        used_ns: list[int] = []  # by the processors in each round, and not in between

        def a_round() -> int:
            if len(used_ns) == effort.rounds // 2:
                watch.read("during")
            before_ns = processor_ns()
            elapsed_ns = timed(work, per_round)
            used_ns.append(processor_ns() - before_ns)
            return elapsed_ns

        together = together and not partner.alone
        before_j = None if together else watch.energy_j()  # of both, which is of neither
        length = Length(block_ns=block_ns, minimum=least, wanted=least, turns=round_looks)
        pipelined, pipelined_ended = _block(a_round, length, partner, in_a_turn=round_turn)
        after_j = watch.energy_j()
        use = watch.end(energy_j=None if before_j is None or after_j is None else after_j - before_j)
        with one_after_the_other(partner):
            boundary = _boundary(work, calls=effort.boundary) if effort.boundary else None
    return Block(
        batch_size=batch_size,
        call_ns=first,
        warm_up_ns=warm_up,
        steady=steady,
        synchronised_ns=single,
        pipelined_ns=pipelined,
        iterations_per_round=per_round,
        cpu_ns=sum(used_ns),
        wall_ns=sum(pipelined),
        checksum=checksum(work.run(1)),
        synchronised_ended=single_ended,
        pipelined_ended=pipelined_ended,
        boundary=boundary,
        use=use,
        turns=Turns(session=conditions.turns.session, synchronised_calls=single_turn, pipelined_rounds=round_turn)
        if conditions.turns and together
        else None,
        first_round_ns=first_round_ns,
        compiling=_compiling(*spent),
    )


@contextmanager
def collector_off() -> Iterator[None]:
    """Garbage is collected before and after, never while the clock runs."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def timed(work: Work, calls: int) -> int:
    """The nanoseconds of so many calls with one wait."""
    start = now_ns()
    work.wait(work.run(calls))
    return now_ns() - start


def _compiling(began: Compiled, called: Compiled, rested: Compiled, ended: Compiled) -> Compiling:
    """What the first calls spent, and the first round, and nothing in between."""
    counts = (began.compile_ns, called.compile_ns, rested.compile_ns, ended.compile_ns)
    known = [count for count in counts if count is not None]
    return Compiling(
        trace_ns=called.trace_ns - began.trace_ns + ended.trace_ns - rested.trace_ns,
        compile_ns=known[1] - known[0] + known[3] - known[2] if len(known) == len(counts) else None,
    )


def _warm_up(work: Work, *, calls: int, limit_ns: int) -> tuple[tuple[int, ...], bool]:
    """Single calls, and whether the medians of the last rounds had settled when they ended."""
    times: list[int] = []
    medians: list[float] = []
    spent = 0
    while spent < limit_ns or len(medians) < WARM_UP_ROUNDS:
        new = [timed(work, 1) for _ in range(calls)]
        times += new
        spent += sum(new)
        medians.append(median(new))
        if len(medians) >= WARM_UP_ROUNDS and max(medians[-WARM_UP_ROUNDS:]) <= PLATEAU * min(medians):
            return tuple(times), True
    return tuple(times), False


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a block lasts, and how many times it has at least, and before it may end sooner.

    In turns with another process it may end after every so many `turns`.
    """

    block_ns: int
    minimum: int
    wanted: int
    turns: int = 1


def _block(
    once: Callable[[], int], length: Length, partner: Partner, *, in_a_turn: int
) -> tuple[tuple[int, ...], Ended]:
    """Until the median is known well enough from as many times as are wanted, or until the block's time is up.

    There are never fewer than the minimum. With a partner both have as many turns, until both know enough, or one and a
    half times the block's time is up for one of them.
    """
    times: list[int] = []
    spent, look = 0, length.wanted
    together = not partner.alone
    for turn in count():
        partner.before(turn)
        new = [once() for _ in range(in_a_turn if together else 1)]
        partner.after(turn)
        times += new
        spent += sum(new)
        enough = len(times) >= length.minimum
        if enough and (partner.alone and (together or spent >= length.block_ns)):
            break
        if enough and not partner.alone and (turn + 1) % length.turns == 0:
            is_over = spent >= LONGEST * length.block_ns
            if partner.meet(OVER if is_over else SURE if _is_sure(times, in_a_turn) else UNSURE) != UNSURE:
                break
        if not together and len(times) >= look and spent >= LEAST_SHARE * length.block_ns:
            if _is_narrow(times):
                break
            look = int(LOOKS * len(times)) + 1
    partner.end()
    return tuple(times), "interval" if _is_narrow(times) else "time"


def _turns(turn_ns: float, *, block_ns: int) -> int:
    """How many turns of such a length make a block."""
    return max(LEAST_TURNS, round(block_ns / max(turn_ns, 1)))


def _is_sure(times: Sequence[int], in_a_turn: int) -> bool:
    """Whether what two sides will be compared by is known of this one."""
    turns = np.asarray(times, dtype=float).reshape(-1, in_a_turn)
    return bool(turns.min() > 0) and paired.surest(turns)[1] <= SURE_ERROR


def _in_a_turn(once_ns: float) -> int:
    """How often something is timed in one turn, so that a turn is longer than it takes to hand it over."""
    return max(1, round(TURN_NS / max(once_ns, 1)))


def _is_narrow(times: Sequence[int]) -> bool:
    found, middle = median_interval(times), median(times)
    return found is not None and max(found[1] - middle, middle - found[0]) <= NARROW * middle


def _calls_per_round(call_ns: float, *, block_ns: int, minimum: int, shares: int) -> int:
    """As many calls as fill a round's time, or fewer where there would be too few rounds of them."""
    needed = int(max(minimum, block_ns / max(call_ns, 1)))
    return max(1, min(needed // shares, max(DEPTH, int(ROUND_NS / max(call_ns, 1)))))


def _boundary(work: Work, *, calls: int) -> Boundary:
    """Some calls, each of their four parts waited for."""
    parts: list[tuple[int, int, int, int]] = []
    for _ in range(calls):
        start = now_ns()
        batch = work.feed()
        work.wait(batch)
        placed = now_ns()
        result = work.call(batch)
        dispatched = now_ns()
        work.wait(result)
        computed = now_ns()
        work.fetch(result)
        parts.append((placed - start, dispatched - placed, computed - dispatched, now_ns() - computed))
    to_device, dispatch, compute, to_host = zip(*parts, strict=True)
    return Boundary(to_device_ns=to_device, dispatch_ns=dispatch, compute_ns=compute, to_host_ns=to_host)
