"""All charts: the caption of each, what its marks mean, its rows, and how it is drawn."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from bench.report import figures
from bench.report.charts import evaluation, learning, load, memory, overview, roofline, scaling, timing
from bench.report.charts.look import COUNT, SECONDS
from bench.report.figures import Row
from bench.report.formatting import one_line
from bench.report.method import typical_spread
from bench.report.performance import several_steps
from bench.report.results import Results, remembered, workloads

HOLLOW = "Hollow: not proven equal, or not reliable (†)."
RANGES = "Lines: the range over processes."
Spec = dict[str, Any]
Data = Mapping[str, list[Row]]  # by source


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart.

    - `caption`: what it shows;
    - `marks`: what its marks and lines mean;
    - `source`: the name of the rows in `SOURCES`;
    - `metrics`, `role`, `scenario`, `dots`: which figures it takes, if its rows are those of timed cells;
    - `spec`: the chart as Vega-Lite, without data;
    - `lines`: only panels with more than one batch size are shown;
    - `needs`: it is drawn only if a row has this metric;
    - `whole`: it is about a whole run, and not about one place of it;
    - `remark`: what else must be said of this run.
    """

    caption: str
    marks: str
    source: str
    spec: Callable[[], Spec]
    metrics: Mapping[str, str] | None = None
    role: str = ""
    scenario: str = ""
    dots: bool = False
    lines: bool = False
    needs: str = ""
    whole: bool = False
    remark: Callable[[Results], str] = lambda _: ""


@cache
def declared(spec: Callable[[], Spec]) -> Spec:
    """The declaration of a chart, which is made once: both pages use it."""
    return spec()


def _overview(results: Results) -> list[Row]:
    cells = figures.summary_rows(results, overview.METRICS)
    peaks = memory.training_peaks(source_rows(results, "memory"), cells)
    return overview.rows(cells, peaks, noise=typical_spread(results))


SOURCES: Mapping[str, Callable[[Results], list[Row]]] = {
    "cells": figures.cell_rows,
    "overview": _overview,
    "memory": memory.memory_rows,
    "roofline": roofline.roofline_rows,
    "scaling": scaling.rows,
    "load": load.rows,
    "curves": learning.curve_rows,
    "targets": learning.target_rows,
    "pairs": evaluation.pair_rows,
    "recall": evaluation.recall_rows,
    "confusion": evaluation.confusion_rows,
    "series": evaluation.series_rows,
}


@remembered
def source_rows(results: Results, source: str) -> list[Row]:
    """The rows behind the charts of a run that have this source."""
    return SOURCES[source](results)


def drawn_rows(chart: Chart, results: Results, *, most: int) -> list[Row]:
    """The rows of a chart, without those of other charts; for a chart with more panels than `most`, a part of them.

    A panel is about a single workload. So the figures of cells are read one workload after another until it is clear
    that there are too many panels.
    """
    if chart.metrics is None:
        return rows_of(chart, source_rows(results, chart.source))
    found: list[Row] = []
    for workload in workloads(results):
        found += rows_of(replace(chart, needs=""), figures.rows_of_workload(results, workload, chart.metrics))
        if len(panels(found)) > most and _has_needed(chart, found):
            break
    return found if _has_needed(chart, found) else []


def panels(rows: Iterable[Row]) -> list[str]:
    """The panels of these rows, in their order."""
    return list(dict.fromkeys(row["panel"] for row in rows if "panel" in row))


def _has_needed(chart: Chart, rows: Iterable[Row]) -> bool:
    return not chart.needs or any(row["metric"] == chart.needs for row in rows)


def rows_of(chart: Chart, rows: list[Row]) -> list[Row]:
    """The rows of a chart among those of its source; none if there is nothing to draw."""
    if chart.metrics:
        rows = figures.flat(rows, chart.metrics, role=chart.role, dots=chart.dots)
        rows = [row for row in rows if chart.scenario in {"", row["scenario"]}]
    if not _has_needed(chart, rows):
        return []
    if not chart.lines:
        return rows
    sizes: dict[str, set[int]] = {}
    for row in rows:
        sizes.setdefault(row["panel"], set()).add(row["batch"])
    return [row for row in rows if len(sizes[row["panel"]]) > 1]


def filled(chart: Chart, rows: Iterable[Row], *, title: str, subtitle: Iterable[str]) -> Spec:
    """The chart with its rows, its title and the lines below the title."""
    shown = [{key: one_line(item) if isinstance(item, str) else item for key, item in row.items()} for row in rows]
    values = {
        "shown": dict.fromkeys(row["framework"] for row in shown if "framework" in row),
        "sizes": dict.fromkeys(sorted(row["batch"] for row in shown if "batch" in row)),
        "parts": dict.fromkeys(row["part"] for row in shown if "part" in row),
    }
    spec = declared(chart.spec)
    params = [
        {**item, "value": list(values[item["name"]])} if item["name"] in values else item for item in spec["params"]
    ]
    return {**spec, "params": params, "datasets": {"rows": shown}, "title": {"text": title, "subtitle": [*subtitle]}}


