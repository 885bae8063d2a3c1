"""The search for the fastest public options of a framework: all are timed, the slower half leaves, and so on.

Successive halving (Jamieson and Talwalkar 2016): every round times fewer candidates for longer, and who is far behind
leaves at once. Each timing is a fresh process, and candidates take turns in orders that turn around, so that a moment
of the machine decides nothing. All timings of a candidate rank it. What the framework's guide says first stays to the
end, whatever it takes, and is left only for what is faster by 3 %, in the last laps as in all (a candidate that is
still there may owe that to luck in the laps before), and beyond what processes differ anyway: by a t-test over the laps
in which both ran. As long as the fastest has been faster and may owe it to chance, the two have more laps, up to a
limit.

Batch sizes are searched for side by side: a process is mostly start and compilation, so it times all that ask for it.
"""

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from bench.record import Candidate, Scenario, Tuning

FIRST_BLOCK_S = 0.1
LAST_BLOCK_S = 0.4
FINALISTS = 3
FAR = 1.5  # times the fastest of a round: more than processes that do the same differ, by 10 % (one deviation) or so
USUAL = "what the guide says"
LAST_LAPS = 2  # there and back, so that who is early in one is late in the other
MORE_LAPS = 6  # at the most, where it is not plain whether the fastest is as fast as it seems
WORTH = 0.03  # a gain that makes up for leaving the guide
SURE = 0.975  # one-sided, that there is a gain at all; to look after every lap makes it some 0.9

# What a candidate is judged by: training is a stream of steps, a query is waited for.
DECIDES: dict[Scenario, str] = {"training": "step_time_pipelined_s", "inference": "query_time_p50_s"}

