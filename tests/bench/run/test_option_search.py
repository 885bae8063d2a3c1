"""An options search runs once, and chooses only options that are proven to do the same work."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analysis import successive_halving
from bench.analysis.deviations import Trace
from bench.analysis.successive_halving import worth
from bench.records.record import Case
from bench.run import interleaved_timing, option_search
from bench.run.worker_client import Message
from bench.workload.axes import FrameworkOptions
from tests.bench.run.scripted_workers import Script, scripted, told
from tests.bench.run.watched_run import Watched, watched
from tests.bench.workloads import CANNOT_BE_DONE_IN_PYTORCH, workload

TUNED = Case(
    workload="tiny", framework="flax", mode="tuned", scenario="training", batch_sizes=(4,), threads=1, purpose="timing"
)
USUAL, JIT, AHEAD, SCAN = "usual", "jax.jit", "ahead of time", "lax.scan of 8 steps"
SPEEDS_NS = {USUAL: 1.0e6, JIT: 1.1e6, AHEAD: 0.8e6, SCAN: 0.6e6}


def call_ns(options: FrameworkOptions, size: int) -> float:
    return size * SPEEDS_NS[options.get("call", USUAL)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Workers whose calls take the times in `SPEEDS_NS`."""
    return scripted(monkeypatch, Script(call_ns=call_ns, choices={"call": tuple(SPEEDS_NS)}))


def chosen(made: Watched) -> list[tuple[int, Mapping[str, str]]]:
    return [(event.tuning.batch_size, event.tuning.options) for event in made.events if event.tuning is not None]


def tried(made: Watched) -> list[Mapping[str, Any]]:
    return [options for event in made.events if event.kind == "tuning" for options in event.news["options"]]


def test_a_search_times_all_options_and_is_cached(tmp_path: Path, script: Script) -> None:
    made = watched(tmp_path)
    (cell, found), *others = option_search.search([TUNED], made.settings, again=False).items()
    assert not others
    assert (cell.workload, cell.contender, cell.batch_size) == ("tiny", "flax", 4)
    assert {item.get("call", USUAL) for item in tried(made)} == set(SPEEDS_NS)
    assert {item.outcome for item in found.candidates} == {"ok"}
    assert found.options == found.candidates[0].options == {"call": SCAN}
    assert (found.in_turns, found.busy_cores) == (True, 0.25)
    assert chosen(made) == [(4, found.options)]
    searches = [event.kind for event in made.events if event.work is not None and event.work.purpose == "search"]
    assert (searches[:2], searches[-1]) == (["planned", "begun"], "ended")
    assert set(searches[2:-1]) == {"tuning"}
    made.events.clear()
    asked = len(script.asked)
    assert option_search.search([TUNED], made.settings, again=False) == {cell: found}
    assert [event for event in made.events if event.work is not None] == []
    assert (tried(made), chosen(made), len(script.asked)) == ([], [], asked), "the second search only reads the cache"
    option_search.search([TUNED], made.settings, again=True)
    # All four in the first round of successive halving, then the faster half and the default in two rounds.
    assert len(tried(made)) == 4 + 2 * 3


def test_the_fastest_options_are_chosen(tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS_NS, SCAN, 2e6)
    (found,) = option_search.search([TUNED], watched(tmp_path).settings, again=False).values()
    assert found.options == {"call": AHEAD}
    monkeypatch.setattr(script, "call_ns", lambda *_: 1e6)
    (found,) = option_search.search([TUNED], watched(tmp_path).settings, again=True).values()
    assert found.options == {}, "nothing is faster than the default"


def test_candidates_that_timed_out_are_tried_again_with_a_higher_limit(tmp_path: Path, script: Script) -> None:
    def late(job: Message, limit_s: float) -> Message | None:
        return told("timeout", "too late") if job.get("tuning", {}).get("call") == AHEAD and limit_s < 90 else None

    script.instead = late
    made = watched(tmp_path)
    outcomes = []
    for limit_s in (60.0, 60.0, 100.0, 60.0):
        made.events.clear()
        (found,) = option_search.search([TUNED], replace(made.settings, limit_s=limit_s), again=False).values()
        outcomes.append(({item.outcome for item in found.candidates}, bool(tried(made))))
    # The second search reads the cache, the third has a higher limit, the last reads the result of the third.
    assert outcomes == [({"ok", "timeout"}, True), ({"ok", "timeout"}, False), ({"ok"}, True), ({"ok"}, False)]


def test_an_exhaustive_search_times_all_candidates_fully_and_is_not_cached(tmp_path: Path, script: Script) -> None:
    made = watched(tmp_path)
    searched = option_search.search([TUNED], made.settings, again=False)
    made.events.clear()
    script.call_ns = lambda options, size: 1.5 * call_ns(options, size)
    (found,) = option_search.search([TUNED], made.settings, again=True, exhaustive=True).values()
    assert len(found.candidates) == 4
    assert len({len(item.times_s) for item in found.candidates}) == 1, "no candidate is eliminated"
    assert len(tried(made)) == 4 * len(found.candidates[0].times_s)
    assert option_search.search([TUNED], made.settings, again=False) == searched
    assert [found] != list(searched.values()), "the exhaustive search has other times"


