"""Interleaved timing of an options search: candidates run in alternating slices, so that ratios are not disturbed."""

from dataclasses import replace

import numpy as np
import pytest

from bench.run import interleaved_timing
from bench.run.interleaved_timing import DEPTH, FEWEST_TURNS, LEAST_TURNS, LONG_TURN_NS, PLACES
from tests.bench.run.simulated_machine import CASE, RIGHT, SPEEDS, Machine, name_of, ratios, wanted


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaved_timing, "PAUSE_S", 0.0)


def test_a_slow_phase_of_the_machine_does_not_change_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is three times slower in some phases, which change between groups and within a group."""
    for length in (16, 40, 100):
        machine = Machine(slow=lambda request, length=length: 3.0 if request // length % 2 else 1.0)  # type: ignore[misc]
        assert ratios(machine.lap(*SPEEDS, seconds=1.0)) == pytest.approx(RIGHT)
    monkeypatch.setattr(interleaved_timing, "PLACES", 1)
    alone = Machine(slow=lambda request: 3.0 if request // 16 % 2 else 1.0)
    assert ratios(alone.lap(*SPEEDS, seconds=0.2)) != pytest.approx(RIGHT, rel=0.1), "not interleaved"


def test_slow_phases_as_short_as_a_slice_change_ratios() -> None:
    draws = np.random.default_rng(0).uniform(1, 3, 10_000)
    assert ratios(Machine(slow=lambda request: float(draws[request])).lap(*SPEEDS)) != pytest.approx(RIGHT, rel=0.05)


def test_the_default_runs_beside_every_group_and_no_more_processes_than_places() -> None:
    machine = Machine()
    found = machine.lap(*SPEEDS)
    assert list(found) == list(SPEEDS)
    assert {item.outcome for item in found.values()} == {"ok"}
    assert max(map(len, machine.groups)) == PLACES
    assert all(group[0] == "usual" for group in machine.groups if len(group) > 1)
    assert [name for name, _ in machine.places].count("usual") == 1
    assert not machine.there, "all processes have ended"


def test_each_candidate_has_another_fork_server_in_the_next_round() -> None:
    machine = Machine()
    made, events = machine.laps()
    for _ in range(PLACES):
        made.time(wanted("usual", "b", "c"), 0.1)
    for name in ("usual", "b", "c"):
        assert {place for who, place in machine.places if who == name} == set(range(PLACES))
    tried = [[name_of(options) for options in event.news["options"]] for event in events]
    assert tried == [["usual", "b", "c"]] * PLACES


def test_each_group_is_told_with_its_round_its_candidates_and_the_share_that_is_done() -> None:
    made, events = Machine().laps()
    made.time(wanted(*SPEEDS), 0.1)
    made.time(wanted("usual", "b", "c"), 0.1)
    made.time(wanted("usual", "b", "c"), 0.1)
    made.time(wanted("usual", "b"), 0.1)
    news = [event.news for event in events]
    assert [[name_of(options) for options in item["options"]] for item in news[:2]] == [
        ["usual", "b", "c", "d"],
        ["e", "f"],
    ]
    assert [(item["first"], item["candidates"]) for item in news] == [(1, 6), (5, 6), (1, 3), (1, 3), (1, 2)]
    assert [(item["round"], item["rounds"]) for item in news] == [(1, 3), (1, 3), (2, 3), (3, 3), (4, 4)]
    assert [item["share"] for item in news] == pytest.approx([0, 4 / 12, 6 / 12, 9 / 12, 12 / 14])


def test_every_candidate_stays_to_the_end_of_a_thorough_search() -> None:
    made, events = Machine().laps(thorough=True)
    for _ in range(3):
        made.time(wanted(*SPEEDS), 0.1)
    rounds = [(event.news["round"], event.news["rounds"]) for event in events if event.news["first"] == 1]
    assert rounds == [(1, 2), (2, 2), (3, 3)]


def test_slices_have_similar_length_and_the_order_changes() -> None:
    machine = Machine()
    machine.lap("usual", "b", "c")
    assert dict(machine.asked) == {"usual": DEPTH, "b": 20, "c": 10}
    firsts = {name for name, _ in machine.asked[::3]}
    assert firsts == {"usual", "b", "c"}
    assert len(machine.asked) == 3 * LEAST_TURNS


def test_there_are_fewer_slices_if_they_are_long() -> None:
    machine = Machine(together=64)
    machine.lap("usual", "e")
    assert 64 * SPEEDS["e"] > LONG_TURN_NS
    assert len(machine.asked) == 2 * FEWEST_TURNS


def test_steps_that_are_compiled_together_are_timed_together() -> None:
    machine = Machine(together=16)
    machine.lap("usual", "b")
    assert {number % 16 for _, number in machine.asked} == {0}


def test_queries_are_timed_one_by_one() -> None:
    machine = Machine()
    found = machine.lap("usual", "b", case=replace(CASE, scenario="inference"))
    assert dict(machine.asked) == {"usual": 5, "b": 20}
    assert ratios(found) == pytest.approx({"usual": 1.0, "b": 0.25})


def test_there_is_a_pause_between_slices_of_several_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(interleaved_timing, "PAUSE_S", 0.125)
    monkeypatch.setattr("bench.run.interleaved_timing.time.sleep", pauses.append)
    Machine().lap("usual")
    assert not pauses
    Machine().lap("usual", "b")
    assert pauses == [0.125] * 2 * LEAST_TURNS


def test_on_a_gpu_each_candidate_runs_alone() -> None:
    machine = Machine()
    found = machine.lap(*SPEEDS, case=replace(CASE, device="cuda"))
    assert {len(group) for group in machine.groups} == {1}
    assert ratios(found) == pytest.approx(RIGHT)
