"""The search tries no size twice, and finds the largest batch that fits."""

import pytest

from bench.analysis.largest_batch import RESOLUTION, search


def searched(largest: int, *, limit: int) -> tuple[int, list[int]]:
    """The result of a search in which batches up to `largest` fit, and the sizes that were tried."""
    tried: list[int] = []

    def fits(size: int) -> bool:
        tried.append(size)
        return size <= largest

    return search(fits, limit=limit), tried


@pytest.mark.parametrize("largest", [1, 2, 31, 32, 33, 100, 1000, 4095, 50_000])
def test_the_largest_batch_that_fits_is_found_within_one_thirty_second(largest: int) -> None:
    found, tried = searched(largest, limit=65_536)
    assert found <= largest <= found * (1 + RESOLUTION)
    assert len(tried) == len(set(tried)) <= 14
    assert max(size for size in tried if size <= largest) == found


def test_the_search_tries_no_size_above_its_limit() -> None:
    assert searched(10**9, limit=5000) == (5000, [32, 128, 512, 2048, 5000])
    assert searched(10**9, limit=7) == (7, [7])
    assert searched(10**9, limit=1) == (1, [1])


def test_the_result_is_0_if_one_sample_does_not_fit() -> None:
    assert searched(0, limit=4096) == (0, [32, 16, 8, 4, 2, 1])
