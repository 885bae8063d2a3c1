"""A column of later data is called drifted if it is, and only then."""

import numpy as np
import pytest
from scipy import stats

from bench.analysis.drift import profiles
from bench.analysis.drift.columns import MISSING, compare
from tests.bench.analysis.drift.mixed_tables import COLUMNS, WORDS, compared, drifted, resampled, table

ROWS = 1_000


def numbers(seed: int, rows: int = ROWS, *, shift: float = 0.0) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(seed).normal(shift, size=rows)}


def words(*counts: int, names: tuple[str, ...] = ("a", "b", "c")) -> dict[str, np.ndarray]:
    return {"x": np.repeat(np.array(names, dtype=object), counts)}


def test_equal_data_have_not_drifted_and_a_shifted_column_has() -> None:
    before = table(ROWS, 0)
    assert drifted(before, resampled(before, 1)) == set()
    assert drifted(before, table(ROWS, 1, shifted="column 0")) == {"column 0"}


def test_a_wider_column_has_drifted_though_its_mean_is_the_same() -> None:
    before, after = numbers(0), {"x": 2 * numbers(1)["x"]}
    assert drifted(before, after) == {"x"}


def test_statistic_and_p_are_about_those_of_scipy() -> None:
    before, after = numbers(0), numbers(1, shift=0.2)
    found, right = compared(before, after)["x"], stats.ks_2samp(before["x"], after["x"])
    assert found.statistic == pytest.approx(right.statistic, abs=0.006)  # the bins of 200 quantiles
    assert found.statistic <= right.statistic
    assert found.p is not None
    assert found.p == pytest.approx(right.pvalue, rel=0.7)
    assert found.p > 100 * stats.ks_2samp(before["x"], numbers(1, shift=0.5)["x"]).pvalue


def test_the_effect_is_the_wasserstein_distance_in_deviations() -> None:
    before, after = numbers(0, 20_000), numbers(1, 20_000, shift=0.5)
    found = compared(before, after)["x"].effect
    low, high = np.quantile(before["x"], (0.005, 0.995))
    clipped = [np.clip(side["x"], low, high) for side in (before, after)]
    right = stats.wasserstein_distance(*clipped) / clipped[0].std()
    assert found == pytest.approx(right, rel=0.02)
    assert found != pytest.approx(2 * right, rel=0.02)


def test_one_huge_value_does_not_make_an_effect() -> None:
    before, after = numbers(0), numbers(1)
    after["x"][0] = 1e12
    found = compared(before, after)["x"]
    assert found.verdict == "unchanged"
    assert found.effect is not None
    assert found.effect < 0.1


def test_many_rows_make_a_tiny_shift_significant_but_not_drift() -> None:
    before, after = numbers(0, 200_000), numbers(1, 200_000, shift=0.03)
    found = compared(before, after)["x"]
    assert found.corrected_p is not None
    assert found.corrected_p < 0.001
    assert found.verdict == "unchanged"
    assert compared(before, after, effect=0.01)["x"].verdict == "drifted"


def test_shares_of_words_that_changed_have_drifted() -> None:
    before, after = words(500, 300, 200), words(300, 300, 400)
    found = compared(before, after)["x"]
    right = stats.chi2_contingency([[500, 300, 200], [300, 300, 400]], correction=False)
    assert (found.verdict, found.test) == ("drifted", "chi-squared")
    assert found.statistic == pytest.approx(right.statistic)
    assert found.effect == pytest.approx(0.2)
    assert compared(before, words(510, 290, 200))["x"].verdict == "unchanged"


def test_words_that_the_reference_does_not_have_are_named() -> None:
    found = compared(words(500, 300, 200), words(400, 200, 400, names=("a", "b", "new")))["x"]
    assert (found.verdict, found.others) == ("drifted", ("new",))


def test_bins_with_few_values_are_taken_together_for_the_test() -> None:
    names = tuple(f"word {number}" for number in range(40))
    before, after = words(*([2] * 40), names=names), words(*([2] * 40), names=names)
    assert compared(before, after)["x"].p == 1.0


def test_gaps_are_a_column_of_their_own() -> None:
    before, after = numbers(0), numbers(1)
    after["x"][: ROWS // 3] = np.nan
    found = compared(before, after)
    assert found["x"].verdict == "unchanged"
    assert found[f"x: {MISSING}"].verdict == "drifted"
    assert f"x: {MISSING}" not in compared(numbers(0), numbers(1))


def test_ids_are_not_tested() -> None:
    ids = {"x": np.array([f"id {number}" for number in range(ROWS)], dtype=object)}
    found = compared(ids, ids)["x"]
    assert (found.verdict, found.p) == ("not tested", None)
    assert "an id" in found.reason


def test_a_column_without_values_in_later_data_is_undecided() -> None:
    after = {"x": np.full(ROWS, np.nan)}
    found = compared(numbers(0), after)
    assert found["x"].verdict == "too few rows"
    assert found[f"x: {MISSING}"].verdict == "drifted"


def test_few_rows_are_undecided_unless_the_drift_is_plain() -> None:
    before = numbers(0, 40)
    found = compared(before, numbers(1, 40))["x"]
    assert found.verdict == "too few rows"
    assert "needs about 95 rows" in found.reason
    assert compared(before, numbers(1, 40, shift=3.0))["x"].verdict == "drifted"
    assert compared(numbers(0, 400), numbers(1, 400))["x"].verdict == "unchanged"


def test_the_limit_of_the_psi_falls_with_the_rows() -> None:
    few, many = (compared(numbers(0, rows), numbers(1, rows))["x"].psi_limit for rows in (50, 5_000))
    assert few is not None
    assert many is not None
    assert few > 0.25  # by convention a large drift, and these data are equal
    assert many < 0.1


def test_p_is_corrected_for_the_number_of_columns_and_of_parts() -> None:
    before = {f"{number}": numbers(number)["x"] for number in range(COLUMNS)}
    after = {f"{number}": numbers(100 + number)["x"] for number in range(COLUMNS)}
    reference = profiles.reference(lambda: iter([before]))
    found = compare(reference, profiles.current(reference, [after]))
    right = stats.false_discovery_control([item.p for item in found])
    assert [item.corrected_p for item in found] == pytest.approx(right.tolist())
    in_parts = compare(reference, profiles.current(reference, [after]), parts=12)
    assert [item.corrected_p for item in in_parts] == pytest.approx(np.minimum(1, 12 * right).tolist())


def test_the_bars_of_numbers_are_tenths_of_the_reference() -> None:
    bars = compared(numbers(0, 5_000), numbers(1, 5_000, shift=1.0))["x"].bars
    assert bars is not None
    assert bars.reference == pytest.approx([0.1] * 10, abs=0.002)
    assert bars.current[-1] > 0.3
    assert bars.current[0] < 0.05
    assert sum(bars.current) == pytest.approx(1.0)
    assert bars.labels[-1].startswith("above ")


def test_the_bars_of_words_are_the_most_frequent_ones() -> None:
    before = {"x": WORDS[np.random.default_rng(0).integers(len(WORDS), size=ROWS)]}
    bars = compared(before, before)["x"].bars
    assert bars is not None
    assert set(bars.labels) == set(WORDS)
    assert bars.reference == bars.current


@pytest.mark.parametrize("middle", [293.0, 1.7e9, 2e-5])
def test_each_bar_has_a_label_of_its_own(middle: float) -> None:
    values = {"x": middle * (1 + 1e-6 * np.random.default_rng(0).normal(size=ROWS))}
    bars = compared(values, values)["x"].bars
    assert bars is not None
    assert len(set(bars.labels)) == len(bars.labels) == 10
