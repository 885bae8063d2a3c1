"""The laps of a search: whoever fails fails alone, and leaves the others their times."""

import pytest

from bench.run import interleaved_timing
from bench.run.interleaved_timing import HOPELESS, LEAST_TURNS
from bench.run.worker_client import WorkerError
from tests.bench.run.simulated_machine import SPEEDS, Launcher, Machine, looks


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaved_timing, "PAUSE_S", 0.0)


def test_nobody_is_far_slower_than_what_ended_as_it_warmed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    machine = Machine(frail=("usual",))
    found = machine.lap("usual", "f")
    assert found["usual"].outcome == "failed"
    assert looks(machine) == LEAST_TURNS


def test_what_failed_is_not_begun_again_beside_the_next_ones() -> None:
    machine = Machine(broken={"usual": "timeout"})
    found = machine.lap(*SPEEDS)
    assert found["usual"].outcome == "timeout"
    assert [name for name, _ in machine.places].count("usual") == 1
    assert all(found[name].outcome == "ok" for name in SPEEDS if name != "usual")


def test_what_had_no_memory_beside_some_is_begun_again_beside_the_next_ones() -> None:
    machine = Machine(broken={"usual": "oom"})
    found = machine.lap(*SPEEDS)
    assert found["usual"].outcome == "oom"
    assert [name for name, _ in machine.places].count("usual") > 2, "beside each group, and at last by itself"


def test_who_fails_fails_alone() -> None:
    machine = Machine(broken={"b": "unavailable"})
    found = machine.lap("usual", "b", "c")
    assert (found["b"].outcome, found["b"].error, found["b"].times_s) == ("unavailable", "it ended: unavailable", ())
    assert found["c"].times_s[0] / found["usual"].times_s[0] == 0.5
    usual = Machine(broken={"usual": "failed"}).lap("usual", "c", "d")
    assert usual["usual"].outcome == "failed"
    assert usual["c"].times_s == (SPEEDS["c"] / 1e9,), "nothing to go by but the clock"


def test_who_has_no_memory_beside_the_others_is_timed_alone() -> None:
    machine = Machine(greedy=("c",))
    found = machine.lap("usual", "b", "c")
    assert {item.outcome for item in found.values()} == {"ok"}
    assert found["c"].times_s == (SPEEDS["c"] / 1e9,)
    assert ("c",) in machine.groups
    never = Machine(broken={"c": "oom"}).lap("usual", "b", "c")
    assert never["c"].outcome == "oom"


def test_who_ends_in_a_turn_leaves_the_others_their_times(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Machine(mortal=tuple(SPEEDS)).lap(*SPEEDS)
    assert {item.outcome for item in found.values()} == {"failed"}
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    found = Machine(mortal=("usual",)).lap("usual", "b", "f")
    assert found["usual"].outcome == "failed"
    assert {name: found[name].times_s[0] for name in "bf"} == {name: SPEEDS[name] / 1e9 for name in "bf"}


def test_a_framework_that_does_not_start_fails_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def beside(*_: object) -> list[Launcher]:
        raise WorkerError("flax: the fork server did not start: no module")

    machine = Machine()
    monkeypatch.setattr(machine, "beside", beside)
    found = machine.lap("usual", "b")
    assert {(item.outcome, item.error) for item in found.values()} == {
        ("failed", "flax: the fork server did not start: no module")
    }
