"""What curves, bands and seeds say: a diagnosis with its rule, a verdict on a band, and whether contenders differ.

Pure: learnings in, verdicts out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy.stats import t, ttest_rel

from bench.records.measurement import Learning
from bench.workload.recipe import Band, is_better

Diagnosis = Literal["diverging", "too short to tell", "over-fitting", "under-fitting", "converged"]
Place = Literal["within", "better", "missed"]

RISE = 1.1  # of the evaluation loss above its lowest
PROGRESS = 0.05  # of the training loss in the last fifth of the epochs
SIGNIFICANT = 0.05
LEAST_SEEDS = 3
LEAST_EPOCHS = 3

RULES: dict[Diagnosis, str] = {
    "diverging": "a loss is not finite, or the training loss ended above where it began",
    "too short to tell": "fewer than three epochs",
    "over-fitting": "the evaluation loss ended over 10 % above its lowest, the training loss below what it was then",
    "under-fitting": "both losses still fell in the last fifth of the epochs, that of training by more than 5 %: more "
    "epochs would help",
    "converged": "none of the others",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two contenders compare over the same seeds: the mean of a metric's differences, and how probable that is."""

    first: str
    second: str
    mean: float
    probability: float

    @property
    def is_significant(self) -> bool:
        """Whether chance alone would do this in fewer than one case of twenty, all pairs of contenders considered."""
        return self.probability < SIGNIFICANT


def diagnose(learning: Learning) -> Diagnosis:
    """What the curve shows, by the first of `RULES` that applies."""
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
        return "under-fitting"
    return "converged"


def place(band: Band, mean: float) -> Place:
    """Where a mean over seeds is: within the band, or beyond it on the better or the worse side."""
    if math.isnan(mean):
        return "missed"
    if band.lowest <= mean <= band.highest:
        return "within"
    return "better" if is_better(band.metric, mean, (band.lowest + band.highest) / 2) else "missed"


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the mean by Student's t; None for fewer than two values."""
    if len(values) < 2:  # noqa: PLR2004 (one value has no spread)
        return None
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values)))
    reach = float(t.ppf(0.975, len(values) - 1)) * error
    return mean - reach, mean + reach


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation over seeds; None for fewer than two, or where one of them is not a number."""
    return float(np.std(values, ddof=1)) if len(values) > 1 and np.isfinite(values).all() else None


def differences(by_seed: Mapping[str, Mapping[int, float]]) -> tuple[Difference, ...]:
    """Each pair of contenders by Student's paired t test over the seeds that both have, corrected by Holm (1979).

    `by_seed` holds a metric by contender and seed. Pairs with fewer than three seeds in common say nothing and are left
    out; where all differences are the same, they are certain or none.
    """
    found = []
    for first, second in combinations(by_seed, 2):
        seeds = sorted(by_seed[first].keys() & by_seed[second].keys())
        if len(seeds) < LEAST_SEEDS:
            continue
        pairs = np.array([(by_seed[first][seed], by_seed[second][seed]) for seed in seeds])
        apart = pairs[:, 0] - pairs[:, 1]
        if np.ptp(apart) == 0:
            probability = 1.0 if apart[0] == 0 else 0.0
        else:
            probability = float(ttest_rel(pairs[:, 0], pairs[:, 1]).pvalue)
        found.append(Difference(first=first, second=second, mean=float(apart.mean()), probability=probability))
    return _corrected(found)


def _corrected(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """Holm's step-down correction; SciPy's own `false_discovery_control` bounds another rate."""
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
