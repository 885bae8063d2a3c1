"""Interleaved timing of an options search skips candidates that are far slower than the default, and only these."""

import pytest

from bench.run import interleaved_timing
from bench.run.interleaved_timing import FEWEST_TURNS, HOPELESS, LEAST_TURNS
from tests.bench.run.simulated_machine import RIGHT, SPEEDS, Machine, looks, ratios


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaved_timing, "PAUSE_S", 0.0)


def test_a_candidate_far_slower_than_the_default_is_not_timed_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    machine = Machine()
    assert ratios(machine.lap("usual", "f", "b", seconds=0.001))["f"] == pytest.approx(1.1 * HOPELESS)
    assert [name for name, _ in machine.asked].count("f") == 1, "one more call after the first"
    thorough = Machine()
    thorough.lap("usual", "f", "b", thorough=True)
    assert [name for name, _ in thorough.asked].count("f") == LEAST_TURNS


def test_a_candidate_with_a_slow_first_call_is_timed_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single call of a process that has just slept can take ten times as long as a call of a warm process."""
    found = Machine(cold={"b": 1}).lap("usual", "b", "c")
    assert ratios(found) == pytest.approx({name: RIGHT[name] for name in found})
    monkeypatch.setattr(interleaved_timing, "WARM_UP_SHARE", 0.0)
    hasty = Machine(cold={"b": 1}).lap("usual", "b", "c")
    assert ratios(hasty)["b"] == pytest.approx(100 * RIGHT["b"]), "skipped after one call"


def test_candidates_are_compared_with_the_warm_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    machine = Machine(cold={"usual": 10**6})
    machine.lap("usual", "f", "b", seconds=0.001)
    assert looks(machine) == 1
    monkeypatch.setattr(interleaved_timing._Member, "warm_up", lambda *_: None)
    never = Machine(cold={"usual": 10**6})
    never.lap("usual", "f", "b", seconds=0.001)
    assert looks(never) == FEWEST_TURNS, "compared with a cold default it is not far slower"


def test_the_time_limit_counts_all_steps_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    many = Machine(together=16)
    many.lap("usual", "f", seconds=0.1)
    one = Machine()
    one.lap("usual", "f", seconds=0.1)
    assert looks(one) > 10 * looks(many)


def test_the_time_of_a_far_slower_candidate_is_its_fastest_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 2 * HOPELESS * SPEEDS["usual"])
    machine = Machine(slow=lambda request: 1.0 if request == 1 else 3.0)
    assert machine.lap("usual", "f", seconds=0.1)["f"].times_s[0] == pytest.approx(
        2 * HOPELESS * machine.lap("usual")["usual"].times_s[0]
    )
    assert looks(machine) > 1
