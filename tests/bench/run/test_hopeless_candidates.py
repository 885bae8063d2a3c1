"""The laps of a search: who is far slower than what the guide says has no turns, and nobody else is taken for that."""

import pytest

from bench.run import interleaved_timing
from bench.run.interleaved_timing import FEWEST_TURNS, HOPELESS, LEAST_TURNS
from tests.bench.run.simulated_machine import RIGHT, SPEEDS, Machine, looks, ratios


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaved_timing, "PAUSE_S", 0.0)


def test_who_is_far_slower_than_what_the_guide_says_has_no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    machine = Machine()
    assert ratios(machine.lap("usual", "f", "b", seconds=0.001))["f"] == pytest.approx(1.1 * HOPELESS)
    assert [name for name, _ in machine.asked].count("f") == 1, "the second look"
    thorough = Machine()
    thorough.lap("usual", "f", "b", thorough=True)
    assert [name for name, _ in thorough.asked].count("f") == LEAST_TURNS


def test_whose_first_calls_are_slow_is_not_far_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """Single calls of processes that have just slept take ten times as long as those of one that is warm."""
    found = Machine(cold={"b": 1}).lap("usual", "b", "c")
    assert ratios(found) == pytest.approx({name: RIGHT[name] for name in found})
    monkeypatch.setattr(interleaved_timing, "WARM_UP_SHARE", 0.0)
    hasty = Machine(cold={"b": 1}).lap("usual", "b", "c")
    assert ratios(hasty)["b"] == pytest.approx(100 * RIGHT["b"]), "after one look"


def test_who_is_far_slower_is_told_from_what_the_guide_takes_when_it_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    machine = Machine(cold={"usual": 10**6})
    machine.lap("usual", "f", "b", seconds=0.001)
    assert looks(machine) == 1
    monkeypatch.setattr(interleaved_timing._Member, "warm_up", lambda *_: None)
    never = Machine(cold={"usual": 10**6})
    never.lap("usual", "f", "b", seconds=0.001)
    assert looks(never) == FEWEST_TURNS, "held against one that is not"


def test_all_steps_of_a_call_count_where_calls_fit_into_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    many = Machine(together=16)
    many.lap("usual", "f", seconds=0.1)
    one = Machine()
    one.lap("usual", "f", seconds=0.1)
    assert looks(one) > 10 * looks(many)


def test_who_is_far_slower_has_the_time_of_its_quickest_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 2 * HOPELESS * SPEEDS["usual"])
    machine = Machine(slow=lambda request: 1.0 if request == 1 else 3.0)
    assert machine.lap("usual", "f", seconds=0.1)["f"].times_s[0] == pytest.approx(
        2 * HOPELESS * machine.lap("usual")["usual"].times_s[0]
    )
    assert looks(machine) > 1
