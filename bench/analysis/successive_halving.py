"""The search for the fastest public options of a framework by successive halving (Jamieson and Talwalkar 2016).

Every round times fewer candidates for longer. The slower half is eliminated, and so is every candidate that is far
behind the fastest. Each timing is a fresh process. The default options stay until the end, and all candidates are
ranked by their ratio to the default, round by round: what the machine does during a round affects both.

The default is replaced only by a candidate that is at least 3 % faster, in the last rounds as well as over all rounds,
because a candidate may have survived the first rounds by luck. The difference must also be significant by a t test over
the rounds that both ran. If the fastest candidate is faster but not yet significantly, both get more rounds, up to a
limit.

All batch sizes are searched together. A process spends most of its time on start and compilation, so it times every
batch size that needs its options.
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
LONG_BLOCK_S = 1.0  # for an exhaustive search
FAR = 1.5  # times the fastest of a round; processes of the same program differ by about 10 % (one deviation)
USUAL = "default"
LAST_LAPS = 2  # in opposite order, so that a candidate that is early in one is late in the other
MORE_LAPS = 6  # at most, while it is unclear whether the fastest is really faster
WORTH = 0.03  # the smallest speed-up for which the default is replaced
SURE = 0.975  # one-sided confidence that there is a speed-up; testing after every round lowers it to about 0.9

# The metric that ranks candidates: training is a stream of steps, in inference each query is waited for.
DECIDES: dict[Scenario, str] = {"training": "step_time_pipelined_s", "inference": "query_time_p50_s"}

Wanted = tuple[FrameworkOptions, Sequence[int]]  # options, and the batch sizes at which they are timed
# Times these in one round, each for so many seconds at each batch size.
Time = Callable[[Sequence[Wanted], float], Sequence[Mapping[int, Candidate]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One round of a search: the options to time next, once each and in this order."""

    options: Sequence[FrameworkOptions]
    block_seconds: float


# Yields rounds, receives the timings, and returns all candidates; the fastest of the last round come first.
Search = Generator[Lap, Sequence[Candidate], tuple[Candidate, ...]]


def candidates(choices: Mapping[str, Sequence[str]]) -> tuple[Candidate, ...]:
    """Every combination, the default first; a candidate names only the options that differ from the default."""
    usual = {name: values[0] for name, values in choices.items()}
    combined = (dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values()))
    return tuple(
        Candidate(options={name: value for name, value in item.items() if value != usual[name]}) for item in combined
    )


def search(found: Sequence[Candidate], *, exhaustive: bool = False) -> Search:
    """The search for one batch size. Candidates that failed come last.

    An exhaustive search eliminates no candidate before the last round. It takes much more time, and shows whether the
    usual search finds the fastest.
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
        left = [item for item in timed if item in kept]  # in the original order
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


def planned_rounds(candidates: int, *, exhaustive: bool = False) -> list[int]:
    """How many candidates each round times, if half of them leave after each round and no round is added."""
    if exhaustive or candidates <= FINALISTS:
        return [candidates] * LAST_LAPS
    return [candidates, *planned_rounds(-(-candidates // 2))]


def together(searches: Mapping[int, Search], time: Time) -> dict[int, tuple[Candidate, ...]]:
    """Run the searches of several batch sizes round by round; equal options are timed in one process."""
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
    """The places of the candidates that reached the end and are enough faster than the default; fastest first.

    If there were additional rounds, this can only be the fastest candidate.
    """
    usual = next((item for item in ranked if item.times_s and not item.options), None)
    for place, item in enumerate(ranked):
        if not item.options or not item.times_s or (usual and len(item.times_s) < len(usual.times_s)):
            continue
        if usual is None or _is_worth(item, usual):
            yield place


def gain(found: SearchResult) -> float | None:
    """The speed-up of the chosen options over the default; None if one of the two has no time."""
    paces = _paces(found.candidates)
    usual, chosen = paces.get(()), paces.get(_key(found.options))
    return None if usual is None or chosen is None else usual / chosen


def times(found: SearchResult) -> dict[int, float]:
    """The seconds of each candidate that has a time, by its place: the time of the default, divided by the speed-up.

    So candidates that were timed in different rounds can be compared.
    """
    paces = _paces(found.candidates)
    usual = next((item for item in found.candidates if item.times_s and not item.options), None)
    scale = 1.0 if usual is None else float(np.median(usual.times_s))
    return {place: scale * paces[_key(item.options)] for place, item in enumerate(found.candidates) if item.times_s}


def _decisive(left: Sequence[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """The default and the fastest other candidate, and then all others, which cannot be chosen any more."""
    well, _ = _ranked(left)
    best = next((item for item in well if item.options), None)
    decisive = [item for item in left if item is best or not item.options]
    return decisive, [item for item in left if item not in decisive]


def _is_open(left: Sequence[Candidate]) -> bool:
    """Whether the fastest candidate was faster than the default, but needs more timings to be significant.

    A candidate that was not even faster so far is hardly ever chosen in the end, and would use all additional rounds.
    """
    well, _ = _ranked(left)
    usual = next((item for item in well if not item.options), None)
    best = next((item for item in well if item.options), None)
    if usual is None or best is None:
        return False
    return not _is_worth(best, usual) and float(np.mean(_gains(best, usual))) > 0


def _is_worth(candidate: Candidate, usual: Candidate) -> bool:
    """Whether a candidate is enough faster than the default, and significantly so."""
    gains = _gains(candidate, usual)
    least = -np.log1p(-WORTH)
    # Student's t test over pairs: the noise of a round affects both, and cancels in their ratio.
    reach = stdtrit(len(gains) - 1, SURE) * np.std(gains, ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
    is_faster = np.mean(gains[-LAST_LAPS:]) > least and np.median(gains) > least
    return bool(is_faster and np.mean(gains) > reach)


def _gains(candidate: Candidate, usual: Candidate) -> np.ndarray:
    """The log speed-up over the default in each round that both ran."""
    laps = min(len(candidate.times_s), len(usual.times_s))
    gains: np.ndarray = np.log(np.divide(usual.times_s[:laps], candidate.times_s[:laps]))
    return gains


def _timed(
    left: Sequence[Candidate], *, lap: int, block_seconds: float
) -> Generator[Lap, Sequence[Candidate], list[Candidate]]:
    """Time each candidate once more, in alternating order; candidates that failed are skipped."""
    made = dict(enumerate(left))
    order = [number for number, item in made.items() if item.outcome == "ok"]
    order = order if lap % 2 == 0 else order[::-1]
    answers = yield Lap(options=[made[number].options for number in order], block_seconds=block_seconds)
    for number, new in zip(order, answers, strict=True):
        made[number] = replace(new, times_s=(*made[number].times_s, *new.times_s) if new.times_s else ())
    return list(made.values())


def _ranked(timed: Sequence[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """The candidates with times, the fastest first, and those that failed."""
    paces = _paces(timed)
    well = sorted((item for item in timed if item.times_s), key=lambda item: paces[_key(item.options)])
    return well, [item for item in timed if not item.times_s]


def _paces(timed: Sequence[Candidate]) -> dict[tuple[tuple[str, str], ...], float]:
    """The time of each candidate relative to the default, median over rounds; in seconds if the default has no time."""
    usual = next((item for item in timed if item.times_s and not item.options), None)
    return {
        _key(item.options): float(np.median(item.times_s) if usual is None else np.exp(-np.median(_gains(item, usual))))
        for item in timed
        if item.times_s
    }


def _key(options: FrameworkOptions) -> tuple[tuple[str, str], ...]:
    return tuple(options.items())
