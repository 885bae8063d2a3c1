"""All charts: the caption of each, what its marks mean, its rows, and how it is drawn."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from bench.report import figures
from bench.report.charts import evaluation, learning, memory, overview, roofline, timing
from bench.report.charts.look import COUNT, SECONDS
from bench.report.figures import Row
from bench.report.formatting import one_line
from bench.report.method import typical_spread
from bench.report.performance import several_steps
from bench.report.results import Results, remembered

HOLLOW = "Hollow: not proven equal, or not reliable (†)."
RANGES = "Lines: the range over processes."
Spec = dict[str, Any]
Data = Mapping[str, list[Row]]  # by source


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart.

    - `caption`: what it shows;
    - `marks`: what its marks and lines mean;
    - `source`: the name of the rows in `Data`;
    - `metrics`, `role`, `scenario`, `dots`: which figures it takes, if its rows are those of timed cells;
    - `spec`: the chart as Vega-Lite, without data;
    - `lines`: only panels with more than one batch size are shown;
    - `needs`: it is drawn only if a row has this metric;
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
    remark: Callable[[Results], str] = lambda _: ""


@cache
def declared(spec: Callable[[], Spec]) -> Spec:
    """The declaration of a chart, which is made once: both pages use it."""
    return spec()


@remembered
def data_of(results: Results) -> Data:
    """The rows behind all charts of a run, by their source."""
    cells = figures.cell_rows(results)
    peaks = memory.memory_rows(results)
    noise = typical_spread(results.records)
    return {
        "cells": cells,
        "overview": overview.rows(cells, memory.training_peaks(peaks, cells), noise=noise),
        "memory": peaks,
        "roofline": roofline.roofline_rows(results),
        "curves": learning.curve_rows(results),
        "targets": learning.target_rows(results),
        "pairs": evaluation.pair_rows(results),
        "recall": evaluation.recall_rows(results),
        "confusion": evaluation.confusion_rows(results),
        "series": evaluation.series_rows(results),
    }


def rows_of(chart: Chart, data: Data) -> list[Row]:
    """The rows of a chart; none if there is nothing to draw."""
    rows = data[chart.source]
    if chart.metrics:
        rows = figures.flat(rows, chart.metrics, role=chart.role, dots=chart.dots)
        rows = [row for row in rows if chart.scenario in {"", row["scenario"]}]
    if chart.needs and not any(row["metric"] == chart.needs for row in rows):
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
    params = [{**item, "value": list(values[item["name"]])} for item in spec["params"]]
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
