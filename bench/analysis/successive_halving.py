"""The search for the fastest public options of a framework: all are timed, the slower half leaves, and so on.

Successive halving (Jamieson and Talwalkar 2016): every lap times fewer candidates for longer, and who is far behind
leaves at once. Each timing is a fresh process. What the framework's guide says first stays to the end, whatever it
takes, and all are ranked by how they compare with it, lap by lap: what the machine does in a lap it does to both. It is
left only for what is faster by 3 %, in the last laps as in all (a candidate that is still there may owe that to luck in
the laps before), and beyond what processes differ anyway: by a t-test over the laps in which both ran. As long as the
fastest has been faster and may owe it to chance, the two have more laps, up to a limit.

Batch sizes are searched for side by side: a process is mostly start and compilation, so it times all that ask for it.
"""

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from bench.records.record import Candidate, SearchResult
from bench.workload.axes import FrameworkOptions, Scenario

FIRST_BLOCK_S = 0.2
LAST_BLOCK_S = 0.5
FINALISTS = 3
LONG_BLOCK_S = 1.0  # where everything is timed to the end
FAR = 1.5  # times the fastest of a lap: more than processes that do the same differ, by 10 % (one deviation) or so
USUAL = "what the guide says"
LAST_LAPS = 2  # there and back, so that who is early in one is late in the other
MORE_LAPS = 6  # at the most, where it is not plain whether the fastest is as fast as it seems
WORTH = 0.03  # a gain that makes up for leaving the guide
SURE = 0.975  # one-sided, that there is a gain at all; to look after every lap makes it some 0.9

# What a candidate is judged by: training is a stream of steps, a query is waited for.
DECIDES: dict[Scenario, str] = {"training": "step_time_pipelined_s", "inference": "query_time_p50_s"}

Wanted = tuple[FrameworkOptions, Sequence[int]]  # options, and the batch sizes at which they are timed
# One lap of these, for so many seconds each at a batch size.
Time = Callable[[Sequence[Wanted], float], Sequence[Mapping[int, Candidate]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """What a search wants to have timed next, once each and in this order."""

    options: Sequence[FrameworkOptions]
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
    seconds, last, laps = FIRST_BLOCK_S, LONG_BLOCK_S if exhaustive else LAST_BLOCK_S, 0
    while len(left) > FINALISTS and not exhaustive:
        timed = yield from _timed(left, lap=laps, block_seconds=seconds)
        well, failed = _ranked(timed)
        paces = _paces(well)
        near = [item for item in well[: -(-len(well) // 2)] if paces[_key(item.options)] <= FAR * min(paces.values())]
        kept = [item for item in well if item in near or not item.options]
        gone = [item for item in well if item not in kept] + gone + failed
        left = [item for item in timed if item in kept]  # in the order in which they began
        seconds, laps = min(2 * seconds, last), laps + 1
    for lap in range(laps, laps + LAST_LAPS):
        left = yield from _timed(left, lap=lap, block_seconds=last)
    decisive, others = (left, []) if exhaustive else _decisive(left)
    for lap in range(laps + LAST_LAPS, laps + LAST_LAPS + MORE_LAPS):
        if not _is_open(decisive):
            break
        decisive = yield from _timed(decisive, lap=lap, block_seconds=last)
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
        timed = dict(zip(wanted, time([(dict(key), sizes) for key, sizes in wanted.items()], seconds), strict=True))
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


def gain(found: SearchResult) -> float | None:
    """How many times as fast as the guide's the chosen options were; None where one of the two has no time."""
    paces = _paces(found.candidates)
    usual, chosen = paces.get(()), paces.get(_key(found.options))
    return None if usual is None or chosen is None else usual / chosen


def times(found: SearchResult) -> dict[int, float]:
    """The seconds of each candidate that has a time, by its place: what the guide's takes, as it compares with it.

    So those that were timed in different laps can be compared.
    """
    paces = _paces(found.candidates)
    usual = next((item for item in found.candidates if item.times_s and not item.options), None)
    scale = 1.0 if usual is None else float(np.median(usual.times_s))
    return {place: scale * paces[_key(item.options)] for place, item in enumerate(found.candidates) if item.times_s}


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
    gains = _gains(candidate, usual)
    least = -np.log1p(-WORTH)
    # Student's t over pairs: what a lap does to both is not in their ratio.
    reach = stdtrit(len(gains) - 1, SURE) * np.std(gains, ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
    is_faster = np.mean(gains[-LAST_LAPS:]) > least and np.median(gains) > least
    return bool(is_faster and np.mean(gains) > reach)


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
    paces = _paces(timed)
    well = sorted((item for item in timed if item.times_s), key=lambda item: paces[_key(item.options)])
    return well, [item for item in timed if not item.times_s]


def _paces(timed: Sequence[Candidate]) -> dict[tuple[tuple[str, str], ...], float]:
    """What each takes of what the guide's takes, the median of its laps; in seconds where that has no time."""
    usual = next((item for item in timed if item.times_s and not item.options), None)
    return {
        _key(item.options): float(np.median(item.times_s) if usual is None else np.exp(-np.median(_gains(item, usual))))
        for item in timed
        if item.times_s
    }


def _key(options: FrameworkOptions) -> tuple[tuple[str, str], ...]:
    return tuple(options.items())
