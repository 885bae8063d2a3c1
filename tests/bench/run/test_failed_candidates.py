"""Interleaved timing of an options search: a candidate that fails does not affect the times of the others."""

import pytest

from bench.run import interleaved_timing
from bench.run.interleaved_timing import HOPELESS, LEAST_TURNS
from bench.run.worker_client import WorkerError
from tests.bench.run.simulated_machine import SPEEDS, Launcher, Machine, looks


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaved_timing, "PAUSE_S", 0.0)


def test_no_candidate_is_skipped_if_the_default_fails_during_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    machine = Machine(frail=("usual",))
    found = machine.lap("usual", "f")
    assert found["usual"].outcome == "failed"
    assert looks(machine) == LEAST_TURNS


def test_failed_default_options_are_not_started_again_for_the_next_group() -> None:
    machine = Machine(broken={"usual": "timeout"})
    found = machine.lap(*SPEEDS)
    assert found["usual"].outcome == "timeout"
    assert [name for name, _ in machine.places].count("usual") == 1
    assert all(found[name].outcome == "ok" for name in SPEEDS if name != "usual")


def test_default_options_that_ran_out_of_memory_are_started_again_for_the_next_group() -> None:
    machine = Machine(broken={"usual": "oom"})
    found = machine.lap(*SPEEDS)
    assert found["usual"].outcome == "oom"
    assert [name for name, _ in machine.places].count("usual") > 2, "beside each group, and finally alone"


def test_a_failing_candidate_does_not_affect_the_others() -> None:
    machine = Machine(broken={"b": "unavailable"})
    found = machine.lap("usual", "b", "c")
    assert (found["b"].outcome, found["b"].error, found["b"].times_s) == ("unavailable", "it ended: unavailable", ())
    assert found["c"].times_s[0] / found["usual"].times_s[0] == 0.5
    usual = Machine(broken={"usual": "failed"}).lap("usual", "c", "d")
    assert usual["usual"].outcome == "failed"
    assert usual["c"].times_s == (SPEEDS["c"] / 1e9,), "without a default there is no ratio, only its own time"


def test_a_candidate_that_runs_out_of_memory_beside_others_is_timed_alone() -> None:
    machine = Machine(greedy=("c",))
    found = machine.lap("usual", "b", "c")
    assert {item.outcome for item in found.values()} == {"ok"}
    assert found["c"].times_s == (SPEEDS["c"] / 1e9,)
    assert ("c",) in machine.groups
    never = Machine(broken={"c": "oom"}).lap("usual", "b", "c")
    assert never["c"].outcome == "oom"


def test_the_others_keep_their_times_if_a_candidate_ends_in_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Machine(mortal=tuple(SPEEDS)).lap(*SPEEDS)
    assert {item.outcome for item in found.values()} == {"failed"}
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    found = Machine(mortal=("usual",)).lap("usual", "b", "f")
    assert found["usual"].outcome == "failed"
    assert {name: found[name].times_s[0] for name in "bf"} == {name: SPEEDS[name] / 1e9 for name in "bf"}


def test_all_candidates_fail_with_the_error_of_a_framework_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def beside(*_: object) -> list[Launcher]:
        raise WorkerError("flax: the fork server did not start: no module")

    machine = Machine()
    monkeypatch.setattr(machine, "beside", beside)
    found = machine.lap("usual", "b")
    assert {(item.outcome, item.error) for item in found.values()} == {
        ("failed", "flax: the fork server did not start: no module")
    }
