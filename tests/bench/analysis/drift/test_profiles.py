"""The profile of a table is the same, in whichever chunks its rows come."""

from collections.abc import Iterator

import numpy as np
import pytest

from bench.analysis.drift import profiles
from bench.analysis.drift.profiles import Chunk
from tests.bench.analysis.drift.mixed_tables import table

ROWS = 3_000


def chunks(whole: Chunk, size: int) -> Iterator[Chunk]:
    rows = len(next(iter(whole.values())))
    for begin in range(0, rows, size):
        yield {name: values[begin : begin + size] for name, values in whole.items()}


def test_a_reference_in_chunks_has_the_profile_of_the_whole() -> None:
    whole = table(ROWS, 0)
    found = profiles.reference(lambda: chunks(whole, 700))
    assert found == profiles.reference(lambda: iter([whole]))
    assert found != profiles.reference(lambda: iter([table(ROWS, 1)]))
    assert all(item.rows == ROWS for item in found)


def test_later_data_in_chunks_have_the_profile_of_the_whole() -> None:
    reference, later = profiles.reference(lambda: iter([table(ROWS, 0)])), table(ROWS, 1)
    found = profiles.current(reference, chunks(later, 700))
    assert found == profiles.current(reference, [later])
    assert [item.edges for item in found] == [item.edges for item in reference]


def test_of_more_rows_than_are_kept_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table(ROWS, 0)
    exact = profiles.reference(lambda: chunks(whole, 100))
    monkeypatch.setattr(profiles, "KEPT", 1_000)
    found = profiles.reference(lambda: chunks(whole, 100))
    assert [item.rows for item in found] == [ROWS] * len(found)
    normal, right = found[0], exact[0]
    assert normal.edges != right.edges
    middle = len(normal.edges) // 2
    assert normal.edges[middle] == pytest.approx(right.edges[middle], abs=0.1)
    below = sum(normal.counts[: middle + 1]) / ROWS
    assert below == pytest.approx((whole["column 0"] <= normal.edges[middle]).mean())


def test_the_edges_of_a_column_are_its_quantiles() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1.0, 20_001.0))
    (found,) = profiles.reference(lambda: iter([{"x": values}]))
    assert found.edges[0] == 100.0
    assert found.edges[99] == 10_000.0
    assert set(found.counts) == {100}


def test_each_of_a_few_numbers_is_the_end_of_a_bin() -> None:
    values = np.repeat([1.0, 2.0, 5.0], (10, 20, 70))
    (found,) = profiles.reference(lambda: iter([{"x": values}]))
    assert (found.kind, found.edges, found.counts) == ("number", (1.0, 2.0, 5.0), (10, 20, 70, 0))


def test_a_flag_is_a_category() -> None:
    values = np.repeat([0.0, 1.0, np.nan], (90, 10, 5))
    (found,) = profiles.reference(lambda: iter([{"x": values}]))
    assert (found.kind, found.categories, found.counts, found.missing) == ("category", ("0", "1"), (90, 10, 0), 5)
    (later,) = profiles.current([found], [{"x": np.repeat([0.0, 1.0, 2.0], (1, 2, 3))}])
    assert (later.counts, later.others) == ((1, 2, 3), ("2",))


def test_infinite_and_missing_numbers_have_no_bin() -> None:
    values = np.array([1.0, 2.0, 3.0, np.inf, -np.inf, np.nan])
    (found,) = profiles.reference(lambda: iter([{"x": values}]))
    assert (found.rows, found.missing) == (3, 3)


def test_seldom_words_share_the_last_bin() -> None:
    words = np.array([f"word {number}" for number in range(60) for _ in range(60 - number)], dtype=object)
    (found,) = profiles.reference(lambda: iter([{"x": words}]))
    assert len(found.categories) == profiles.MOST_CATEGORIES
    assert found.counts[-1] == sum(range(1, 11))
    assert found.others


def test_words_of_which_nearly_every_row_has_another_are_text() -> None:
    words = np.array([f"id {number}" for number in range(500)], dtype=object)
    (found,) = profiles.reference(lambda: iter([{"x": words}]))
    assert found.kind == "text"
    (few,) = profiles.reference(lambda: iter([{"x": words[:50]}]))
    assert few.kind == "category"
