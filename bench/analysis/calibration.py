"""A machine compared with itself: noise between processes, false alarms, and the smallest detectable change.

Both sides run the same code (A/A test), and their processes are timed in interleaved pairs. Five pairs of every cell
make one comparison; no pair is used twice.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from bench.analysis import paired, statistics
from bench.analysis.comparable import how
from bench.analysis.compare import times
from bench.analysis.self_check import SIDE
from bench.analysis.statistics import Spread
from bench.analysis.verdicts import CONFIDENCE, Key, Spreads, Times, Verdicts, judge
from bench.errors import BenchError, UsageError, expected, key_name
from bench.records.cell import Cell
from bench.records.record import Record
from bench.records.timing_metrics import timed_blocks

PLANTED = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`found` of `of` cases; `low` and `high` are one-sided 95 % bounds of the share (Clopper and Pearson 1934)."""

    found: int
    of: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The spread of the processes of one cell in one metric: a variance of logarithms and its degrees of freedom."""

    cell: Cell
    metric: str
    variance: float
    degrees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The noise of a machine.

    - `within_percent`: half the 95 % interval of the median within a process, relative to the median; the median over
      blocks.
    - `between_percent`: the pooled standard deviation of process medians; `known` has the variances behind it. None if
      every run has a single pair.
    - `pair_percent`: the pooled standard deviation of the ratios of interleaved pairs.
    - `alarms`, `inconclusive`: the rates of these verdicts at `threshold`, in all `comparisons` of equal sides.
    - `slowdowns`, `speedups`: how often the right verdict is found when one cell is made slower or faster by a tenth.

    The rows of one comparison come from the same minutes. So the bounds of the rates are too narrow if the machine
    drifts.
    """

    machine: str
    run: str
    when: str
    threshold: float
    pairs: int
    comparisons: int
    within_percent: float
    between_percent: float | None
    pair_percent: float
    detectable_ratio: float
    alarms: Rate
    inconclusive: Rate
    slowdowns: Rate
    speedups: Rate
    known: tuple[Known, ...]

    def spreads(self) -> dict[tuple[Cell, str], Spread]:
        """The variances by cell and metric."""
        return {(item.cell, item.metric): Spread(variance=item.variance, degrees=item.degrees) for item in self.known}


def calibrate(baseline: Sequence[Record], candidate: Sequence[Record], *, threshold: float) -> Calibration:
    """The noise of a machine from two interleaved runs of the same code.

    Each side may consist of several consecutive runs. A cell with fewer pairs, because a process failed or was timed
    alone, is part of fewer comparisons. Raises UsageError if no cell has five pairs, or if the sides differ in machine
    or sources.
    """
    _check_equal(baseline, candidate)
    ordered = [sorted(side, key=lambda record: record.run) for side in (baseline, candidate)]
    in_turns = paired.effects(*ordered)
    pairs = max(map(len, in_turns.values()), default=0)
    if pairs < SIDE:
        raise UsageError(
            f"found {pairs} pairs of processes for a cell, expected at least {SIDE}, which make one comparison"
        )
    blocks = [timed_blocks(side) for side in ordered]
    before, after = ({key: times(side, [key[0]])[key] for key in in_turns} for side in blocks)
    windows = [_window(before, after, in_turns, start) for start in range(0, pairs - SIDE + 1, SIDE)]
    samples = [statistics.paired_sample(effects) for window in windows for effects in window.in_turns.values()]
    noise = statistics.noise(samples, in_turns=True)
    if noise is None:
        raise UsageError(
            "found equal times everywhere, expected times that vary: the clock is too coarse for these calls"
        )
    judged = [window.judged(threshold) for window in windows]
    verdicts = [row.verdict for item in judged for row in item.rows]
    verdicts += [item.common.verdict for item in judged if item.common is not None]
    spreads = _inside_runs(ordered, in_turns)
    return Calibration(
        machine=ordered[0][0].environment.machine,
        run=ordered[0][0].run,
        when=ordered[0][0].started,
        threshold=threshold,
        pairs=pairs,
        comparisons=len(windows),
        within_percent=100 * _within([*baseline, *candidate]),
        between_percent=_percent(_mean_variance(spreads)) if spreads else None,
        pair_percent=_percent(noise.pooled.variance),
        detectable_ratio=statistics.detectable_ratio(
            noise, like=samples[0], confidence=CONFIDENCE, comparisons=2 * len(in_turns)
        ),
        alarms=_rate(verdicts.count("regressed") + verdicts.count("improved"), len(verdicts)),
        inconclusive=_rate(verdicts.count("inconclusive"), len(verdicts)),
        slowdowns=_planted(windows, PLANTED, "regressed", threshold=threshold),
        speedups=_planted(windows, 1 / PLANTED, "improved", threshold=threshold),
        known=tuple(
            Known(cell=cell, metric=metric, variance=spread.variance, degrees=spread.degrees)
            for (cell, metric), spread in spreads.items()
        ),
    )


