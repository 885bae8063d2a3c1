"""Three significant digits, in a unit that suits."""

import math
from collections.abc import Callable

import pytest

from bench.report import numbers


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
    assert numbers.duration(seconds) == text


def test_counts_sizes_and_ratios() -> None:
    assert numbers.count(34_149.0) == "34.1 k"
    assert numbers.count(12.0) == "12.0"
    assert numbers.size(65_600_000) == "65.6 MB"
    assert numbers.ratio(1.3249) == "1.32×"
    assert numbers.ratio(12.349) == "12.3×"
    assert numbers.ratio_range(1.32, low=1.29, high=1.36) == "1.32× [1.29-1.36]"


@pytest.mark.parametrize("write", [numbers.count, numbers.size, numbers.ratio, numbers.score, numbers.significant])
def test_the_unknown_is_never_a_number(write: Callable[[float | None], str]) -> None:
    assert write(None) == write(math.nan) == "n/a"


def test_scores_have_four_digits() -> None:
    assert numbers.score(0.97222) == "0.9722"
    assert numbers.score(12.3456) == "12.35"
    assert numbers.score(70530.4) == "70530"
    assert numbers.score(9999.6) == "10000"
    assert numbers.score(1e-5) == "1.0e-05"
    assert numbers.score(0.0) == "0.0000"
    assert numbers.deviation(3.14e-16) == "3.1e-16"


def test_a_spread_is_that_of_the_farther_bound() -> None:
    assert numbers.spread(100.0, low=90.0, high=104.0) == "±10 %"
    assert numbers.spread(100.0, low=99.0, high=104.4) == "±4 %"
    assert numbers.spread(100.0, low=99.7, high=100.1) == "±0.3 %"
