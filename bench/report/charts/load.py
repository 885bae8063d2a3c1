"""The chart of latency over the rate of queries, with the latency limit as a line."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from bench.analysis.load_figures import runs_of
from bench.analysis.load_runs import overloaded
from bench.records.load import LoadRun
from bench.report.charts.look import COUNT, DOUBTFUL, SECONDS, SOLID, colour, fill, hint, log, panels, shape
from bench.report.figures import Row, short
from bench.report.results import STATUS_WORDS, Results
from bench.report.servers import NANOSECONDS, Served, confirmed, proof, result_in_words, servers

LIMIT = "limit"  # the name of the latency limit, in seconds, which a page lets its reader move
MARK, LINE = "datum.kind === 'mark'", "datum.kind === 'limit'"


def rows(results: Results) -> list[Row]:
    """A row for each run of the scenario `server`, and one for the latency limit of each panel."""
    found = servers(results)
    order = list(dict.fromkeys(map(_panel, found)))
    several = len({item.lane.device for item in found}) > 1
    marks = [
        {
            **_names(item, order, several=several),
            **_mark(item, run),
            "proven": proof(records) == STATUS_WORDS["passed"],
            "confirmed": short(rate) if (rate := confirmed(records)) else 0,
        }
        for item, records in found.items()
        for record in records
        for run in runs_of(record)
        if run.asked_per_s is not None
    ]
    drawn = {row["panel"] for row in marks}
    return [*marks, *(row for row in _limits(found, order, several=several) if row["panel"] in drawn)]


def _panel(item: Served) -> tuple[str, str]:
    return item.workload, item.lane.device


def _names(item: Served, order: list[tuple[str, str]], *, several: bool) -> Row:
    row, unusual = item.lane, []
    unusual += [row.mode] if row.mode != "idiomatic" else []
    unusual += [row.precision] if row.precision != "fp32" else []
    return {
        "workload": item.workload,
        "panel": f"{item.workload} on {row.device}" if several else item.workload,
        "panel_place": order.index(_panel(item)),
        "framework": row.contender,
        "label": " ".join((row.contender, *unusual)),
        "place": 0,
        "device": row.device,
        "mode": row.mode,
        "precision": row.precision,
    }


def _mark(item: Served, run: LoadRun) -> Row:
    """The figures of one run; its latency is that of the percentile that has to keep the limit."""
    latency_ns = run.at_percentile_ns if run.at_percentile_ns is not None else run.latency.p99_ns
    return {
        "kind": "mark",
        "rate": short(run.asked_per_s or 0.0),
        "completed": short(run.completed_per_s),
        "value": short((latency_ns or run.latency.max_ns) / NANOSECONDS),
        "p50": short(run.latency.p50_ns / NANOSECONDS),
        "percentile": f"p{item.serving.percentile:g}",
        "keeps_up": not overloaded(run) and not run.dropped,
        "result": result_in_words(run),
        "doubt": "; ".join(run.problems),
    }


def _limits(found: dict[Served, Any], order: list[tuple[str, str]], *, several: bool) -> Iterator[Row]:
    """The limits of each panel. They belong to no framework, so no filter of frameworks leaves them out."""
    limits = {(_panel(item), item.serving.limit_ns): item for item in found if item.serving.limit_ns is not None}
    for (_, limit_ns), item in limits.items():
        names = _names(item, order, several=several)
        kept = {name: names[name] for name in ("workload", "panel", "panel_place", "device")}
        yield {**kept, "kind": "limit", "value": short((limit_ns or 0) / NANOSECONDS)}


def over_rate() -> dict[str, Any]:
    """A mark for each run, a line through the medians of each framework, and a rule for the limit."""
    x, y = log("rate", "queries per second (asked)", COUNT), log("value", "latency", SECONDS)
    among = alt.Chart().transform_filter(MARK)
    line = (
        among.transform_filter(SOLID)
        .mark_line(strokeWidth=1, opacity=0.6)
        .encode(
            x=alt.X(**x), y=alt.Y(**{**y, "shorthand": "median(value):Q"}), color=colour(), detail=alt.Detail("label:N")
        )
    )
    marks = among.mark_point(size=40, strokeWidth=1.2).encode(
        x=alt.X(**x),
        y=alt.Y(**y),
        color=colour(),
        fill=fill(),
        shape=shape(),
        fillOpacity=alt.condition(SOLID, alt.value(1), alt.value(0)),
        tooltip=hint(
            ("rate:Q", "asked, queries/s", ",.0f"),
            ("completed:Q", "completed, queries/s", ",.0f"),
            ("percentile:N", "percentile", ""),
            ("value:Q", "its latency, s", ".3~s"),
            ("p50:Q", "p50, s", ".3~s"),
            ("result:N", "result", ""),
        ),
    )
    sign = among.transform_filter(DOUBTFUL).mark_text(text="†", dx=8, dy=-4, color="#888")
    sign = sign.encode(x=alt.X("rate:Q"), y=alt.Y("value:Q"))
    moved = f"{LIMIT} > 0 ? {LIMIT} : datum.value"
    limit = alt.Chart().transform_filter(LINE).transform_calculate(at=moved)
    rule = limit.mark_rule(strokeDash=[4, 3], color="#888", strokeWidth=1.5).encode(y=alt.Y("at:Q"))
    found = panels(line, marks, sign, rule)
    return {**found, "params": [*found["params"], {"name": LIMIT, "value": 0}]}
