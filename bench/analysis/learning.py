"""Statements on learning: a diagnosis of a curve, a verdict on expected quality, differences between frameworks.

Pure: learning results in, verdicts out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit  # scipy.stats takes a second to import, and has the same results

from bench.records.measurement import Learning
from bench.workload.recipe import Band, is_better

Diagnosis = Literal["diverging", "too short to tell", "over-fitting", "still improving", "converged"]
Place = Literal["within", "better", "missed"]

RISE = 1.1  # the last evaluation loss / the lowest one
PROGRESS = 0.05  # the relative fall of the training loss in the last fifth of the epochs
SIGNIFICANT = 0.05
LEAST_SEEDS = 3
LEAST_EPOCHS = 3

RULES: dict[Diagnosis, str] = {
    "diverging": "a loss is not finite, or the training loss ended higher than it began",
    "too short to tell": "fewer than three epochs",
    "over-fitting": "the evaluation loss ended more than 10 % above its minimum, while the training loss fell further",
    "still improving": "both losses still fell in the last fifth of the epochs, the training loss by more than 5 %; "
    "more epochs would help",
    "converged": "none of the other diagnoses applies",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two frameworks compared over the same seeds: the mean difference of a metric, and its p value."""

    first: str
    second: str
    mean: float
    probability: float

    @property
    def is_significant(self) -> bool:
        """Whether p, corrected for the number of pairs of frameworks, is below 0.05."""
        return self.probability < SIGNIFICANT


def diagnose(learning: Learning) -> Diagnosis:
    """The diagnosis of a curve: the first of `RULES` that applies."""
    train = np.array([epoch.train_loss for epoch in learning.epochs])
    evaluation = np.array([epoch.evaluation_loss for epoch in learning.epochs])
    if not np.isfinite([train, evaluation]).all() or train[-1] > train[0]:
        return "diverging"
    if len(train) < LEAST_EPOCHS:
        return "too short to tell"
    lowest = int(evaluation.argmin())
    if evaluation[-1] > RISE * evaluation[lowest] and train[-1] < train[lowest]:
        return "over-fitting"
    before = max(0, len(train) - 1 - max(1, len(train) // 5))
    falling = train[before] - train[-1] > PROGRESS * abs(train[before])
    if falling and evaluation[-1] < evaluation[before]:
        return "still improving"
    return "converged"


def place(band: Band, mean: float) -> Place:
    """Whether a mean over seeds is within the band, better than the band, or missed it."""
    if math.isnan(mean):
        return "missed"
    if band.lowest <= mean <= band.highest:
        return "within"
    return "better" if is_better(band.metric, mean, (band.lowest + band.highest) / 2) else "missed"


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the mean by Student's t; None for fewer than two values."""
    if len(values) < 2:  # noqa: PLR2004 (one value has no variance)
        return None
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values)))
    reach = float(stdtrit(len(values) - 1, 0.975)) * error
    return mean - reach, mean + reach


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation over seeds; None for fewer than two values, or if one of them is not finite."""
    return float(np.std(values, ddof=1)) if len(values) > 1 and np.isfinite(values).all() else None


def differences(by_seed: Mapping[str, Mapping[int, float]]) -> tuple[Difference, ...]:
    """Each pair of frameworks, tested by Student's paired t test over their common seeds, corrected by Holm (1979).

    `by_seed` holds a metric by framework and seed. Pairs with fewer than three common seeds are left out. If all
    differences of a pair are equal, p is 1 for a difference of zero, else 0.
    """
    found = []
    for first, second in combinations(by_seed, 2):
        seeds = sorted(by_seed[first].keys() & by_seed[second].keys())
        if len(seeds) < LEAST_SEEDS:
            continue
        pairs = np.array([(by_seed[first][seed], by_seed[second][seed]) for seed in seeds])
        apart = pairs[:, 0] - pairs[:, 1]
        found.append(
            Difference(first=first, second=second, mean=float(apart.mean()), probability=_paired_t_test(apart))
        )
    return _corrected(found)


def _paired_t_test(apart: np.ndarray) -> float:
    """The p value of Student's paired t test by the differences, as `scipy.stats.ttest_rel` has it to the last digit.

    If all differences are equal, it is 1 for a difference of zero, else 0.
    """
    if np.ptp(apart) == 0:
        return 1.0 if apart[0] == 0 else 0.0
    count, mean = len(apart), apart.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.mean((apart - mean) ** 2) * (count / (count - 1))
        return float(2 * stdtr(count - 1, -abs(mean / np.sqrt(variance / count))))


def _corrected(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """Holm's step-down correction; SciPy's `false_discovery_control` bounds another error rate."""
    order = sorted(range(len(found)), key=lambda at: found[at].probability)
    adjusted = dict[int, float]()
    highest = 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(found) - rank) * found[at].probability))
        adjusted[at] = highest
    return tuple(
        Difference(first=item.first, second=item.second, mean=item.mean, probability=adjusted[at])
        for at, item in enumerate(found)
    )
