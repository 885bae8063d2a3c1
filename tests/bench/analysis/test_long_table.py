"""Every figure of a run is one row of a list; an unknown value has no row."""

from dataclasses import replace

import pytest

from bench.analysis.long_table import Figure, figures
from bench.records.measurement import Measurement
from bench.records.record import Record
from tests.bench.sample_records import learning, one_by_one, record


def of(metric: str, *records: Record) -> list[Figure]:
    return [item for item in figures(records) if item.metric == metric]


def test_a_time_is_the_median_over_processes_with_their_range() -> None:
    (found,) = of("step_time_p50_s", *one_by_one((1e-3, 4e-3, 2e-3), "idiomatic"))
    assert (found.unit, found.count) == ("s", 3)
    assert found.value == pytest.approx(2e-3, rel=0.05)
    assert found.low == pytest.approx(1e-3, rel=0.05)
    assert found.high == pytest.approx(4e-3, rel=0.05)


def test_quality_is_the_mean_over_seeds() -> None:
    seeds = [
        record(purpose="learning", seed=seed, measurement=Measurement(learning=replace(learning(), quality={"f1": f1})))
        for seed, f1 in enumerate((0.8, 0.9, 1.0))
    ]
    (found,) = of("test_f1", *seeds)
    assert found.value == pytest.approx(0.9)
    assert (found.low, found.high, found.count) == (0.8, 1.0, 3)


def test_memory_that_cannot_be_read_has_no_figure() -> None:
    weighed = record(purpose="memory")
    assert [item.value for item in of("host_peak_bytes", weighed)] == [43_200_000]
    assert of("device_peak_bytes", weighed) == []


def test_runs_have_separate_figures_and_failed_cases_have_none() -> None:
    records = (record(run="a"), record(run="b"), record(run="c", outcome="failed"))
    assert [item.run for item in of("step_time_p50_s", *records)] == ["a", "b"]
