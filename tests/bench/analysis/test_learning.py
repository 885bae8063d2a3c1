"""Learning curves, bands and differences between frameworks get the right verdicts, also close to their limits."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t, ttest_rel

from bench.analysis.learning import RULES, diagnose, differences, interval, place
from bench.records.measurement import Epoch, Learning
from bench.workload.recipe import Band
from tests.bench.sample_records import learning


def curve(train: list[float], evaluation: list[float]) -> Learning:
    epochs = tuple(
        Epoch(train_loss=one, evaluation_loss=other, evaluation_quality=0.5, train_ns=1, evaluation_ns=1)
        for one, other in zip(train, evaluation, strict=True)
    )
    return replace(learning(), epochs=epochs)


FLAT = [1.0, 0.5, 0.3, 0.2, 0.11, 0.101, 0.1, 0.1, 0.1, 0.1]
FALLING = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]


@pytest.mark.parametrize(
    ("train", "evaluation", "expected"),
    [
        (FLAT, FLAT, "converged"),
        (FALLING, FALLING, "still improving"),
        (FALLING, [*FALLING[:5], 0.6, 0.6, 0.6, 0.6, 0.6], "converged"),
        (FALLING, [*FALLING[:5], 0.6, 0.61, 0.62, 0.64, 0.67], "over-fitting"),
        (FALLING, [*FALLING[:5], 0.6, 0.61, 0.62, 0.63, 0.65], "converged"),
        ([1.0, 1.1], [1.0, 1.0], "diverging"),
        ([1.0, np.nan], [1.0, np.nan], "diverging"),
        ([1.0, 0.5], [1.0, np.inf], "diverging"),
        ([1.0], [1.0], "too short to tell"),
        ([1.0, 0.5, 0.5], [1.0, 0.5, 0.5], "converged"),
    ],
)
def test_each_learning_curve_has_its_diagnosis(train: list[float], evaluation: list[float], expected: str) -> None:
    assert diagnose(curve(train, evaluation)) == expected
    assert expected in RULES


ACCURACY = Band(metric="accuracy", lowest=0.9, highest=0.95, source="here")
ERROR = Band(metric="mae", lowest=10.0, highest=20.0, source="here")


@pytest.mark.parametrize(
    ("band", "mean", "expected"),
    [
        (ACCURACY, 0.9, "within"),
        (ACCURACY, 0.95, "within"),
        (ACCURACY, 0.951, "better"),
        (ACCURACY, 0.899, "missed"),
        (ERROR, 20.0, "within"),
        (ERROR, 9.9, "better"),
        (ERROR, 20.1, "missed"),
        (ERROR, float("nan"), "missed"),
    ],
)
def test_a_mean_outside_of_the_band_is_better_or_missed(band: Band, mean: float, expected: str) -> None:
    assert place(band, mean) == expected


def test_the_interval_is_that_of_students_t() -> None:
    low, high = interval([1.0, 2.0, 3.0]) or (0.0, 0.0)
    reach = 4.302653 / np.sqrt(3)
    assert (low, high) == pytest.approx((2 - reach, 2 + reach), rel=1e-6)
    assert interval([1.0]) is None


EQUAL = {"a": {0: 0.91, 1: 0.93, 2: 0.92}, "b": {0: 0.92, 1: 0.92, 2: 0.925}}


def test_frameworks_with_random_differences_do_not_differ_significantly() -> None:
    (found,) = differences(EQUAL)
    assert (found.first, found.second) == ("a", "b")
    assert found.mean == pytest.approx(-0.005 / 3)
    assert found.probability == pytest.approx(ttest_rel(list(EQUAL["a"].values()), list(EQUAL["b"].values())).pvalue)
    assert not found.is_significant


def test_a_difference_in_every_seed_is_significant() -> None:
    worse = {seed: value - 0.05 - 0.001 * seed for seed, value in EQUAL["a"].items()}
    (found,) = differences({"a": EQUAL["a"], "b": worse})
    assert found.is_significant
    assert found.mean > 0.05


def test_more_frameworks_need_smaller_p_values() -> None:
    """A p-value of 0.03 is significant for two frameworks, but not for three, by Holm's correction."""
    values = {0: 0.0, 1: 0.0, 2: 0.0}
    far = {0: 0.10, 1: 0.15, 2: 0.13}
    alone = differences({"a": values, "b": far})[0].probability
    among = {(item.first, item.second): item for item in differences({"a": values, "b": far, "c": values})}
    assert alone < 0.05
    assert among["a", "b"].probability == pytest.approx(3 * alone)
    assert among["a", "c"].probability == 1.0


def test_equal_differences_have_a_p_value_of_0_or_1() -> None:
    values = dict.fromkeys(range(3), 0.9)
    shifted = dict.fromkeys(range(3), 0.8)
    assert [item.probability for item in differences({"a": values, "b": dict(values)})] == [1.0]
    assert [item.probability for item in differences({"a": values, "b": shifted})] == [0.0]


def test_a_pair_needs_three_common_seeds() -> None:
    few = dict.fromkeys((0, 1, 7), 0.9)
    assert differences({"a": EQUAL["a"], "b": few}) == ()
    assert len(differences({"a": {**EQUAL["a"], 7: 0.9}, "b": few})) == 1


def test_p_values_and_intervals_are_those_of_scipy_to_the_last_digit() -> None:
    chance = np.random.default_rng(0)
    for count in (3, 4, 7, 20):
        for _ in range(50):
            first, second = chance.normal(0.9, 0.02, count), chance.normal(0.89, 0.03, count)
            (found,) = differences({"a": dict(enumerate(first)), "b": dict(enumerate(second))})
            assert found.probability == ttest_rel(first, second).pvalue
            assert found.probability != ttest_rel(first, second[::-1]).pvalue
            reach = float(t.ppf(0.975, count - 1)) * float(np.std(first, ddof=1) / np.sqrt(count))
            assert interval(first.tolist()) == (float(np.mean(first)) - reach, float(np.mean(first)) + reach)
