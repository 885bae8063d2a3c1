"""Three significant digits, in the unit that fits."""

import math
from collections.abc import Callable

import pytest

from bench.report import formatting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.234e-3, "1.23 ms"),
        (9.996e-4, "1.00 ms"),
        (123.4e-6, "123 µs"),
        (2.5e-8, "25.0 ns"),
        (71.26, "71.3 s"),
        (1234.0, "1230 s"),
        (0.0, "0 ns"),
        (None, "n/a"),
        (math.nan, "n/a"),
    ],
)
def test_times(seconds: float | None, text: str) -> None:
    assert formatting.duration(seconds) == text


def test_counts_sizes_and_ratios() -> None:
    assert formatting.count(34_149.0) == "34.1 k"
    assert formatting.count(12.0) == "12.0"
    assert formatting.size(65_600_000) == "65.6 MB"
    assert formatting.ratio(1.3249) == "1.32×"
    assert formatting.ratio(12.349) == "12.3×"
    assert formatting.ratio_range(1.32, low=1.29, high=1.36) == "1.32× [1.29-1.36]"


@pytest.mark.parametrize(
    "write", [formatting.count, formatting.size, formatting.ratio, formatting.score, formatting.significant]
)
def test_the_unknown_is_never_a_number(write: Callable[[float | None], str]) -> None:
    assert write(None) == write(math.nan) == "n/a"


def test_a_share_that_is_not_zero_is_not_shown_as_zero() -> None:
    assert [formatting.share(number) for number in (0.0, 4e-4, 6e-4, 0.0642)] == ["0.0%", "<0.1%", "0.1%", "6.4%"]


def test_scores_have_four_digits() -> None:
    assert formatting.score(0.97222) == "0.9722"
    assert formatting.score(12.3456) == "12.35"
    assert formatting.score(70530.4) == "70530"
    assert formatting.score(9999.6) == "10000"
    assert formatting.score(1e-5) == "1.0e-05"
    assert formatting.score(0.0) == "0.0000"
    assert formatting.deviation(3.14e-16) == "3.1e-16"
    assert [formatting.deviation(number) for number in (0.0, 0.0123, 0.31, 7.54)] == ["0", "1.2e-02", "0.31", "7.5"]
    assert [formatting.limit(number) for number in (1e-12, 5e-3, 0.4, 6.0)] == ["1e-12", "5e-03", "0.4", "6"]


def test_a_spread_is_the_distance_to_both_bounds() -> None:
    assert formatting.spread(100.0, low=90.0, high=104.0) == "-10/+4 %"
    assert formatting.spread(100.0, low=95.9, high=104.4) == "±4 %"
    assert formatting.spread(100.0, low=99.7, high=100.0) == "-0.3/+0 %"
