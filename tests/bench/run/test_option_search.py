"""Options are searched for once, by real processes, and only what is proven to do the same work is chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analysis.successive_halving import Wanted, worth
from bench.records.record import Candidate, Case, Certificate, Record, SearchResult
from bench.run import certificates, option_search, runner
from bench.run.interleaved_timing import Laps
from bench.run.option_search import Spot, spots
from bench.run.settings import Event, RunSettings
from tests.bench.workloads import CANNOT_BE_DONE_IN_PYTORCH, Change, workload

TUNED = Case(
    workload="tiny", framework="flax", mode="tuned", scenario="training", batch_sizes=(4,), threads=1, purpose="timing"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))


def settings(folder: Path, *changes: Change) -> tuple[RunSettings, list[Event], list[Record]]:
    events: list[Event] = []
    stored: list[Record] = []
    made = RunSettings(
        run="run",
        machine="machine",
        workloads={"tiny": workload(*changes)},
        block_seconds=0.005,
        limit_s=60.0,
        models=None,
        logs=folder / "logs",
        append=stored.append,
        listen=events.append,
    )
    return made, events, stored


def chosen(events: list[Event]) -> list[tuple[int, Mapping[str, str]]]:
    return [(event.tuning.batch_size, event.tuning.options) for event in events if event.tuning is not None]


def tried(events: list[Event]) -> list[Mapping[str, Any]]:
    return [event.news for event in events if event.kind == "tuning"]


@pytest.fixture
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.analysis.successive_halving.FIRST_BLOCK_S", 0.002)
    monkeypatch.setattr("bench.analysis.successive_halving.LAST_BLOCK_S", 0.002)
    monkeypatch.setattr("bench.analysis.successive_halving.LONG_BLOCK_S", 0.002)
    monkeypatch.setattr("bench.run.interleaved_timing.LEAST_TURNS", 2)
    monkeypatch.setattr("bench.analysis.successive_halving.LAST_LAPS", 1)
    monkeypatch.setattr("bench.analysis.successive_halving.MORE_LAPS", 0)
    monkeypatch.setattr("bench.analysis.successive_halving.SURE", 0.5)  # as surely as so few timings can tell


@pytest.mark.usefixtures("_quickly")
def test_a_search_tries_everything_there_is_and_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.records.environment.busy_cores", lambda: 1.25)
    made, events, _ = settings(tmp_path)
    (spot, found), *others = option_search.search([TUNED], made, again=False).items()
    assert not others
    assert spot == Spot("tiny", "flax", "cpu", "fp32", 1, "training", 4)
    assert {item.get("call") for item in tried(events)} == {None, "jax.jit", "ahead of time", "lax.scan of 8 steps"}
    assert {item.outcome for item in found.candidates} == {"ok"}
    assert found.options == found.candidates[0].options
    assert (found.in_turns, found.busy_cores) == (True, 1.25)
    assert chosen(events) == [(4, found.options)]
    events.clear()
    assert option_search.search([TUNED], made, again=False) == {spot: found}
    assert not tried(events), "the cache knows"
    assert not chosen(events)
    option_search.search([TUNED], made, again=True)
    assert 4 + 2 <= len(tried(events)) <= 4 + 3, "all of them, then the faster half and what the guide says"


@pytest.mark.usefixtures("_quickly")
def test_who_had_too_little_time_is_tried_again_with_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, events, _ = settings(tmp_path)
    timed = Laps.time

    def late(self: Laps, wanted: Sequence[Wanted], block_seconds: float) -> list[dict[int, Candidate]]:
        def seen(options: Mapping[str, str], item: Candidate) -> Candidate:
            too_slow = options.get("call") == "ahead of time" and self.settings.limit_s < 90
            return replace(item, outcome="timeout", times_s=()) if too_slow else item

        found = zip(wanted, timed(self, wanted, block_seconds), strict=True)
        return [{size: seen(options, item) for size, item in made.items()} for (options, _), made in found]

    monkeypatch.setattr(Laps, "time", late)
    outcomes = []
    for limit_s in (60.0, 60.0, 100.0, 60.0):
        events.clear()
        (found,) = option_search.search([TUNED], replace(made, limit_s=limit_s), again=False).values()
        outcomes.append(({item.outcome for item in found.candidates}, bool(tried(events))))
    # The second asks the cache; the third has more time than the first had; the last finds what the third found.
    assert outcomes == [({"ok", "timeout"}, True), ({"ok", "timeout"}, False), ({"ok"}, True), ({"ok"}, False)]


@pytest.mark.usefixtures("_quickly")
def test_what_everything_at_length_shows_is_held_against_the_search_and_does_not_replace_it(tmp_path: Path) -> None:
    made, events, _ = settings(tmp_path)
    searched = option_search.search([TUNED], made, again=False)
    events.clear()
    (found,) = option_search.search([TUNED], made, again=True, exhaustive=True).values()
    assert len(tried(events)) == len(found.candidates) == 4
    assert option_search.search([TUNED], made, again=False) == searched
    assert [found] != list(searched.values()), "the times of another search"


@pytest.mark.usefixtures("_quickly")
def test_batch_sizes_share_processes_and_one_that_fails_fails_alone(tmp_path: Path) -> None:
    made, events, _ = settings(tmp_path)
    case = replace(TUNED, batch_sizes=(4, 8))
    found = option_search.search([case], made, again=False)
    assert [spot.batch_size for spot in found] == [4, 8]
    assert all(item.candidates[0].times_s for item in found.values())
    assert (4, 8) in {event.case.batch_sizes for event in events if event.kind == "tuning" and event.case}
    more_than_there_is = option_search.search([replace(case, batch_sizes=(8, 4, 100))], made, again=False)
    *others, last = more_than_there_is.items()
    assert dict(others) == found, "the cache knows two of them"
    assert (last[0].batch_size, {item.outcome for item in last[1].candidates}) == (100, {"failed"})
    both = option_search.search([replace(case, batch_sizes=(4, 100))], made, again=True)
    assert [{item.outcome for item in tuning.candidates} for tuning in both.values()] == [{"ok"}, {"failed"}]


@pytest.mark.usefixtures("_quickly")
def test_what_is_fast_and_does_something_else_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unproven = Certificate(contender="flax", deviations=(), steps=100, problem="it answers something else")
    monkeypatch.setattr(certificates, "tuned", lambda *_: unproven)
    made, _, _ = settings(tmp_path)
    (found,) = option_search.search([TUNED], made, again=False).values()
    assert found.options == {}
    before = [item for item in found.candidates if item.outcome == "unproven"]
    assert all(item.error == "not proven: it answers something else" for item in before)
    assert [found.candidates[place] for place in worth(found.candidates)] == before
    assert before, "a compiled step without the module is faster than one that walks through it"


@pytest.mark.usefixtures("_quickly")
def test_what_cannot_be_done_is_no_search_and_is_not_remembered(tmp_path: Path) -> None:
    made, events, _ = settings(tmp_path, CANNOT_BE_DONE_IN_PYTORCH)
    case = replace(TUNED, framework="pytorch")
    for _ in range(2):
        events.clear()
        (found,) = option_search.search([case], made, again=False).values()
        assert found.options == {}
        assert {item.outcome for item in found.candidates} == {"unavailable"}
        assert tried(events)


@pytest.mark.usefixtures("_quickly")
def test_a_tuned_case_is_measured_with_its_options_and_certified_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = SearchResult(
        batch_size=4,
        options={"call": "lax.scan of 8 steps"},
        metric="step_time_pipelined_s",
        searched="",
        candidates=(),
    )
    monkeypatch.setattr(option_search.Tuner, "find", lambda _, case: dict.fromkeys(spots(case), chosen))
    made, _, stored = settings(tmp_path)
    usual = replace(TUNED, mode="idiomatic")
    learnt = replace(TUNED, purpose="learning")
    runner.run([usual, TUNED, learnt], made)
    assert [item.outcome for item in stored] == ["ok"] * 3
    assert [item.tunings for item in stored] == [(), (chosen,), (chosen,)]
    assert [item.settings["steps in a call"] for item in stored] == ["1", "8", "8"]
    first, second, third = (item.certificate for item in stored)
    assert first is not None
    assert second is not None
    assert first.passed
    assert second.passed
    assert second == third
    assert set(second.notes) - set(first.notes) == {"proven with call lax.scan of 8 steps"}
