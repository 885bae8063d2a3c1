"""While a run goes on, one sees what runs, how far it is, what is left and the last figures."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bench.records.measurement import Measurement
from bench.records.record import Candidate, SearchResult
from bench.report.progress import SHOWN_LINES, Display, clock, name, outcome
from tests.bench.sample_records import block, record

TIMING = record(replicate=1)
LEARNING = record(purpose="learning", seed=4)
MEMORY = record("digits-cnn", "keras/jax", "inference", purpose="memory", batch_sizes=(1, 32))
DEVIATING = record(certificate="failed").certificate
PROVEN = record(certificate="passed").certificate


def console(*, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=100, force_terminal=terminal, color_system=None)


def written(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


def picture(display: Display) -> str:
    """What the display would show now."""
    drawn = console()
    drawn.print(display._picture())
    return written(drawn)


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (TIMING.case, "digits-dnn pytorch training, timing 2"),
        (LEARNING.case, "digits-dnn pytorch training, learning seed 4"),
        (MEMORY.case, "digits-cnn keras/jax inference, memory"),
        (record(device="cuda:1").case, "digits-dnn pytorch on cuda:1 training, timing 1"),
    ],
)
def test_a_case_has_a_name_that_one_can_read(case: object, text: str) -> None:
    assert name(case) == text  # type: ignore[arg-type]


def test_a_search_says_what_it_tries_at_every_batch_size_and_what_it_chose() -> None:
    shown = console()
    display, case = Display(shown, estimates={}), replace(TIMING.case, batch_sizes=(1, 32))
    display.tuning(case, {"compile": "default"})
    assert "digits-dnn pytorch training, batch 1, 32: trying compile default" in picture(display)
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
        f"{start} compile on (2.00× as fast as default, 2 tried)",
        f"{start} default (of 2 none is proven and 3% faster)",
        f"{start} none, failed: it cannot",
        f"{start} compile on (default could not be timed, 2 tried)",
    ]


def test_a_record_is_its_figures_or_what_went_wrong() -> None:
    fast = replace(TIMING, measurement=Measurement(blocks=(block(32, call_time_s=1e-3),)))
    assert "samples/s at batch 32" in outcome(fast)
    assert outcome(LEARNING).startswith("test accuracy 0.9")
    assert outcome(MEMORY).startswith("host peak ")
    assert "at batch 1, " in outcome(MEMORY)
    peaks = tuple(replace(item, device_peak_bytes=2**30) for item in MEMORY.measurement.memory)
    on_a_gpu = replace(MEMORY, measurement=Measurement(memory=peaks))
    assert outcome(on_a_gpu).startswith("device peak 1.07 GB at batch 1, ")
    assert outcome(record(outcome="oom", error="no memory left")) == "oom: no memory left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (44.6, "45 s"),
        (59.7, "1 min 0 s"),
        (89, "1 min 29 s"),
        (3599.7, "1 h 0 min"),
        (4830, "1 h 20 min"),
    ],
)
def test_a_time_to_wait_is_short(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_log_has_a_line_for_each_certificate_and_each_record() -> None:
    shown = console()
    with Display(shown, estimates={TIMING.case: 3.0}) as display:
        display.proving("digits-dnn", "flax", "fp64")
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
        display.finished(TIMING)
        display.finished(record(outcome="timeout", error="too slow"))
    assert written(shown).splitlines() == [
        "certificate digits-dnn pytorch in fp32: passed",
        "certificate digits-dnn pytorch on cuda:1 in bf16 with compile default: passed",
        "certificate digits-cnn pytorch in fp32: FAILED: float64 forward against reference 4.2e-03, allowed 1.0e-12",
        "certificate digits-lstm pytorch in fp32: FAILED: it broke",
        f"digits-dnn pytorch training, timing 2: {outcome(TIMING)}",
        "digits-dnn pytorch training, timing 1: timeout: too slow",
    ]


def test_the_picture_shows_what_runs_how_far_it_is_and_what_is_left() -> None:
    display = Display(console(), estimates={TIMING.case: 30.0, LEARNING.case: 40.0})
    assert "loading the frameworks" in picture(display)
    assert "0/2" in picture(display)
    assert "about 1 min 10 s left" in picture(display)
    display.started(TIMING.case)
    display.moved(TIMING.case, {"event": "progress", "epoch": 3, "loss": 0.25, "call_ns": 900_000})
    assert "digits-dnn pytorch training, timing 2: epoch 3, loss 0.25" in picture(display)
    display.finished(TIMING)
    assert "1/2" in picture(display)
    assert "about 40 s left" in picture(display)
    assert outcome(TIMING) in picture(display)


def test_the_picture_shows_the_last_lines_alone() -> None:
    display = Display(console(), estimates={})
    for number in range(SHOWN_LINES + 2):
        display.finished(record(replicate=number))
    assert "timing 2:" not in picture(display)
    assert "timing 3:" in picture(display)
    assert f"timing {SHOWN_LINES + 2}:" in picture(display)


def test_a_terminal_is_refreshed_in_place_and_keeps_the_last_picture() -> None:
    shown = console(terminal=True)
    with Display(shown, estimates={TIMING.case: 30.0}) as display:
        display.finished(TIMING)
    assert outcome(TIMING) in written(shown)
    assert "1/1" in written(shown)


def test_a_failure_leaves_the_terminal_as_it_was() -> None:
    shown = console(terminal=True)
    with pytest.raises(KeyboardInterrupt), Display(shown, estimates={}) as display:
        raise KeyboardInterrupt
    assert not display.live.is_started
