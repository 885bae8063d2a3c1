"""Charts of times: throughput, latency, percentiles, and what the first calls cost."""

from typing import Any

import altair as alt

from bench.report.charts.look import (
    COUNT,
    DOUBTFUL,
    SECONDS,
    SOLID,
    colour,
    fill,
    frameworks,
    hint,
    linear,
    log,
    names,
    panels,
    scale,
    shape,
    sign_beside,
    solid,
)

VALUES = (
    ("batch:Q", "batch", ""),
    ("value:Q", "median", ".3~s"),
    ("low:Q", "least", ".3~s"),
    ("high:Q", "most", ".3~s"),
)
DOUBT = (("doubt:N", "not reliable", ""), ("status:N", "certificate", ""))
ABSENT = "datum.kind === 'absent'"  # the rows of cells without a figure
FIGURE, PROCESS = "datum.kind === 'figure'", "datum.kind === 'process'"  # the rows of medians, and of single processes
STEP = {"step": 18}


def bars(title: str) -> dict[str, Any]:
    """A bar for each framework up to the median, and a dot for each process."""
    base = alt.Chart().encode(y=names())
    wide = base.mark_bar(height=11, strokeWidth=1.2).encode(
        x=alt.X(**linear("value", title, COUNT)),
        color=colour(),
        stroke=alt.Stroke("framework:N", legend=frameworks(), scale=scale()),
        fillOpacity=alt.condition(SOLID, alt.value(0.8), alt.value(0)),
        tooltip=hint(*VALUES, *DOUBT),
    )
    dots = base.transform_filter(PROCESS).mark_point(
        size=12, filled=True, color="#333", stroke="white", strokeWidth=0.6, opacity=1
    )
    written = base.transform_filter(FIGURE).mark_text(align="left", dx=5, fontSize=9, color="#888")
    written = written.encode(x=alt.X("high:Q"), text=alt.Text("value:Q", format=".3~s"))
    sign = base.transform_filter(f"{FIGURE} && {DOUBTFUL}").mark_text(align="left", dx=36, fontSize=9, color="#888")
    absent = base.transform_filter(ABSENT).mark_text(align="left", dx=4, fontSize=9, color="#888")
    absent = absent.encode(x=alt.X("value:Q"), text="outcome:N")
    return panels(
        absent,
        wide.transform_filter(FIGURE),
        dots.encode(x=alt.X("value:Q")),
        written,
        sign.encode(x=alt.X("high:Q"), text=alt.value("†")),
        height=STEP,
        apart="x",
        width=190,
    )


def over_batch(title: str, words: str) -> dict[str, Any]:
    """A line for each framework over the batch size, both axes logarithmic, and the range over processes."""
    base = alt.Chart().encode(
        x=alt.X(**log("batch", "batch size", "format(datum.value, ',')", values=alt.ExprRef("sizes"))),
        color=colour(),
        detail=alt.Detail("label:N"),
    )
    line = base.mark_line(strokeWidth=1.5).encode(y=alt.Y(**log("value", title, words)))
    spread = base.mark_rule(strokeWidth=1.2, opacity=0.7).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    dots = base.mark_point(size=32, strokeWidth=1.2).encode(
        y=alt.Y("value:Q"), shape=shape(), fill=fill(), fillOpacity=solid(), tooltip=hint(*VALUES, *DOUBT)
    )
    return panels(line, spread, dots, sign_beside("batch", "value"), apart="")


def percentiles(title: str) -> dict[str, Any]:
    """The median, the 90th and the 99th percentile of each framework in one row, with their ranges over processes."""
    base = alt.Chart().encode(y=names(), color=colour())
    reach = base.mark_line(strokeWidth=1, opacity=0.6).encode(
        x=alt.X("value:Q"), detail="label:N", order=alt.Order("value:Q")
    )
    marks = base.mark_point(size=40, strokeWidth=1.2).encode(
        x=alt.X(**log("value", title, SECONDS)),
        shape=alt.Shape(
            "metric:N",
            sort=None,
            scale=alt.Scale(domain=["p50", "p90", "p99"], range=["circle", "diamond", "cross"]),
            legend=alt.Legend(title=None, orient="bottom"),
        ),
        fill=fill(),
        fillOpacity=solid(),
        tooltip=hint(("metric:N", "percentile", ""), *VALUES, *DOUBT),
    )
    spread = base.mark_rule(strokeWidth=3, opacity=0.25).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    return panels(reach, spread, marks, sign_beside("value", "label"), height=STEP, apart="x", width=190)


def start_cost(title: str) -> dict[str, Any]:
    """What the first calls take longer than later ones, in parts: tracing, compiling, the rest; the range as a line."""
    base = alt.Chart().encode(y=names())
    parts = ["tracing", "compiling", "other"]
    stacked = (
        base.transform_filter("datum.metric !== 'all'")
        .mark_bar(height=11)
        .encode(
            x=alt.X(**linear("value", title, SECONDS)),
            color=alt.Color(
                "metric:N",
                sort=parts,
                scale=alt.Scale(domain=parts, range=["#E69F00", "#0072B2", "#999999"]),
                legend=alt.Legend(title=None, orient="bottom"),
            ),
            order=alt.Order("order:Q"),
            tooltip=hint(("metric:N", "part", ""), *VALUES, *DOUBT),
        )
    )
    spread = base.transform_filter("datum.metric === 'all'").mark_rule(strokeWidth=1.4, color="#888")
    spread = spread.encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    return panels(stacked, spread, height=STEP, apart="x", width=190)
