"""Noise of process medians on a log scale, pooled over many comparisons, and intervals that follow from it.

Three processes a side say little about the noise of one cell, and no rank test over them can ever be significant. All
cells together say much. So a variance is estimated inside each run of each cell, and what all of them have in common is
lent to each. Cells differ in noise, and the more they do, the less the others say about one: how many degrees of
freedom a cell may borrow follows from that spread. A cell noisier than that keeps its own variance: it may borrow
certainty, never quietness.

Smyth (2004), "Linear models and empirical Bayes methods for assessing differential expression", section 6.2: the
moderated t statistic. Tukey and McLaughlin (1963), "Less vulnerable confidence and significance procedures for location
based on a single sample": trimmed means with winsorised variances.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, ndtri, polygamma, stdtrit

# Of the pairs in turns, on either side. One in ten or so is far away from all others, now this way, now that: where the
# memory of a process lies and which cores it gets is decided once.
TRIMMED = 0.2
GROUPS = 10  # into which rows are dealt out, to see how an estimate depends on them
# A cell whose variance is below this part of the pooled one is taken as quantised, not as quieter than that.
LEAST_VARIANCE = 0.01
# Half the width of the shortest quarter of a normal sample is 0.3186 standard deviations.
SHORTEST_QUARTER_TO_SD = 1 / 0.3186
# With fewer than these, the spread of variances does not show how cells differ, nor that of ratios how runs drift.
LEAST_VARIANCES = 4
LEAST_RATIOS = 8
# What the shortest quarter of about 72 ratios is worth: a standard deviation known within 17 %.
DRIFT_DEGREES = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A variance of logarithms and the degrees of freedom behind it."""

    variance: float
    degrees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What is known about noise before a single cell is judged: all in squared natural logarithms.

    `pooled` is the mean variance inside runs, over all cells. `lent` is the variance that a cell may borrow, with the
    degrees of freedom that it is worth. `drift` is the variance between runs that the variance inside them does not
    explain.
    """

    pooled: Spread
    lent: Spread
    drift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is known of one cell: its log effect, a variance with its degrees, and the share of it that the effect has.

    The share is 1/n + 1/m for two groups of processes, and 1/n for n pairs of them.
    """

    effect: float
    spread: Spread
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An effect on the log scale between two bounds."""

    effect: float
    low: float
    high: float


def median_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float] | None:
    """An interval of the median by order statistics, whatever the distribution; None where there are too few values.

    Six are the fewest that have one of 95 %.
    """
    from scipy.stats import quantile_test  # half a second, which only what measures has already paid

    found: Any = quantile_test(values, p=0.5).confidence_interval(confidence_level=confidence)
    return (float(found.low), float(found.high)) if math.isfinite(found.low) and math.isfinite(found.high) else None


def best_estimate(estimators: Sequence[Callable[..., float]], *samples: np.ndarray) -> tuple[float, float]:
    """What the estimator that is surest of itself says of these samples, and its standard error.

    The samples go together row by row, in the order of time. Errors come from leaving out ten stretches of them in turn
    (the delete-a-group jackknife, Kott 2001): neighbouring rows are alike. Of errors that are equal the first estimator
    counts. There is at least one row; of a single one the error is not known (infinite).
    """
    rows = len(samples[0])
    groups = min(GROUPS, rows)
    group = np.arange(rows) * groups // rows
    found: list[tuple[float, float]] = []
    for estimate in estimators:
        error = math.inf
        if groups > 1:
            without = [estimate(*(sample[group != left_out] for sample in samples)) for left_out in range(groups)]
            error = math.sqrt((groups - 1) * float(np.var(without)))
        found.append((estimate(*samples), error))
    return min(found, key=lambda item: item[1])


def usable(times: Sequence[float]) -> bool:
    """Whether a variance can be had from the times: at least two, all of them finite and above zero."""
    return len(times) > 1 and all(math.isfinite(time) and time > 0 for time in times)


def log_effect(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """The logarithm of candidate over baseline, each by its geometric mean."""
    return float(np.mean(np.log(candidate)) - np.mean(np.log(baseline)))


def within_runs(*runs: Sequence[float]) -> Spread:
    """The variance of the logarithms inside each run, pooled over the runs of one cell."""
    logs = [np.log(run) for run in runs]
    degrees = sum(len(run) - 1 for run in runs)
    squares = sum(float(np.sum((log - log.mean()) ** 2)) for log in logs)
    return Spread(variance=squares / degrees, degrees=degrees)


def sample(baseline: Sequence[float], candidate: Sequence[float]) -> Sample:
    """Two groups of times, whose processes have nothing to do with each other."""
    return Sample(
        effect=log_effect(baseline, candidate),
        spread=within_runs(baseline, candidate),
        share=1 / len(baseline) + 1 / len(candidate),
    )


def paired_sample(effects: Sequence[float]) -> Sample:
    """The log effects of processes that were timed in turns, pair by pair; at least two.

    From five on, the effect is their trimmed mean, and the variance comes from their winsorised one: a pair that is far
    away from the others moves neither (Tukey and McLaughlin 1963). It is n times that of the trimmed mean.
    """
    ordered = np.sort(np.asarray(effects, dtype=float))
    cut = math.floor(TRIMMED * len(ordered))
    kept = ordered[cut : len(ordered) - cut]
    winsorised = np.clip(ordered, kept[0], kept[-1])
    squares = float(np.sum((winsorised - winsorised.mean()) ** 2))
    return Sample(
        effect=float(kept.mean()),
        spread=Spread(
            variance=len(ordered) * squares / (len(kept) * (len(kept) - 1)),
            degrees=len(kept) - 1,
        ),
        share=1 / len(ordered),
    )


def noise(samples: Sequence[Sample], *, others: Sequence[Spread] = (), in_turns: bool = False) -> Noise | None:
    """The noise over all samples; None where nothing varies, which tells nothing.

    `others` are spreads that are known from elsewhere, as from a calibration of the machine. What was timed in turns
    was so at one time, and nothing drifts between the sides.
    """
    spreads = [*(item.spread for item in samples), *others]
    degrees = sum(spread.degrees for spread in spreads)
    variance = sum(spread.variance * spread.degrees for spread in spreads) / degrees if degrees else 0.0
    if not variance > 0 or not samples:
        return None
    sampling = _typical(spreads) * float(np.median([item.share for item in samples]))
    return Noise(
        pooled=Spread(variance=variance, degrees=degrees),
        lent=_lent(spreads, pooled=variance),
        drift=0.0 if in_turns else max(0.0, shortest_quarter_variance([item.effect for item in samples]) - sampling),
    )


def interval(found: Sample, *, known: Noise, confidence: float, comparisons: int = 1) -> Interval:
    """The log effect of one cell with its interval, right for `comparisons` of them together (Bonferroni)."""
    moderated = _moderated(found.spread, known)
    variance = max(found.spread.variance, moderated.variance) * found.share + known.drift
    margin = _quantile(moderated.degrees, confidence=confidence, comparisons=comparisons) * math.sqrt(variance)
    return Interval(effect=found.effect, low=found.effect - margin, high=found.effect + margin)


def common_sample(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Sample:
    """What all cells have in common: the geometric mean of each process over all of them, on both sides."""
    count = min(len(side) for pair in pairs for side in pair)
    before, after = (_geometric_means([pair[side][:count] for pair in pairs]) for side in (0, 1))
    return sample(before, after)


def common_paired_sample(cells: Sequence[Sequence[float]]) -> Sample:
    """The same for log effects of pairs: their mean over all cells, pair by pair."""
    count = min(map(len, cells))
    return paired_sample([float(mean) for mean in np.mean([cell[:count] for cell in cells], axis=0)])


def common_interval(shared: Sample, *, known: Noise, confidence: float, comparisons: int = 1) -> Interval:
    """The log effect that all cells have in common, with its interval.

    How far the machine as a whole drifts between two runs, two runs cannot tell; it is taken to be as far as one cell
    drifts from another. The degrees of freedom of the two variances together are Satterthwaite's (1946).
    """
    sampling = shared.spread.variance * shared.share
    variance = sampling + known.drift
    parts = sampling**2 / shared.spread.degrees + known.drift**2 / DRIFT_DEGREES
    degrees = variance**2 / parts if parts > 0 else shared.spread.degrees
    margin = _quantile(degrees, confidence=confidence, comparisons=comparisons) * math.sqrt(variance)
    return Interval(effect=shared.effect, low=shared.effect - margin, high=shared.effect + margin)


def detectable_ratio(known: Noise, *, like: Sample, confidence: float, comparisons: int, power: float = 0.8) -> float:
    """The smallest ratio that a typical cell shows with the given power, with as many processes as a sample."""
    typical = known.lent.variance
    cell = _moderated(Spread(variance=typical, degrees=like.spread.degrees), known)
    quantile = _quantile(cell.degrees, confidence=confidence, comparisons=comparisons) + float(ndtri(power))
    return math.exp(quantile * math.sqrt(typical * like.share + known.drift))


def shortest_quarter_variance(values: Sequence[float]) -> float:
    """The variance of a normal sample whose shortest interval with a quarter of the values is as long as that of these.

    Values that lie elsewhere for a reason, up to half of them, widen it little. The factor for few values makes the
    mean standard deviation right within 2 % for normal samples of 8 to 200 (by simulation). 0 with fewer than eight.
    """
    count = len(values)
    if count < LEAST_RATIOS:
        return 0.0
    ordered = np.sort(np.asarray(values, dtype=float))
    quarter = round(count / 4)
    width = float(np.min(ordered[quarter:] - ordered[: count - quarter]))
    return float((SHORTEST_QUARTER_TO_SD * (1 + 5.1 / count ** (2 / 3)) * width / 2) ** 2)


def _geometric_means(cells: Sequence[Sequence[float]]) -> list[float]:
    """One for each process, over all cells."""
    return [float(mean) for mean in np.exp(np.mean(np.log(cells), axis=0))]


def _quantile(degrees: float, *, confidence: float, comparisons: int) -> float:
    return float(stdtrit(degrees, 1 - (1 - confidence) / (2 * comparisons)))


def _typical(spreads: Sequence[Spread]) -> float:
    """The median variance, corrected for the skew of variances with few degrees of freedom (Wilson and Hilferty)."""
    return float(np.median([spread.variance / (1 - 2 / (9 * spread.degrees)) ** 3 for spread in spreads]))


def _moderated(own: Spread, known: Noise) -> Spread:
    """The cell's variance and what the others lend, weighted by their degrees of freedom."""
    lent = known.lent
    if math.isinf(lent.degrees):
        return Spread(variance=lent.variance, degrees=known.pooled.degrees)
    degrees = own.degrees + lent.degrees
    variance = (own.variance * own.degrees + lent.variance * lent.degrees) / degrees
    return Spread(variance=variance, degrees=min(degrees, known.pooled.degrees))


def _lent(spreads: Sequence[Spread], *, pooled: float) -> Spread:
    """The variance that cells have in common, by the spread of their logarithms (Smyth 2004, section 6.2)."""
    if len(spreads) < LEAST_VARIANCES:
        return Spread(variance=pooled, degrees=0.0)
    variances = np.maximum([spread.variance for spread in spreads], LEAST_VARIANCE * pooled)
    half_degrees = np.array([spread.degrees for spread in spreads]) / 2
    centred = np.log(variances) - digamma(half_degrees) + np.log(half_degrees)
    excess = float(np.var(centred, ddof=1) - np.mean(polygamma(1, half_degrees)))
    if excess <= 0:
        return Spread(variance=pooled, degrees=math.inf)
    degrees = 2 * _inverse_trigamma(excess)
    common = float(np.mean(centred)) + float(digamma(degrees / 2)) - math.log(degrees / 2)
    return Spread(variance=math.exp(common), degrees=degrees)


def _inverse_trigamma(value: float) -> float:
    """The x where trigamma(x) = value, by Newton's method on the reciprocal, which is almost straight."""
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
