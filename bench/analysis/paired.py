"""Blocks that two processes timed in turns, in one stretch of time: their ratio, whatever the machine did to both.

What disturbs only ever adds. Where it comes and goes, the quickest calls of both sides show what their code takes, and
what else a call may take plays no part. Where every call takes another time, as with threads that wait for each other,
the quickest of them are a matter of luck: then each turn is held against its neighbour's, by its quickest call or by
its median. Which of these is surest, differs from code to code and from hour to hour; the block itself tells.
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
ENOUGH_FOR_QUICKEST = 100 // UNDISTURBED  # fewer calls have but one among them, which is no quantile
OUTSIDE = 0.25  # of the turns on either side, which have no part in the mean: a median uses less of what is known


def effects(baseline: Sequence[Record], candidate: Sequence[Record]) -> Effects:
    """The log effects of every cell and compared metric of which two processes at least were timed in turns, by pair.

    Of one pair it is the logarithm of the ratio of their quickest calls, or of their turns, in the turns that both had:
    whichever is the surer in that block. A process that was timed alone has no part in it.
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
    """The blocks of each cell that were timed in turns, by session and replicate."""
    found: dict[Cell, dict[tuple[str, int], Block]] = {}
    for record, cell, block in timed(records):
        if block.turns is not None:
            found.setdefault(cell, {})[block.turns.session, record.case.replicate] = block
    return found


def _effect(baseline: Block, candidate: Block, samples: Samples) -> float:
    """Not a number where the two did not have the same turns, or too few of them."""
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
    """The level of one side, or the effect between two, on the log scale, with its standard error.

    A side has a row for each turn and a time in each column, all above zero. It is whatever is surest of itself: by the
    quickest calls, where there are enough, or turn by turn, by the quickest or the median of each.
    """
    by_turns = (_turn_by_turn(_quickest), _turn_by_turn(_median))
    return best_estimate((_of_quickest, *by_turns) if sides[0].size >= ENOUGH_FOR_QUICKEST else by_turns, *sides)


def _of_quickest(*sides: np.ndarray) -> float:
    return float(_effect_or_level([np.log(np.percentile(side, UNDISTURBED)) for side in sides]))


def _turn_by_turn(of_each: Callable[[np.ndarray], np.ndarray]) -> Callable[..., float]:
    """The mean over the middle half of the turns."""
    from scipy.stats import trim_mean  # half a second, which only what has turns pays

    return lambda *sides: float(trim_mean(_effect_or_level([np.log(of_each(side)) for side in sides]), OUTSIDE))


def _quickest(turns: np.ndarray) -> np.ndarray:
    return np.asarray(turns.min(axis=1))


def _median(turns: np.ndarray) -> np.ndarray:
    return np.asarray(np.median(turns, axis=1))


def _effect_or_level(levels: Sequence[np.ndarray]) -> np.ndarray:
    return levels[0] if len(levels) == 1 else levels[1] - levels[0]


def _in_a_turn(block: Block, samples: Samples) -> int:
    """How many times of a block belong to one turn."""
    turns = block.turns
    if turns is None:
        return 1
    return turns.synchronised_calls if samples == "synchronised_ns" else turns.pipelined_rounds
