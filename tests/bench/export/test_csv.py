"""The long table has a line for each cell and metric, and numbers that a spreadsheet reads."""

import csv
import io

from bench.export.csv import HEADER, render
from bench.records.measurement import Capacity, Measurement, Trial
from bench.records.timing_metrics import METRICS
from tests.bench.sample_records import quick_run, record


def _lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_cell_has_its_throughput() -> None:
    lines = _lines(render(quick_run()))
    found = [line for line in lines if line["metric"] == "samples_per_second"]
    assert len(found) == 36
    assert all(float(line["low"]) <= float(line["value"]) <= float(line["high"]) for line in lines)
    assert {line["processes"] for line in found} == {"3"}
    assert {line["unit"] for line in found} == {METRICS["samples_per_second"].unit}


def test_quality_and_memory_are_there_and_the_unknown_is_not() -> None:
    metrics = {line["metric"] for line in _lines(render(quick_run()))}
    assert {"test_accuracy", "time_to_target_s", "host_peak_bytes"} <= metrics
    assert not {"device_peak_bytes", "query_time_p99_s"} & metrics


def test_the_largest_batch_that_fits_is_a_figure_if_there_is_one() -> None:
    trials = (Trial(batch_size=32, outcome="ok"), Trial(batch_size=128, outcome="oom"))
    for found, shown in ((trials, ["32.0"]), (trials[1:], [])):
        measurement = Measurement(capacity=Capacity(trials=found, memory_limit_bytes=None))
        searched = record(purpose="capacity", batch_sizes=(4096,), measurement=measurement)
        lines = [line for line in _lines(render([searched])) if line["metric"] == "largest_batch"]
        assert [line["value"] for line in lines] == shown


def test_a_line_names_its_framework_with_the_backend() -> None:
    (name,) = {line["framework"] for line in _lines(render([record(framework="keras/jax")]))}
    assert name == "keras/jax"
    assert "contender" not in HEADER


def test_failures_have_no_numbers_and_the_header_is_always_there() -> None:
    assert render([record(outcome="failed")]).splitlines() == [",".join(HEADER)]
    assert render([]).splitlines() == [",".join(HEADER)]
