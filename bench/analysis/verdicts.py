"""One verdict for each cell and metric, by interleaved pairs of processes, or else by process medians."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType

from bench.analysis import statistics
from bench.analysis.memory_and_quality import Verdict
from bench.analysis.statistics import Noise, Sample, Spread
from bench.records.cell import Cell

Key = tuple[Cell, str]
Times = Mapping[Key, tuple[float, ...]]
Spreads = Mapping[Key, Spread]

CONFIDENCE = 0.95
TIMED_ALONE = "not timed in interleaved pairs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison: the seconds of both sides, candidate / baseline with its interval, verdict and reason.

    `candidate_s` / `baseline_s` is the ratio. Both are geometric means over processes; of interleaved pairs only the
    baseline is, and the candidate is the baseline's time × the ratio, which comes from the pairs. Values that cannot be
    computed are NaN, and the verdict is inconclusive. With one process on a side there is a ratio, but no interval.
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
    """All rows together: the ratio of geometric means, its interval, and a verdict."""

    ratio: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """The rows, all rows together (None for a single row), and the noise that the verdicts are based on."""

    rows: tuple[Row, ...]
    common: Common | None
    noise: Noise | None
    detectable_ratio: float | None
    in_turns: bool


def judge(  # noqa: PLR0913 (the inputs of a verdict)
    baseline: Times,
    candidate: Times,
    *,
    threshold: float,
    confidence: float = CONFIDENCE,
    calibration: Spreads = MappingProxyType({}),
    in_turns: Times = MappingProxyType({}),
) -> Verdicts:
    """One row for each key that both sides have, all rows together, and the noise that was estimated over all.

    `in_turns` are the log effects of interleaved pairs of processes. A key that has some gets its verdict from them,
    without the calibration, which is about processes that run alone. Other keys get their verdict from process medians
    and the noise of these. If there are keys of both kinds, the noise and all rows together are those of the pairs.
    """
    pairs = {key: (times, candidate[key]) for key, times in baseline.items() if key in candidate}
    usable = {key: pair for key, pair in pairs.items() if all(statistics.usable(side) for side in pair)}
    effects = {key: in_turns[key] for key in usable if key in in_turns}
    alone = {key: pair for key, pair in usable.items() if key not in effects}
    comparisons = 2 * len(pairs) if len(usable) > 1 else len(pairs)
    rule = _Rule(threshold=threshold, confidence=confidence, comparisons=comparisons)
    others = [calibration[key] for key in pairs if key in calibration and key not in effects]
    by_medians = _kind({key: statistics.sample(*pair) for key, pair in alone.items()}, others=others)
    by_pairs = _kind({key: statistics.paired_sample(found) for key, found in effects.items()}, in_turns=True)
    speaking = by_pairs if effects else by_medians
    shared = None
    if len(effects) > 1:
        shared = statistics.common_paired_sample(list(effects.values()))
    elif not effects and len(alone) > 1:
        shared = statistics.common_sample(list(alone.values()))
    return Verdicts(
        rows=tuple(
            _row(key, pair, by_pairs, rule, reason="")
            if key in effects
            else _row(key, pair, by_medians, rule, reason=TIMED_ALONE if effects else "")
            for key, pair in pairs.items()
        ),
        common=_common(shared, speaking.noise, rule),
        noise=speaking.noise,
        detectable_ratio=_detectable(speaking, rule),
        in_turns=bool(effects),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """The cells whose verdicts are based on pairs, or on medians, and their noise."""

    samples: Mapping[Key, Sample]
    noise: Noise | None


def _kind(samples: Mapping[Key, Sample], *, others: Sequence[Spread] = (), in_turns: bool = False) -> _Kind:
    noise = statistics.noise(list(samples.values()), others=others, in_turns=in_turns)
    return _Kind(samples=samples, noise=noise)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """The threshold and the confidence of a verdict, and the number of comparisons."""

    threshold: float
    confidence: float
    comparisons: int


def _common(shared: Sample | None, known: Noise | None, rule: _Rule) -> Common | None:
    """The verdict on all cells together, which uses half of the allowed error rate."""
    if known is None or shared is None:
        return None
    found = statistics.common_interval(shared, known=known, confidence=rule.confidence, comparisons=2)
    ratio, low, high = (math.exp(bound) for bound in (found.effect, found.low, found.high))
    verdict = _verdict(ratio, (low, high), (low, high), threshold=rule.threshold)
    return Common(ratio=ratio, low=low, high=high, verdict=verdict)


def _detectable(kind: _Kind, rule: _Rule) -> float | None:
    """The detectable ratio of a cell with the fewest processes."""
    if kind.noise is None:
        return None
    least = max(kind.samples.values(), key=lambda item: item.share)
    return statistics.detectable_ratio(kind.noise, like=least, confidence=rule.confidence, comparisons=rule.comparisons)


def _row(key: Key, pair: tuple[tuple[float, ...], tuple[float, ...]], kind: _Kind, rule: _Rule, *, reason: str) -> Row:
    """The row of one key; `reason` is stated unless a value cannot be computed, which has a reason of its own."""
    before, after = map(_geometric_mean, pair)
    sample, known = kind.samples.get(key), kind.noise
    lacking = _not_computable(pair, known)
    ratio, low, high = after / before, math.nan, math.nan
    verdict: Verdict = "inconclusive"
    if known is not None and sample is not None and not lacking:
        corrected = statistics.interval(sample, known=known, confidence=rule.confidence, comparisons=rule.comparisons)
        own = statistics.interval(sample, known=known, confidence=rule.confidence)
        ratio, low, high = (math.exp(bound) for bound in (corrected.effect, corrected.low, corrected.high))
        verdict = _verdict(ratio, (low, high), (math.exp(own.low), math.exp(own.high)), threshold=rule.threshold)
    return Row(
        cell=key[0],
        metric=key[1],
        baseline_s=before,
        candidate_s=before * ratio,
        ratio=ratio,
        low=low,
        high=high,
        verdict=verdict,
        reason=lacking or reason,
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
        if len(times) < 2:  # noqa: PLR2004 (a single process has no noise)
            return f"{len(times)} process in the {side}, at least two are needed"
        if not statistics.usable(times):
            return f"a time of the {side} is missing or not above zero"
    return "" if known else "all times are equal, so the noise is unknown"


def _geometric_mean(times: tuple[float, ...]) -> float:
    """The mean whose ratios are the ratios of log effects; NaN if a time is not above zero."""
    return math.exp(fmean(map(math.log, times))) if times and min(times) > 0 else math.nan
