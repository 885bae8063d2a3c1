"""The laps of a search: who is there together takes turns, and shares what the machine does."""

from dataclasses import replace

import numpy as np
import pytest

from bench.run import interleaved_timing
from bench.run.interleaved_timing import DEPTH, FEWEST_TURNS, LEAST_TURNS, LONG_TURN_NS, PLACES
from tests.bench.run.simulated_machine import CASE, RIGHT, SPEEDS, Machine, name_of, ratios, wanted


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaved_timing, "PAUSE_S", 0.0)


def test_a_slow_phase_is_in_no_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is three times slower for a while now and then, between groups and within one."""
    for length in (16, 40, 100):
        machine = Machine(slow=lambda request, length=length: 3.0 if request // length % 2 else 1.0)  # type: ignore[misc]
        assert ratios(machine.lap(*SPEEDS, seconds=1.0)) == pytest.approx(RIGHT)
    monkeypatch.setattr(interleaved_timing, "PLACES", 1)
    alone = Machine(slow=lambda request: 3.0 if request // 16 % 2 else 1.0)
    assert ratios(alone.lap(*SPEEDS, seconds=0.2)) != pytest.approx(RIGHT, rel=0.1), "who has no turns owes it to luck"


def test_a_phase_that_is_as_short_as_a_turn_is_noise_of_it() -> None:
    draws = np.random.default_rng(0).uniform(1, 3, 10_000)
    assert ratios(Machine(slow=lambda request: float(draws[request])).lap(*SPEEDS)) != pytest.approx(RIGHT, rel=0.05)


def test_what_the_guide_says_is_there_all_the_time_and_no_more_than_there_are_places() -> None:
    machine = Machine()
    found = machine.lap(*SPEEDS)
    assert list(found) == list(SPEEDS)
    assert {item.outcome for item in found.values()} == {"ok"}
    assert max(map(len, machine.groups)) == PLACES
    assert all(group[0] == "usual" for group in machine.groups if len(group) > 1)
    assert [name for name, _ in machine.places].count("usual") == 1
    assert not machine.there, "all have left"


def test_each_has_its_own_place_and_another_one_in_the_next_lap() -> None:
    machine = Machine()
    made, events = machine.laps()
    for _ in range(PLACES):
        made.time(wanted("usual", "b", "c"), 0.1)
    for name in ("usual", "b", "c"):
        assert {place for who, place in machine.places if who == name} == set(range(PLACES))
    assert [name_of(event.news) for event in events] == ["usual", "b", "c"] * PLACES


def test_turns_are_of_like_length_and_whoever_is_first_is_not_always_the_same() -> None:
    machine = Machine()
    machine.lap("usual", "b", "c")
    assert dict(machine.asked) == {"usual": DEPTH, "b": 20, "c": 10}
    firsts = {name for name, _ in machine.asked[::3]}
    assert firsts == {"usual", "b", "c"}
    assert len(machine.asked) == 3 * LEAST_TURNS


def test_long_turns_are_fewer() -> None:
    machine = Machine(together=64)
    machine.lap("usual", "e")
    assert 64 * SPEEDS["e"] > LONG_TURN_NS
    assert len(machine.asked) == 2 * FEWEST_TURNS


def test_what_is_called_together_is_never_divided() -> None:
    machine = Machine(together=16)
    machine.lap("usual", "b")
    assert {number % 16 for _, number in machine.asked} == {0}


def test_queries_are_waited_for_one_by_one() -> None:
    machine = Machine()
    found = machine.lap("usual", "b", case=replace(CASE, scenario="inference"))
    assert dict(machine.asked) == {"usual": 5, "b": 20}
    assert ratios(found) == pytest.approx({"usual": 1.0, "b": 0.25})


def test_between_turns_of_several_there_is_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(interleaved_timing, "PAUSE_S", 0.125)
    monkeypatch.setattr("bench.run.interleaved_timing.time.sleep", pauses.append)
    Machine().lap("usual")
    assert not pauses
    Machine().lap("usual", "b")
    assert pauses == [0.125] * 2 * LEAST_TURNS


def test_on_a_gpu_each_is_there_by_itself() -> None:
    machine = Machine()
    found = machine.lap(*SPEEDS, case=replace(CASE, device="cuda"))
    assert {len(group) for group in machine.groups} == {1}
    assert ratios(found) == pytest.approx(RIGHT)
