"""The page of all metrics: time, quality and memory."""

import inspect
from collections.abc import Iterator

from bench.analysis import load_figures
from bench.analysis.load_figures import LoadMetric
from bench.records.measurement import Memory
from bench.records.timing_metrics import METRICS, Metric
from bench.worker import quality_metrics
from bench.workload import recipe
from reference_pages import keys, markdown
from reference_pages.key_tables import section
from reference_pages.keys import JSON
from reference_pages.markdown import code, heading, table, text

SAMPLES = {
    "call_ns": "the first three calls",
    "synchronised_ns": "single calls with a wait after each",
    "pipelined_ns": "rounds of several calls with one wait at the end",
}

INTRODUCTION = """\
Metrics are computed from the [records](records.md) each time a report is made, so a new metric also covers old
records. A metric without enough samples has no value. It is shown as `n/a`, never as 0."""

TIME = """\
Each process computes these metrics from its own timings. A table shows the median over processes. *Samples* says
which timings a metric needs and how many. Metrics marked *compared* decide verdicts in `levelfield compare`."""

LOAD = """\
Figures of a server to which a load generator sends queries. A process makes several runs; a figure is the median over
its runs, or over those at the highest rate. [Serving](../explanation/serving.md) says how a run is made."""

QUALITY = "Quality is measured on the test data after the last epoch, in float64, by the same code for every framework."

MEMORY = """\
These are the peaks at one batch size. Each comes from a process that measures nothing else. A value that cannot be
read is missing, never 0. `levelfield compare` compares `host_peak_bytes` and `device_peak_bytes`."""

DERIVED = "Tables also show these figures, computed from the metrics above."

# Name, unit, direction and formula of each derived figure.
FIGURES = (
    (
        "vs fastest",
        "×",
        "lower",
        "Throughput of the fastest framework / throughput of this one. The fastest has 1.00×.",
    ),
    ("speed-up", "×", "higher", "Time of the default / time of the alternative."),
    (
        "time to target",
        "s",
        "lower",
        "Wall time of training and evaluation up to the first one that reaches the target.",
    ),
    ("FLOP/s", "FLOP/s", "higher", "Operations of one call / time of one call."),
    ("MFU", "%", "higher", "Operations of one call / (measured peak of matrix multiplication × time of one call)."),
    ("lower bound", "s", "lower", "max(operations / measured peak, least bytes / memory bandwidth): a roofline model."),
    ("times the lower bound", "×", "lower", "Time of one call / lower bound."),
    (
        "relative deviation",
        "",
        "lower",
        "max(abs(a − b)) / max(abs(b)), b from the reference or from the other framework. All weights are one array.",
    ),
)


def page() -> str:
    """The page: every metric with its unit, its direction and its formula."""
    return markdown.page(
        heading(1, "Metrics"),
        INTRODUCTION,
        heading(2, "Time"),
        TIME,
        table(("Metric", "Unit", "Better", "Scenario", "Samples", "Formula"), map(_time, METRICS.values())),
        heading(2, "Under load"),
        LOAD,
        table(("Metric", "Unit", "Better", "Load", "Meaning"), map(_load, load_figures.METRICS.values())),
        heading(2, "Quality"),
        QUALITY,
        *_quality(),
        section(Memory, JSON, level=2, text=MEMORY),
        heading(2, "Derived figures"),
        DERIVED,
        table(("Figure", "Unit", "Better", "Formula"), FIGURES),
    )


def formulas(task: str) -> dict[str, str]:
    """The formula of each quality metric of a task, from the docstring of what computes them."""
    return keys.entries(inspect.getdoc(quality_metrics.evaluate) or "", task.capitalize())


def _time(metric: Metric) -> tuple[str, ...]:
    samples = (
        f"{SAMPLES[metric.samples]}, at least {metric.at_least}" if metric.at_least > 1 else SAMPLES[metric.samples]
    )
    compared = ", *compared*" if metric.compared else ""
    return (
        f"{code(metric.name)}{compared}",
        metric.unit,
        metric.better,
        ", ".join(metric.scenarios),
        samples,
        text(" ".join((metric.compute.__doc__ or "").split())),
    )


def _load(metric: LoadMetric) -> tuple[str, ...]:
    compared = ", *compared*" if metric.name in load_figures.COMPARED else ""
    better = "higher" if metric.is_better_higher else "lower"
    return f"{code(metric.name)}{compared}", metric.unit, better, ", ".join(metric.loads), text(metric.meaning)


def _quality() -> Iterator[str]:
    for task, metrics in recipe.METRICS.items():
        found = formulas(task)
        yield heading(3, task.capitalize())
        yield table(
            ("Metric", "Better", "Formula"),
            ((code(name), better, text(found[name])) for name, better in metrics.items()),
        )
