"""Noise of process medians on a log scale, pooled over many comparisons, and intervals that follow from it.

Three processes a side say little about the noise of one cell, and no rank test over them can ever be significant. All
cells together say much. So a variance is estimated inside each run of each cell, and what all of them have in common is
lent to each. Cells differ in noise, and the more they do, the less the others say about one: how many degrees of
freedom a cell may borrow follows from that spread. A cell noisier than that keeps its own variance: it may borrow
certainty, never quietness.

Smyth (2004), "Linear models and empirical Bayes methods for assessing differential expression", section 6.2: the
moderated t statistic.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, ndtri, polygamma, stdtrit

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


def noise(pairs: Sequence[tuple[Sequence[float], Sequence[float]]], *, others: Sequence[Spread] = ()) -> Noise | None:
    """The noise over all usable pairs of baseline and candidate; None where nothing varies, which tells nothing.

    `others` are spreads that are known from elsewhere, as from a calibration of the machine.
    """
    spreads = [*(within_runs(*pair) for pair in pairs), *others]
    degrees = sum(spread.degrees for spread in spreads)
    variance = sum(spread.variance * spread.degrees for spread in spreads) / degrees if degrees else 0.0
    if not variance > 0 or not pairs:
        return None
    sampling = _typical(spreads) * float(np.median([_inverse_sizes(*pair) for pair in pairs]))
    return Noise(
        pooled=Spread(variance=variance, degrees=degrees),
        lent=_lent(spreads, pooled=variance),
        drift=max(0.0, shortest_quarter_variance([log_effect(*pair) for pair in pairs]) - sampling),
    )


def interval(
    baseline: Sequence[float], candidate: Sequence[float], *, known: Noise, confidence: float, comparisons: int = 1
) -> Interval:
    """The log effect of one cell with its interval, right for `comparisons` of them together (Bonferroni)."""
    own = within_runs(baseline, candidate)
    moderated = _moderated(own, known)
    variance = max(own.variance, moderated.variance) * _inverse_sizes(baseline, candidate) + known.drift
    margin = _quantile(moderated.degrees, confidence=confidence, comparisons=comparisons) * math.sqrt(variance)
    effect = log_effect(baseline, candidate)
    return Interval(effect=effect, low=effect - margin, high=effect + margin)


def common_interval(
    pairs: Sequence[tuple[Sequence[float], Sequence[float]]], *, known: Noise, confidence: float, comparisons: int = 1
) -> Interval:
    """The log effect that all cells have in common, by the geometric mean of each process over all of them.

    How far the machine as a whole drifts between two runs, two runs cannot tell; it is taken to be as far as one cell
    drifts from another. The degrees of freedom of the two variances together are Satterthwaite's (1946).
    """
    count = min(len(side) for pair in pairs for side in pair)
    before, after = (_geometric_means([pair[side][:count] for pair in pairs]) for side in (0, 1))
    own = within_runs(before, after)
    sampling = own.variance * _inverse_sizes(before, after)
    variance = sampling + known.drift
    parts = sampling**2 / own.degrees + known.drift**2 / DRIFT_DEGREES
    degrees = variance**2 / parts if parts > 0 else own.degrees
    margin = _quantile(degrees, confidence=confidence, comparisons=comparisons) * math.sqrt(variance)
    effect = log_effect(before, after)
    return Interval(effect=effect, low=effect - margin, high=effect + margin)


def detectable_ratio(
    known: Noise, *, sizes: tuple[int, int], confidence: float, comparisons: int, power: float = 0.8
) -> float:
    """The smallest ratio that a cell of pooled noise and these many processes shows with the given power."""
    inverse = 1 / sizes[0] + 1 / sizes[1]
    cell = _moderated(Spread(variance=known.pooled.variance, degrees=sum(sizes) - 2), known)
    quantile = _quantile(cell.degrees, confidence=confidence, comparisons=comparisons) + float(ndtri(power))
    return math.exp(quantile * math.sqrt(known.pooled.variance * inverse + known.drift))


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


def _inverse_sizes(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    return 1 / len(baseline) + 1 / len(candidate)


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
