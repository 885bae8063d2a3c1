"""Frames have the figures of the report's tables, which are made from the same records."""

import io
from collections.abc import Mapping

import pandas as pd
import pytest

import bench
from bench.export import csv
from bench.report import performance, quality
from bench.report.layout import Table
from bench.report.results import Results, workloads

CELLS = ["workload", "scenario", "device", "mode", "precision", "threads", "feed", "batch_size", "framework"]
Figures = Mapping[tuple[str, str, int], object]  # by workload, framework and batch size


def alone(runs: bench.Runs) -> Results:
    (results,) = runs.arranged.values()
    return results


def of_tables(runs: bench.Runs, scenario: str, title: str) -> Figures:
    """One column of the performance tables of a report."""
    found: dict[tuple[str, str, int], object] = {}
    for workload in workloads(alone(runs)):
        table = performance.table(alone(runs), workload, scenario=scenario)
        titles = [column.title for column in table.columns]
        for row in table.rows if title in titles else ():
            entries = dict(zip(titles, row, strict=True))
            value = entries[title].value
            if isinstance(value, float):
                key = workload, entries["framework"].text, int(entries["batch"].text)
                found[key] = value
    return found


def of_frame(runs: bench.Runs, scenario: str, metric: str) -> Figures:
    frame = runs.cells[(runs.cells.metric == metric) & (runs.cells.scenario == scenario)]
    rows = frame[["workload", "framework", "batch_size", "value"]].itertuples(index=False)
    return {(workload, framework, batch): value for workload, framework, batch, value in rows}


@pytest.mark.parametrize(
    ("scenario", "title", "metric"),
    [
        ("training", "samples/s", "samples_per_second"),
        ("training", "step time p50", "step_time_p50_s"),
        ("training", "first call", "first_call_time_s"),
        ("inference", "latency p50", "query_time_p50_s"),
        ("inference", "latency p90", "query_time_p90_s"),
    ],
)
def test_cells_have_the_figures_of_the_performance_tables(
    scenario: str, title: str, metric: str, runs: bench.Runs
) -> None:
    shown = of_tables(runs, scenario, title)
    assert len(shown) > 8
    assert of_frame(runs, scenario, metric) == shown


def test_another_metric_has_other_figures(runs: bench.Runs) -> None:
    assert of_frame(runs, "training", "step_time_pipelined_s") != of_tables(runs, "training", "step time p50")
    slower = runs.cells.assign(value=runs.cells.value * 1.000001)
    frame = slower[(slower.metric == "step_time_p50_s") & (slower.scenario == "training")]
    changed = frame.set_index(["workload", "framework", "batch_size"])["value"].to_dict()
    assert changed != of_tables(runs, "training", "step time p50")


def qualities(table: Table) -> dict[str, object]:
    titles = [column.title for column in table.columns]
    return {row[0].text: row[titles.index("accuracy")].value for row in table.rows}


def test_cells_have_the_quality_of_the_quality_table(runs: bench.Runs) -> None:
    shown = qualities(quality.quality_table(alone(runs), "digits-dnn"))
    accuracy = runs.cells[(runs.cells.metric == "test_accuracy") & (runs.cells.workload == "digits-dnn")]
    assert accuracy.set_index("framework")["value"].to_dict() == shown
    learnt = runs.processes[(runs.processes.purpose == "learning") & (runs.processes.workload == "digits-dnn")]
    means = learnt.groupby("framework")["quality"].mean().to_dict()
    assert means == pytest.approx(shown)
    assert learnt[learnt.seed == 0].groupby("framework")["quality"].mean().to_dict() != pytest.approx(shown)


def test_cells_are_the_long_table_of_the_csv(runs: bench.Runs) -> None:
    exported = pd.read_csv(io.StringIO(csv.render(runs.records)))
    shared = [name for name in exported.columns if name not in {"doubt", "unit"}]
    assert list(csv.HEADER) == [name for name in runs.cells.columns if name not in {"machine", "status"}]
    pd.testing.assert_frame_equal(runs.cells[shared], exported[shared], check_dtype=False)
    with pytest.raises(AssertionError):
        pd.testing.assert_frame_equal(runs.cells[shared], exported[shared].iloc[::-1].reset_index(drop=True))


