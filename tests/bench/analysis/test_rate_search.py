"""The search for the highest rate that keeps a latency limit."""

from collections.abc import Callable

import pytest

from bench.analysis import rate_search
from bench.analysis.rate_search import search
from bench.records.load import Verdict


def below(limit: float) -> Callable[[float], Verdict]:
    """A server that keeps every rate up to this one."""
    return lambda rate: "kept" if rate <= limit else "broken"


@pytest.mark.parametrize("limit", [8.0, 80.0, 100.0, 101.0, 777.0, 30_000.0])
def test_the_answer_is_an_interval_of_one_step_around_the_rate(limit: float) -> None:
    found = search(below(limit), start=100.0)
    assert found.ending == "found"
    assert found.confirmed_per_s is not None
    assert found.refuted_per_s is not None
    assert found.confirmed_per_s <= limit < found.refuted_per_s
    assert found.refuted_per_s / found.confirmed_per_s == pytest.approx(rate_search.STEP)


def test_the_answer_is_confirmed_three_times_and_the_next_rate_is_refuted_twice() -> None:
    asked: list[float] = []

    def probe(rate: float) -> Verdict:
        asked.append(rate)
        return "kept" if rate <= 250 else "broken"

    found = search(probe, start=100.0)
    assert asked.count(found.confirmed_per_s or 0) == rate_search.CONFIRMATIONS
    assert asked.count(found.refuted_per_s or 0) == rate_search.REFUTATIONS


def test_one_lucky_run_does_not_decide() -> None:
    lucky = [True]

    def probe(rate: float) -> Verdict:
        if rate > 200 and rate < 240 and lucky:
            lucky.pop()
            return "kept"
        return "kept" if rate <= 200 else "broken"

    found = search(probe, start=100.0)
    assert not lucky, "the lucky run was made"
    assert found.confirmed_per_s is not None
    assert found.confirmed_per_s <= 200


def test_a_rate_that_cannot_be_sent_ends_in_a_lower_bound() -> None:
    found = search(lambda rate: "kept" if rate <= 500 else "invalid", start=100.0)
    assert (found.ending, found.refuted_per_s) == ("lower bound", None)
    assert found.confirmed_per_s is not None
    assert 500 / rate_search.STEP <= found.confirmed_per_s <= 500


def test_a_generator_that_is_late_at_every_rate_says_nothing_about_the_server() -> None:
    found = search(lambda _: "invalid", start=100.0)
    assert (found.confirmed_per_s, found.refuted_per_s, found.ending) == (None, None, "inconclusive")


def test_a_rate_that_cannot_be_sent_below_one_that_can_is_inconclusive() -> None:
    found = search(lambda rate: "kept" if rate <= 360 else "invalid" if rate < 500 else "broken", start=100.0)
    assert found.ending == "inconclusive"
    assert found.confirmed_per_s is not None
    assert found.refuted_per_s is not None
    assert found.confirmed_per_s <= 360
    assert found.refuted_per_s >= 500


def test_a_search_without_time_ends_with_what_it_has_found() -> None:
    runs = iter(range(4))

    def probe(rate: float) -> Verdict | None:
        return None if next(runs, None) is None else "kept" if rate <= 250 else "broken"

    assert search(probe, start=100.0).ending == "inconclusive"


def test_one_run_that_is_not_valid_is_made_again() -> None:
    disturbed = [150.0]

    def probe(rate: float) -> Verdict:
        if disturbed and rate == disturbed[0]:
            disturbed.pop()
            return "invalid"
        return "kept" if rate <= 300 else "broken"

    found = search(probe, start=100.0)
    assert not disturbed
    assert found.ending == "found"


def test_a_server_that_breaks_the_limit_at_any_rate_has_an_upper_bound() -> None:
    found = search(lambda _: "broken", start=100.0)
    assert (found.confirmed_per_s, found.ending) == (None, "upper bound")
    assert found.refuted_per_s is not None
    assert found.refuted_per_s < 100 * rate_search.LOWEST * rate_search.BRACKET


def test_a_search_without_an_end_is_inconclusive() -> None:
    asked: list[float] = []

    def probe(rate: float) -> Verdict:
        asked.append(rate)
        return "kept"

    assert search(probe, start=100.0).ending == "inconclusive"
    assert len(asked) == rate_search.MOST_PROBES


def test_a_search_without_an_end_tells_what_it_has_found() -> None:
    votes = rate_search._Votes(below(1.0))
    votes.found = {
        100.0: ["kept"] * 3,
        103.0: ["kept"] * 2,
        106.0: ["kept", "broken"],
        50.0: ["broken"] * 2,
        150.0: ["broken"] * 2,
        200.0: ["broken"] * 2,
    }
    found = votes.so_far()
    assert (found.confirmed_per_s, found.refuted_per_s, found.ending) == (100.0, 150.0, "inconclusive")
