"""Timed rounds over any call: first calls, warm-up, a synchronised block for latency, a pipelined one for throughput.

Whatever is measured is a `Work`: `run(count)` makes `count` calls without waiting for them, `wait(result)` returns when
they are done. The order is always the same: three calls apart, warm-up until the times no longer fall, single calls
each waited for, rounds of calls with one wait, and calls that are taken apart.

A block ends when the interval of its median is narrow enough, or when its time is up.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import Any

from bench.analysis.statistics import median_interval
from bench.measure.clock import now_ns, processor_ns
from bench.measure.turns import Neighbour, Nobody, Partner, Place
from bench.measure.watch import Watch
from bench.measure.work import Work, slowed
from bench.record import Block, Boundary, Ended, Feed, Turns

FIRST_CALLS = 3
WARM_UP_ROUNDS = 3  # the least that can show a plateau
WARM_UP_CALLS = 8  # in each round
WARM_UP_SHARE = 2.0  # of a block's time, at the most
PLATEAU = 1.05  # a round is on the plateau when it is at most this much slower than the fastest so far
MINIMUM_SYNCHRONISED = 64  # calls, for a p90
ENOUGH_FOR_P99 = 662  # calls, where they fit into a block
MINIMUM_ROUNDS = 6  # the fewest whose median has an interval of 95 %
# Pipelined rounds are short, so that nothing disturbs many of them, and still of several calls.
ROUND_NS = 4_000_000
FEWEST_ROUNDS = 20  # that share a block's time
DEPTH = 8  # calls with one wait, where there are enough of them
NARROW = 0.01  # of the median, on either side of it
# Noise comes and goes within hundredths of a second: an interval over less than this part of a block does not know it.
LEAST_SHARE = 1 / 3
LOOKS = 1.25  # how much more there is when the interval is looked at again
BOUNDARY_CALLS = 32
TURN_NS = 20_000_000  # whoever waits for its turn leaves the cores only after some milliseconds
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How blocks are timed: how long each lasts at most, on which device, and where batches are when the clock starts.

    `planted` is the share of its own time by which every call is made longer, to see whether that is found. `turns` are
    those with the process of another run.
    """

    block_seconds: float
    device: str = "cpu"
    feed: Feed = "device"
    planted: float = 0.0
    turns: Place | None = None


def measure(
    work: Work, *, batch_size: int, conditions: Conditions, minimum_calls: int = 1, checksum: Callable[[Any], float]
) -> Block:
    """The raw timings of one piece of work, from its first call to its steady state.

    At least `minimum_calls` are pipelined, however long that takes. `checksum` reads the last result, after the clock
    has stopped.
    """
    block_ns = int(conditions.block_seconds * NANOSECONDS)
    work = slowed(work, conditions.planted) if conditions.planted else work
    watch = Watch(conditions.device)
    partner: Partner = Neighbour(conditions.turns) if conditions.turns else Nobody()
    first = tuple(timed(work, 1) for _ in range(FIRST_CALLS))
    watch.begin()
    with collector_off():
        warm_up, steady = _warm_up(work, limit_ns=int(WARM_UP_SHARE * block_ns))
        for_a_p99 = median(warm_up[-WARM_UP_CALLS:]) * ENOUGH_FOR_P99 <= block_ns
        wanted = ENOUGH_FOR_P99 if for_a_p99 else MINIMUM_SYNCHRONISED
        single_length = Length(block_ns=block_ns, minimum=MINIMUM_SYNCHRONISED, wanted=wanted)
        single_turn = partner.meet(_in_a_turn(median(warm_up[-WARM_UP_CALLS:])))
        together = not partner.alone
        single, single_ended = _block(lambda: timed(work, 1), single_length, partner, in_a_turn=single_turn)
        per_round = partner.meet(_calls_per_round(median(single), block_ns=block_ns, minimum=minimum_calls))
        least = max(MINIMUM_ROUNDS, -(-minimum_calls // per_round))
        round_turn = partner.meet(_in_a_turn(per_round * median(single)))
        used_ns: list[int] = []  # by the processors in each round, and not in between

        def a_round() -> int:
            if len(used_ns) == MINIMUM_ROUNDS // 2:
                watch.read("during")
            before_ns = processor_ns()
            elapsed_ns = timed(work, per_round)
            used_ns.append(processor_ns() - before_ns)
            return elapsed_ns

        together = together and not partner.alone
        before_j = None if together else watch.energy_j()  # of both, which is of neither
        length = Length(block_ns=block_ns, minimum=least, wanted=least)
        pipelined, pipelined_ended = _block(a_round, length, partner, in_a_turn=round_turn)
        after_j = watch.energy_j()
        use = watch.end(energy_j=None if before_j is None or after_j is None else after_j - before_j)
        boundary = _boundary(work)
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


def _warm_up(work: Work, *, limit_ns: int) -> tuple[tuple[int, ...], bool]:
    """Single calls, and whether the medians of the last rounds had settled when they ended."""
    calls: list[int] = []
    medians: list[float] = []
    spent = 0
    while spent < limit_ns or len(medians) < WARM_UP_ROUNDS:
        new = [timed(work, 1) for _ in range(WARM_UP_CALLS)]
        calls += new
        spent += sum(new)
        medians.append(median(new))
        if len(medians) >= WARM_UP_ROUNDS and max(medians[-WARM_UP_ROUNDS:]) <= PLATEAU * min(medians):
            return tuple(calls), True
    return tuple(calls), False


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a block lasts, and how many times it has at least, and before it may end sooner."""

    block_ns: int
    minimum: int
    wanted: int


def _block(
    once: Callable[[], int], length: Length, partner: Partner, *, in_a_turn: int
) -> tuple[tuple[int, ...], Ended]:
    """Until the median is known well enough from as many times as are wanted, or until the block's time is up.

    There are never fewer than the minimum. With a partner both have as many turns: time has to be up for one of them.
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
        if enough and (spent >= length.block_ns or (together and partner.alone)):
            break
        if not together and len(times) >= look and spent >= LEAST_SHARE * length.block_ns:
            if _is_narrow(times):
                break
            look = int(LOOKS * len(times)) + 1
    partner.end()
    return tuple(times), "interval" if _is_narrow(times) else "time"


def _in_a_turn(once_ns: float) -> int:
    """How often something is timed in one turn, so that a turn is longer than it takes to hand it over."""
    return max(1, round(TURN_NS / max(once_ns, 1)))


def _is_narrow(times: Sequence[int]) -> bool:
    found, middle = median_interval(times), median(times)
    return found is not None and max(found[1] - middle, middle - found[0]) <= NARROW * middle


def _calls_per_round(call_ns: float, *, block_ns: int, minimum: int) -> int:
    """As many calls as fill a round's time, or fewer where there would be too few rounds of them."""
    needed = int(max(minimum, block_ns / max(call_ns, 1)))
    return max(1, min(needed // FEWEST_ROUNDS, max(DEPTH, int(ROUND_NS / max(call_ns, 1)))))


def _boundary(work: Work) -> Boundary:
    """Some calls, each of their four parts waited for."""
    parts: list[tuple[int, int, int, int]] = []
    for _ in range(BOUNDARY_CALLS):
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
