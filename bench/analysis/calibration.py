"""A machine against itself: how far its processes are apart, how often a comparison cries wolf, and what it would find.

All sides are of the same code (A/A). Ten processes of every cell make one comparison of five with five, taken in turns
(ABBA), so that a slow drift of the machine is on both sides; processes are never used twice.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from bench.analysis import statistics
from bench.analysis.compare import CONFIDENCE, Spreads, Times, judge, times
from bench.analysis.sides import SIDE, is_baseline
from bench.analysis.statistics import Spread
from bench.errors import BenchError, UsageError
from bench.metrics import Cell, timed_blocks
from bench.record import Record

PLANTED = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many of how many; `low` and `high` are 95 % bounds, each by itself (Clopper and Pearson 1934)."""

    found: int
    of: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """How far the processes of one cell are apart in one metric: a variance of logarithms and its degrees."""

    cell: Cell
    metric: str
    variance: float
    degrees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What is known about a machine's noise.

    `within_percent` is half the 95 % interval of a median inside a process over that median (the median over blocks),
    `between_percent` the pooled standard deviation of process medians; `known` are the variances behind it. Rates are
    those of verdicts at `threshold` in so many `comparisons` of two sides: `alarms` and `inconclusive` ones between
    equal sides, `slowdowns` and `speedups` where the times of one cell were made longer or shorter by a tenth. Rows of
    one comparison share a moment of the machine, so that the bounds of the rates are too narrow where it drifts.
    """

    machine: str
    run: str
    when: str
    threshold: float
    processes: int
    comparisons: int
    within_percent: float
    between_percent: float
    detectable_ratio: float
    alarms: Rate
    inconclusive: Rate
    slowdowns: Rate
    speedups: Rate
    known: tuple[Known, ...]

    def spreads(self) -> dict[tuple[Cell, str], Spread]:
        """The variances by cell and metric."""
        return {(item.cell, item.metric): Spread(variance=item.variance, degrees=item.degrees) for item in self.known}


def calibrate(records: Sequence[Record], *, threshold: float) -> Calibration:
    """What a run with at least ten processes for every cell says of its machine; raises UsageError with fewer."""
    ordered = sorted(records, key=lambda record: record.order)
    blocks = timed_blocks(ordered)
    found = times(blocks, list(blocks))
    processes = min(map(len, found.values()), default=0)
    if processes < 2 * SIDE:
        raise UsageError(f"found {processes} processes for a cell, expected at least {2 * SIDE}: two sides of {SIDE}")
    sides = list(_sides(found, processes))
    usable = {key: values for key, values in found.items() if statistics.usable(values)}
    spreads = {key: statistics.within_runs(values) for key, values in usable.items()}
    samples = [statistics.sample(before[key], after[key]) for before, after in sides for key in usable]
    noise = statistics.noise(samples)
    if noise is None:
        raise UsageError("found no time that varies, expected a clock that is finer than what is timed")
    judged = [judge(*side, threshold=threshold, calibration=spreads) for side in sides]
    verdicts = [row.verdict for item in judged for row in item.rows]
    verdicts += [item.common.verdict for item in judged if item.common is not None]
    return Calibration(
        machine=ordered[0].environment.machine,
        run=ordered[0].run,
        when=ordered[0].started,
        threshold=threshold,
        processes=processes,
        comparisons=len(sides),
        within_percent=100 * _within(records),
        between_percent=100 * math.expm1(math.sqrt(noise.pooled.variance)),
        detectable_ratio=statistics.detectable_ratio(
            noise, like=samples[0], confidence=CONFIDENCE, comparisons=2 * len(found)
        ),
        alarms=_rate(verdicts.count("regressed") + verdicts.count("improved"), len(verdicts)),
        inconclusive=_rate(verdicts.count("inconclusive"), len(verdicts)),
        slowdowns=_planted(sides, PLANTED, "regressed", threshold=threshold, spreads=spreads),
        speedups=_planted(sides, 1 / PLANTED, "improved", threshold=threshold, spreads=spreads),
        known=tuple(
            Known(cell=cell, metric=metric, variance=spread.variance, degrees=spread.degrees)
            for (cell, metric), spread in spreads.items()
        ),
    )


def from_json(content: Mapping[str, Any]) -> Calibration:
    """A calibration that was stored; raises BenchError where it is none of this version."""
    try:
        return TypeAdapter(Calibration).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise BenchError(
            f"calibration: {key}: found {first['input']!r}, expected {first['msg']}; calibrate again"
        ) from None


def _sides(found: Times, processes: int) -> Iterator[tuple[Times, Times]]:
    """Two sides of five, again and again, as long as there are processes."""
    for start in range(0, processes - 2 * SIDE + 1, 2 * SIDE):
        numbers = range(start, start + 2 * SIDE)
        first = [number for number in numbers if is_baseline(number - start)]
        second = [number for number in numbers if number not in first]
        before, after = (
            {key: tuple(values[number] for number in side) for key, values in found.items()} for side in (first, second)
        )
        yield before, after


def _planted(
    sides: Sequence[tuple[Times, Times]], factor: float, verdict: str, *, threshold: float, spreads: Spreads
) -> Rate:
    """How often a change of one cell among all is found, for every cell in turn."""
    hits = tried = 0
    for before, after in sides:
        for cell in dict.fromkeys(cell for cell, _ in after):
            changed = {key: _scaled(values, factor) if key[0] == cell else values for key, values in after.items()}
            rows = judge(before, changed, threshold=threshold, calibration=spreads).rows
            hits += any(row.verdict == verdict for row in rows if row.cell == cell)
            tried += 1
    return _rate(hits, tried)


def _scaled(values: Sequence[float], factor: float) -> tuple[float, ...]:
    return tuple(value * factor for value in values)


def _rate(found: int, of: int) -> Rate:
    from scipy.stats import binomtest

    # An interval of 90 % has 5 % beyond each of its bounds.
    bounds = binomtest(found, of).proportion_ci(confidence_level=0.9, method="exact")
    return Rate(found=found, of=of, low=float(bounds.low), high=float(bounds.high))


def _within(records: Sequence[Record]) -> float:
    shares = []
    for record in records:
        for block in record.measurement.blocks:
            bounds = statistics.median_interval(block.synchronised_ns)
            middle = float(np.median(block.synchronised_ns))
            if bounds is not None and middle > 0:
                shares.append((bounds[1] - bounds[0]) / 2 / middle)
    return float(np.median(shares)) if shares else math.nan
