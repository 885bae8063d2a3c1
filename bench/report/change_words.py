"""How a change between two runs is written: names of metrics, ratios with intervals, memory and quality."""

import math

from bench.analysis.memory_and_quality import Change
from bench.analysis.verdicts import Common, Row
from bench.report import formatting

UNDETECTABLE = 10.0  # times as long: from here on, the noise is not worth a number
TOO_WIDE = 100.0  # upper / lower bound: from here on, an interval says nothing
TITLES = {
    "step_time_pipelined_s": "step time, pipelined",
    "step_time_p50_s": "step time p50",
    "query_time_pipelined_s": "query time, pipelined",
    "query_time_p50_s": "latency p50",
    "load_p90_s": "p90 of single queries",
    "offline_rate": "samples/s offline",
    "sla_rate": "highest rate",
}


def metric_title(metric: str) -> str:
    """A metric in words: `latency p50`, `host peak`, `accuracy`."""
    return TITLES.get(metric, metric.removesuffix("_bytes").replace("_", " "))


def interval(found: Row | Common) -> str:
    """A ratio with its interval; without the bounds if they are too far apart, and alone if there is no interval."""
    if not math.isfinite(found.low):
        return formatting.ratio(found.ratio)
    if found.high > TOO_WIDE * found.low:
        return f"{formatting.ratio(found.ratio)} [interval too wide]"
    return formatting.ratio_range(found.ratio, low=found.low, high=found.high)


def written(item: Change) -> tuple[str, str]:
    """Both values of a peak of memory, of a quality metric, or of a figure under load."""
    of_load = {"load_p90_s": formatting.duration, "offline_rate": formatting.count, "sla_rate": formatting.count}
    write = of_load.get(item.metric, formatting.size if item.metric.endswith("_bytes") else formatting.score)
    return write(item.baseline), write(item.candidate)


def has_interval(row: Row) -> bool:
    """Whether the ratio has an interval: a single process on a side has none."""
    return math.isfinite(row.low) and row.high > row.low > 0


def evidence(row: Row) -> float:
    """How many times as large as half of its interval a change is, in logarithms; 0 without an interval."""
    if not has_interval(row):
        return 0.0
    return abs(math.log(row.ratio)) / (math.log(row.high / row.low) / 2)
