"""Baseline against candidate: for each cell and metric a ratio of times, its interval, and one of four verdicts."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bench.analysis import paired, statistics, weighed
from bench.analysis.comparable import Differences, differences, newly_failed
from bench.analysis.statistics import Noise, Sample, Spread
from bench.analysis.weighed import Change, Verdict
from bench.metrics import METRICS, Cell, timed_blocks, value
from bench.record import Block, Record

Times = Mapping[tuple[Cell, str], tuple[float, ...]]
Spreads = Mapping[tuple[Cell, str], Spread]

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison: seconds on both sides, candidate over baseline with its interval, verdict and reason.

    Times are geometric means over processes. What cannot be computed is not a number, and the verdict inconclusive.
    """

    cell: Cell
    metric: str
    baseline_s: float
    candidate_s: float
    ratio: float
    low: float
    high: float
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What all rows have in common: the ratio of geometric means over all of them, its interval, and a verdict."""

    ratio: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The rows, what they have in common (None with a single one), and the noise that both rest on."""

    rows: tuple[Row, ...]
    common: Common | None
    noise: Noise | None
    detectable_ratio: float | None
    in_turns: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side.

    `in_turns` says whether all processes were timed in turns, so that pairs of them are compared. `noise_percent` is
    the pooled standard deviation of their log ratios, or else of process medians inside a run, `drift_percent` what
    runs differ by beyond it, `detectable_ratio` the smallest slowdown that a cell of that noise shows in four of five
    comparisons. `common` is what all rows share: a slowdown of everything shows there first. None where unknown.
    `changes` are peaks of memory and metrics of quality; `counts` are the verdicts of rows, the exit code minds both.
    """

    rows: tuple[Row, ...]
    changes: tuple[Change, ...]
    threshold: float
    confidence: float
    in_turns: bool
    noise_percent: float | None
    drift_percent: float | None
    detectable_ratio: float | None
    common: Common | None
    only_in_baseline: tuple[Cell, ...]
    only_in_candidate: tuple[Cell, ...]
    not_comparable: tuple[str, ...]
    newly_failed: tuple[str, ...]
    counts: dict[Verdict, int]
    exit_code: int


def compare(
    baseline: Sequence[Record],
    candidate: Sequence[Record],
    *,
    threshold: float,
    confidence: float = CONFIDENCE,
    calibration: Spreads = MappingProxyType({}),
) -> Comparison:
    """Every cell and compared metric of two runs, with the exit code that says it in one number.

    `calibration` is how far the processes of these cells were apart when the machine was measured against itself.

    A slowdown counts as regressed when the ratio is above 1 + `threshold` and the interval, corrected for the number of
    comparisons, lies above 1; improved is its mirror. Unchanged means that this cell's own interval, not corrected,
    stays within the threshold. Everything else is inconclusive. All cells together are judged alike, and take half of
    the error that is allowed; they count for a regression alone.
    """
    found = differences(baseline, candidate)
    before, after = timed_blocks(baseline), timed_blocks(candidate)
    common = [cell for cell in before if cell in after and not found.excludes(cell)]
    sides = times(before, common), times(after, common)
    in_turns = paired.effects(baseline, candidate)
    judged = judge(*sides, threshold=threshold, confidence=confidence, calibration=calibration, in_turns=in_turns)
    rows = judged.rows
    failed = newly_failed(baseline, candidate)
    changes = _changes(baseline, candidate, found)
    counts = Counter(row.verdict for row in rows)
    verdicts = counts + Counter(item.verdict for item in changes)
    return Comparison(
        rows=rows,
        changes=changes,
        threshold=threshold,
        confidence=confidence,
        in_turns=judged.in_turns,
        noise_percent=None if judged.noise is None else 100 * math.expm1(math.sqrt(judged.noise.pooled.variance)),
        drift_percent=None if judged.noise is None else 100 * math.expm1(math.sqrt(judged.noise.drift)),
        detectable_ratio=judged.detectable_ratio,
        common=judged.common,
        only_in_baseline=tuple(cell for cell in before if cell not in after),
        only_in_candidate=tuple(cell for cell in after if cell not in before),
        not_comparable=found.reasons,
        newly_failed=failed,
        counts=dict(counts),
        exit_code=_exit_code(verdicts, judged.common, not_comparable=found.reasons, newly_failed=failed),
    )


def _changes(baseline: Sequence[Record], candidate: Sequence[Record], found: Differences) -> tuple[Change, ...]:
    changes = (*weighed.memory(baseline, candidate), *weighed.quality(baseline, candidate))
    return tuple(item for item in changes if not found.excludes(item.cell))


def judge(  # noqa: PLR0913 (what verdicts rest on)
    baseline: Times,
    candidate: Times,
    *,
    threshold: float,
    confidence: float = CONFIDENCE,
    calibration: Spreads = MappingProxyType({}),
    in_turns: Mapping[tuple[Cell, str], tuple[float, ...]] = MappingProxyType({}),
) -> Judgement:
    """One row for each key of both sides, all of them together, and the noise that was estimated over all.

    `in_turns` are the log effects of pairs of processes that were timed in turns. Where every usable key has at least
    two, they decide; a calibration, which is about processes that run by themselves, then says nothing.
    """
    pairs = {key: (times, candidate[key]) for key, times in baseline.items() if key in candidate}
    usable = {key: pair for key, pair in pairs.items() if all(statistics.usable(side) for side in pair)}
    paired_up = bool(usable) and all(len(in_turns.get(key, ())) > 1 for key in usable)
    if paired_up:
        samples = {key: statistics.paired_sample(in_turns[key]) for key in usable}
        others = []
    else:
        samples = {key: statistics.sample(*pair) for key, pair in usable.items()}
        others = [calibration[key] for key in pairs if key in calibration]
    known = statistics.noise(list(samples.values()), others=others, in_turns=paired_up)
    comparisons = 2 * len(pairs) if len(usable) > 1 else len(pairs)
    rule = _Rule(threshold=threshold, confidence=confidence, comparisons=comparisons)
    rows = tuple(_row(key, pair, samples.get(key), known, rule) for key, pair in pairs.items())
    common = None
    if known is not None and len(usable) > 1:
        shared = statistics.common_interval(
            statistics.common_paired_sample([in_turns[key] for key in usable])
            if paired_up
            else statistics.common_sample(list(usable.values())),
            known=known,
            confidence=confidence,
            comparisons=2,
        )
        ratio, low, high = (math.exp(bound) for bound in (shared.effect, shared.low, shared.high))
        verdict = _verdict(ratio, (low, high), (low, high), threshold=threshold)
        common = Common(ratio=ratio, low=low, high=high, verdict=verdict)
    return Judgement(
        rows=rows, common=common, noise=known, detectable_ratio=_detectable(samples, known, rule), in_turns=paired_up
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """What a verdict needs, and among how many."""

    threshold: float
    confidence: float
    comparisons: int


def _detectable(samples: Mapping[tuple[Cell, str], Sample], known: Noise | None, rule: _Rule) -> float | None:
    """What a cell with the least processes of all would show."""
    if known is None:
        return None
    least = max(samples.values(), key=lambda item: item.share)
    return statistics.detectable_ratio(
        known,
        like=least,
        confidence=rule.confidence,
        comparisons=rule.comparisons,
    )


def _row(
    key: tuple[Cell, str],
    pair: tuple[tuple[float, ...], tuple[float, ...]],
    sample: Sample | None,
    known: Noise | None,
    rule: _Rule,
) -> Row:
    before, after = pair
    reason = _not_computable(pair, known)
    if known is None or sample is None or reason:
        ratio = low = high = math.nan
        verdict: Verdict = "inconclusive"
    else:
        corrected = statistics.interval(sample, known=known, confidence=rule.confidence, comparisons=rule.comparisons)
        own = statistics.interval(sample, known=known, confidence=rule.confidence)
        ratio, low, high = (math.exp(bound) for bound in (corrected.effect, corrected.low, corrected.high))
        verdict = _verdict(ratio, (low, high), (math.exp(own.low), math.exp(own.high)), threshold=rule.threshold)
    return Row(
        cell=key[0],
        metric=key[1],
        baseline_s=_geometric_mean(before),
        candidate_s=_geometric_mean(after),
        ratio=ratio,
        low=low,
        high=high,
        verdict=verdict,
        reason=reason,
    )


def _verdict(ratio: float, corrected: tuple[float, float], own: tuple[float, float], *, threshold: float) -> Verdict:
    if ratio > 1 + threshold and corrected[0] > 1:
        return "regressed"
    if ratio < 1 / (1 + threshold) and corrected[1] < 1:
        return "improved"
    if own[0] >= 1 / (1 + threshold) and own[1] <= 1 + threshold:
        return "unchanged"
    return "inconclusive"


def _not_computable(pair: tuple[tuple[float, ...], tuple[float, ...]], known: Noise | None) -> str:
    for side, times in zip(("baseline", "candidate"), pair, strict=True):
        if len(times) < 2:  # noqa: PLR2004 (one process says nothing about noise)
            return f"{len(times)} process in the {side}; two at least are needed"
        if not statistics.usable(times):
            return f"a time in the {side} is missing or not above zero"
    return "" if known else "no time varies, so the noise is unknown"


def _geometric_mean(times: tuple[float, ...]) -> float:
    positive = bool(times) and all(time > 0 for time in times)
    return math.exp(math.fsum(map(math.log, times)) / len(times)) if positive else math.nan


def times(blocks: Mapping[Cell, Sequence[Block]], common: Sequence[Cell]) -> Times:
    """The process values of every compared metric; a value that a process does not have is not a number."""
    return {
        (cell, metric.name): tuple(value(metric, block) or math.nan for block in blocks[cell])
        for cell in common
        for metric in METRICS.values()
        if metric.compared and cell.scenario in metric.scenarios
    }


def _exit_code(
    counts: Counter[Verdict], common: Common | None, *, not_comparable: Sequence[str], newly_failed: Sequence[str]
) -> int:
    """The first that holds of 5, 3, 1, 6, 4, 0."""
    holds = {
        5: bool(not_comparable),
        3: counts["regressed"] > 0 or (common is not None and common.verdict == "regressed"),
        1: bool(newly_failed),
        6: not counts,
        4: counts["inconclusive"] > 0,
    }
    return next((code for code, true in holds.items() if true), 0)
