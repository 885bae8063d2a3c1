"""Timed rounds over any call: first calls, warm-up, a synchronised block for latency, a pipelined one for throughput.

Whatever is measured is a `Work`: `run(count)` makes `count` calls without waiting for them, `wait(result)` returns when
they are done. The order is always the same: three calls apart, warm-up until the times no longer fall, single calls
each waited for, a round apart, rounds of calls with one wait, and calls that are taken apart.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.adapters.engines.base import Compiled
from bench.records.measurement import Block, Boundary, Compiling, Turns
from bench.worker.measure.clock import now_ns, processor_ns
from bench.worker.measure.interleaving import Neighbour, Nobody, Partner, Place, one_after_the_other
from bench.worker.measure.machine_monitor import Watch
from bench.worker.measure.stopping_rule import Length, Series, take
from bench.worker.measure.timed_call import Work, slowed
from bench.workload.axes import Feed

FIRST_CALLS = 3
WARM_UP_ROUNDS = 3  # the least that can show a plateau
WARM_UP_SHARE = 2.0  # of a block's time, at the most
ROUND_SHARE = 1 / 3  # of a block's time: the most that a round of the warm-up takes
LEAST_CALLS = 3  # for a median
PLATEAU = 1.05  # a round is on the plateau when it is at most this much slower than the fastest so far
ENOUGH_FOR_P99 = 662  # calls, where they fit into a block
# Pipelined rounds are short, so that nothing disturbs many of them, and still of several calls.
ROUND_NS = 4_000_000
DEPTH = 8  # calls with one wait, where there are enough of them
NANOSECONDS = 1_000_000_000
# How often something is called at least: in each round of the warm-up, by itself, in rounds, and taken apart. 64 calls
# are enough for a p90, and a median of 6 rounds has an interval of 95 %.
WARM_UP_CALLS, SINGLE_CALLS, ROUNDS, PARTS = 8, 64, 6, 32
SHARES = 20  # rounds share a block's time


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

    At least `minimum_calls` are pipelined, however long that takes; rounds of the warm-up and calls that are taken
    apart are fewer where they take a block's time. `checksum` reads the last result, after the clock has stopped.
    """
    block_ns = int(conditions.block_seconds * NANOSECONDS)
    work = slowed(work, conditions.planted) if conditions.planted else work
    watch = Watch(conditions.device)
    partner: Partner = Neighbour(conditions.turns) if conditions.turns else Nobody()
    spent = [work.compiled()]
    first = tuple(timed(work, 1) for _ in range(FIRST_CALLS))
    spent.append(work.compiled())
    watch.begin()
    with collector_off():
        with one_after_the_other(partner):  # threads of two processes that wait for each other take ten times as long
            in_a_round = fitting(WARM_UP_CALLS, call_ns=min(first), limit_ns=ROUND_SHARE * block_ns)
            warm_up, steady = warmed_up(work, calls=in_a_round, limit_ns=int(WARM_UP_SHARE * block_ns))
        single = _one_by_one(work, partner, call_ns=median(warm_up[-in_a_round:]), block_ns=block_ns)
        call_ns = median(single.times)
        per_round = partner.meet(
            _calls_per_round(call_ns, block_ns=block_ns, minimum=minimum_calls, together=work.together)
        )
        with one_after_the_other(partner):
            spent.append(work.compiled())
            first_round_ns = timed(work, per_round)
            spent.append(work.compiled())
        least = max(ROUNDS, -(-minimum_calls // per_round))
        length = Length(block_ns=block_ns, minimum=least, wanted=least)
        before_j = watch.energy_j()
        pipelined, cpu_ns = _in_rounds(work, partner, watch, length=length, calls=per_round, call_ns=call_ns)
        after_j = watch.energy_j()
        # In turns it is that of both sides.
        spent_j = None if before_j is None or after_j is None or pipelined.together else after_j - before_j
        use = watch.end(energy_j=spent_j)
        with one_after_the_other(partner):
            boundary = _boundary(work, calls=fitting(PARTS, call_ns=call_ns, limit_ns=block_ns))
    return Block(
        batch_size=batch_size,
        call_ns=first,
        warm_up_ns=warm_up,
        steady=steady,
        synchronised_ns=single.times,
        pipelined_ns=pipelined.times,
        iterations_per_round=per_round,
        cpu_ns=cpu_ns,
        wall_ns=sum(pipelined.times),
        checksum=checksum(work.run(1)),
        synchronised_ended=single.ended,
        pipelined_ended=pipelined.ended,
        boundary=boundary,
        use=use,
        turns=_turns(conditions, single, pipelined),
        first_round_ns=first_round_ns,
        compiling=_compiling(*spent),
    )


def _one_by_one(work: Work, partner: Partner, *, call_ns: float, block_ns: int) -> Series:
    """Single calls, each waited for: as many as a p99 needs, where they fit into a block."""
    wanted = ENOUGH_FOR_P99 if call_ns * ENOUGH_FOR_P99 <= block_ns else SINGLE_CALLS
    length = Length(block_ns=block_ns, minimum=SINGLE_CALLS, wanted=wanted)
    return take(lambda: timed(work, 1), length, partner, once_ns=call_ns)


def _in_rounds(  # noqa: PLR0913 (what rounds are made of)
    work: Work, partner: Partner, watch: Watch, *, length: Length, calls: int, call_ns: float
) -> tuple[Series, int]:
    """Rounds of calls with one wait, and the processor time of all of them; the machine is looked at in between."""
    used_ns: list[int] = []  # by the processors in each round, and not in between

    def a_round() -> int:
        if len(used_ns) == ROUNDS // 2:
            watch.read("during")
        before_ns = processor_ns()
        elapsed_ns = timed(work, calls)
        used_ns.append(processor_ns() - before_ns)
        return elapsed_ns

    return take(a_round, length, partner, once_ns=calls * call_ns), sum(used_ns)


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


def fitting(calls: int, *, call_ns: float, limit_ns: float) -> int:
    """So many calls, or as many as fit into the limit, but enough for a median."""
    return min(calls, max(LEAST_CALLS, int(limit_ns / max(call_ns, 1))))


def warmed_up(work: Work, *, calls: int, limit_ns: int, together: int = 1) -> tuple[tuple[int, ...], bool]:
    """Single calls, or several `together`, and whether the medians of the last rounds had settled when they ended."""
    times: list[int] = []
    medians: list[float] = []
    spent = 0
    while spent < limit_ns or len(medians) < WARM_UP_ROUNDS:
        new = [timed(work, together) for _ in range(calls)]
        times += new
        spent += sum(new)
        medians.append(median(new))
        if len(medians) >= WARM_UP_ROUNDS and max(medians[-WARM_UP_ROUNDS:]) <= PLATEAU * min(medians):
            return tuple(times), True
    return tuple(times), False


def _turns(conditions: Conditions, single: Series, pipelined: Series) -> Turns | None:
    if conditions.turns is None or not (single.together and pipelined.together):
        return None
    return Turns(
        session=conditions.turns.session,
        synchronised_calls=single.in_a_turn,
        pipelined_rounds=pipelined.in_a_turn,
    )


def _calls_per_round(call_ns: float, *, block_ns: int, minimum: int, together: int) -> int:
    """As many calls as fill a round's time, or fewer where there would be too few rounds of them.

    What is handed over together is never divided: it would be another program.
    """
    needed = int(max(minimum, block_ns / max(call_ns, 1)))
    calls = max(1, min(needed // SHARES, max(DEPTH, int(ROUND_NS / max(call_ns, 1)))))
    return -(-calls // together) * together


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