Options = Mapping[str, str]
# Options, timed in one process for so many seconds in a block at each of some batch sizes.
Time = Callable[[Options, float, Sequence[int]], Mapping[int, Candidate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """What a search wants to have timed next, once each and in this order."""

    options: Sequence[Options]
    block_seconds: float


# Hands out laps, is sent what was timed, and ends with all candidates, the fastest of the last round first.
Search = Generator[Lap, Sequence[Candidate], tuple[Candidate, ...]]


def candidates(choices: Mapping[str, Sequence[str]]) -> tuple[Candidate, ...]:
    """Every combination, what the guide says first; nothing is said of an option that is as usual."""
    usual = {name: values[0] for name, values in choices.items()}
    combined = (dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values()))
    return tuple(
        Candidate(options={name: value for name, value in item.items() if value != usual[name]}) for item in combined
    )


def search(found: Sequence[Candidate], *, exhaustive: bool = False) -> Search:
    """The search for one batch size. Those that failed come last.

    An exhaustive one lets nobody leave before the last round, which shows what the other one finds, for much more time.
    """
    left, gone = list(found), list[Candidate]()
    seconds, laps = FIRST_BLOCK_S, 0
    while len(left) > FINALISTS and not exhaustive:
        timed = yield from _timed(left, lap=laps, block_seconds=seconds)
        well, failed = _ranked(timed)
        near = [item for item in well[: -(-len(well) // 2)] if _median(item) <= FAR * _median(well[0])]
        kept = [item for item in well if item in near or not item.options]
        gone = [item for item in well if item not in kept] + gone + failed
        left = [item for item in timed if item in kept]  # in the order in which they began
        seconds, laps = min(2 * seconds, LAST_BLOCK_S), laps + 1
    for lap in range(laps, laps + LAST_LAPS):
        left = yield from _timed(left, lap=lap, block_seconds=LAST_BLOCK_S)
    decisive, others = (left, []) if exhaustive else _decisive(left)
    for lap in range(laps + LAST_LAPS, laps + LAST_LAPS + MORE_LAPS):
        if not _is_open(decisive):
            break
        decisive = yield from _timed(decisive, lap=lap, block_seconds=LAST_BLOCK_S)
    well, failed = _ranked([*decisive, *others])
    return (*well, *gone, *failed)


def together(searches: Mapping[int, Search], time: Time) -> dict[int, tuple[Candidate, ...]]:
    """The results of several batch sizes, lap by lap; what several searches want is timed in one process."""
    found: dict[int, tuple[Candidate, ...]] = {}
    laps: dict[int, Lap] = {}

    def go_on(size: int, timed: Sequence[Candidate] | None) -> None:
        try:
            laps[size] = next(searches[size]) if timed is None else searches[size].send(timed)
        except StopIteration as end:
            laps.pop(size, None)
            found[size] = end.value

    for size in searches:
        go_on(size, None)
    while laps:
        seconds = max(lap.block_seconds for lap in laps.values())
        wanted: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for size, lap in laps.items():
            for options in lap.options:
                wanted.setdefault(_key(options), []).append(size)
        timed = {key: time(dict(key), seconds, sizes) for key, sizes in wanted.items()}
        for size, lap in list(laps.items()):
            go_on(size, [timed[_key(options)][size] for options in lap.options])
    return {size: found[size] for size in searches}


def worth(ranked: Sequence[Candidate]) -> Iterator[int]:
    """The places of those that came to the end, and are enough faster than what the guide says; fastest first.

    Where there were more laps, that is the fastest alone.
    """
    usual = next((item for item in ranked if item.times_s and not item.options), None)
    for place, item in enumerate(ranked):
        if not item.options or not item.times_s or (usual and len(item.times_s) < len(usual.times_s)):
            continue
        if usual is None or _is_worth(item, usual):
            yield place


def gain(found: Tuning) -> float | None:
    """How many times as fast as the guide's the chosen options were; None where one of the two has no time."""
    times = {_key(item.options): _median(item) for item in found.candidates if item.times_s}
    usual, chosen = times.get(()), times.get(_key(found.options))
    return None if usual is None or chosen is None else usual / chosen


def _decisive(left: Sequence[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """What the guide says and the fastest beside it, and the others, of which none will be chosen before that one."""
    well, _ = _ranked(left)
    best = next((item for item in well if item.options), None)
    decisive = [item for item in left if item is best or not item.options]
    return decisive, [item for item in left if item not in decisive]


def _is_open(left: Sequence[Candidate]) -> bool:
    """Whether the fastest has been faster than what the guide says, and only more timings can show that it is.

    What has not even been faster so far hardly ever turns out to be worth it, and would be timed to the limit.
    """
    well, _ = _ranked(left)
    usual = next((item for item in well if not item.options), None)
    best = next((item for item in well if item.options), None)
    if usual is None or best is None:
        return False
    return not _is_worth(best, usual) and float(np.mean(_gains(best, usual))) > 0


def _is_worth(candidate: Candidate, usual: Candidate) -> bool:
    """Whether it is enough faster than what the guide says, and more than by chance."""
    is_faster = all(time(candidate) < (1 - WORTH) * time(usual) for time in (_last, _median))
    gains = _gains(candidate, usual)
    # Student's t over pairs: what a lap does to both is not in their ratio.
    reach = stdtrit(len(gains) - 1, SURE) * np.std(gains, ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
    return is_faster and bool(np.mean(gains) > reach)


def _gains(candidate: Candidate, usual: Candidate) -> np.ndarray:
    """By how much the guide's takes longer in each lap of both, as a logarithm."""
    laps = min(len(candidate.times_s), len(usual.times_s))
    gains: np.ndarray = np.log(np.divide(usual.times_s[:laps], candidate.times_s[:laps]))
    return gains


def _timed(
    left: Sequence[Candidate], *, lap: int, block_seconds: float
) -> Generator[Lap, Sequence[Candidate], list[Candidate]]:
    """Each of them once more, in laps there and back; who failed rests."""
    made = dict(enumerate(left))
    order = [number for number, item in made.items() if item.outcome == "ok"]
    order = order if lap % 2 == 0 else order[::-1]
    answers = yield Lap(options=[made[number].options for number in order], block_seconds=block_seconds)
    for number, new in zip(order, answers, strict=True):
        made[number] = replace(new, times_s=(*made[number].times_s, *new.times_s) if new.times_s else ())
    return list(made.values())


def _ranked(timed: Sequence[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """The fastest first, and those that failed."""
    return sorted((item for item in timed if item.times_s), key=_median), [item for item in timed if not item.times_s]


def _key(options: Options) -> tuple[tuple[str, str], ...]:
    return tuple(options.items())


def _last(candidate: Candidate) -> float:
    return float(np.mean(candidate.times_s[-LAST_LAPS:]))


def _median(candidate: Candidate) -> float:
    return float(np.median(candidate.times_s))
