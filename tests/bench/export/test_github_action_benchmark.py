"""Every entry has the keys of the format, and no two entries share a line."""

import json
from dataclasses import replace

from bench.export.github_action_benchmark import render
from bench.records.timing_metrics import METRICS
from tests.bench.sample_records import quick_run, record


def test_every_compared_metric_of_every_cell_is_there_in_microseconds() -> None:
    run = quick_run()
    entries = json.loads(render(run))
    assert len(entries) == 36 * sum(metric.compared for metric in METRICS.values()) / 2
    assert all(set(entry) == {"name", "unit", "value", "range", "extra"} for entry in entries)
    assert {entry["unit"] for entry in entries} == {"µs"}
    found = next(
        entry for entry in entries if entry["name"].startswith("digits-dnn pytorch training on cpu, batch 32, ")
    )
    assert 0.2e3 < found["value"] < 2e3
    low, _, high = found["range"].partition(" to ")
    assert float(low) <= found["value"] * 1.001
    assert found["value"] <= float(high) * 1.001


def test_different_cells_have_different_names() -> None:
    fed = record()
    fed = replace(fed, case=replace(fed.case, feed="host"))
    entries = json.loads(render([*quick_run(), record(device="cuda:0"), fed]))
    names = [entry["name"] for entry in entries]
    assert len(names) == 72 + 2 + 2
    assert len(set(names)) == len(names)
