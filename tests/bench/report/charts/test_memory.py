"""The parts of a peak add up to it; what nobody explains is a part of its own."""

import pytest

from bench.records.measurement import Measurement, Memory
from bench.records.record import Record
from bench.report.charts.memory import ADDED, PARTS, RUNTIME, UNEXPLAINED, memory_rows, training_peaks
from bench.report.figures import cell_rows
from bench.report.results import arrange
from tests.bench.sample_records import record


def measured(demanded: dict[str, int], *, peak: int = 100, batch: int = 32, device: int | None = None) -> Record:
    item = Memory(
        batch_size=batch,
        host_peak_bytes=peak,
        host_baseline_bytes=400,
        device_peak_bytes=device,
        nvml_used_bytes=None,
        demanded_bytes=demanded,
    )
    return record(purpose="memory", batch_sizes=(batch,), measurement=Measurement(memory=(item,)))


@pytest.mark.parametrize(
    ("demanded", "device", "expected"),
    [
        ({"weights": 30, "inputs": 20}, None, {RUNTIME: 400, "weights": 30, "inputs": 20, UNEXPLAINED: 50}),
        ({}, None, {RUNTIME: 400, ADDED: 100}),
        ({"weights": 130}, None, {RUNTIME: 400, ADDED: 100}),  # it does not fit into the peak
        ({"weights": 30}, 50, {"weights": 30, UNEXPLAINED: 20}),
    ],
)
def test_parts_add_up_to_the_peak(demanded: dict[str, int], device: int | None, expected: dict[str, int]) -> None:
    rows = memory_rows(arrange([measured(demanded, device=device)]))
    assert {row["part"]: row["bytes"] for row in rows} == expected
    assert {row["whole"] for row in rows} == {sum(expected.values())}
    assert expected.keys() <= PARTS.keys(), "each has a colour"


def test_the_peak_of_training_is_that_of_the_batch_size_that_was_timed() -> None:
    results = arrange([record(batch_sizes=(64,)), measured({}, batch=32), measured({}, batch=64, peak=200)])
    (found,) = training_peaks(memory_rows(results), cell_rows(results))
    assert (found["batch"], found["bytes"]) == (64, 600)
