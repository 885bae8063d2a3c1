"""Verdicts by medians raise few false alarms for unchanged code, and find slowdowns."""

import math

import numpy as np
import pytest

from bench.analysis.verdicts import Common, Row, Verdicts, judge
from bench.records.cell import Cell, cells
from tests.bench.sample_records import record

THRESHOLD = 0.05
CELLS = 36


def _times(
    generator: np.random.Generator, *, noise: np.ndarray, effect: np.ndarray | float = 0.0, drift: float = 0.0
) -> dict[tuple[Cell, str], tuple[float, ...]]:
    """The times of three processes for each of 72 comparisons."""
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


@pytest.mark.slow
@pytest.mark.parametrize("drift", [0.0, 0.03])
def test_unchanged_code_raises_a_false_alarm_in_at_most_one_of_twenty_comparisons(drift: float) -> None:
    found = _simulate(60, drift=drift)
    assert _share(found, "regressed") <= 0.05
    assert _share(found, "improved") <= 0.05


def test_a_slowdown_of_twenty_percent_is_found_everywhere_and_in_two_cells() -> None:
    two = np.where(np.arange(2 * CELLS) < 4, math.log(1.2), 0.0)
    assert _share(_simulate(30, effect=math.log(1.2)), "regressed") == 1
    assert _share(_simulate(30, effect=two), "regressed") >= 0.9
    assert _share(_simulate(30, effect=-math.log(1.2)), "improved") == 1


def test_a_slowdown_of_all_cells_is_found_even_if_every_cell_drifts() -> None:
    found = _simulate(30, effect=math.log(1.2), drift=0.03)
    assert _share(found, "regressed") >= 0.9
    alone = [any(row.verdict == "regressed" for row in judged.rows) for judged in found]
    assert sum(alone) < 30


@pytest.mark.parametrize("bad", [(), (1.0,), (1.0, math.nan, 1.0), (1.0, 0.0, 1.0), (1.0, -1.0, 1.0)])
@pytest.mark.parametrize("side", [0, 1])
def test_a_row_that_cannot_be_computed_is_inconclusive_and_the_others_are_judged(
    bad: tuple[float, ...], side: int
) -> None:
    generator = np.random.default_rng(0)
    noise = np.full(2 * CELLS, 0.005)
    sides = [_times(generator, noise=noise), _times(generator, noise=noise)]
    key = next(iter(sides[0]))
    sides[side][key] = bad
    rows = judge(sides[0], sides[1], threshold=THRESHOLD).rows
    assert [row.verdict for row in rows].count("inconclusive") == 1
    assert rows[0].reason
    assert math.isnan(rows[0].low)
    assert math.isnan(rows[0].ratio) == (bad != (1.0,)), "one time has a ratio, but no interval"
