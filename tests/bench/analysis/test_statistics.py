"""The noise is pooled over cells, borrowed only as far as cells are alike, and unknown if nothing varies."""

import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis import statistics
from bench.analysis.statistics import Noise, Sample, Spread


def _pairs(count: int, *, noise: np.ndarray | float, drift: float = 0.0, seed: int = 0) -> list[Sample]:
    generator = np.random.default_rng(seed)
    spread = np.broadcast_to(noise, count)

    def side() -> np.ndarray:
        logs = generator.normal(0, 1, (3, count)) * spread + generator.normal(0, 1, count) * drift / math.sqrt(2)
        return np.asarray(np.exp(logs))

    baseline, candidate = side(), side()
    return [statistics.sample(list(baseline[:, index]), list(candidate[:, index])) for index in range(count)]


def test_the_pooled_noise_equals_the_simulated_noise() -> None:
    found = statistics.noise(_pairs(200, noise=0.02))
    assert found is not None
    assert math.sqrt(found.pooled.variance) == pytest.approx(0.02, rel=0.06)
    assert found.pooled.degrees == 800
    assert math.sqrt(found.drift) < 0.01


def test_drift_between_runs_is_separated_from_noise_inside_them() -> None:
    quiet, moving = (statistics.noise(_pairs(72, noise=0.01, drift=drift, seed=1)) for drift in (0.0, 0.04))
    assert quiet is not None
    assert moving is not None
    assert math.sqrt(quiet.drift) < 0.01
    assert math.sqrt(moving.drift) == pytest.approx(0.04, rel=0.4)


def test_different_cells_lend_few_degrees_of_freedom_and_similar_cells_many() -> None:
    alike = statistics.noise(_pairs(72, noise=0.02))
    different = statistics.noise(_pairs(72, noise=np.geomspace(0.005, 0.1, 72)))
    assert alike is not None
    assert different is not None
    assert different.lent.degrees < 10 < alike.lent.degrees


def test_a_single_cell_has_the_interval_of_students_t() -> None:
    baseline, candidate = (1.0, 1.02, 0.99), (1.1, 1.13, 1.08)
    known = statistics.noise([statistics.sample(baseline, candidate)])
    assert known is not None
    found = statistics.interval(statistics.sample(baseline, candidate), known=known, confidence=0.95)
    expected = stats.ttest_ind(np.log(candidate), np.log(baseline)).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_more_comparisons_make_wider_intervals_and_a_noisy_cell_keeps_its_noise() -> None:
    known = Noise(pooled=Spread(variance=1e-4, degrees=200), lent=Spread(variance=1e-4, degrees=20), drift=0.0)
    quiet, noisy = (1.0, 1.01, 0.99), (1.0, 1.3, 0.8)

    def width(times: tuple[float, ...], comparisons: int) -> float:
        found = statistics.interval(
            statistics.sample(times, times), known=known, confidence=0.95, comparisons=comparisons
        )
        return found.high - found.low

    assert width(quiet, 72) > 1.4 * width(quiet, 1)
    own = math.sqrt(statistics.within_runs(noisy, noisy).variance * 2 / 3)
    assert width(noisy, 1) >= 2 * 1.96 * own


def test_without_any_variation_the_noise_is_unknown() -> None:
    assert statistics.noise([statistics.sample((1.0, 1.0), (1.0, 1.0))] * 5) is None
    assert statistics.noise([]) is None
    assert statistics.noise([statistics.sample((1.0, 1.1), (1.0, 1.0))] * 5) is not None


@pytest.mark.parametrize("times", [(), (1.0,), (1.0, math.nan), (1.0, 0.0), (1.0, -1.0), (1.0, math.inf)])
def test_times_without_a_variance_are_not_usable(times: tuple[float, ...]) -> None:
    assert not statistics.usable(times)
    assert statistics.usable((1.0, 2.0))


@pytest.mark.parametrize("count", [8, 20, 72, 200])
def test_the_shortest_quarter_gives_the_variance_of_normal_samples(count: int) -> None:
    generator = np.random.default_rng(count)
    found = [math.sqrt(statistics.shortest_quarter_variance(list(generator.normal(0, 2, count)))) for _ in range(1000)]
    assert np.mean(found) == pytest.approx(2, rel=0.06)


def test_outliers_hardly_change_the_variance_from_the_shortest_quarter() -> None:
    values = np.random.default_rng(0).normal(0, 0.02, 72)
    moved = values + np.where(np.arange(72) < 24, 0.5, 0)
    assert statistics.shortest_quarter_variance(list(moved)) < 4 * statistics.shortest_quarter_variance(list(values))
    assert np.var(moved) > 100 * np.var(values)
    assert statistics.shortest_quarter_variance(list(values[:7])) == 0


