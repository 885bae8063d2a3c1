"""Two runs are compared cell by cell, and each kind of result has its own exit code."""

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import geometric_mean, median

import pytest

from bench.analysis.compare import compare
from bench.records.measurement import Block
from bench.records.record import Record
from bench.records.timing_metrics import METRICS, timed_blocks, value
from tests.bench.sample_records import quick_run, record

THRESHOLD = 0.05


def test_a_slowed_run_regresses_and_an_equal_run_does_not() -> None:
    baseline = quick_run()
    slower = [_slowed(item, 1.2) for item in baseline]
    assert compare(baseline, slower, threshold=THRESHOLD).exit_code == 3
    assert compare(slower, baseline, threshold=THRESHOLD).counts == {"improved": 72}
    same = compare(baseline, quick_run(run="run-2"), threshold=THRESHOLD)
    assert (same.exit_code, same.counts) == (0, {"unchanged": 72})


def test_a_row_has_the_ratio_of_the_times() -> None:
    found = compare(quick_run(), [_slowed(item, 1.2) for item in quick_run()], threshold=THRESHOLD)
    row = found.rows[0]
    assert row.ratio == pytest.approx(1.2, rel=1e-3)
    assert row.low < row.ratio < row.high
    assert row.candidate_s / row.baseline_s == pytest.approx(1.2, rel=1e-3)
    assert found.common is not None
    assert found.common.ratio == pytest.approx(1.2, rel=1e-3)
    assert found.detectable_ratio is not None
    assert 1 < found.detectable_ratio < 1.2


def test_one_slow_cell_regresses_and_the_others_do_not() -> None:
    slow = [_slowed(item, 1.2) if _is_slow(item) else item for item in quick_run(run="run-2")]
    found = compare(quick_run(), slow, threshold=THRESHOLD)
    regressed = {row.cell for row in found.rows if row.verdict == "regressed"}
    assert {(cell.workload, cell.contender, cell.scenario) for cell in regressed} == {
        ("digits-cnn", "flax", "training")
    }
    assert found.counts == {"regressed": 2, "unchanged": 70}


def test_without_any_variation_every_verdict_is_inconclusive() -> None:
    frozen = [
        _altered(item, lambda block: replace(block, synchronised_ns=(1000,) * 80, pipelined_ns=(20_000,) * 5))
        for item in quick_run()
    ]
    found = compare(frozen, frozen, threshold=THRESHOLD)
    assert (found.counts, found.exit_code, found.noise_percent) == ({"inconclusive": 72}, 4, None)


def test_a_single_process_per_side_is_inconclusive() -> None:
    found = compare([record()], [record(slowdown=2.0)], threshold=THRESHOLD)
    assert (found.counts, found.exit_code) == ({"inconclusive": 2}, 4)


def test_a_single_process_per_side_has_a_ratio_without_an_interval() -> None:
    for row in compare([record()], [record(slowdown=2.0)], threshold=THRESHOLD).rows:
        assert row.ratio == pytest.approx(2.0, rel=1e-3)
        assert math.isnan(row.low)
        assert math.isnan(row.high)
    broken = _altered(record(), lambda block: replace(block, synchronised_ns=(0,) * 80, pipelined_ns=(0,) * 5))
    assert all(math.isnan(row.ratio) for row in compare([record()], [broken], threshold=THRESHOLD).rows)


def test_the_times_beside_a_ratio_give_this_ratio() -> None:
    """Medians do not: of 1, 1 and 9 ms the median is 1 ms, and the geometric mean is 2.1 ms."""
    usual = [record(replicate=number, slowdown=slow) for number, slow in enumerate((1.0, 1.1, 1.2))]
    skewed = [record(replicate=number, slowdown=slow) for number, slow in enumerate((1.0, 1.0, 9.0))]
    for row in compare(usual, skewed, threshold=THRESHOLD).rows:
        assert row.candidate_s / row.baseline_s == pytest.approx(row.ratio)
        assert 1.5 < row.ratio < 2.5
        for side, shown in ((usual, row.baseline_s), (skewed, row.candidate_s)):
            values = [value(METRICS[row.metric], block) or math.nan for block in timed_blocks(side)[row.cell]]
            assert shown == pytest.approx(geometric_mean(values))
            assert shown != pytest.approx(median(values), rel=1e-3)


def test_unequal_numbers_of_processes_are_compared() -> None:
    baseline = [record(replicate=number) for number in range(5)]
    candidate = [record(replicate=number, slowdown=1.5) for number in range(2)]
    assert compare(baseline, candidate, threshold=THRESHOLD).exit_code == 3


def test_runs_without_common_cells_end_with_nothing_measured() -> None:
    found = compare([record()], [record(framework="flax")], threshold=THRESHOLD)
    assert (found.exit_code, len(found.only_in_baseline), len(found.only_in_candidate)) == (6, 1, 1)
    assert compare([], [], threshold=THRESHOLD).exit_code == 6


def test_a_case_that_fails_only_in_the_candidate_is_exit_1_unless_there_is_a_regression() -> None:
    failing = record("digits-dnn", purpose="learning", outcome="diverged")
    well = [item for item in quick_run() if item.case.subject != failing.case.subject]
    baseline = [*well, record("digits-dnn", purpose="learning")]
    found = compare(baseline, [*well, failing], threshold=THRESHOLD)
    assert found.exit_code == 1
    assert "diverged" in found.newly_failed[0]
    assert compare([*well, failing], [*well, failing], threshold=THRESHOLD).exit_code == 0
    slower = [_slowed(item, 1.2) for item in well]
    assert compare(baseline, [*slower, failing], threshold=THRESHOLD).exit_code == 3


def _is_slow(item: Record) -> bool:
    return (item.case.workload, item.case.framework, item.case.scenario) == ("digits-cnn", "flax", "training")


def _slowed(item: Record, factor: float) -> Record:
    """The record with every time multiplied by `factor`."""

    def slow(block: Block) -> Block:
        return replace(
            block,
            call_ns=_times_longer(block.call_ns, factor),
            synchronised_ns=_times_longer(block.synchronised_ns, factor),
            pipelined_ns=_times_longer(block.pipelined_ns, factor),
        )

    return _altered(item, slow)


def _times_longer(times_ns: tuple[int, ...], factor: float) -> tuple[int, ...]:
    return tuple(round(time * factor) for time in times_ns)


def _altered(item: Record, change: Callable[[Block], Block]) -> Record:
    blocks = tuple(change(block) for block in item.measurement.blocks)
    return replace(item, measurement=replace(item.measurement, blocks=blocks)) if blocks else item
