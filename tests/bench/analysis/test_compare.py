"""Verdicts and exit codes: no false alarm in a quiet house, no pass for what cannot be computed."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.analysis.compare import compare
from bench.analysis.verdicts import Common, Row, Verdicts, judge
from bench.records.measurement import Block
from bench.records.record import Record
from bench.records.timing_metrics import Cell, cells
from tests.bench.sample_records import ENVIRONMENT, quick_run, record

THRESHOLD = 0.05
CELLS = 36


def _times(
    generator: np.random.Generator, *, noise: np.ndarray, effect: np.ndarray | float = 0.0, drift: float = 0.0
) -> dict[tuple[Cell, str], tuple[float, ...]]:
    """Three processes for each of 72 comparisons."""
    logs = generator.normal(0, 1, (3, 2 * CELLS)) * noise + effect + generator.normal(0, drift, 2 * CELLS)
    keys = [
        (cells(record(f"workload-{number}").case)[0], metric)
        for number in range(CELLS)
        for metric in ("step_time_p50_s", "step_time_pipelined_s")
    ]
    return {key: tuple(np.exp(logs[:, index])) for index, key in enumerate(keys)}


def _simulate(repeats: int, *, effect: np.ndarray | float = 0.0, drift: float = 0.0) -> list[Verdicts]:
    generator = np.random.default_rng(7)
    found = []
    for _ in range(repeats):
        noise = np.exp(generator.uniform(math.log(0.01), math.log(0.05), 2 * CELLS))
        baseline = _times(generator, noise=noise, drift=drift)
        candidate = _times(generator, noise=noise, effect=effect, drift=drift)
        found.append(judge(baseline, candidate, threshold=THRESHOLD))
    return found


def _share(found: list[Verdicts], verdict: str) -> float:
    return sum(any(row.verdict == verdict for row in _all(judged)) for judged in found) / len(found)


def _all(judged: Verdicts) -> tuple[Row | Common, ...]:
    assert judged.common is not None
    return (*judged.rows, judged.common)


@pytest.mark.parametrize("drift", [0.0, 0.03])
def test_unchanged_code_raises_an_alarm_in_at_most_one_pair_of_twenty(drift: float) -> None:
    found = _simulate(60, drift=drift)
    assert _share(found, "regressed") <= 0.05
    assert _share(found, "improved") <= 0.05


def test_a_slowdown_of_twenty_percent_is_found_everywhere_and_in_two_cells() -> None:
    two = np.where(np.arange(2 * CELLS) < 4, math.log(1.2), 0.0)
    assert _share(_simulate(30, effect=math.log(1.2)), "regressed") == 1
    assert _share(_simulate(30, effect=two), "regressed") >= 0.9
    assert _share(_simulate(30, effect=-math.log(1.2)), "improved") == 1


def test_a_slowdown_of_everything_is_found_though_every_cell_drifts() -> None:
    found = _simulate(30, effect=math.log(1.2), drift=0.03)
    assert _share(found, "regressed") >= 0.9
    alone = [any(row.verdict == "regressed" for row in judged.rows) for judged in found]
    assert sum(alone) < 30


def test_a_run_against_itself_made_slower_regresses_and_against_another_like_it_does_not() -> None:
    baseline = quick_run()
    slower = [_slowed(item, 1.2) for item in baseline]
    assert compare(baseline, slower, threshold=THRESHOLD).exit_code == 3
    assert compare(slower, baseline, threshold=THRESHOLD).counts == {"improved": 72}
    same = compare(baseline, quick_run(run="run-2"), threshold=THRESHOLD)
    assert (same.exit_code, same.counts) == (0, {"unchanged": 72})


def test_the_row_says_by_how_much() -> None:
    found = compare(quick_run(), [_slowed(item, 1.2) for item in quick_run()], threshold=THRESHOLD)
    row = found.rows[0]
    assert row.ratio == pytest.approx(1.2, rel=1e-3)
    assert row.low < row.ratio < row.high
    assert row.candidate_s / row.baseline_s == pytest.approx(1.2, rel=1e-3)
    assert found.common is not None
    assert found.common.ratio == pytest.approx(1.2, rel=1e-3)
    assert found.detectable_ratio is not None
    assert 1 < found.detectable_ratio < 1.2


def test_one_slow_cell_is_named_and_the_others_are_left_alone() -> None:
    slow = [_slowed(item, 1.2) if _is_slow(item) else item for item in quick_run(run="run-2")]
    found = compare(quick_run(), slow, threshold=THRESHOLD)
    regressed = {row.cell for row in found.rows if row.verdict == "regressed"}
    assert {(cell.workload, cell.contender, cell.scenario) for cell in regressed} == {
        ("digits-cnn", "flax", "training")
    }
    assert found.counts == {"regressed": 2, "unchanged": 70}


@pytest.mark.parametrize("bad", [(), (1.0,), (1.0, math.nan, 1.0), (1.0, 0.0, 1.0), (1.0, -1.0, 1.0)])
@pytest.mark.parametrize("side", [0, 1])
def test_what_cannot_be_computed_is_inconclusive_beside_rows_that_can(bad: tuple[float, ...], side: int) -> None:
    generator = np.random.default_rng(0)
    noise = np.full(2 * CELLS, 0.005)
    sides = [_times(generator, noise=noise), _times(generator, noise=noise)]
    key = next(iter(sides[0]))
    sides[side][key] = bad
    rows = judge(sides[0], sides[1], threshold=THRESHOLD).rows
    assert [row.verdict for row in rows].count("inconclusive") == 1
    assert rows[0].reason
    assert math.isnan(rows[0].ratio)


def test_without_any_variation_nothing_is_concluded() -> None:
    frozen = [
        _altered(item, lambda block: replace(block, synchronised_ns=(1000,) * 80, pipelined_ns=(20_000,) * 5))
        for item in quick_run()
    ]
    found = compare(frozen, frozen, threshold=THRESHOLD)
    assert (found.counts, found.exit_code, found.noise_percent) == ({"inconclusive": 72}, 4, None)


def test_a_single_process_a_side_is_inconclusive() -> None:
    found = compare([record()], [record(slowdown=2.0)], threshold=THRESHOLD)
    assert (found.counts, found.exit_code) == ({"inconclusive": 2}, 4)


def test_unequal_numbers_of_processes_are_compared() -> None:
    baseline = [record(replicate=number) for number in range(5)]
    candidate = [record(replicate=number, slowdown=1.5) for number in range(2)]
    assert compare(baseline, candidate, threshold=THRESHOLD).exit_code == 3


def test_another_machine_or_another_workload_is_not_comparable() -> None:
    elsewhere = [replace(item, environment=replace(ENVIRONMENT, machine="other")) for item in quick_run()]
    found = compare(quick_run(), elsewhere, threshold=THRESHOLD)
    assert (found.exit_code, found.rows) == (5, ())
    assert "other" in found.not_comparable[0]
    changed = [
        replace(item, workload_digest="new") if item.case.workload == "digits-dnn" else item
        for item in quick_run(slowdown=1.2)
    ]
    found = compare(quick_run(), changed, threshold=THRESHOLD)
    assert found.exit_code == 5
    assert {row.cell.workload for row in found.rows} == {"digits-cnn", "digits-lstm"}


@pytest.mark.parametrize("certificate", ["failed", None])
@pytest.mark.parametrize("unproven", [0, 1])
def test_changed_code_needs_a_certificate_on_both_sides(certificate: str | None, unproven: int) -> None:
    def run(source: str, *, proven: bool) -> list[Record]:
        state = "passed" if proven else certificate
        return [record(replicate=number, source_digest=source, certificate=state) for number in range(3)]

    sides = [run("old", proven=unproven != 0), run("new", proven=unproven != 1)]
    assert compare(sides[0], sides[1], threshold=THRESHOLD).exit_code == 5
    same_code = [run("old", proven=unproven != number) for number in range(2)]
    assert compare(same_code[0], same_code[1], threshold=THRESHOLD).exit_code == 0
    proven = [run(source, proven=True) for source in ("old", "new")]
    assert compare(proven[0], proven[1], threshold=THRESHOLD).exit_code == 0


def test_other_versions_count_as_changed_code() -> None:
    newer = replace(ENVIRONMENT, versions=ENVIRONMENT.versions | {"torch": "2.14.0"})
    baseline = [record(replicate=number, certificate=None) for number in range(3)]
    candidate = [record(replicate=number, certificate=None, environment=newer) for number in range(3)]
    assert compare(baseline, candidate, threshold=THRESHOLD).exit_code == 5


def test_nothing_in_common_is_nothing_measured() -> None:
    found = compare([record("digits-dnn")], [record("digits-cnn")], threshold=THRESHOLD)
    assert (found.exit_code, len(found.only_in_baseline), len(found.only_in_candidate)) == (6, 1, 1)
    assert compare([], [], threshold=THRESHOLD).exit_code == 6


def test_a_case_that_fails_only_in_the_candidate_is_exit_1_and_a_regression_goes_before_it() -> None:
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
    """Every time of every block made longer."""

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
