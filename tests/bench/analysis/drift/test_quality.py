"""The quality of a model on later data is judged by its whole interval."""

import numpy as np
import pytest
from scipy import stats

from bench.analysis.drift.quality import Metric, of_scores, usual_limit


def right(count: int, of: int) -> np.ndarray:
    return np.repeat([1.0, 0.0], (count, of - count))


@pytest.mark.parametrize(
    ("count", "of", "verdict"),
    [(990, 1_000, "kept"), (800, 1_000, "retrain"), (949, 1_000, "inconclusive"), (19, 20, "inconclusive")],
)
def test_an_accuracy_is_judged_by_its_interval(count: int, of: int, verdict: str) -> None:
    found = of_scores("accuracy", right(count, of), 0.95)
    assert found.verdict == verdict
    assert found.high is not None
    assert found.low < found.value < found.high


def test_the_interval_of_an_accuracy_is_wilsons() -> None:
    found = of_scores("accuracy", right(90, 100), 0.5)
    assert (found.low, found.high) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert found.low != pytest.approx(0.9 - 1.96 * np.sqrt(0.9 * 0.1 / 100), abs=1e-4)


@pytest.mark.parametrize(("limit", "verdict"), [(2.0, "kept"), (0.5, "retrain"), (1.0, "inconclusive")])
def test_an_error_is_judged_by_its_interval(limit: float, verdict: str) -> None:
    errors = np.random.default_rng(0).exponential(size=1_000)
    found = of_scores("mae", errors, limit)
    assert found.verdict == verdict
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 999, errors.mean(), stats.sem(errors)))


@pytest.mark.parametrize(("metric", "value", "limit"), [("accuracy", 0.96, 0.95), ("mae", 4.0, 5.0)])
def test_the_usual_limit_is_an_error_a_quarter_larger(metric: Metric, value: float, limit: float) -> None:
    assert usual_limit(metric, value) == pytest.approx(limit)
