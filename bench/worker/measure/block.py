"""Times one kind of call: first calls, warm-up, single calls for latency, pipelined rounds for throughput.

The call is a `Work`: `run(count)` makes `count` calls without waiting for them, `wait(result)` returns when they are
done. The order is always the same: three first calls; warm-up until the times no longer fall; single calls with a wait
after each; a first round, stored apart; rounds of calls with one wait; calls that are timed in four parts.
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
WARM_UP_ROUNDS = 3  # the fewest that can show a plateau
WARM_UP_SHARE = 2.0  # of a block's time budget: the limit of the warm-up
ROUND_SHARE = 1 / 3  # of a block's time budget: the limit of one round of the warm-up
LEAST_CALLS = 3  # for a median
PLATEAU = 1.05  # a round is on the plateau when it is at most this much slower than the fastest so far
ENOUGH_FOR_P99 = 662  # calls, if they fit into a block
# A pipelined round has several calls, but is short, so that a single disturbance slows few rounds.
ROUND_NS = 4_000_000
DEPTH = 8  # calls with one wait, if a block has enough of them
NANOSECONDS = 1_000_000_000
# Calls in a round of the warm-up, the fewest single calls, the fewest pipelined rounds, and calls that are timed in
# parts. Warm-up rounds and calls in parts are fewer if they take long. 64 calls are enough for a p90. 6 rounds give a
# 95 % interval of the median.
WARM_UP_CALLS, SINGLE_CALLS, ROUNDS, PARTS = 8, 64, 6, 32
SHARES = 20  # the fewest rounds that shall fit into a block's time budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How blocks are timed: the time budget of each, the device, and where batches are when the clock starts.

    `planted` slows every call down by this share of its time, to test whether a comparison finds it. `turns` is the
    place where rounds are interleaved with those of another run.
    """

    block_seconds: float
    device: str = "cpu"
    feed: Feed = "device"
    planted: float = 0.0
    turns: Place | None = None


def measure(
    work: Work, *, batch_size: int, conditions: Conditions, minimum_calls: int = 1, checksum: Callable[[Any], float]
) -> Block:
    """The raw timings of one kind of call, from its first call to its steady state.

    At least `minimum_calls` are pipelined, however long they take. There are fewer calls in the warm-up, and fewer
    calls in parts, if they would not fit into the time budget. `checksum` reads the last result, after the clock has
    stopped.
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
        with one_after_the_other(partner):  # two processes at once on the same cores can be ten times slower
            in_a_round = fitting(WARM_UP_CALLS, call_ns=min(first), limit_ns=ROUND_SHARE * block_ns)
            warm_up, steady = warmed_up(work, calls=in_a_round, limit_ns=int(WARM_UP_SHARE * block_ns))
        single = _one_by_one(work, partner, watch, call_ns=median(warm_up[-in_a_round:]), block_ns=block_ns)
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
        # The energy counter covers both runs if their rounds are interleaved.
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


def _one_by_one(work: Work, partner: Partner, watch: Watch, *, call_ns: float, block_ns: int) -> Series:
    """Single calls with a wait after each: as many as a p99 needs, if they fit into a block."""
    wanted = ENOUGH_FOR_P99 if call_ns * ENOUGH_FOR_P99 <= block_ns else SINGLE_CALLS
    length = Length(block_ns=block_ns, minimum=SINGLE_CALLS, wanted=wanted)
    with watch.during("synchronised", partner.beside):
        return take(lambda: timed(work, 1), length, partner, once_ns=call_ns)


def _in_rounds(  # noqa: PLR0913 (what rounds are made of)
    work: Work, partner: Partner, watch: Watch, *, length: Length, calls: int, call_ns: float
) -> tuple[Series, int]:
    """Pipelined rounds, and the CPU time of all of them; the state of the machine is read once between two rounds."""
    used_ns: list[int] = []  # CPU time of each round; the time between rounds does not count

    def a_round() -> int:
        if len(used_ns) == ROUNDS // 2:
            watch.read("during")
        before_ns = processor_ns()
        elapsed_ns = timed(work, calls)
        used_ns.append(processor_ns() - before_ns)
        return elapsed_ns

    with watch.during("pipelined", partner.beside):
        series = take(a_round, length, partner, once_ns=calls * call_ns)
    return series, sum(used_ns)


@contextmanager
def collector_off() -> Iterator[None]:
    """Collect garbage now, and switch the garbage collector off while the clock runs."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def timed(work: Work, calls: int) -> int:
    """The nanoseconds of `calls` calls with one wait."""
    start = now_ns()
    work.wait(work.run(calls))
    return now_ns() - start


def _compiling(began: Compiled, called: Compiled, rested: Compiled, ended: Compiled) -> Compiling:
    """The time that the first calls and the first round spent on tracing and compiling, by counters around each."""
    counts = (began.compile_ns, called.compile_ns, rested.compile_ns, ended.compile_ns)
    known = [count for count in counts if count is not None]
    return Compiling(
        trace_ns=called.trace_ns - began.trace_ns + ended.trace_ns - rested.trace_ns,
        compile_ns=known[1] - known[0] + known[3] - known[2] if len(known) == len(counts) else None,
    )


def fitting(calls: int, *, call_ns: float, limit_ns: float) -> int:
    """At most `calls` calls, fewer if they do not fit into the limit, but enough for a median."""
    return min(calls, max(LEAST_CALLS, int(limit_ns / max(call_ns, 1))))


def warmed_up(work: Work, *, calls: int, limit_ns: int, together: int = 1) -> tuple[tuple[int, ...], bool]:
    """Warm-up times of one call, or of `together` calls, and whether the medians of the last rounds were steady."""
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
    """As many calls as fill the time of a round, or fewer if a block would have too few rounds.

    A multiple of `together`, since fewer steps at once are another program.
    """
    needed = int(max(minimum, block_ns / max(call_ns, 1)))
    calls = max(1, min(needed // SHARES, max(DEPTH, int(ROUND_NS / max(call_ns, 1)))))
    return -(-calls // together) * together


def _boundary(work: Work, *, calls: int) -> Boundary:
    """Some calls in four parts, with a wait after each part: to device, dispatch, compute, to host."""
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
