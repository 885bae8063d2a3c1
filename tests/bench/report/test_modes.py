"""A tuned cell stands beside the default, with its speed-up in pairs and the number of calls until it pays off."""

import math
from dataclasses import replace

import pytest

from bench.records.record import Record, SearchResult
from bench.report.modes import pays_off
from bench.report.tables import report
from tests.bench.report.report_reader import column, table_of
from tests.bench.sample_records import beginning, one_by_one, timed


def test_a_tuned_cell_stands_beside_the_default() -> None:
    options = {"optimizer": "fused"}
    search = SearchResult(batch_size=32, options=options, metric="step_time_pipelined_s", searched="", candidates=())
    usual, faster = timed("pytorch", 2e-3), timed("pytorch", 1e-3)
    tuned = [replace(item, case=replace(item.case, mode="tuned"), tunings=(search,)) for item in faster]
    table = table_of(report([*usual, *tuned]), "digits-dnn", "Modes and precisions")
    assert column(table, "mode") == ["tuned"]
    assert column(table, "speed-up") == ["2.00×"]
    assert column(table, "options") == ["optimizer fused"]
    assert column(table, "pays off after") == ["n/a"], "nothing is known of how both began"
    assert "Modes and precisions" not in {item.title for part in report(usual).sections for item in part.tables}
    alone = table_of(report(tuned), "digits-dnn", "Modes and precisions")
    assert column(alone, "speed-up") == ["n/a"]


def test_the_rows_of_one_framework_and_batch_stand_together() -> None:
    usual = [*timed("pytorch", 2e-3), *timed("flax", 2e-3)]
    tuned = [replace(item, case=replace(item.case, mode="tuned")) for item in usual]
    mixed = [replace(item, case=replace(item.case, precision="bf16")) for item in usual]
    table = table_of(report([*usual, *tuned, *mixed]), "digits-dnn", "Modes and precisions")
    assert column(table, "framework") == ["pytorch", "pytorch", "flax", "flax"]
    assert sorted(column(table, "mode")[:2]) == ["idiomatic", "tuned"]


@pytest.mark.parametrize(
    ("times_s", "options", "said"),
    [
        ((3e-3, 4e-3, 5e-3), {"call": "loop"}, True),
        ((1e-3, 4e-3, 5e-3), {"call": "loop"}, False),
        ((3e-3, 4e-3, 5e-3), {}, False),
    ],
)
def test_where_tuned_is_slower_in_every_process_a_remark_says_so(
    times_s: tuple[float, ...], options: dict[str, str], *, said: bool
) -> None:
    records = [*one_by_one((2e-3, 2e-3, 2e-3), "idiomatic"), *one_by_one(times_s, "tuned", options)]
    notes = table_of(report(records), "digits-dnn", "Modes and precisions").notes
    remark = (
        "Tuned, but slower than the default in every pair of processes: flax training, batch 32 tuned (2.00× the time)."
    )
    assert (remark in notes) == said


def test_a_speed_up_comes_from_processes_that_ran_directly_after_each_other() -> None:
    drifting = [*one_by_one((2e-3, 4e-3, 8e-3), "idiomatic"), *one_by_one((1e-3, 2e-3, 4e-3), "tuned")]
    table = table_of(report(drifting), "digits-dnn", "Modes and precisions")
    assert column(table, "speed-up") == ["2.00× [2.00-2.00]"], "the machine became slower for both"
    crossed = [*one_by_one((2e-3, 4e-3, 8e-3), "idiomatic"), *one_by_one((4e-3, 2e-3, 1e-3), "tuned")]
    table = table_of(report(crossed), "digits-dnn", "Modes and precisions")
    assert column(table, "speed-up") == ["2.00× [0.50-8.00]"]


def _at(records: list[Record], minutes: int) -> list[Record]:
    return [replace(item, started=f"2026-01-02T03:{minutes:02d}:00Z", duration_s=2.0) for item in records]


def test_an_interrupted_run_says_so_and_pairs_nothing_across_the_break() -> None:
    slow, quick = one_by_one((4e-3, 4e-3), "idiomatic"), one_by_one((2e-3, 1e-3), "tuned")
    whole = report([*_at(slow[:1], 0), *_at(quick[:1], 1), *_at(slow[1:], 2), *_at(quick[1:], 3)])
    assert "break" not in whole.about[0]
    assert column(table_of(whole, "digits-dnn", "Modes and precisions"), "speed-up") == ["2.83× [2.00-4.00]"]
    apart = report([*_at(slow[:1], 0), *_at(quick[:1], 1), *_at(slow[1:], 2), *_at(quick[1:], 45)])
    assert "UTC, with a break of 43 minutes" in apart.about[0]
    assert column(table_of(apart, "digits-dnn", "Modes and precisions"), "speed-up") == ["2.00×"]


@pytest.mark.parametrize(("options", "said"), [({}, True), ({"call": "loop"}, False)])
def test_a_speed_up_of_the_same_program_is_called_noise(options: dict[str, str], *, said: bool) -> None:
    records = [*one_by_one((2e-3,), "idiomatic"), *one_by_one((1.6e-3,), "tuned", options)]
    notes = table_of(report(records), "digits-dnn", "Modes and precisions").notes
    remark = "If the options are the default, both are the same program: speed-ups of 1.25× are noise."
    assert (remark in notes) == said


def test_pays_off_follows_the_pairs_and_not_the_medians() -> None:
    usual = beginning(one_by_one((1e-3, 3e-3, 2e-3), "idiomatic"), call_ns=10**8)
    tuned = one_by_one((1e-3, 2.7e-3, 1.8e-3), "tuned", {"call": "x"})
    quicker = table_of(report([*usual, *beginning(tuned, call_ns=10**9)]), "digits-dnn", "Modes and precisions")
    assert column(quicker, "speed-up")[0].startswith("1.11×")
    assert column(quicker, "pays off after")[0].endswith(" steps")
    lucky = beginning(one_by_one((1.1e-3, 3.3e-3, 2e-3), "tuned", {"call": "x"}), call_ns=10**9)
    slower = table_of(report([*usual, *lucky]), "digits-dnn", "Modes and precisions")
    assert column(slower, "speed-up")[0].startswith("0.91×")
    assert column(slower, "pays off after") == ["never"]
    both = beginning(one_by_one((1.1e-3, 2e-3, 1.5e-3), "tuned", {"call": "x"}), call_ns=10**9)
    unclear = table_of(report([*usual, *both]), "digits-dnn", "Modes and precisions")
    assert column(unclear, "speed-up") == ["1.33× [0.91-1.50]"]
    assert column(unclear, "pays off after") == ["n/a"], "pairs contradict each other"


@pytest.mark.parametrize(
    ("time", "start", "expected"), [(1e-3, 2.5, 2000.0), (1e-3, 0.5, 0.0), (3e-3, 2.5, math.inf), (2e-3, 2.5, math.inf)]
)
def test_a_costlier_start_pays_off_after_so_many_calls(time: float, start: float, expected: float) -> None:
    assert pays_off(time, start, usual_time=2e-3, usual_start=0.5) == pytest.approx(expected)
