"""While many objects are made, no search for garbage runs; after it, searches run as before."""

import gc

import pytest

from bench.records.garbage_collection import paused


def test_the_search_is_off_in_the_block_and_on_again_after_it() -> None:
    assert gc.isenabled()
    with paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_search_is_on_again_after_an_error() -> None:
    with pytest.raises(ValueError, match="stop"), paused():
        raise ValueError("stop")
    assert gc.isenabled()


def test_a_search_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_objects_of_a_block_are_left_out_of_later_searches_only_with_keep() -> None:
    before = gc.get_freeze_count()
    try:
        with paused():
            made = [[] for _ in range(100)]  # type: ignore[var-annotated]
        assert gc.get_freeze_count() == before
        with paused(keep=True):
            made += [[] for _ in range(100)]
        assert gc.get_freeze_count() >= before + len(made)
    finally:
        gc.unfreeze()