@pytest.mark.parametrize(
    "count", [pytest.param(15, marks=pytest.mark.slow), *(pytest.param(n, marks=pytest.mark.study) for n in (6, 64))]
)
def test_the_interval_of_a_median_has_its_coverage_for_every_distribution(count: int) -> None:
    samples = np.random.default_rng(count).pareto(1.5, (2000, count))
    median = 2 ** (1 / 1.5) - 1
    found = [statistics.median_interval(sample) for sample in samples]
    covered = sum(low <= median <= high for low, high in filter(None, found))
    assert 0.94 <= covered / 2000 <= 0.99
    means = [(sample.mean() - 2 * sample.std() / count**0.5, sample.mean()) for sample in samples]
    assert sum(low <= median <= high for low, high in means) / 2000 < 0.94, (
        "the interval of a normal mean has too little coverage here"
    )


def test_fewer_than_six_values_have_no_interval_of_the_median() -> None:
    assert statistics.median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    assert statistics.median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == (1.0, 6.0)


def test_pairs_have_the_interval_of_the_paired_t_test() -> None:
    before, after = np.array([1.0, 1.5, 0.7, 2.0]), np.array([1.1, 1.62, 0.78, 2.18])
    effects = np.log(after / before)
    known = statistics.noise([statistics.paired_sample(effects)])
    assert known is not None
    found = statistics.interval(statistics.paired_sample(effects), known=known, confidence=0.95)
    expected = stats.ttest_rel(np.log(after), np.log(before)).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    alone = statistics.sample(list(before), list(after))
    apart = statistics.interval(alone, known=statistics.noise([alone]) or known, confidence=0.95)
    assert apart.high - apart.low > 10 * (found.high - found.low), "the part that both sides share is not noise"


def test_one_outlying_pair_changes_neither_the_effect_nor_its_interval() -> None:
    effects = (0.012, -0.004, 0.001, 0.006, -0.009)
    plain = statistics.paired_sample(effects)
    assert plain.effect == pytest.approx(stats.trim_mean(effects, 0.2))
    far = statistics.paired_sample((*effects[1:], 5.0))
    assert abs(far.effect) < 0.01
    assert far.spread.variance < 4 * plain.spread.variance
    two = statistics.paired_sample((*effects[2:], 5.0, 5.0))
    assert two.effect > 1, "two outliers of five may be real, so they count"
    assert two.spread.variance > 1000 * plain.spread.variance


@pytest.mark.parametrize("count", [5, 10, 20])
def test_the_variance_of_pairs_is_n_times_that_of_their_trimmed_mean(count: int) -> None:
    samples = np.random.default_rng(count).normal(0, 1, (4000, count))
    found = [statistics.paired_sample(sample) for sample in samples]
    margins = [stats.t.ppf(0.975, item.spread.degrees) * (item.spread.variance * item.share) ** 0.5 for item in found]
    covered = sum(abs(item.effect) <= margin for item, margin in zip(found, margins, strict=True))
    assert 0.93 <= covered / 4000 <= 0.98


def test_the_shared_change_of_pairs_is_their_mean_over_all_cells() -> None:
    found = statistics.common_paired_sample([(0.1, 0.3, 9.0), (0.3, 0.1)])
    assert found.effect == pytest.approx(0.2)
    assert found.spread.variance == pytest.approx(0.0, abs=1e-15)
    assert found.spread.degrees == 1
    assert found.share == 0.5


def test_the_estimator_with_the_smallest_error_is_used() -> None:
    samples = np.random.default_rng(0).lognormal(0, 1, (40, 5))
    mean = (lambda rows: float(np.mean(rows)), lambda rows: float(np.median(rows)))
    estimate, error = statistics.best_estimate(mean, samples)
    assert estimate == pytest.approx(float(np.median(samples)))
    reverse = statistics.best_estimate(mean[::-1], samples)
    assert reverse == (estimate, error)


def test_the_jackknife_error_of_a_mean_equals_its_formula() -> None:
    samples = np.random.default_rng(1).normal(5, 2, (400, 10))
    _, error = statistics.best_estimate([lambda rows: float(np.mean(rows))], samples)
    assert error == pytest.approx(2 / math.sqrt(4000), rel=0.35), "the error is estimated from ten groups"


def test_correlated_rows_do_not_make_the_error_too_small() -> None:
    stretches = np.repeat(np.random.default_rng(2).normal(0, 1, 10), 40)[:, None]
    _, error = statistics.best_estimate([lambda rows: float(np.mean(rows))], stretches)
    assert error == pytest.approx(float(np.std(stretches)) / math.sqrt(9), rel=0.05)


def test_a_single_row_has_an_estimate_with_an_infinite_error() -> None:
    assert statistics.best_estimate([lambda rows: float(np.mean(rows))], np.array([[3.0]])) == (3.0, math.inf)
