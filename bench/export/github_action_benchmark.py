"""A run for github-action-benchmark, which plots times over commits: its `customSmallerIsBetter` format.

https://github.com/benchmark-action/github-action-benchmark, "Custom benchmarks".
"""

import json
from collections.abc import Sequence

from bench.analysis.long_table import Figure, figures
from bench.errors import UsageError
from bench.records.record import Record
from bench.records.timing_metrics import METRICS

MICROSECONDS = 1e6


def render(records: Sequence[Record]) -> str:
    """A JSON list with an entry, in microseconds, for each cell and each metric that comparisons use.

    Raises UsageError if two runs have the same figure: the file is one point of a plot.
    """
    compared = {metric.name for metric in METRICS.values() if metric.compared}
    shown = [figure for figure in figures(records) if figure.metric in compared]
    _refuse_doubles(shown)
    entries = [
        {
            "name": _name(figure),
            "unit": "µs",
            "value": figure.value * MICROSECONDS,
            "range": f"{figure.low * MICROSECONDS:.4g} to {figure.high * MICROSECONDS:.4g}",
            "extra": f"median of {figure.count} processes{figure.doubt and f'; {figure.doubt}'}",
        }
        for figure in shown
    ]
    return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"


def _refuse_doubles(shown: Sequence[Figure]) -> None:
    runs: dict[str, str] = {}
    for figure in shown:
        other = runs.setdefault(_name(figure), figure.run)
        if other != figure.run:
            raise UsageError(
                f"--format github-action-benchmark: found {_name(figure)} in the runs {other} and {figure.run}, "
                "expected one run: such a file is one point of each plot"
            )


def _name(figure: Figure) -> str:
    """The full description of a cell, so that one plot never mixes two cells."""
    return f"{figure.cell.full_name}, {figure.metric.removesuffix('_s')}"
