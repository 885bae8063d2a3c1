"""Estimates the noise of process medians on a log scale, pooled over many cells, and confidence intervals from it.

Three processes per side say little about the noise of one cell, and no rank test over them can be significant. All
cells together say much. So a variance is estimated inside each run of each cell, and each cell borrows from the
variance that all cells share. The more the cells differ in noise, the fewer degrees of freedom a cell can borrow. A
cell with more noise than the others keeps its own variance: borrowing adds degrees of freedom, but never makes the
variance smaller.

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

# The share of interleaved pairs that is trimmed at each end. About one pair in ten is an outlier in either direction,
# because memory addresses and cores are assigned once per process.
TRIMMED = 0.2
GROUPS = 10  # the number of groups of the jackknife
# A variance below this share of the pooled one comes from quantised times. It is raised to this share.
LEAST_VARIANCE = 0.01
# Half the width of the shortest quarter of a normal sample is 0.3186 standard deviations.
SHORTEST_QUARTER_TO_SD = 1 / 0.3186
# The fewest variances from which we estimate how cells differ, and the fewest ratios from which we estimate drift.
LEAST_VARIANCES = 4
LEAST_RATIOS = 8
# The degrees of freedom of the drift: from about 72 ratios its standard deviation is known within 17 %.
DRIFT_DEGREES = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A variance of log times, and its degrees of freedom."""

    variance: float
    degrees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The noise over all cells, as variances of natural logarithms.

    - `pooled`: the mean variance inside runs, over all cells;
    - `lent`: the variance that a cell can borrow, with its degrees of freedom;
    - `drift`: the variance between runs that the variance inside them does not explain.
    """

    pooled: Spread
    lent: Spread
    drift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One cell: its log effect, its variance, and the factor `share` from this variance to the variance of the effect.

    The share is 1/n + 1/m for two groups of processes, and 1/n for n pairs of processes.
    """

    effect: float
    spread: Spread
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An effect on the log scale with the bounds of its confidence interval."""

    effect: float
    low: float
    high: float


def median_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float] | None:
    """The confidence interval of the median, from order statistics, for any distribution; None with too few values.

    An interval of 95 % needs at least six values.
    """
    from scipy.stats import quantile_test  # takes half a second to import; a worker has already done so

    found: Any = quantile_test(values, p=0.5).confidence_interval(confidence_level=confidence)
    return (float(found.low), float(found.high)) if math.isfinite(found.low) and math.isfinite(found.high) else None


def best_estimate(estimators: Sequence[Callable[..., float]], *samples: np.ndarray) -> tuple[float, float]:
    """The estimate with the smallest standard error among these estimators, and this error.

    The rows of the samples belong together and are in the order of time. An error is estimated by leaving out each of
    ten consecutive groups of rows (the delete-a-group jackknife, Kott 2001), because neighbouring rows are correlated.
    If errors are equal, the first estimator is used. There has to be at least one row; with a single row the error is
    infinite.
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
    """Whether a variance can be computed from the times: at least two, all finite and above zero."""
    return len(times) > 1 and all(math.isfinite(time) and time > 0 for time in times)


