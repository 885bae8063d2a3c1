"""The report says when, where and how a run was measured, and which cases did not end well."""

from dataclasses import replace

import pytest

from bench.records.measurement import Turns
from bench.report.layout import Report
from bench.report.tables import report
from tests.bench.report.report_reader import column, table_of
from tests.bench.sample_records import one_by_one, quick_run, record, timed


def method(found: Report) -> dict[str, str]:
    table = table_of(found, "Method", "How it was measured")
    return dict(zip(column(table, "what"), column(table, "value"), strict=True))


def test_below_the_title_stands_when_and_on_what() -> None:
    (first, *_), later = quick_run(), replace(record(order=1), started="2026-01-02T03:04:50Z", duration_s=20.0)
    (line,) = report([first, replace(later, run=first.run, outcome="failed")]).about
    assert line == (
        "2026-01-01 00:00 to 2026-01-02 03:05 UTC, with a break of 1625 minutes · "
        "Example CPU @ 2.60GHz, 2 cores · 8.59 GB of memory · "
        "torch 2.13.0, keras 3.15.0, flax 0.12.8, tensorflow 2.21.0, jax 0.11.0 · "
        "1 process for each figure, 2 threads"
    )
    moved = replace(first.environment, cpu="Other CPU", gpus=("NVIDIA H200",), versions={"torch": "2.11.0"})
    both = report([first, replace(later, environment=moved)]).about  # two runs: a line for each
    assert [line.partition(": ")[0] for line in both] == [first.run, later.run]
    moved_to = "Other CPU, 2 cores · 8.59 GB of memory · NVIDIA H200 · torch 2.11.0"
    assert both[1].endswith(f"{moved_to} · 1 process for each figure, 2 threads")


def test_the_first_lines_say_by_how_much_processes_of_one_case_differ() -> None:
    (line,) = report(one_by_one((1e-3, 1.2e-3, 1.1e-3), "idiomatic")).about
    assert line.endswith(
        " · fastest and slowest process of the same cell differ by 20 % in samples/s (median over cells)"
    )
    far = report(one_by_one((1e-3, 15.3e-3), "idiomatic")).about[0]
    assert "process of the same cell differ by a factor of 15.3 in samples/s" in far
    assert "differ" not in report(one_by_one((1e-3,), "idiomatic")).about[0]


def test_method_settings_and_environment_are_shown() -> None:
    found = report(quick_run(), command="nox -s bench")
    assert found.command == "nox -s bench"
    facts = method(found)
    assert facts["processes"] == (
        "a fresh one for each case (fork); timing: 3 per cell, compared by their medians; "
        "learning: one for each seed (seed 0); memory: one for each case (spawn)"
    )
    assert "10 rounds of 20 calls" in facts["calls"]
    settings = table_of(found, "Method", "Settings of each framework")
    (flax,) = (row for row in settings.rows if row[0].text == "flax")
    assert [entry.text for entry in flax[1:]] == ["yes", "flax Adam"]
    assert "i7-2c-1f3a" in column(table_of(found, "Method", "Environment"), "value")


def test_the_order_names_the_processes_and_shortens_long_lists() -> None:
    def order(frameworks: int, processes: int) -> str:
        names = ("pytorch", "flax", "keras/jax", "keras/torch")[:frameworks]
        timings = [
            record(framework=name, replicate=number)
            for number in range(processes)
            for name in names[:: -1 if number % 2 else 1]
        ]
        return method(report([*timings, record("digits-cnn"), record(scenario="inference")]))["order"]

    both = "digits-dnn, training: process 1: pytorch, flax; process 2: flax, pytorch"
    assert order(2, 2) == both
    assert order(2, 6) == f"{both}; process 3: pytorch, flax; process 4: flax, pytorch; process 5: pytorch, flax; …"
    assert order(4, 3).endswith("; process 2: keras/torch, keras/jax, flax, pytorch; …")


def test_settings_about_calls_are_explained() -> None:
    called = [replace(item, settings={"steps in a call": "1"}) for item in timed("flax", 1e-3)]
    found, usual = (table_of(report(items), "Method", "Settings of each framework") for items in (called, quick_run()))
    assert any(note.startswith("Steps: what runs a training step") for note in found.notes)
    assert usual.notes == ()


def test_the_number_of_series_with_a_narrow_interval_is_shown() -> None:
    known = timed("flax", 1e-3, synchronised_ended="interval", pipelined_ended="interval")
    found = report([*known, *timed("pytorch", 1e-3, synchronised_ended="interval")])
    assert "within ±1 % in 9 of 12 series of timings (latency and throughput)" in method(found)["calls"]


def test_interleaved_timing_is_shown() -> None:
    turns = Turns(session="one", synchronised_calls=20, pipelined_rounds=5)
    facts = [method(report(timed("flax", 1e-3, turns=found))) for found in (turns, None)]
    assert ["interleaved timing" in found for found in facts] == [True, False]
    assert ["both sides of an interleaved pair" in found["calls"] for found in facts] == [True, False]


@pytest.mark.parametrize("outcome", ["failed", "oom", "timeout", "diverged", "unavailable"])
def test_failed_cases_are_shown_with_their_reason(outcome: str) -> None:
    trouble = [
        record(framework="flax", purpose=purpose, outcome=outcome, error="Traceback:\n  line\nValueError: too hot\n")  # type: ignore[arg-type]
        for purpose in ("timing", "learning", "memory")
    ]
    found = report([*timed("pytorch", 1e-3), *trouble])
    assert column(table_of(found, "Failures", "Failures"), "reason") == ["ValueError: too hot"]
    assert column(table_of(found, "Failures", "Failures"), "processes") == ["timing 1, learning seed 0, memory"]
    assert column(table_of(found, "digits-dnn", "Training"), "samples/s")[1] == outcome
    assert column(table_of(found, "digits-dnn", "Quality on the test set"), "quality") == [outcome]
    assert all(section.title != "Failures" for section in report(timed("pytorch", 1e-3)).sections)
