"""How often equal data are called drifted, and how often a shift is found: the table of docs/explanation/drift.md.

`nox -s studies -- tests/bench/analysis/drift` makes it.
"""

from functools import cache
from pathlib import Path

import pytest

from tests.bench.analysis.drift.mixed_tables import drifted, resampled, table

PAGE = Path(__file__).parents[4] / "docs" / "explanation" / "drift.md"
REPORTS, ROWS = 200, 1_000
MOST_FALSE, LEAST_FOUND = 16, 184
SHIFTED = {"normal": "column 0", "lognormal": "column 1", "counts": "column 2", "exponential": "column 4"}


@cache
def false_reports(*, is_resampled: bool) -> int:
    """In how many reports on equal data any column of twenty is called drifted."""
    found = 0
    for seed in range(REPORTS):
        before = table(ROWS, 0 if is_resampled else 2 * seed)
        after = resampled(before, seed) if is_resampled else table(ROWS, 2 * seed + 1)
        found += bool(drifted(before, after))
    return found


@cache
def found_shifts(kind: str, by: float) -> int:
    """In how many reports a shift of one column of twenty is found."""
    name = SHIFTED[kind]
    pairs = ((table(ROWS, 2 * seed), table(ROWS, 2 * seed + 1, shifted=name, by=by)) for seed in range(REPORTS))
    return sum(name in drifted(before, after) for before, after in pairs)


@pytest.mark.study
@pytest.mark.parametrize("is_resampled", [True, False])
def test_equal_data_are_seldom_called_drifted(*, is_resampled: bool) -> None:
    assert false_reports(is_resampled=is_resampled) <= MOST_FALSE


@pytest.mark.study
@pytest.mark.parametrize("kind", SHIFTED)
def test_a_shift_by_half_a_deviation_is_found(kind: str) -> None:
    assert found_shifts(kind, 0.5) >= LEAST_FOUND


@pytest.mark.study
def test_a_shift_that_is_too_small_to_matter_is_not_called_drift() -> None:
    assert found_shifts("normal", 0.02) <= MOST_FALSE


@pytest.mark.study
def test_the_page_has_these_figures() -> None:
    text = PAGE.read_text("utf-8")
    lines = [f"| resampled from the reference | {false_reports(is_resampled=True)} of {REPORTS} |"]
    lines += [f"| drawn anew | {false_reports(is_resampled=False)} of {REPORTS} |"]
    lines += [f"| {kind}, shifted by 0.5 | {found_shifts(kind, 0.5)} of {REPORTS} |" for kind in SHIFTED]
    assert [line for line in lines if line not in text] == []