def _several(results: Results) -> str:
    """A remark for runs in which tuning chose several steps per call; else nothing."""
    training = (cell for cell in results.blocks if cell.scenario == "training")
    return " Tuned cases may run several steps per call." if several_steps(results, training) else ""


CHARTS: Mapping[str, Chart] = {
    "overview": Chart(
        caption="Overview",
        marks=f"1×: the best that is ranked. {RANGES} Band: how far processes of the same work differ here. {HOLLOW}",
        source="overview",
        spec=overview.overview,
    ),
    "training-throughput": Chart(
        caption="Training throughput",
        marks=f"Bars: median over processes. Dots: single processes. {HOLLOW}",
        source="cells",
        spec=partial(timing.bars, "samples/s"),
        metrics={"samples_per_second": "samples/s"},
        role="training",
        dots=True,
        remark=_several,
    ),
    "training-throughput-over-batch": Chart(
        caption="Training throughput over the batch size",
        marks=f"Each point: the median over processes. {RANGES} {HOLLOW}",
        source="cells",
        spec=partial(timing.over_batch, "samples/s", COUNT),
        metrics={"samples_per_second": "samples/s"},
        scenario="training",
        lines=True,
    ),
    "inference-latency": Chart(
        caption="Inference latency",
        marks=f"Each point: the median over processes of their p50. {RANGES} {HOLLOW}",
        source="cells",
        spec=partial(timing.over_batch, "latency p50", SECONDS),
        metrics={"query_time_p50_s": "p50"},
        scenario="inference",
    ),
    "latency-percentiles": Chart(
        caption="Percentiles of the latency at the smallest batch",
        marks=f"Circle: p50. Diamond: p90. Cross: p99. Bands: the range over processes. {HOLLOW}",
        source="cells",
        spec=partial(timing.percentiles, "latency"),
        metrics={"query_time_p50_s": "p50", "query_time_p90_s": "p90", "query_time_p99_s": "p99"},
        role="latency",
    ),
    "inference-throughput": Chart(
        caption="Inference throughput over the batch size",
        marks=f"Each point: the median over processes. {RANGES} {HOLLOW}",
        source="cells",
        spec=partial(timing.over_batch, "samples/s", COUNT),
        metrics={"samples_per_second": "samples/s"},
        scenario="inference",
    ),
    "first-calls": Chart(
        caption="What the first training calls cost",
        marks="Bars: what they take longer than later ones, by its purpose, median over processes. Lines: the range.",
        source="cells",
        spec=partial(timing.start_cost, "time"),
        metrics={
            "start_cost_s": "all",
            "trace_time_s": "tracing",
            "compile_time_s": "compiling",
            "start_rest_s": "other",
        },
        needs="tracing",
        role="training",
    ),
    "memory": Chart(
        caption="Peak memory",
        marks="Bars: the peak by its purpose. Dashed: not explained by the parts that the network needs.",
        source="memory",
        spec=memory.peaks,
    ),
    "roofline": Chart(
        caption="Roofline",
        marks="Large marks: training. Small marks: inference. Lines: measured peaks (solid: cache, dotted: memory). "
        + HOLLOW,
        source="roofline",
        spec=roofline.roofline,
    ),
    "scaling": Chart(
        caption="Efficiency of several devices",
        marks=f"Solid: weak scaling. Dashed: strong scaling. At 100 % no time is lost. {RANGES} {HOLLOW}",
        source="scaling",
        spec=scaling.efficiency,
        whole=True,
    ),
    "load": Chart(
        caption="Latency over the rate of queries",
        marks="Marks: runs. Lines: medians. Dashed: the latency limit. Hollow: not valid (†) or not proven equal.",
        source="load",
        spec=load.over_rate,
    ),
    "learning-curves": Chart(
        caption="Learning curves",
        marks="One line for each seed. Dashed: the target.",
        source="curves",
        spec=partial(learning.curves, "epoch", "epoch"),
    ),
    "learning-over-time": Chart(
        caption="Learning over time",
        marks="One line for each seed; training and evaluation, compilation included. Dashed: the target.",
        source="curves",
        spec=partial(learning.curves, "seconds", "seconds"),
    ),
    "time-to-target": Chart(
        caption="Time to target",
        marks="Dots: seeds that reached the target. Ticks: their median.",
        source="targets",
        spec=learning.times_to_target,
    ),
    "predicted-and-real": Chart(
        caption="Predicted and true values",
        marks="First seed. On the dashed line both are equal.",
        source="pairs",
        spec=evaluation.pairs,
    ),
    "precision-and-recall": Chart(
        caption="Precision and recall",
        marks="First seed. Rings: the threshold that was chosen.",
        source="recall",
        spec=evaluation.precision_and_recall,
    ),
    "confusion": Chart(
        caption="Confusion matrices",
        marks="First framework, first seed. Rows: true classes. Columns: predicted classes.",
        source="confusion",
        spec=evaluation.confusion,
    ),
    "series": Chart(
        caption="Series and forecast",
        marks="Grey: the true values. First seed.",
        source="series",
        spec=evaluation.series,
    ),
}
