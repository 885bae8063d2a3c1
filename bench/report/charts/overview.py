"""One chart of all workloads: how many times as slow or as large each framework is as the best one."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import altair as alt

from bench.report.charts.look import colour, fill, hint, log, panels, shape, solid
from bench.report.figures import ROLES, Row, short

QUESTIONS = {
    "training": "training time",
    "latency": "latency, smallest batch",
    "throughput": "inference time, largest batch",
    "memory": "peak memory in training",
}
METRICS = {"training": "samples_per_second", "latency": "query_time_p50_s", "throughput": "samples_per_second"}
NOISE = "datum.kind === 'noise'"
RATIO = "datum.kind === 'ratio'"
BEST = "#888"


def rows(cells: Iterable[Row], memory: Iterable[Row], *, noise: float | None) -> list[Row]:
    """A row for each cell of the summary: its ratio to the best reliable and proven one of its group.

    `noise` is how many times as long the slowest process of the same work takes as the fastest, at the median.
    """
    found: list[Row] = []
    for role in ROLES:
        group = [row for row in cells if role in row["roles"] and METRICS[role] in row["figures"]]
        found += _ratios(
            ((row, row["figures"][METRICS[role]]) for row in group), QUESTIONS[role], is_rate=role != "latency"
        )
    peaks = ((row, {"value": row["bytes"], "processes": [row["bytes"]], "doubt": ""}) for row in memory)
    found += _ratios(peaks, QUESTIONS["memory"], is_rate=False)
    if noise:
        timed = (row for row in found if row["question"] != QUESTIONS["memory"])
        questions = dict.fromkeys((row["question"], row["workload"]) for row in timed)
        found += [
            {"kind": "noise", "question": name, "workload": of, "ratio": 1.0, "high": noise} for name, of in questions
        ]
    return found


def _ratios(found: Iterable[tuple[Row, Mapping[str, Any]]], question: str, *, is_rate: bool) -> Iterator[Row]:
    """The ratios of one question, group by group."""
    items = sorted(found, key=lambda item: (item[0]["panel_place"], item[0]["place"]))
    for _, group in groupby(items, key=lambda item: item[0]["panel"]):
        members = list(group)
        ranked = [figure["value"] for row, figure in members if row["proven"] and not figure["doubt"]]
        if not ranked:
            continue
        best = max(ranked) if is_rate else min(ranked)
        for row, figure in members:
            ratios = [best / value if is_rate else value / best for value in (figure["value"], *figure["processes"])]
            names = {key: value for key, value in row.items() if key not in {"figures", "roles"}}
            yield {
                **names,
                "kind": "ratio",
                "question": question,
                "ratio": short(ratios[0]),
                "low": short(min(ratios[1:])),
                "high": short(max(ratios[1:])),
                "doubt": figure["doubt"],
            }


def overview() -> dict[str, Any]:
    """A row for each workload and a panel for each question; the band is the machine's noise."""
    base = alt.Chart().encode(
        y=alt.Y(
            "panel:N", sort=alt.EncodingSortField("panel_place", op="min"), axis=alt.Axis(title=None, labelLimit=200)
        )
    )
    axis = log("ratio", "times as slow or as large as the best", "format(datum.value, '~g') + '×'")
    band = alt.Chart().transform_filter(NOISE).mark_rect(color=BEST, opacity=0.13)
    band = band.encode(x=alt.X("min(ratio):Q"), x2=alt.X2("max(high):Q"))
    best = alt.Chart().transform_filter(NOISE).mark_rule(color=BEST).encode(x=alt.X("min(ratio):Q"))
    ratios = base.transform_filter(RATIO)
    spread = ratios.mark_rule(opacity=0.5, strokeWidth=2).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"), color=colour())
    marks = ratios.mark_point(size=45, strokeWidth=1.2).encode(
        x=alt.X(**axis),
        color=colour(),
        fill=fill(),
        shape=shape(),
        fillOpacity=solid(),
        tooltip=hint(
            ("ratio:Q", "times the best", ".3"),
            ("low:Q", "least", ".3"),
            ("high:Q", "most", ".3"),
            ("doubt:N", "not reliable", ""),
        ),
    )
    return panels(band, best, spread, marks, by="question", height={"step": 22}, across=2, width=300, apart="x")
