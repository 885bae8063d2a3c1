"""The first calls, compile times and the parts of a call stand beside the steady state."""

from dataclasses import replace
from typing import Any

from bench.records.measurement import Boundary, Compiling
from bench.records.record import SearchResult
from bench.report.tables import report
from tests.bench.report.report_reader import column, table_of
from tests.bench.sample_records import timed


def test_the_first_three_calls_stand_beside_the_steady_state() -> None:
    first = (900_000_000, 30_000_000, 2_000_000)
    records = timed("flax", 1e-3, call_ns=first, synchronised_ns=(1_000_000,) * 64)
    table = table_of(report(records), "digits-dnn", "First calls")
    assert [entry.text for entry in table.rows[0]] == [
        "training",
        "32",
        "flax",
        "900 ms",
        "30.0 ms",
        "2.00 ms",
        "1.00 ms",
    ]


def test_a_call_is_shown_in_its_four_parts() -> None:
    parts = Boundary(to_device_ns=(5_000,), dispatch_ns=(70_000,), compute_ns=(1_100_000,), to_host_ns=(300,))
    found = report([*timed("flax", 1e-3, boundary=parts), *timed("pytorch", 1e-3)])
    table = table_of(found, "digits-dnn", "Parts of a call")
    assert [entry.text for entry in table.rows[0]] == [
        "training",
        "32",
        "flax",
        "5.00 µs",
        "70.0 µs",
        "1.10 ms",
        "300 ns",
    ]
    assert len(table.rows) == 1, "nothing is said of a call that was not taken apart"


def test_compile_times_stand_beside_the_first_calls_and_start_up_pays_off() -> None:
    known: dict[str, Any] = {
        "call_ns": (500_000_000, 1_000_000, 1_000_000),
        "synchronised_ns": (1_000_000,) * 64,
        "first_round_ns": 8_000_000,
        "pipelined_ns": (8_000_000,) * 6,
        "iterations_per_round": 8,
    }
    quick: dict[str, Any] = {
        "call_ns": (1_500_000_000, 1_000_000, 1_000_000),
        "first_round_ns": 4_000_000,
        "pipelined_ns": (4_000_000,) * 6,
        "compiling": Compiling(trace_ns=100_000_000, compile_ns=300_000_000),
    }
    usual = timed("flax", 1e-3, **known)
    tuned = [replace(item, case=replace(item.case, mode="tuned")) for item in timed("flax", 1e-3, **known | quick)]
    found = report([*usual, *tuned])
    calls = table_of(found, "digits-dnn", "First calls")
    assert column(calls, "tracing, first calls") == ["n/a", "100 ms"]
    assert column(calls, "compiling, first calls") == ["n/a", "300 ms"]
    modes = table_of(found, "digits-dnn", "Modes and precisions")
    assert column(modes, "start-up") == ["1.50 s"]
    assert column(modes, "pays off after") == ["2 000 steps"], "a second more at first, half a millisecond less each"
    search = SearchResult(batch_size=32, options={}, metric="step_time_pipelined_s", searched="", candidates=())
    same = report([*usual, *(replace(item, tunings=(search,)) for item in tuned)])
    assert column(table_of(same, "digits-dnn", "Modes and precisions"), "pays off after") == ["n/a"], "the same program"
