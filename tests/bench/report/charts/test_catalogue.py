"""Every chart takes its rows from the data of a run, and a browser gets the same declaration as the SVG file."""

import json
from dataclasses import replace

import pytest

from bench.records.measurement import Compiling
from bench.report.charts import catalogue, files
from bench.report.figures import cell_rows, flat
from bench.report.results import arrange
from tests.bench.sample_records import quick_run, record

DATA = catalogue.data_of(arrange(quick_run()))


@pytest.mark.parametrize("name", catalogue.CHARTS)
def test_a_declaration_has_no_data_and_is_json(name: str) -> None:
    spec = catalogue.CHARTS[name].spec()
    assert spec["data"] == {"name": "rows"}
    assert "datasets" not in spec
    assert json.loads(json.dumps(spec)) == spec
    assert {item["name"] for item in spec["params"]} == {"shown", "sizes", "parts"}


@pytest.mark.parametrize("name", catalogue.CHARTS)
def test_every_chart_names_its_marks_and_where_its_rows_are(name: str) -> None:
    chart = catalogue.CHARTS[name]
    assert chart.caption
    assert chart.marks.endswith(".")
    assert chart.source in DATA


def test_figures_become_rows_and_processes_become_dots() -> None:
    cells = cell_rows(arrange([record(replicate=number) for number in range(3)]))
    rows = flat(cells, {"samples_per_second": "samples/s"}, role="training", dots=True)
    figure, *dots = rows
    assert (figure["kind"], figure["metric"], figure["workload"]) == ("figure", "samples/s", "digits-dnn")
    assert [row["value"] for row in dots] == cells[0]["figures"]["samples_per_second"]["processes"]
    assert {row["kind"] for row in dots} == {"process"}
    assert figure["low"] <= figure["value"] <= figure["high"]


def test_a_cell_without_a_figure_keeps_its_outcome() -> None:
    cells = cell_rows(arrange([record(), record(framework="flax", outcome="oom")]))
    rows = flat(cells, {"samples_per_second": "samples/s"}, role="training", dots=True)
    assert [row["outcome"] for row in rows if row["kind"] == "absent"] == ["oom"]


def test_only_panels_with_several_batch_sizes_have_lines_over_them() -> None:
    chart = catalogue.CHARTS["training-throughput-over-batch"]
    one, several = record("one"), record("several", batch_sizes=(8, 64))
    assert catalogue.rows_of(chart, catalogue.data_of(arrange([one]))) == []
    rows = catalogue.rows_of(chart, catalogue.data_of(arrange([one, several])))
    assert {row["workload"] for row in rows} == {"several"}


def test_a_legend_has_the_frameworks_that_are_there() -> None:
    rows = catalogue.rows_of(catalogue.CHARTS["training-throughput"], DATA)
    spec = catalogue.filled(catalogue.CHARTS["training-throughput"], rows, title="t", subtitle=["s"])
    shown = next(item["value"] for item in spec["params"] if item["name"] == "shown")
    assert shown == ["pytorch", "keras/tensorflow", "flax"]
    assert "keras/jax" not in files.svg(spec)


def test_the_best_of_a_group_is_one_and_the_others_are_multiples() -> None:
    rows = {
        (row["question"], row["workload"], row["framework"]): row for row in DATA["overview"] if row["kind"] == "ratio"
    }
    flax = rows["training time", "digits-dnn", "flax"]
    other = rows["training time", "digits-dnn", "pytorch"]
    assert flax["ratio"] == 1
    assert other["ratio"] == pytest.approx(1.5, rel=0.1)  # 0.9 ms and 0.6 ms
    assert other["low"] <= other["ratio"] <= other["high"]


def test_an_unproven_framework_is_not_the_best_but_is_shown() -> None:
    doubtful = [replace(item, certificate=None) if item.case.framework == "flax" else item for item in quick_run()]
    rows = catalogue.data_of(arrange(doubtful))["overview"]
    training = [row for row in rows if row["kind"] == "ratio" and row["question"] == "training time"]
    found = {row["framework"]: row["ratio"] for row in training}
    assert found["pytorch"] == 1
    assert found["flax"] < 1


def test_the_noise_is_a_band_at_the_questions_about_time() -> None:
    rows = DATA["overview"]
    assert {row["question"] for row in rows if row["kind"] == "noise"} == {
        row["question"] for row in rows if row["kind"] == "ratio"
    } - {"peak memory in training"}


def test_only_records_with_times_of_tracing_have_a_chart_of_first_calls() -> None:
    old = record()
    known = {"compiling": Compiling(trace_ns=10**7, compile_ns=10**8), "first_round_ns": 10**9}
    blocks = tuple(replace(block, **known) for block in old.measurement.blocks)  # type: ignore[arg-type]
    new = replace(old, measurement=replace(old.measurement, blocks=blocks))
    chart = catalogue.CHARTS["first-calls"]
    rows = catalogue.rows_of(chart, catalogue.data_of(arrange([new])))
    assert {row["metric"] for row in rows} == {"all", "tracing", "compiling", "other"}
    assert catalogue.rows_of(chart, catalogue.data_of(arrange([old]))) == []
