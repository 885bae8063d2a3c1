"""Noise of process medians on a log scale, pooled over many comparisons, and the confidence intervals based on it.

Three processes on each side say little about the noise of one cell, and no rank test over them can be significant. All
cells together say much more. So the variance is estimated within each run of each cell, and every cell also uses the
common variance of all cells. The more the cells differ in noise, the fewer degrees of freedom a cell gets from the
others. The variance of a cell is never below its own estimate: other cells can make it more certain, but not smaller.

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

# The trimmed share of interleaved pairs on either side. About one pair in ten is an outlier in either direction: the
# memory addresses and the cores of a process are decided once, at its start.
TRIMMED = 0.2
GROUPS = 10  # of rows, for the jackknife
# A variance below this share of the pooled one comes from a coarse clock, and is raised to this share.
LEAST_VARIANCE = 0.01
# Half the width of the shortest quarter of a normal sample is 0.3186 standard deviations.
SHORTEST_QUARTER_TO_SD = 1 / 0.3186
# Fewer variances do not show how cells differ, and fewer ratios do not show how runs drift.
LEAST_VARIANCES = 4
LEAST_RATIOS = 8
# The degrees of freedom of the shortest quarter of about 72 ratios: a standard deviation known to within 17 %.
DRIFT_DEGREES = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A variance of logarithms and its degrees of freedom."""

    variance: float
    degrees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The noise of all cells together; variances are of natural logarithms.

    `pooled` is the mean variance within runs, over all cells. `lent` is the common variance that every cell also uses,
    with its degrees of freedom. `drift` is the variance between runs that the variance within runs does not explain.
    """

    pooled: Spread
    lent: Spread
    drift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One cell: its log effect, its variance, and the factor `share` from this variance to that of the effect.

    `share` is 1/n + 1/m for two groups of n and m processes, and 1/n for n pairs of processes.
    """

    effect: float
    spread: Spread
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An effect on the log scale with its two bounds."""

    effect: float
    low: float
    high: float


def median_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float] | None:
    """A confidence interval of the median by order statistics, for any distribution; None for too few values.

    An interval of 95 % needs at least six values.
    """
    from scipy.stats import quantile_test  # half a second to import, which workers have spent already

    found: Any = quantile_test(values, p=0.5).confidence_interval(confidence_level=confidence)
    return (float(found.low), float(found.high)) if math.isfinite(found.low) and math.isfinite(found.high) else None


def best_estimate(estimators: Sequence[Callable[..., float]], *samples: np.ndarray) -> tuple[float, float]:
    """The estimate with the smallest standard error, and this error.

    The samples are paired row by row, in the order of time. The standard errors come from the delete-a-group jackknife
    (Kott 2001) with ten groups of consecutive rows, because neighbouring rows are correlated. If errors are equal, the
    first estimator counts. There is at least one row; with a single row the error is unknown (infinite).
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
    """Whether the times have a variance: at least two times, all finite and above zero."""
    return len(times) > 1 and all(math.isfinite(time) and time > 0 for time in times)


