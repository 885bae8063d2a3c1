"""The search for the fastest public options of a framework: all are timed, the slower half leaves, and so on.

Successive halving (Jamieson and Talwalkar 2016): every round times fewer candidates for longer. Each timing is a fresh
process, and candidates take turns in orders that turn around, so that a moment of the machine decides nothing. What the
framework's guide says first stays to the end, whatever it takes. Who is fastest in the last round is chosen.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bench.record import Candidate, Scenario

FIRST_BLOCK_S = 0.1
LAST_BLOCK_S = 0.4
FINALISTS = 3
USUAL = "what the guide says"
FINAL_PROCESSES = 3

# What a candidate is judged by: training is a stream of steps, a query is waited for.
DECIDES: dict[Scenario, str] = {"training": "step_time_pipelined_s", "inference": "query_time_p50_s"}

Options = Mapping[str, str]
Time = Callable[[Options, float], Candidate]


def candidates(choices: Mapping[str, Sequence[str]]) -> tuple[Candidate, ...]:
    """Every combination, what the guide says first; nothing is said of an option that is as usual."""
    usual = {name: values[0] for name, values in choices.items()}
    combined = (dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values()))
    return tuple(
        Candidate(options={name: value for name, value in item.items() if value != usual[name]}) for item in combined
    )


def search(found: Sequence[Candidate], time: Time, *, exhaustive: bool = False) -> tuple[Candidate, ...]:
    """All candidates with what was timed of them, the fastest of the last round first.

    `time` makes a candidate of options, timed once for so many seconds in a block. Those that failed come last. An
    exhaustive search lets nobody leave before the last round, which shows what the other one finds, for much more time.
    """
    left, gone = list(found), list[Candidate]()
    seconds = FIRST_BLOCK_S
    while len(left) > FINALISTS and not exhaustive:
        timed = _timed(left, time, processes=1, block_seconds=seconds)
        failed = [item for item in timed if not item.times_s]
        well = sorted((item for item in timed if item.times_s), key=_median)
        kept = [item for number, item in enumerate(well) if number < -(-len(well) // 2) or not item.options]
        gone = [item for item in well if item not in kept] + gone + failed
        left, seconds = kept, min(2 * seconds, LAST_BLOCK_S)
    last = _timed(left, time, processes=FINAL_PROCESSES, block_seconds=LAST_BLOCK_S)
    failed = [item for item in last if not item.times_s]
    return (*sorted((item for item in last if item.times_s), key=_median), *gone, *failed)


def _timed(left: Sequence[Candidate], time: Time, *, processes: int, block_seconds: float) -> list[Candidate]:
    """Each of them once for each process, there and back; times of earlier rounds are let go."""
    made: dict[int, Candidate] = {}
    for lap in range(processes):
        order = range(len(left)) if lap % 2 == 0 else reversed(range(len(left)))
        for number in order:
            new = time(left[number].options, block_seconds)
            before = made[number].times_s if number in made else ()
            made[number] = replace(new, times_s=(*before, *new.times_s))
    return [made[number] for number in range(len(left))]


def _median(candidate: Candidate) -> float:
    return float(np.median(candidate.times_s))
