"""Timed rounds over any call: first calls, warm-up, a synchronised block for latency, a pipelined one for throughput.

Whatever is measured is a `Work`: `run(count)` makes `count` calls without waiting for them, `wait(result)` returns when
they are done. The order is always the same: three calls apart, warm-up until the times no longer fall, single calls
each waited for, then rounds of calls with one wait.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.measure.clock import now_ns, processor_ns
from bench.record import Block

FIRST_CALLS = 3
WARM_UP_ROUNDS = 3  # the least that can show a plateau
WARM_UP_CALLS = 8  # in each round
WARM_UP_SHARE = 2.0  # of a block's time, at the most
PLATEAU = 1.05  # a round is on the plateau when it is at most this much slower than the fastest so far
MINIMUM_SYNCHRONISED = 64  # calls, for a p90
PIPELINED_ROUNDS = 5  # at least, so that their median means something
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is timed; `run(count)` returns the last call's result."""

    run: Callable[[int], Any]
    wait: Callable[[Any], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thoroughness:
    """How long each block lasts at least, and how many calls the pipelined block has at least."""

    block_seconds: float
    minimum_calls: int = 1


def measure(work: Work, *, batch_size: int, thoroughness: Thoroughness, checksum: Callable[[Any], float]) -> Block:
    """The raw timings of one piece of work, from its first call to its steady state.

    `checksum` reads the last result, after the clock has stopped.
    """
    block_ns = int(thoroughness.block_seconds * NANOSECONDS)
    first = tuple(timed(work, 1) for _ in range(FIRST_CALLS))
    with collector_off():
        warm_up, steady = _warm_up(work, limit_ns=int(WARM_UP_SHARE * block_ns))
        synchronised = _synchronised(work, block_ns=block_ns)
        per_round = _calls_per_round(median(synchronised), block_ns=block_ns, minimum=thoroughness.minimum_calls)
        before_cpu, before = processor_ns(), now_ns()
        pipelined = tuple(timed(work, per_round) for _ in range(PIPELINED_ROUNDS))
        wall, cpu = now_ns() - before, processor_ns() - before_cpu
    return Block(
        batch_size=batch_size,
        call_ns=first,
        warm_up_ns=warm_up,
        steady=steady,
        synchronised_ns=synchronised,
        pipelined_ns=pipelined,
        iterations_per_round=per_round,
        cpu_ns=cpu,
        wall_ns=wall,
        checksum=checksum(work.run(1)),
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


def _synchronised(work: Work, *, block_ns: int) -> tuple[int, ...]:
    calls: list[int] = []
    spent = 0
    while spent < block_ns or len(calls) < MINIMUM_SYNCHRONISED:
        calls.append(timed(work, 1))
        spent += calls[-1]
    return tuple(calls)


def _calls_per_round(call_ns: float, *, block_ns: int, minimum: int) -> int:
    """As many calls as fill the block's time, spread over its rounds."""
    needed = max(minimum, block_ns / max(call_ns, 1))
    return max(1, -(-int(needed) // PIPELINED_ROUNDS))
