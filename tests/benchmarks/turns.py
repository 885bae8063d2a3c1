"""Times two ways of doing the same step, interleaved, so that a disturbance of the machine slows both of them."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from bench.worker.measure.clock import now_ns

NANOSECONDS = 1e9
WARM_UP_SECONDS = 0.4
WARM_UP_STEPS = 8
ROUND_SECONDS = 0.012
FEWEST_STEPS = 4
PAIRS, FEWEST_PAIRS = 100, 12  # the interval of the median narrows with their root
LIMIT_SECONDS = 12.0  # for a machine that is busy elsewhere, where a step can take a hundred times its own time

Synchronised = Callable[[int], list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of doing steps: the nanoseconds of each of `count` steps, and of all of them with one wait."""

    synchronised: Synchronised
    pipelined: Callable[[int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """The nanoseconds of one step by each round, of two ways in turns; a round has so many `steps`."""

    baseline_ns: list[float]
    candidate_ns: list[float]
    steps: int


def in_turns(baseline: Way, candidate: Way) -> tuple[Rounds, Rounds]:
    """Synchronised rounds, each of them the median of its steps, and pipelined ones."""
    ways = (baseline, candidate)
    step_ns = max(warmed_up(way.synchronised, seconds=WARM_UP_SECONDS) for way in ways)
    steps = max(FEWEST_STEPS, round(ROUND_SECONDS * NANOSECONDS / step_ns))
    single: tuple[list[float], list[float]] = ([], [])
    piped: tuple[list[float], list[float]] = ([], [])
    begun = now_ns()
    for number in range(PAIRS):
        if number >= FEWEST_PAIRS and now_ns() - begun > LIMIT_SECONDS * NANOSECONDS:
            break
        order = (0, 1) if number % 2 == 0 else (1, 0)  # each side comes second in every other pair
        for side in order:
            single[side].append(median(ways[side].synchronised(steps)))
        for side in order:
            piped[side].append(ways[side].pipelined(steps) / steps)
    return _rounds(single, steps), _rounds(piped, steps)


def warmed_up(synchronised: Synchronised, *, seconds: float) -> float:
    """The nanoseconds of a step, after that many seconds of them."""
    spent: list[int] = []
    while sum(spent) < seconds * NANOSECONDS or len(spent) < 2 * WARM_UP_STEPS:
        spent += synchronised(WARM_UP_STEPS)
    return median(spent[-WARM_UP_STEPS:])


def _rounds(times: tuple[list[float], list[float]], steps: int) -> Rounds:
    return Rounds(baseline_ns=times[0], candidate_ns=times[1], steps=steps)