def test_batch_sizes_share_processes_and_fail_separately(tmp_path: Path, script: Script) -> None:
    def too_large(job: Message, _: float) -> Message | None:
        return told("failed", "more than there is") if job.get("batch_size") == 100 else None

    script.instead = too_large
    made = watched(tmp_path)
    case = replace(TUNED, batch_sizes=(4, 8))
    found = option_search.search([case], made.settings, again=False)
    assert [cell.batch_size for cell in found] == [4, 8]
    assert all(item.candidates[0].times_s for item in found.values())
    assert {event.case.batch_sizes for event in made.events if event.kind == "tuning" and event.case} == {(4, 8)}
    more_than_there_is = option_search.search([replace(case, batch_sizes=(8, 4, 100))], made.settings, again=False)
    *others, last = more_than_there_is.items()
    assert dict(others) == found, "two of them are in the cache"
    assert (last[0].batch_size, {item.outcome for item in last[1].candidates}) == (100, {"failed"})
    both = option_search.search([replace(case, batch_sizes=(4, 100))], made.settings, again=True)
    assert [{item.outcome for item in tuning.candidates} for tuning in both.values()] == [{"ok"}, {"failed"}]


def test_unproven_options_are_not_chosen(tmp_path: Path, script: Script) -> None:
    def wrong(trace: Trace, job: Message) -> Trace:
        return {**trace, "logits": trace["logits"] + 1e-9} if job["tuning"].get("call") == SCAN else trace

    script.changed = wrong
    (found,) = option_search.search([TUNED], watched(tmp_path).settings, again=False).values()
    assert found.options == {"call": AHEAD}, "the fastest of those that are proven"
    (unproven,) = (item for item in found.candidates if item.outcome == "unproven")
    assert (unproven.options, unproven.error) == ({"call": SCAN}, "not proven: float64 forward")
    assert found.candidates[0] == unproven
    assert [found.candidates[place].options for place in worth(found.candidates)] == [{"call": SCAN}, {"call": AHEAD}]


def test_the_default_is_chosen_if_no_options_are_proven(tmp_path: Path, script: Script) -> None:
    script.changed = lambda trace, job: {**trace, "logits": -trace["logits"]} if job["tuning"] else trace
    (found,) = option_search.search([TUNED], watched(tmp_path).settings, again=False).values()
    assert found.options == {}
    assert [item.outcome for item in found.candidates] == ["unproven", "unproven", "ok", "ok"]


def test_a_search_in_which_all_candidates_fail_is_not_cached(tmp_path: Path, script: Script) -> None:
    def refuse(job: Message, _: float) -> Message | None:
        return told("unavailable", "it has tanh built in") if job["kind"] == "serve" else None

    script.instead = refuse
    made = watched(tmp_path, {"tiny": workload(CANNOT_BE_DONE_IN_PYTORCH)})
    case = replace(TUNED, framework="pytorch")
    for _ in range(2):
        made.events.clear()
        (found,) = option_search.search([case], made.settings, again=False).values()
        assert found.options == {}
        assert {item.outcome for item in found.candidates} == {"unavailable"}
        assert tried(made)


def test_a_search_that_finds_no_options_reports_the_error(tmp_path: Path, script: Script) -> None:
    script.instead = lambda job, _: told("failed", "no such thing") if job["kind"] == "choices" else None
    made = watched(tmp_path)
    (found,) = option_search.search([TUNED], made.settings, again=False).values()
    assert [(item.outcome, item.error) for item in found.candidates] == [("failed", "no such thing")]
    assert not tried(made)


@pytest.mark.usefixtures("script")
def test_a_tuned_case_is_measured_and_proven_with_the_chosen_options(tmp_path: Path) -> None:
    made = watched(tmp_path)
    made.run([replace(TUNED, mode="idiomatic"), TUNED, replace(TUNED, purpose="learning")])
    stored = made.stored
    assert [item.outcome for item in stored] == ["ok"] * 3
    assert [[tuning.options for tuning in item.tunings] for item in stored] == [[], [{"call": SCAN}], [{"call": SCAN}]]
    assert [item.settings["options"] for item in stored] == ["{}", *['{"4": {"call": "lax.scan of 8 steps"}}'] * 2]
    first, second, third = (item.certificate for item in stored)
    assert first is not None
    assert second is not None
    assert first.passed
    assert second.passed
    assert second == third
    assert set(second.notes) - set(first.notes) == {"proven with call lax.scan of 8 steps"}


@pytest.mark.slow
def test_real_processes_are_interleaved_and_a_case_is_measured_with_the_chosen_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FIRST_BLOCK_S": 0.002, "LAST_BLOCK_S": 0.002, "LAST_LAPS": 1, "MORE_LAPS": 0}.items():
        monkeypatch.setattr(successive_halving, name, value)
    monkeypatch.setattr(interleaved_timing, "LEAST_TURNS", 2)
    made = watched(tmp_path)
    both = replace(TUNED, batch_sizes=(4, 100))  # of 48 samples
    found, failed = option_search.search([both], made.settings, again=False).values()
    bound = {"nnx.cached_partial", "nnx.jit_partial"}
    assert {item.options.get("call") for item in found.candidates} == {None, *bound, JIT, AHEAD, SCAN}
    assert {item.outcome for item in found.candidates} == {"ok"}
    assert {item.outcome for item in failed.candidates} == {"failed"}
    # The cached search now has this choice, whichever is the fastest on this machine.
    (path,) = (tmp_path / "cache" / "tunings").iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"options": {"call": SCAN}}))
    usual, tuned = made.run([replace(TUNED, mode="idiomatic"), TUNED])
    assert [item.settings["steps in a call"] for item in (usual, tuned)] == ["1", "8"]
    assert [tuning.options for tuning in tuned.tunings] == [{"call": SCAN}]
    assert tuned.certificate is not None
    assert tuned.certificate.passed
    assert "proven with call lax.scan of 8 steps" in tuned.certificate.notes
