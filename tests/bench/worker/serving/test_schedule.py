"""The schedule of queries is a Poisson process, the one that LoadGen draws (see test_load_generator.py)."""

import numpy as np
import pytest

from bench.worker.serving import schedule
from bench.worker.serving.schedule import arrivals_ns, queries_for, seeds, settings


def test_gaps_have_the_mean_and_the_spread_of_an_exponential_distribution() -> None:
    gaps = np.diff(arrivals_ns(200_000, per_s=1_000.0, seed=7))
    assert gaps.mean() == pytest.approx(1e6, rel=0.01)
    assert gaps.std() == pytest.approx(1e6, rel=0.01)
    assert np.quantile(gaps, 0.99) == pytest.approx(np.log(100) * 1e6, rel=0.03)


def test_a_seed_has_one_schedule_and_another_seed_another() -> None:
    first, again, other = (arrivals_ns(100, per_s=10.0, seed=seed) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()
    assert first[0] == 0


def test_the_first_numbers_of_the_generator_decide_the_first_gap() -> None:
    # std::mt19937 with seed 5489 begins with 3499211612 and 581869302, as the standard of C++ says.
    uniform = (3499211612 + 581869302 * 2**32) / 2**64
    assert arrivals_ns(2, per_s=1.0, seed=5489)[1] == int(-np.log1p(-uniform) * 1e9)


@pytest.mark.parametrize(("per_s", "expected"), [(1.0, 1_000), (333.0, 1_000), (10_000.0, 30_000)])
def test_a_run_has_a_thousand_queries_and_three_seconds(per_s: float, expected: int) -> None:
    assert queries_for(per_s) == expected


@pytest.mark.parametrize(("percentile", "expected"), [(50.0, 1_000), (99.0, 1_000), (99.9, 10_000)])
def test_a_rare_percentile_needs_more_queries(percentile: float, expected: int) -> None:
    assert queries_for(1.0, percentile=percentile) == pytest.approx(expected, abs=1)


def test_each_run_has_seeds_of_its_own() -> None:
    assert len({seed for number in range(1, 50) for seed in seeds(number)}) == 3 * 49
    assert seeds(3) == seeds(3)


def test_the_settings_have_the_names_of_load_gen() -> None:
    found = settings("server", 1_000, seeds=(1, 2, 3), per_s=50.0, limit_ns=10**7)
    assert found == {
        "min_query_count": 1_000,
        "min_duration_ms": 0,
        "qsl_rng_seed": 1,
        "sample_index_rng_seed": 2,
        "schedule_rng_seed": 3,
        "server_target_qps": 50.0,
        "server_target_latency_ns": 10**7,
    }
    assert schedule.settings("single_stream", 9, seeds=(1, 2, 3), per_s=None, limit_ns=None)["max_query_count"] == 9
