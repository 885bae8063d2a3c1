"""Every figure of a run in the text format of Prometheus, as gauges without timestamps.

The textfile collector of node_exporter reads such a file: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.analysis import load_figures
from bench.analysis.long_table import CELL, COLUMNS, Figure, figures
from bench.records.record import Record
from bench.records.timing_metrics import METRICS

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Gauge

LABELS = ("run", *COLUMNS)
NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]")
# What the name of a gauge ends with, for each unit.
SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        "s": "_seconds",
        "B": "_bytes",
        "samples": "_samples",
        "samples/s": "_samples_per_second",
        "queries/s": "_queries_per_second",
        "cores": "_cores",
        "J/sample": "_joules_per_sample",
    }
)
ENDS = {"": "", "_low": " Its low end over processes or seeds.", "_high": " Its high end over processes or seeds."}
DOUBT = " 1 if this figure cannot be relied on, else 0."
ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "time_to_target_s": "Seconds of training until the target was reached, the mean over seeds.",
        "host_peak_bytes": "Peak memory of the process beyond host_baseline_bytes.",
        "host_baseline_bytes": "Memory of the process when framework and data were loaded.",
        "device_peak_bytes": "Peak of the memory that the framework had allocated on the device.",
        "device_reserved_bytes": "Peak of the memory that the framework had reserved on the device.",
        "nvml_used_bytes": "Memory of the process on the device, as the driver reports it.",
        "largest_batch": "The largest batch that fits into the memory.",
    }
)


def render(records: Sequence[Record]) -> str:
    """The gauges as text: for each metric its value, its low and high end, and its doubt, which is 0 or 1."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for figure in figures(records):
        name, about, labels = gauge_name(figure), _about(figure), label_values(figure)
        for end, value in zip(ENDS, (figure.value, figure.low, figure.high), strict=True):
            _gauge(gauges, name + end, about + ENDS[end], registry).labels(*labels).set(value)
        _gauge(gauges, f"{name}_doubt", about + DOUBT, registry).labels(*labels).set(bool(figure.doubt))
    return generate_latest(registry).decode()


def gauge_name(figure: Figure) -> str:
    """The name of the gauge of a figure, with its unit: `levelfield_query_time_p50_seconds`."""
    metric = figure.metric.removesuffix("_s") if figure.unit == "s" else figure.metric
    name = f"levelfield_{NOT_IN_A_NAME.sub('_', metric)}"
    return name.removesuffix(suffix := SUFFIXES.get(figure.unit, "")) + suffix


def label_values(figure: Figure) -> tuple[str, ...]:
    """The values of the labels, in their order; what no file can have, half of a character, is an escape."""
    values = (figure.run, *(getattr(figure.cell, name) for name in CELL))
    return tuple(str(value).encode(errors="backslashreplace").decode() for value in values)


def _gauge(known: dict[str, "Gauge"], name: str, about: str, registry: "CollectorRegistry") -> "Gauge":
    from prometheus_client import Gauge

    if name not in known:
        known[name] = Gauge(name, about, LABELS, registry=registry)
    return known[name]


def _about(figure: Figure) -> str:
    """What the metric is, in a sentence or two."""
    if figure.metric in METRICS:
        text = METRICS[figure.metric].compute.__doc__ or ""
    elif figure.metric in load_figures.METRICS:
        text = load_figures.METRICS[figure.metric].meaning
    else:
        quality = figure.metric.removeprefix("test_")
        text = ABOUT.get(figure.metric, f"Quality on the test data: {quality}, the mean over seeds.")
    return text.partition("\n\n")[0].replace("`", "")