def _inside_runs(sides: Sequence[Sequence[Record]], keys: Iterable[Key]) -> dict[Key, Spread]:
    """The spread of processes within one run of one side, pooled over all runs; it excludes drift between runs."""
    runs = [
        timed_blocks(record for record in side if record.run == run)
        for side in sides
        for run in dict.fromkeys(record.run for record in side)
    ]
    found = {}
    for cell, metric in keys:
        groups = [times(blocks, [cell])[cell, metric] for blocks in runs if cell in blocks]
        several = [group for group in groups if len(group) > 1]
        if several:
            found[cell, metric] = statistics.within_runs(*several)
    return found


def _check_equal(baseline: Sequence[Record], candidate: Sequence[Record]) -> None:
    """Raise UsageError if the sides differ in machine, code or versions."""
    machines = sorted({record.environment.machine for record in (*baseline, *candidate)})
    if len(machines) > 1:
        raise UsageError(f"found records of {', '.join(machines)}, expected one machine")
    if any("planted" in record.settings for record in (*baseline, *candidate)):
        raise UsageError("found a run with an injected change (--inject), expected runs without it on both sides")
    for name in sorted({record.case.contender for record in baseline}):
        before, after = (
            {how(record) for record in side if record.case.contender == name} for side in (baseline, candidate)
        )
        if before != after:
            raise UsageError(f"found two sides with different sources or versions of {name}, expected the same on both")


def from_json(content: Mapping[str, Any]) -> Calibration:
    """A stored calibration; raises BenchError if this version cannot read it."""
    try:
        return TypeAdapter(Calibration).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise BenchError(
            f"calibration: {key_name(first['loc'])}: found no valid value, expected {expected(first)}; "
            "run `levelfield doctor --calibrate` again"
        ) from None


def spreads_in(content: Mapping[str, Any] | None) -> Spreads:
    """The spread of the processes of each cell, from a stored calibration; empty where there is none."""
    return {} if content is None else from_json(content).spreads()


def noise_in(content: Mapping[str, Any] | None, *, machine: str) -> dict[str, float]:
    """By machine how far its processes differ, in percent, from a stored calibration; empty where it is not known."""
    percent = None if content is None else from_json(content).between_percent
    return {} if percent is None else {machine: percent}


@dataclass(frozen=True, slots=True)
class _Window:
    """Five pairs of every cell: the times of both sides, and the log effects of these pairs."""

    before: Times
    after: Times
    in_turns: Times

    def judged(self, threshold: float) -> Verdicts:
        """The verdicts of a comparison of these pairs."""
        return judge(self.before, self.after, threshold=threshold, in_turns=self.in_turns)

    def slower(self, cell: Cell, factor: float) -> "_Window":
        """The same pairs, but one cell of the candidate takes `factor` times as long."""
        shifted = {
            key: tuple(effect + math.log(factor) for effect in effects) if key[0] == cell else effects
            for key, effects in self.in_turns.items()
        }
        return _Window(self.before, self.after, shifted)


def _window(before: Times, after: Times, in_turns: Times, start: int) -> _Window:
    """The five pairs from number `start` on, without the cells that have fewer than five pairs left."""
    part = slice(start, start + SIDE)
    effects = {key: values[part] for key, values in in_turns.items() if len(values) >= start + SIDE}
    # The times only show whether a cell can be judged at all, so they may come from other pairs.
    first, second = ({key: side[key][:SIDE] for key in effects} for side in (before, after))
    return _Window(first, second, effects)


def _planted(windows: Sequence[_Window], factor: float, verdict: str, *, threshold: float) -> Rate:
    """How often the verdict is found when one cell is changed, for every cell in turn."""
    hits = tried = 0
    for window in windows:
        for cell in dict.fromkeys(cell for cell, _ in window.in_turns):
            rows = window.slower(cell, factor).judged(threshold).rows
            hits += any(row.verdict == verdict for row in rows if row.cell == cell)
            tried += 1
    return _rate(hits, tried)


def _mean_variance(spreads: Mapping[Key, Spread]) -> float:
    return float(np.mean([spread.variance for spread in spreads.values()]))


def _percent(variance: float) -> float:
    """The standard deviation for a variance of logarithms, as a percentage."""
    return 100 * math.expm1(math.sqrt(variance))


def _rate(found: int, of: int) -> Rate:
    from scipy.stats import binomtest

    # A two-sided 90 % interval has one-sided 95 % bounds.
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