def log_effect(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """The logarithm of candidate / baseline, both as geometric means."""
    return float(np.mean(np.log(candidate)) - np.mean(np.log(baseline)))


def within_runs(*runs: Sequence[float]) -> Spread:
    """The variance of the log times inside each run, pooled over the runs of one cell."""
    logs = [np.log(run) for run in runs]
    degrees = sum(len(run) - 1 for run in runs)
    squares = sum(float(np.sum((log - log.mean()) ** 2)) for log in logs)
    return Spread(variance=squares / degrees, degrees=degrees)


def sample(baseline: Sequence[float], candidate: Sequence[float]) -> Sample:
    """The sample of two independent groups of processes, from the times of each."""
    return Sample(
        effect=log_effect(baseline, candidate),
        spread=within_runs(baseline, candidate),
        share=1 / len(baseline) + 1 / len(candidate),
    )


def paired_sample(effects: Sequence[float]) -> Sample:
    """The sample of interleaved pairs of processes, from the log effect of each pair; at least two.

    With five pairs or more, the effect is the trimmed mean, and the variance comes from the winsorised variance, so
    that an outlier changes neither (Tukey and McLaughlin 1963). The variance is n times that of the trimmed mean.
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
    """The noise over all samples; None if no sample varies, because then the noise is unknown.

    `others` are variances from another source, such as a calibration of the machine. Interleaved sides are timed at the
    same time, so their drift is zero.
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
    """The log effect of one cell with its interval, corrected for the number of `comparisons` (Bonferroni)."""
    moderated = _moderated(found.spread, known)
    variance = max(found.spread.variance, moderated.variance) * found.share + known.drift
    margin = _quantile(moderated.degrees, confidence=confidence, comparisons=comparisons) * math.sqrt(variance)
    return Interval(effect=found.effect, low=found.effect - margin, high=found.effect + margin)


def common_sample(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Sample:
    """The sample of the change that all cells share: on both sides, the geometric mean over all cells, by process."""
    count = min(len(side) for pair in pairs for side in pair)
    before, after = (_geometric_means([pair[side][:count] for pair in pairs]) for side in (0, 1))
    return sample(before, after)


def common_paired_sample(cells: Sequence[Sequence[float]]) -> Sample:
    """The sample of the change that all cells share, from log effects of pairs: the mean over all cells, by pair."""
    count = min(map(len, cells))
    return paired_sample([float(mean) for mean in np.mean([cell[:count] for cell in cells], axis=0)])


def common_interval(shared: Sample, *, known: Noise, confidence: float, comparisons: int = 1) -> Interval:
    """The log effect that all cells share, with its interval.

    Two runs cannot show how far the whole machine drifted between them. We assume that it drifted as far as the cells
    drift from each other. The degrees of freedom of the sum of both variances are Satterthwaite's (1946).
    """
    sampling = shared.spread.variance * shared.share
    variance = sampling + known.drift
    parts = sampling**2 / shared.spread.degrees + known.drift**2 / DRIFT_DEGREES
    degrees = variance**2 / parts if parts > 0 else shared.spread.degrees
    margin = _quantile(degrees, confidence=confidence, comparisons=comparisons) * math.sqrt(variance)
    return Interval(effect=shared.effect, low=shared.effect - margin, high=shared.effect + margin)


def detectable_ratio(known: Noise, *, like: Sample, confidence: float, comparisons: int, power: float = 0.8) -> float:
    """The smallest ratio that a typical cell shows with the given power, if it has as many processes as `like`."""
    typical = known.lent.variance
    cell = _moderated(Spread(variance=typical, degrees=like.spread.degrees), known)
    quantile = _quantile(cell.degrees, confidence=confidence, comparisons=comparisons) + float(ndtri(power))
    return math.exp(quantile * math.sqrt(typical * like.share + known.drift))


def shortest_quarter_variance(values: Sequence[float]) -> float:
    """A robust variance, from the shortest interval that contains a quarter of the values.

    It is the variance of a normal sample whose shortest such interval has the same length. Up to half of the values can
    be outliers with little effect on it. A correction for few values makes the mean standard deviation right within 2 %
    for normal samples of 8 to 200 values (by simulation). The result is 0 with fewer than eight values.
    """
    count = len(values)
    if count < LEAST_RATIOS:
        return 0.0
    ordered = np.sort(np.asarray(values, dtype=float))
    quarter = round(count / 4)
    width = float(np.min(ordered[quarter:] - ordered[: count - quarter]))
    return float((SHORTEST_QUARTER_TO_SD * (1 + 5.1 / count ** (2 / 3)) * width / 2) ** 2)


def _geometric_means(cells: Sequence[Sequence[float]]) -> list[float]:
    """The geometric mean over all cells, for each process."""
    return [float(mean) for mean in np.exp(np.mean(np.log(cells), axis=0))]


def _quantile(degrees: float, *, confidence: float, comparisons: int) -> float:
    return float(stdtrit(degrees, 1 - (1 - confidence) / (2 * comparisons)))


def _typical(spreads: Sequence[Spread]) -> float:
    """The median variance, corrected for the skew of variances with few degrees of freedom (Wilson and Hilferty)."""
    return float(np.median([spread.variance / (1 - 2 / (9 * spread.degrees)) ** 3 for spread in spreads]))


def _moderated(own: Spread, known: Noise) -> Spread:
    """The mean of the cell's variance and the borrowed one, weighted by degrees of freedom."""
    lent = known.lent
    if math.isinf(lent.degrees):
        return Spread(variance=lent.variance, degrees=known.pooled.degrees)
    degrees = own.degrees + lent.degrees
    variance = (own.variance * own.degrees + lent.variance * lent.degrees) / degrees
    return Spread(variance=variance, degrees=min(degrees, known.pooled.degrees))


def _lent(spreads: Sequence[Spread], *, pooled: float) -> Spread:
    """The variance that all cells share, from the spread of log variances (Smyth 2004, section 6.2)."""
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
    """The x where trigamma(x) = value, by Newton's method on the reciprocal, which is nearly linear in x."""
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