def test_cells_say_what_is_proven(runs: bench.Runs) -> None:
    found = runs.cells.groupby("workload")["status"].unique().map(list).to_dict()
    assert found["digits-dnn"] == ["proven equal"]
    assert (found["xor"], found["sonar"]) == (["no proof"], ["proof failed"])


def test_processes_have_every_case_and_failures_have_their_error(runs: bench.Runs) -> None:
    assert set(runs.processes["order"]) == {record.order for record in runs.records}
    failed = runs.processes[runs.processes.outcome != "ok"]
    assert failed[["workload", "outcome", "error"]].to_dict("records") == [
        {"workload": "wine", "outcome": "failed", "error": "found <b>no</b> memory"}
    ]
    assert failed["step_time_p50_s"].isna().all()
    assert "wine" not in set(runs.cells.workload), "a failed case has no figure"


def test_a_figure_is_made_from_its_processes(runs: bench.Runs) -> None:
    times = runs.processes[runs.processes.purpose == "timing"].groupby(CELLS)["samples_per_second"].median()
    cells = runs.cells[runs.cells.metric == "samples_per_second"].set_index(CELLS)["value"]
    pd.testing.assert_series_equal(times.dropna().sort_index(), cells.sort_index(), check_names=False)
    peaks = runs.processes[runs.processes.purpose == "memory"]["host_peak_bytes"]
    assert peaks.notna().all()
    assert runs.processes[runs.processes.purpose == "timing"]["host_peak_bytes"].isna().all()


def test_samples_are_the_stored_timings_in_their_order(runs: bench.Runs) -> None:
    record = next(item for item in runs.records if item.case.purpose == "timing" and item.outcome == "ok")
    here = runs.samples[runs.samples.order == record.order]
    (block,) = record.measurement.blocks
    for kind in ("call", "warm_up", "synchronised", "pipelined"):
        found = here[here.kind == kind]
        assert tuple(found["time_ns"]) == getattr(block, f"{kind}_ns")
        assert list(found["number"]) == list(range(len(found)))
    assert set(here[here.kind == "pipelined"].calls) == {block.iterations_per_round}
    assert tuple(here[here.kind == "call"]["time_ns"]) != block.warm_up_ns


def test_curves_have_every_epoch_and_add_up_their_time(runs: bench.Runs) -> None:
    learnt = [item.measurement.learning for item in runs.records if item.measurement.learning]
    assert len(runs.curves) == sum(len(item.epochs) for item in learnt)
    curve = runs.curves[(runs.curves.workload == "digits-dnn") & (runs.curves.framework == "pytorch")]
    first = curve[curve.seed == 0]
    assert list(first.epoch) == list(range(1, len(first) + 1))
    assert list(first.elapsed_ns) == list((first.train_ns + first.evaluation_ns).cumsum())
    assert set(curve.seed) == {0, 1}


def test_certificates_have_every_check_and_a_row_where_there_is_none(runs: bench.Runs) -> None:
    found = runs.certificates
    proven = found[(found.workload == "digits-dnn") & (found.framework == "flax")]
    assert list(proven["check"]) == ["float64 forward", "weights after 100 steps", "float32 forward"]
    assert proven.holds.all()
    assert not found[found.workload == "sonar"].holds.all()
    (none,) = found[found.workload == "xor"].to_dict("records")
    assert none["status"] == "no proof"
    assert pd.isna(none["check"])


def test_answers_are_the_sentences_of_the_report(runs: bench.Runs) -> None:
    found = runs.answers.set_index("question")["answer"]
    assert found["Fastest to train at batch 32?"].startswith("flax: ")
    assert "no: " in found["Proven equal?"]
