"""The population stability index, and the limit that equal data seldom exceed."""

import numpy as np
import pytest

from bench.analysis.drift.chance import index, index_limit

COUNTS = np.array([100, 200, 300, 400])


def test_the_index_of_equal_counts_is_zero_and_that_of_others_is_not() -> None:
    assert index(COUNTS, COUNTS) == 0
    p, q = COUNTS / 1_000, COUNTS[::-1] / 1_000
    right = float(((q - p) * np.log(q / p)).sum())
    assert index(COUNTS, COUNTS[::-1]) == pytest.approx(right, rel=0.01)


def test_an_empty_bin_has_a_finite_index() -> None:
    assert np.isfinite(index(COUNTS, np.array([0, 0, 0, 1_000])))


def test_equal_rows_exceed_the_limit_as_often_as_it_says() -> None:
    limit = index_limit(COUNTS, 500, risk=0.05)
    random = np.random.default_rng(1)
    shares = COUNTS / COUNTS.sum()
    drawn = index(random.multinomial(1_000, shares, size=4_000), random.multinomial(500, shares, size=4_000))
    assert (drawn > limit).mean() == pytest.approx(0.05, abs=0.012)
    assert (drawn > limit / 2).mean() > 0.2


@pytest.mark.parametrize("risk", [0.001, 0.0002])
def test_a_limit_for_a_small_risk_is_about_that_of_many_more_samples(risk: float) -> None:
    limit = index_limit(COUNTS, 500, risk=risk)
    random = np.random.default_rng(2)
    shares = COUNTS / COUNTS.sum()
    drawn = index(random.multinomial(1_000, shares, size=400_000), random.multinomial(500, shares, size=400_000))
    right = float(np.quantile(drawn, 1 - risk))
    assert limit == pytest.approx(right, rel=0.12)
    assert limit != pytest.approx(float(np.quantile(drawn, 1 - 10 * risk)), rel=0.12)
