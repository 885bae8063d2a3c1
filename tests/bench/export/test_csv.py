"""The long table has a line for each cell and metric, and numbers that a spreadsheet reads."""

import csv
import io

from bench.export.csv import HEADER, render
from bench.metrics import METRICS
from tests.bench.records import quick_run, record


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


def test_failures_have_no_numbers_and_the_header_is_always_there() -> None:
    assert render([record(outcome="failed")]).splitlines() == [",".join(HEADER)]
    assert render([]).splitlines() == [",".join(HEADER)]
