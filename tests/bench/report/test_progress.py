"""While a run goes on, one sees what runs, how far it is, what is left and the last figures."""

import io
import time
from dataclasses import replace

import pytest
from rich.console import Console

from bench.analysis.remaining_time import Work
from bench.analysis.successive_halving import USUAL
from bench.records.record import Candidate, Case, SearchResult
from bench.report.case_lines import name, outcome
from bench.report.progress import SHOWN_LINES, Display
from tests.bench.sample_records import record

TIMING = record(replicate=1)
LEARNING = record(purpose="learning", seed=4)
MEMORY = record("digits-cnn", "keras/jax", "inference", purpose="memory", batch_sizes=(1, 32))
DEVIATING = record(certificate="failed").certificate
PROVEN = record(certificate="passed").certificate


PROOF = Work(name="proving digits-dnn flax in fp64", purpose="certificate", framework="flax", estimate_s=2.0)


class Clock:
    """A clock that stands still until a test moves it."""

    s = 0.0

    def __call__(self) -> float:
        """The time of this clock."""
        return self.s


def console(*, terminal: bool = False, now: Clock | None = None) -> Console:
    return Console(
        file=io.StringIO(), width=100, force_terminal=terminal, color_system=None, get_time=now or time.monotonic
    )


def written(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


def picture(display: Display) -> str:
    """What the display would show now."""
    drawn = console()
    drawn.print(display._picture())
    return written(drawn)


TRIED = {"options": [{"compile": "default"}], "first": 3, "candidates": 8, "round": 1, "rounds": 4, "share": 0.0}
SEARCH = Work(name="searching options for digits-dnn", purpose="search", framework="pytorch", estimate_s=60.0)


def test_a_search_says_which_candidates_it_times_in_which_round_and_what_it_chose() -> None:
    shown = console()
    display, case = Display(shown, estimates={}), replace(TIMING.case, batch_sizes=(1, 32))
    display.begun(SEARCH)
    assert "searching options for digits-dnn" in picture(display)
    display.tuning(SEARCH, case, TRIED)
    start = "digits-dnn pytorch training, batch 1, 32: "
    assert f"{start}candidate 3 of 8, round 1 of 4: compile default\n" in picture(display)
    assert "searching options" not in picture(display)
    display.tuning(SEARCH, case, {**TRIED, "options": [{}, {"compile": "on", "loop": "x"}]})
    assert f"{start}candidates 3 to 4 of 8, round 1 of 4: {USUAL}; compile on, loop x " in " ".join(
        picture(display).split()
    )
    usual = Candidate(options={}, times_s=(3e-3, 1e-3))
    fast = Candidate(options={"compile": "on"}, times_s=(1.5e-3, 0.5e-3))
    found = SearchResult(batch_size=32, options=fast.options, metric="", searched="", candidates=(fast, usual))
    display.tuned(case, found)
    display.tuned(case, replace(found, options={}))
    broken = Candidate(options={}, outcome="failed", error="it cannot")
    display.tuned(case, replace(found, options={}, candidates=(broken,)))
    display.tuned(case, replace(found, candidates=(fast, broken)))
    start = "options digits-dnn pytorch training, batch 32:"
    assert written(shown).splitlines() == [
        f"{start} compile on (2.00× as fast as the default, 2 tried)",
        f"{start} default (none of the 2 candidates is proven equal and 3% faster)",
        f"{start} none, failed: it cannot",
        f"{start} compile on (the default could not be timed, 2 tried)",
    ]


def test_a_search_alone_has_no_bar_and_a_time_that_is_left_from_the_share_that_is_done() -> None:
    now = Clock()
    display = Display(console(now=now), estimates={})
    assert "cases" not in picture(display)
    display.planned(SEARCH)
    assert picture(display).splitlines()[-1] == "about 1 min 0 s left"
    display.begun(SEARCH)
    now.s = 20
    assert picture(display).splitlines()[-1] == "about 40 s left"
    display.tuning(SEARCH, TIMING.case, {**TRIED, "share": 0.25})
    assert picture(display).splitlines()[-1] == "1 min 0 s left"
    now.s = 50
    assert picture(display).splitlines()[-1] == "30 s left"
    display.ended(SEARCH)
    assert "left" not in picture(display)


def test_a_log_has_a_line_for_each_certificate_and_each_record() -> None:
    shown = console()
    with Display(shown, estimates={TIMING.case: 3.0}) as display:
        display.begun(PROOF)
        assert PROVEN is not None
        usual = {"device": "cpu", "precision": "fp32", "options": {}}
        display.proven({"workload": "digits-dnn"} | usual, PROVEN)
        mixed = {"workload": "digits-dnn", "device": "cuda:1", "precision": "bf16", "options": {"compile": "default"}}
        display.proven(mixed, PROVEN)
        assert DEVIATING is not None
        display.proven({"workload": "digits-cnn"} | usual, DEVIATING)
        display.proven({"workload": "digits-lstm"} | usual, replace(PROVEN, problem="it broke"))
        display.started(TIMING.case)
        display.moved(TIMING.case, {"event": "progress", "batch_size": 32, "call_ns": 900_000})
        display.measured(TIMING.case)
        display.finished(TIMING)
        display.finished(record(outcome="timeout", error="too slow"))
    deviates = "float64 forward deviates from reference by 4.2e-03, allowed 1e-12"
    assert written(shown).splitlines() == [
        "certificate digits-dnn pytorch in fp32: proven equal",
        "certificate digits-dnn pytorch on cuda:1 in bf16 with compile default: proven equal",
        f"certificate digits-cnn pytorch in fp32: proof failed: {deviates}",
        "certificate digits-lstm pytorch in fp32: proof failed: it broke",
        f"digits-dnn pytorch training, timing 2: {outcome(TIMING)}",
        "digits-dnn pytorch training, timing 1: timeout: too slow",
    ]


def test_the_picture_shows_what_runs_how_far_it_is_and_what_is_left() -> None:
    now = Clock()
    display = Display(console(now=now), estimates={TIMING.case: 30.0, LEARNING.case: 40.0})
    assert "0 of 2 cases" in picture(display)
    assert "about 1 min 10 s left" in picture(display)
    display.started(TIMING.case)
    now.s = 12
    assert "about 58 s left" in picture(display)
    now.s = 60
    display.measured(TIMING.case)
    display.finished(TIMING)
    assert "1 of 2 cases" in picture(display)
    assert "about 1 min 20 s left" in picture(display), "the first took twice its estimate, and was not learning"
    assert outcome(TIMING) in picture(display)
    display.started(LEARNING.case)
    now.s = 70
    display.moved(LEARNING.case, {"event": "progress", "epoch": 1, "epochs": 5, "loss": 0.25, "accuracy": 0.5})
    assert " 40 s left" in picture(display)
    assert "about" not in picture(display)


def test_the_line_above_the_bar_is_what_runs_now() -> None:
    display = Display(console(), estimates={TIMING.case: 30.0, LEARNING.case: 40.0})

    def above_the_bar() -> list[str]:
        return f"\n{picture(display)}".rpartition("\n\n")[2].splitlines()[:-1]

    display.waiting("pytorch to start")
    assert above_the_bar() == ["waiting for pytorch to start"]
    display.begun(PROOF)
    display.started(MEMORY.case)
    assert above_the_bar() == [PROOF.name, "digits-cnn keras/jax inference, memory"]
    display.ended(PROOF)
    assert above_the_bar() == ["digits-cnn keras/jax inference, memory"]
    display.measured(MEMORY.case)
    assert above_the_bar() == ["waiting for the record of digits-cnn keras/jax inference, memory to be stored"]
    display.finished(MEMORY)
    assert above_the_bar() == ["waiting for the next case to start"]
    for item in (TIMING, LEARNING):
        display.started(item.case)
        assert above_the_bar() == [name(item.case)]
        display.measured(item.case)
        display.finished(item)
    assert above_the_bar() == [], "nothing is left"


TWO_SIZES = replace(TIMING.case, scenario="inference", batch_sizes=(1, 32))


@pytest.mark.parametrize(
    ("case", "news", "doing"),
    [
        (LEARNING.case, {"epoch": 3, "epochs": 9, "loss": 0.25}, ", epoch 4 of 9 (after epoch 3: loss 0.2500)"),
        (LEARNING.case, {"epoch": 9, "epochs": 9, "loss": 0.25}, ", the test set (after epoch 9: loss 0.2500)"),
        (TWO_SIZES, {"batch_size": 1, "call_ns": 900_000}, ", batch 32 (batch 1: 900 µs for a call)"),
        (TWO_SIZES, {"batch_size": 32, "call_ns": 900_000}, " (batch 32: 900 µs for a call)"),
        (TIMING.case, {"batch_size": 64, "outcome": "ok"}, ", another batch size (batch 64: fits)"),
        (TIMING.case, {"batch_size": 64, "outcome": "oom"}, ", another batch size (batch 64: oom)"),
        (
            TWO_SIZES,
            {"load": "server", "run": 3, "per_s": 1234.0, "verdict": "kept"},
            " (run 3 at 1.23 k queries/s: kept)",
        ),
        (TWO_SIZES, {"load": "offline", "run": 1, "per_s": None, "verdict": None}, " (run 1)"),
        (TIMING.case, {"phase": "other"}, ""),
    ],
)
def test_a_case_that_goes_on_says_what_it_does_now_and_what_it_has_done(
    case: Case, news: dict[str, object], doing: str
) -> None:
    display = Display(console(), estimates={case: 1.0})
    display.started(case)
    display.moved(case, {"event": "progress", **news})
    assert f"{name(case)}{doing}\n" in picture(display)


def test_the_picture_counts_what_failed_until_another_attempt_ends_well() -> None:
    display = Display(console(), estimates={TIMING.case: 30.0, LEARNING.case: 40.0})
    assert "failed" not in picture(display)
    display.finished(replace(TIMING, outcome="failed", error="it broke"))
    assert "1 of 2 cases" in picture(display)
    assert "1 failed, " in picture(display)
    display.finished(replace(TIMING, attempt=2))
    assert "failed, " not in picture(display)
    display.finished(replace(LEARNING, outcome="unavailable", error="it cannot"))
    assert "failed, " not in picture(display), "what a framework cannot do is no failure"


def test_the_clock_of_a_run_that_has_begun_before_shows_its_whole_time_or_none() -> None:
    assert "0:00:00" in picture(Display(console(), estimates={TIMING.case: 30.0}))
    assert "0:02:05" in picture(Display(console(), estimates={TIMING.case: 30.0}, elapsed_s=125.0))
    assert ":00" not in picture(Display(console(), estimates={TIMING.case: 30.0}, elapsed_s=None))


def test_a_run_that_is_resumed_counts_all_cases_of_its_plan() -> None:
    display = Display(console(), estimates={TIMING.case: 30.0}, done=33)
    assert "33 of 34 cases" in picture(display)
    display.finished(TIMING)
    assert "34 of 34 cases" in picture(display)


def test_a_second_attempt_at_a_case_does_not_count() -> None:
    display = Display(console(), estimates={TIMING.case: 30.0, LEARNING.case: 40.0})
    display.finished(TIMING)
    display.finished(replace(TIMING, attempt=2))
    assert "1 of 2 cases" in picture(display)


def test_cases_that_run_two_at_once_take_half_of_their_time() -> None:
    other = replace(MEMORY.case, framework="pytorch", backend=None)
    display = Display(console(), estimates={MEMORY.case: 30.0, other: 30.0, TIMING.case: 10.0}, untimed_at_once=2)
    assert "about 40 s left" in picture(display)


def test_the_picture_shows_the_last_lines_alone() -> None:
    display = Display(console(), estimates={})
    for number in range(SHOWN_LINES + 2):
        display.finished(record(replicate=number))
    assert "timing 2:" not in picture(display)
    assert "timing 3:" in picture(display)
    assert f"timing {SHOWN_LINES + 2}:" in picture(display)


@pytest.mark.parametrize(("height", "first"), [(100, 1), (13, 4), (2, 8)])
def test_the_picture_fits_on_the_screen_with_the_bar_below(height: int, first: int) -> None:
    """At 60 columns each of these lines takes two rows."""
    small = Console(file=io.StringIO(), width=60, height=height, force_terminal=True, color_system=None)
    display = Display(small, estimates={TIMING.case: 3.0})
    for number in range(SHOWN_LINES):
        display.finished(record(replicate=number))
    small.file = io.StringIO()
    small.print(display._picture())
    rows = written(small).splitlines()
    assert rows[0].startswith(f"digits-dnn pytorch training, timing {first}:")
    assert "of 1 cases" in rows[-1]
    assert len(rows) < max(height, 5)


def test_a_terminal_is_refreshed_in_place_and_keeps_the_last_picture() -> None:
    shown = console(terminal=True)
    with Display(shown, estimates={TIMING.case: 30.0}) as display:
        display.finished(TIMING)
    assert outcome(TIMING) in written(shown)
    assert "1 of 1 cases" in written(shown)


def test_a_transient_display_leaves_nothing_on_the_terminal() -> None:
    for transient in (False, True):
        shown = console(terminal=True)
        with Display(shown, estimates={}, transient=transient) as display:
            display.begun(SEARCH)
        after = written(shown).rpartition("1 min 0 s left")[2]
        assert ("\x1b[2K" in after) == transient, "the lines are erased"


def test_a_failure_leaves_the_terminal_as_it_was() -> None:
    shown = console(terminal=True)
    with pytest.raises(KeyboardInterrupt), Display(shown, estimates={}) as display:
        raise KeyboardInterrupt
    assert not display.live.is_started
