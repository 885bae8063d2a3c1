"""The look of all charts: a colour and a shape for each framework, axes with units, panels side by side, one legend."""

from typing import Any

import altair as alt

from bench.report.style import COLOURS, GREY

SHAPES = {
    "pytorch": "circle",
    "keras/tensorflow": "square",
    "keras/jax": "diamond",
    "keras/torch": "triangle-down",
    "flax": "triangle-up",
}
WIDTH, HEIGHT, ACROSS = 215, 150, 3  # of a panel in pixels, and panels in a row
ROWS = "rows"  # the name of the data of every chart
LONGEST_LABEL = 240  # pixels
SECONDS = "format(datum.value, '~s') + 's'"
COUNT = "format(datum.value, '~s')"
BYTES = "format(datum.value, '~s') + 'B'"
BY_PLACE = alt.EncodingSortField("place", op="min")  # the order of the run
PANELS_BY = {"field": "panel_place", "op": "min"}
DOUBTFUL = "datum.doubt !== ''"
SOLID = "datum.proven && datum.doubt === ''"
CONFIG: dict[str, Any] = {
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"gridColor": "#8888", "gridOpacity": 0.35, "domainColor": "#888", "tickColor": "#888", "labelLimit": 240},
    "header": {"labelFontWeight": "bold", "labelFontSize": 11, "labelLimit": LONGEST_LABEL},
    "legend": {"labelLimit": LONGEST_LABEL},
    "title": {"anchor": "start", "subtitleColor": GREY, "subtitleFontSize": 10, "limit": 900},
}
# What a page sets: the frameworks, the batch sizes and the parts of memory that the data have.
PARAMETERS = ({"name": "shown", "value": [*COLOURS]}, {"name": "sizes", "value": []}, {"name": "parts", "value": []})


def colour(*, legend: bool = True) -> alt.Color:
    """The colour of a framework, with a legend of those that the data have."""
    return alt.Color("framework:N", scale=scale(), legend=frameworks() if legend else None)


def frameworks() -> alt.Legend:
    """The legend of colours and shapes: the frameworks that the data have."""
    return alt.Legend(title=None, orient="bottom", columns=5, values=alt.ExprRef("shown"))


def scale() -> alt.Scale:
    """The colours of the frameworks."""
    return alt.Scale(domain=[*COLOURS], range=[*COLOURS.values()])


def shape() -> alt.Shape:
    """The shape of a framework's marks."""
    return alt.Shape("framework:N", scale=alt.Scale(domain=[*SHAPES], range=[*SHAPES.values()]), legend=frameworks())


def log(field: str, title: str, words: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (options of an axis)
    """The arguments of an axis with a logarithmic scale; `words` is how its numbers are written."""
    axis = alt.Axis(title=title, labelExpr=words, tickCount=5, **more)
    return {"shorthand": f"{field}:Q", "scale": alt.Scale(type="log", nice=False, padding=8), "axis": axis}


def linear(field: str, title: str, words: str) -> dict[str, Any]:
    """The arguments of an axis that begins at zero."""
    axis = alt.Axis(title=title, labelExpr=words, tickCount=4)
    return {"shorthand": f"{field}:Q", "scale": alt.Scale(zero=True, nice=True), "axis": axis}


def names(field: str = "label") -> alt.Y:
    """A vertical axis with a name in each row, in the order of the data."""
    return alt.Y(f"{field}:N", sort=BY_PLACE, axis=alt.Axis(title=None, labelLimit=LONGEST_LABEL))


def fill() -> alt.Fill:
    """The colour inside a mark; see `solid`."""
    return alt.Fill("framework:N", scale=scale(), legend=frameworks())


def solid() -> Any:  # noqa: ANN401 (a condition has no type of its own)
    """The opacity inside a mark, which is hollow if its figure is not proven equal or not reliable."""
    return alt.condition(SOLID, alt.value(1), alt.value(0))


def hint(*fields: tuple[str, str, str]) -> list[alt.Tooltip]:
    """What a mark says under the pointer: the name of the row, then these fields with their titles and formats."""
    first = [alt.Tooltip("label:N", title="framework"), alt.Tooltip("workload:N", title="workload")]
    return [*first, *(alt.Tooltip(field, title=title, format=form) for field, title, form in fields)]


def sign_beside(x: str, y: str, *, among: str = "true") -> alt.Chart:
    """The sign of figures that cannot be relied on, beside their marks."""
    sign: alt.Chart = (
        alt.Chart().transform_filter(f"{among} && {DOUBTFUL}").mark_text(text="†", dx=8, dy=-4, color="#888")
    )
    return sign.encode(x=alt.X(f"{x}:Q"), y=names() if y == "label" else alt.Y(f"{y}:Q"))


def panels(
    *layers: alt.Chart,
    by: str = "panel",
    height: int | dict[str, int] = HEIGHT,
    across: int = ACROSS,
    width: int = WIDTH,
    apart: str = "xy",
) -> dict[str, Any]:
    """A chart with a panel for each value of a field, as Vega-Lite without its data, whose name is `rows`.

    `apart` names the axes that panels do not share. Altair makes and checks the layers; it would copy them a dozen
    times while it puts them together.
    """
    header = {"labelAnchor": "start"}
    return {
        "$schema": alt.SCHEMA_URL,
        "data": {"name": ROWS},
        "params": [*PARAMETERS],
        "facet": {"field": by, "type": "nominal", "sort": PANELS_BY, "title": None, "header": header},
        "columns": across,
        "spec": {"layer": list(map(_layer, layers)), "width": width, "height": height},
        "resolve": {"scale": {axis: "independent" if axis in apart else "shared" for axis in "xy"}},
        "config": CONFIG,
    }


def _layer(chart: alt.Chart) -> dict[str, Any]:
    whole: dict[str, Any] = chart.to_dict(validate=False)  # tests check every chart, which takes half of the time
    return {name: value for name, value in whole.items() if name not in {"$schema", "config", "data", "datasets"}}