def log_effect(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """The logarithm of candidate / baseline, with the geometric mean of each side."""
    return float(np.mean(np.log(candidate)) - np.mean(np.log(baseline)))


def within_runs(*runs: Sequence[float]) -> Spread:
    """The variance of the logarithms within each run, pooled over the runs of one cell."""
    logs = [np.log(run) for run in runs]
    degrees = sum(len(run) - 1 for run in runs)
    squares = sum(float(np.sum((log - log.mean()) ** 2)) for log in logs)
    return Spread(variance=squares / degrees, degrees=degrees)


def sample(baseline: Sequence[float], candidate: Sequence[float]) -> Sample:
    """The sample of a cell from two groups of unpaired processes."""
    return Sample(
        effect=log_effect(baseline, candidate),
        spread=within_runs(baseline, candidate),
        share=1 / len(baseline) + 1 / len(candidate),
    )


def paired_sample(effects: Sequence[float]) -> Sample:
    """The sample of a cell from the log effects of interleaved pairs; at least two pairs.

    From five pairs on, the effect is the trimmed mean, and the variance comes from the winsorised variance, so that an
    outlier changes neither (Tukey and McLaughlin 1963). The variance is n times that of the trimmed mean.
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
    """The noise over all samples; None if nothing varies, so that the noise is unknown.

    `others` are spreads from another source, such as a calibration of the machine. Interleaved pairs (`in_turns`) were
    timed in the same minutes, so there is no drift between the sides.
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
    """The log effect of one cell with its interval, corrected for so many `comparisons` (Bonferroni)."""
    moderated = _moderated(found.spread, known)
    variance = max(found.spread.variance, moderated.variance) * found.share + known.drift
    margin = _quantile(moderated.degrees, confidence=confidence, comparisons=comparisons) * math.sqrt(variance)
    return Interval(effect=found.effect, low=found.effect - margin, high=found.effect + margin)


def common_sample(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Sample:
    """The sample of all cells together: on both sides, the geometric mean of each process over all cells."""
    count = min(len(side) for pair in pairs for side in pair)
    before, after = (_geometric_means([pair[side][:count] for pair in pairs]) for side in (0, 1))
    return sample(before, after)


def common_paired_sample(cells: Sequence[Sequence[float]]) -> Sample:
    """The same for interleaved pairs: the mean log effect over all cells, pair by pair."""
    count = min(map(len, cells))
    return paired_sample([float(mean) for mean in np.mean([cell[:count] for cell in cells], axis=0)])


def common_interval(shared: Sample, *, known: Noise, confidence: float, comparisons: int = 1) -> Interval:
    """The log effect of all cells together, with its interval.

    Two runs cannot show how far the whole machine drifts between them. We assume that it drifts as far as single cells
    do. The degrees of freedom of the sum of both variances follow Satterthwaite (1946).
    """
    sampling = shared.spread.variance * shared.share
    variance = sampling + known.drift
    parts = sampling**2 / shared.spread.degrees + known.drift**2 / DRIFT_DEGREES
    degrees = variance**2 / parts if parts > 0 else shared.spread.degrees
    margin = _quantile(degrees, confidence=confidence, comparisons=comparisons) * math.sqrt(variance)
    return Interval(effect=shared.effect, low=shared.effect - margin, high=shared.effect + margin)


def detectable_ratio(known: Noise, *, like: Sample, confidence: float, comparisons: int, power: float = 0.8) -> float:
    """The smallest ratio of a typical cell that is detected with this power, with as many processes as in `like`."""
    typical = known.lent.variance
    cell = _moderated(Spread(variance=typical, degrees=like.spread.degrees), known)
    quantile = _quantile(cell.degrees, confidence=confidence, comparisons=comparisons) + float(ndtri(power))
    return math.exp(quantile * math.sqrt(typical * like.share + known.drift))


def shortest_quarter_variance(values: Sequence[float]) -> float:
    """A robust variance, from the length of the shortest interval that holds a quarter of the values.

    It assumes a normal distribution. Real changes in up to half of the values widen it little. The correction for few
    values makes the mean standard deviation right to within 2 % for normal samples of 8 to 200 values (by simulation).
    It is 0 for fewer than eight values.
    """
    count = len(values)
    if count < LEAST_RATIOS:
        return 0.0
    ordered = np.sort(np.asarray(values, dtype=float))
    quarter = round(count / 4)
    width = float(np.min(ordered[quarter:] - ordered[: count - quarter]))
    return float((SHORTEST_QUARTER_TO_SD * (1 + 5.1 / count ** (2 / 3)) * width / 2) ** 2)


def _geometric_means(cells: Sequence[Sequence[float]]) -> list[float]:
    """The geometric mean of each process over all cells."""
    return [float(mean) for mean in np.exp(np.mean(np.log(cells), axis=0))]


def _quantile(degrees: float, *, confidence: float, comparisons: int) -> float:
    return float(stdtrit(degrees, 1 - (1 - confidence) / (2 * comparisons)))


def _typical(spreads: Sequence[Spread]) -> float:
    """The median variance, corrected for the skew of variances with few degrees of freedom (Wilson and Hilferty)."""
    return float(np.median([spread.variance / (1 - 2 / (9 * spread.degrees)) ** 3 for spread in spreads]))


def _moderated(own: Spread, known: Noise) -> Spread:
    """The variance of the cell and the common variance, weighted by their degrees of freedom."""
    lent = known.lent
    if math.isinf(lent.degrees):
        return Spread(variance=lent.variance, degrees=known.pooled.degrees)
    degrees = own.degrees + lent.degrees
    variance = (own.variance * own.degrees + lent.variance * lent.degrees) / degrees
    return Spread(variance=variance, degrees=min(degrees, known.pooled.degrees))


def _lent(spreads: Sequence[Spread], *, pooled: float) -> Spread:
    """The common variance of all cells, by the spread of the logarithms of variances (Smyth 2004, section 6.2)."""
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
    """The x with trigamma(x) = value, by Newton's method on the reciprocal, which is almost linear."""
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
