"""The ratio of two blocks that two processes timed in interleaved slices: the state of the machine affects both.

Interference can only slow a call down. If it comes and goes, the fastest calls of both sides show the time of their
code. If every call takes a different time, as with threads that wait for each other, the fastest calls are a matter of
luck. Then each slice is compared with the neighbouring slice of the other side, by its fastest call or by its median.
Which of these three estimates has the smallest error differs between programs and hours, so it is chosen per block.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from bench.analysis.statistics import best_estimate
from bench.records.cell import Cell
from bench.records.measurement import Block
from bench.records.record import Record
from bench.records.timing_metrics import METRICS, timed

Samples = Literal["synchronised_ns", "pipelined_ns"]
Effects = dict[tuple[Cell, str], tuple[float, ...]]

LEAST_TURNS = 3
LEAST_PAIRS = 2
UNDISTURBED = 2  # percent of the calls
ENOUGH_FOR_QUICKEST = 100 // UNDISTURBED  # with fewer calls, this quantile would be a single call
OUTSIDE = 0.25  # the share of slices trimmed on either side of the mean; a median would use less of the data


def effects(baseline: Sequence[Record], candidate: Sequence[Record]) -> Effects:
    """The log effects of each pair, for every cell and compared metric with at least two interleaved pairs.

    The log effect of a pair is the logarithm of the ratio of their fastest calls or of their slices, whichever has the
    smaller error in that block. Only slices that both processes ran are used. A process that was timed alone is left
    out.
    """
    before, after = _blocks(baseline), _blocks(candidate)
    found: Effects = {}
    for cell, sides in before.items():
        others = after.get(cell, {})
        both = [turn for turn in sides if turn in others]
        for metric in METRICS.values():
            if metric.compared and cell.scenario in metric.scenarios:
                values = [_effect(sides[turn], others[turn], metric.samples) for turn in both]  # type: ignore[arg-type]
                known = tuple(value for value in values if math.isfinite(value))
                if len(known) >= LEAST_PAIRS:
                    found[cell, metric.name] = known
    return found


def _blocks(records: Sequence[Record]) -> Mapping[Cell, Mapping[tuple[str, int], Block]]:
    """The interleaved blocks of each cell, by session and replicate."""
    found: dict[Cell, dict[tuple[str, int], Block]] = {}
    for record, cell, block in timed(records):
        if block.turns is not None:
            found.setdefault(cell, {})[block.turns.session, record.case.replicate] = block
    return found


def _effect(baseline: Block, candidate: Block, samples: Samples) -> float:
    """The log effect of a pair; NaN if the two did not run the same slices, or too few of them."""
    size, other = _in_a_turn(baseline, samples), _in_a_turn(candidate, samples)
    before, after = (np.asarray(getattr(block, samples), dtype=float) for block in (baseline, candidate))
    both = min(len(before), len(after)) // size
    if size != other or baseline.iterations_per_round != candidate.iterations_per_round or both < LEAST_TURNS:
        return math.nan
    turns = [times[: both * size].reshape(both, size) for times in (before, after)]
    if min(times.min() for times in turns) <= 0:
        return math.nan
    return surest(*turns)[0]


def surest(*sides: np.ndarray) -> tuple[float, float]:
    """The level of one side, or the effect between two sides, on the log scale, with its standard error.

    A side has a row for each slice and a time in each column, all above zero. Of three estimates, the one with the
    smallest error is returned: the fastest calls (if there are enough), or slice by slice the fastest call or the
    median.
    """
    by_turns = (_turn_by_turn(_quickest), _turn_by_turn(_median))
    return best_estimate((_of_quickest, *by_turns) if sides[0].size >= ENOUGH_FOR_QUICKEST else by_turns, *sides)


def _of_quickest(*sides: np.ndarray) -> float:
    return float(_effect_or_level([np.log(np.percentile(side, UNDISTURBED)) for side in sides]))


def _turn_by_turn(of_each: Callable[[np.ndarray], np.ndarray]) -> Callable[..., float]:
    """The mean over the middle half of the slices."""
    from scipy.stats import trim_mean  # half a second to import, needed only for interleaved blocks

    return lambda *sides: float(trim_mean(_effect_or_level([np.log(of_each(side)) for side in sides]), OUTSIDE))


def _quickest(turns: np.ndarray) -> np.ndarray:
    return np.asarray(turns.min(axis=1))


def _median(turns: np.ndarray) -> np.ndarray:
    return np.asarray(np.median(turns, axis=1))


def _effect_or_level(levels: Sequence[np.ndarray]) -> np.ndarray:
    return levels[0] if len(levels) == 1 else levels[1] - levels[0]


def _in_a_turn(block: Block, samples: Samples) -> int:
    """How many times of a block belong to one slice."""
    turns = block.turns
    if turns is None:
        return 1
    return turns.synchronised_calls if samples == "synchronised_ns" else turns.pipelined_rounds
