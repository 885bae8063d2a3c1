"""Metrics are computed from raw samples, and have no value if there are too few samples."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from bench.records import timing_metrics
from bench.records.cell import cells
from bench.records.machine_use import Use
from bench.records.measurement import Boundary, Compiling
from bench.records.timing_metrics import (
    METRICS,
    Summary,
    against_best,
    middle,
    percentiles,
    summary,
    timed_blocks,
    value,
)
from tests.bench.sample_records import block, record

MILLISECOND = 1_000_000
PLAIN = replace(
    block(batch_size=8),
    call_ns=(300 * MILLISECOND, 3 * MILLISECOND, 2 * MILLISECOND),
    synchronised_ns=tuple(number * MILLISECOND for number in range(1, 101)),
    pipelined_ns=(20 * MILLISECOND, 40 * MILLISECOND, 30 * MILLISECOND),
    iterations_per_round=10,
    cpu_ns=150 * MILLISECOND,
    wall_ns=100 * MILLISECOND,
    boundary=Boundary(
        to_device_ns=(1000, 3000, 2000), dispatch_ns=(5000,), compute_ns=(7000, 9000), to_host_ns=(400, 600, 500)
    ),
    first_round_ns=530 * MILLISECOND,
    compiling=Compiling(trace_ns=200 * MILLISECOND, compile_ns=400 * MILLISECOND),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("step_time_p50_s", 0.0505),
        ("step_time_p90_s", np.percentile(range(1, 101), 90) / 1000),
        ("step_time_pipelined_s", 0.003),
        ("query_time_p50_s", 0.0505),
        ("query_time_pipelined_s", 0.003),
        ("per_sample_latency_s", 0.0505 / 8),
        ("samples_per_second", 8 * 10 / 0.030),
        ("first_call_time_s", 0.3),
        ("second_call_time_s", 0.003),
        ("third_call_time_s", 0.002),
        ("cpu_use", 1.5),
        ("to_device_time_s", 2e-6),
        ("dispatch_time_s", 5e-6),
        ("compute_time_s", 8e-6),
        ("to_host_time_s", 5e-7),
        ("trace_time_s", 0.2),
        ("compile_time_s", 0.4),
        ("start_cost_s", 0.305 + 0.530 - 3 * 0.0505 - 0.030),
    ],
)
def test_every_metric_has_the_value_of_its_definition(name: str, expected: float) -> None:
    assert value(METRICS[name], PLAIN) == pytest.approx(expected)


def test_without_a_report_of_the_library_compile_time_is_the_start_cost_minus_tracing() -> None:
    silent = replace(PLAIN, compiling=Compiling(trace_ns=200 * MILLISECOND, compile_ns=None))
    assert value(METRICS["compile_time_s"], silent) == pytest.approx(0.6535 - 0.2)


def test_compile_time_is_zero_if_nothing_was_compiled() -> None:
    eager = replace(PLAIN, compiling=Compiling(trace_ns=0, compile_ns=0), first_round_ns=1)
    assert [value(METRICS[name], eager) for name in ("trace_time_s", "compile_time_s")] == [0.0, 0.0]
    assert value(METRICS["start_cost_s"], replace(eager, call_ns=(1, 1, 1))) == 0.0
    assert value(METRICS["step_time_p50_s"], replace(PLAIN, synchronised_ns=(0,) * 64)) is None


def test_an_older_record_without_compile_times_has_no_value_for_them() -> None:
    old = replace(PLAIN, compiling=None, first_round_ns=None)
    assert [value(METRICS[name], old) for name in ("trace_time_s", "compile_time_s", "start_cost_s")] == [None] * 3


def test_every_metric_has_scenarios_and_a_better_direction() -> None:
    assert {metric.better for metric in METRICS.values()} == {"lower", "higher"}
    assert all(metric.name == name and metric.scenarios and metric.unit for name, metric in METRICS.items())


@pytest.mark.parametrize(
    ("name", "enough"), [("step_time_p90_s", 64), ("query_time_p90_s", 64), ("query_time_p99_s", 662)]
)
def test_a_percentile_with_one_sample_too_few_has_no_value(name: str, enough: int) -> None:
    assert value(METRICS[name], replace(PLAIN, synchronised_ns=(MILLISECOND,) * enough)) == pytest.approx(1e-3)
    assert value(METRICS[name], replace(PLAIN, synchronised_ns=(MILLISECOND,) * (enough - 1))) is None


@pytest.mark.parametrize("name", METRICS)
def test_no_samples_and_times_of_zero_have_no_value(name: str) -> None:
    nothing = replace(PLAIN, call_ns=(), synchronised_ns=(), pipelined_ns=())
    zero = replace(PLAIN, call_ns=(0, 0, 0), synchronised_ns=(0,) * 700, pipelined_ns=(0, 0))
    assert value(METRICS[name], nothing) is None
    assert value(METRICS[name], zero) is None
    assert value(METRICS["cpu_use"], replace(PLAIN, wall_ns=0)) is None


def test_an_older_record_without_the_parts_of_a_call_has_no_values_for_them() -> None:
    assert value(METRICS["dispatch_time_s"], replace(PLAIN, boundary=None)) is None


def test_the_median_of_inverse_numbers_is_the_inverse_of_the_median() -> None:
    for values in ((1.0, 4.0), (1.0, 2.0, 9.0), (5.0, 1.0, 2.0, 8.0)):
        assert middle([1 / value for value in values]) == pytest.approx(1 / middle(values))
    assert middle((1.0, 4.0)) == pytest.approx(2.0)
    assert middle((1.0, 2.0, 9.0)) == 2.0
    assert middle((0.0, 4.0)) == 2.0, "with a zero the geometric mean is not defined"


def test_a_figure_is_the_median_over_processes_and_not_over_samples() -> None:
    blocks = [replace(PLAIN, synchronised_ns=(time,) * count) for time, count in [(1000, 900), (5000, 1), (3000, 1)]]
    found = summary(METRICS["query_time_p50_s"], blocks)
    assert found is not None
    assert (found.median, found.low, found.high) == pytest.approx((3e-6, 1e-6, 5e-6))


def test_a_cell_has_no_value_if_one_process_has_none() -> None:
    assert summary(METRICS["query_time_p50_s"], [PLAIN, PLAIN]) is not None
    assert summary(METRICS["query_time_p50_s"], [PLAIN, replace(PLAIN, synchronised_ns=())]) is None
    assert summary(METRICS["query_time_p50_s"], []) is None


def test_replicates_share_a_cell_and_all_other_cases_have_different_cells() -> None:
    records = [record(replicate=number, order=number) for number in range(3)]
    others = [record(device="cuda"), record(framework="flax"), record(batch_sizes=(64,)), record("digits-cnn")]
    found = timed_blocks([*records, *others])
    assert len(found[cells(records[0].case)[0]]) == 3
    assert len(found) == 5


def test_only_timing_cases_with_the_outcome_ok_are_used() -> None:
    left_out = [record(outcome="timeout"), record(purpose="learning"), record(purpose="memory")]
    assert timed_blocks(left_out) == {}
    assert len(timed_blocks([*left_out, record()])) == 1


@pytest.mark.parametrize(("name", "best"), [("samples_per_second", 4.0), ("step_time_p50_s", 2.0)])
def test_the_best_cell_is_1_and_the_others_are_multiples_of_it(name: str, best: float) -> None:
    first, second = (cells(record(framework=framework).case)[0] for framework in ("pytorch", "flax"))
    found = {
        first: Summary(median=2.0, low=2.0, high=2.0, processes=(2.0,)),
        second: Summary(median=4.0, low=3.8, high=4.2, processes=(3.8, 4.0, 4.2)),
    }
    places = against_best(METRICS[name], found)
    winner, loser = (second, first) if best == 4.0 else (first, second)
    assert (places[winner].median, places[loser].median) == pytest.approx((1.0, 2.0))
    assert all(place.low <= place.median <= place.high for place in places.values())
    assert against_best(METRICS[name], {}) == {}


@pytest.mark.parametrize("name", ["samples_per_second", "step_time_p50_s"])
def test_the_best_cell_is_1_also_with_an_even_number_of_processes(name: str) -> None:
    (cell,) = cells(record().case)
    even = Summary(median=5.0, low=1.0, high=9.0, processes=(1.0, 9.0))
    assert against_best(METRICS[name], {cell: even})[cell].median == 1.0


def test_energy_is_divided_by_all_samples_of_the_pipelined_rounds() -> None:
    use = Use(readings=(), span_ns=1, stolen_ns=None, preemptions=0, energy_j=64.0)
    known = replace(block(32), use=use)
    samples = 32 * known.iterations_per_round * len(known.pipelined_ns)
    assert value(METRICS["joules_per_sample"], known) == pytest.approx(64.0 / samples)
    assert value(METRICS["joules_per_sample"], replace(known, use=replace(use, energy_j=None))) is None
    assert value(METRICS["joules_per_sample"], block(32)) is None


def test_percentiles_are_those_of_numpy_to_the_last_digit() -> None:
    chance = np.random.default_rng(0)
    for largest in (10, 10**6, 2**53, 2**63 - 1):
        for count in (1, 2, 3, 10, 64, 101, 662):
            values = tuple(map(int, chance.integers(0, largest, count)))
            assert percentiles(values) == {percent: np.percentile(values, percent) for percent in (50, 90, 99)}
    assert percentiles((1, 2, 3)) != percentiles((1, 2, 4))


def test_percentiles_keep_no_times_in_memory_and_are_not_those_of_other_times() -> None:
    times = tuple(range(1, 102))
    before = sys.getrefcount(times)
    assert percentiles(times)[50] == 51
    assert percentiles((*times[:-2], 10**6, times[-1]))[99] != percentiles(times)[99], "the same number and ends"
    assert sys.getrefcount(times) == before
    kept = [times]
    assert sys.getrefcount(times) == before + len(kept)


def test_only_so_many_percentiles_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing_metrics, "KEPT", 3)
    monkeypatch.setattr(timing_metrics, "_known", {})
    for number in range(1, 9):
        assert percentiles((number, number + 2))[50] == number + 1
        assert len(timing_metrics._known) <= 3
