"""Charts of changes: ratios of two runs with their intervals, and the candidates of a search."""

from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt

from bench.report.charts.look import BY_PLACE, LONGEST_LABEL, SECONDS, colour, fill, log, panels, shape

# Words and shapes tell verdicts apart as well as colours: readers see them beside the marks and in the tables.
VERDICTS = {"regressed": "#B23A00", "improved": "#00703C", "inconclusive": "#8A6D00", "unchanged": "#777777"}
SHAPES = ("triangle-right", "triangle-left", "diamond", "circle")
SIZE: Mapping[str, Any] = {"height": {"step": 18}, "across": 2, "width": 280, "apart": "x"}


def ratios() -> dict[str, Any]:
    """A row for each figure: candidate / baseline with its interval; the band is what does not count as a change."""
    base = alt.Chart().encode(y=_names(), color=_of_verdict(alt.Color, VERDICTS.values()))
    band = alt.Chart().mark_rect(color="#888", opacity=0.13)
    same = alt.Chart().mark_rule(color="#888").encode(x=alt.X("min(same):Q"))
    numbers = (alt.Tooltip(f"{field}:Q", format=".3") for field in ("ratio", "low", "high"))
    return panels(
        band.encode(x=alt.X("min(least):Q"), x2=alt.X2("max(most):Q")),
        same,
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q")),
        base.mark_point(size=45, filled=True, opacity=1).encode(
            x=alt.X(**log("ratio", "candidate / baseline; above 1×: slower", "format(datum.value, '~g') + '×'")),
            shape=_of_verdict(alt.Shape, SHAPES),
            tooltip=[alt.Tooltip("name:N", title="figure"), alt.Tooltip("verdict:N"), *numbers],
        ),
        **SIZE,
    )


def candidates() -> dict[str, Any]:
    """A row for each timing of a candidate, and its time over all rounds: a mark, with a ring if it was chosen.

    The dashed lines are the times of the default options.
    """
    base = alt.Chart().encode(y=_names())
    usual = alt.Chart().mark_rule(strokeDash=[4, 3]).encode(x=alt.X("min(usual):Q"), color=colour())
    ring = base.mark_point(size=190, strokeWidth=1.6, color="#888", shape="circle").encode(x=alt.X("seconds:Q"))
    marks = base.mark_point(size=50, strokeWidth=1.2).encode(
        x=alt.X(**log("seconds", "time of one call", SECONDS)), color=colour(), fill=fill(), shape=shape()
    )
    names = alt.Tooltip("name:N", title="options"), alt.Tooltip("seconds:Q", title="time", format=".3~s")
    return panels(
        usual,
        base.mark_tick(size=10, thickness=1.5, opacity=0.55).encode(x=alt.X("timing:Q"), color=colour()),
        ring.encode(opacity=alt.condition("datum.chosen", alt.value(1), alt.value(0))),
        marks.encode(
            fillOpacity=alt.condition("datum.proven", alt.value(1), alt.value(0)), tooltip=[*names, "outcome:N"]
        ),
        **SIZE,
    )


def _of_verdict(channel: Any, values: Iterable[str]) -> Any:  # noqa: ANN401 (a channel of Altair)
    """The colour or the shape of a verdict."""
    scale = alt.Scale(domain=[*VERDICTS], range=[*values])
    return channel("verdict:N", scale=scale, legend=alt.Legend(title=None, orient="bottom"))


def _names() -> alt.Y:
    return alt.Y("name:N", sort=BY_PLACE, axis=alt.Axis(title=None, labelLimit=LONGEST_LABEL))
