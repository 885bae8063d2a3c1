"""The quality of a model on later data with known answers, and whether it is time to train it again."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import stats

Verdict = Literal["kept", "retrain", "inconclusive"]
Metric = Literal["accuracy", "mae"]

CONFIDENCE = 0.95
GROWTH = 1.25  # of the error on the test data: the usual limit
FEWEST = 30  # samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The quality on some samples with known answers, with its 95 % interval, against the limit.

    `high` is None for a single sample. `retrain`: the whole interval is beyond the limit. `inconclusive`: the limit is
    within it, or there are fewer than 30 samples.
    """

    metric: Metric
    samples: int
    value: float
    low: float
    high: float | None
    limit: float
    verdict: Verdict


def usual_limit(metric: Metric, on_test_data: float) -> float:
    """The limit at which to train again: the error is 25 % larger than on the test data."""
    return 1 - GROWTH * (1 - on_test_data) if metric == "accuracy" else GROWTH * on_test_data


def of_scores(metric: Metric, scores: Float[np.ndarray, " samples"], limit: float) -> Quality:
    """The quality of these samples: 1 or 0 for a right or a wrong class, or absolute errors.

    The interval of an accuracy is Wilson's (1927). That of a mean absolute error is Student's for a mean.
    """
    count, value = len(scores), float(np.mean(scores))
    if metric == "accuracy":
        found = stats.binomtest(int(np.sum(scores)), count).proportion_ci(CONFIDENCE, method="wilson")
        low, high = float(found.low), float(found.high)
    else:
        error = float(np.std(scores, ddof=1)) / math.sqrt(count) if count > 1 else 0.0
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, max(1, count - 1))) * error
        low, high = max(0.0, value - half), value + half
    verdict = "inconclusive" if count < FEWEST else _verdict(metric, low, high, limit)
    if count == 1:
        return Quality(metric=metric, samples=1, value=value, low=0.0, high=None, limit=limit, verdict=verdict)
    return Quality(metric=metric, samples=count, value=value, low=low, high=high, limit=limit, verdict=verdict)


def _verdict(metric: Metric, low: float, high: float, limit: float) -> Verdict:
    is_worse, is_kept = (high < limit, low >= limit) if metric == "accuracy" else (low > limit, high <= limit)
    return "retrain" if is_worse else "kept" if is_kept else "inconclusive"
