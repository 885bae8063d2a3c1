"""Decides whether other work disturbed a block while it was timed, and says by what.

Cores that the framework does not need may be used by others. What counts is the time that others take from the cores
that it does need: as many as it was given threads, or as many as its threads used or waited for. On a GPU, it needs one
core to dispatch calls.

Preemptions, run delay and pressure stall information are stored, but they alone are no proof: frameworks that start
more threads than there are cores make their own threads wait.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from bench.records.machine_use import POWER_CAP, Load, Use
from bench.records.measurement import Block
from bench.workload import places

Kind = Literal["others", "stolen", "waited", "gpu", "throttled"]

# Shares of the time on the cores that the framework needs. Less does not disturb.
LIMITS = MappingProxyType(
    {
        # Processes of one cell differ by about as much on a quiet machine. An idle system takes less than 2 %.
        "others": 0.05,
        # A core that the hypervisor takes is missing as much as one that another program uses.
        "stolen": 0.05,
        # Only where the time of others cannot be read. Threads also wait while a core is idle, until the scheduler
        # moves them, so only a large share is a proof.
        "waited": 0.25,
    }
)
# Parallel parts wait for their slowest thread, so half a lost core disturbs on any number of cores.
MOST_CORES = 0.5
TICK_NS = 10_000_000  # the counters of each core are in steps of so much
ERROR_TICKS = 1.5  # times the root of the number of cores: three standard deviations of what such steps hide


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What disturbed a block, how much of it there was (in cores or processes), and both in words."""

    kind: Kind
    amount: float
    words: str


def disturbances(block: Block, *, threads: int, device: str) -> tuple[Disturbance, ...]:
    """What disturbed the block, the largest of each kind; empty if nothing did, or if the block was not watched."""
    return of_use(block.use, threads=threads, device=device)


def of_use(use: Use | None, *, threads: int, device: str) -> tuple[Disturbance, ...]:
    """What disturbed a measurement during which the machine did this; empty if nothing did, or if it is not known."""
    if use is None:
        return ()
    found = [item for load in use.loads for item in _disturbances(load, threads=threads, device=device)]
    found += [Disturbance("throttled", 1, f"throttled: {reason}") for reason in use.throttled if reason != POWER_CAP]
    return largest(found)


def largest(found: Iterable[Disturbance]) -> tuple[Disturbance, ...]:
    """The largest disturbance of each kind."""
    kept: dict[Kind, Disturbance] = {}
    for item in found:
        kept[item.kind] = max(kept.get(item.kind, item), item, key=lambda each: each.amount)
    return tuple(kept.values())


def _disturbances(load: Load, *, threads: int, device: str) -> Iterable[Disturbance]:
    """The disturbances in one part of a block."""
    if load.span_ns <= 0:
        return
    place = places.read(device)
    own = load.own_ns / load.span_ns
    waiting = (load.waited_ns or 0) / load.span_ns
    needed = min(float(load.cores), max(float(threads * place.devices) if place.kind == "cpu" else 1.0, own + waiting))
    spare = load.cores - needed
    unsure = min(load.cores, ERROR_TICKS * math.sqrt(load.cores)) * TICK_NS / load.span_ns
    spent: tuple[tuple[Kind, int | None, str], ...] = (
        ("others", load.others_ns, "other programs used"),
        ("stolen", load.stolen_ns, "other virtual machines took"),
    )
    for kind, spent_ns, who in spent:
        taken = (spent_ns or 0) / load.span_ns
        if taken - unsure - spare > min(MOST_CORES, LIMITS[kind] * needed):
            yield Disturbance(kind, taken, f"{who} {taken:.1f} of {_cores(load.cores)}")
    waited = min(waiting, needed - own)
    if load.others_ns is None and waited > LIMITS["waited"] * needed:
        yield Disturbance("waited", waited, f"its threads waited for {waited:.1f} of {_cores(load.cores)}")
    if load.gpu_others:
        processes = "1 other process" if load.gpu_others == 1 else f"{load.gpu_others} other processes"
        yield Disturbance("gpu", load.gpu_others, f"{processes} used the GPU")


def _cores(number: int) -> str:
    return "1 core" if number == 1 else f"{number} cores"
