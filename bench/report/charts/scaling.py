"""The chart of efficiency over the number of devices that train as one."""

from typing import Any

import altair as alt

from bench.records.timing_metrics import Summary
from bench.report.charts.look import DOUBTFUL, colour, fill, hint, panels, shape, solid
from bench.report.figures import Row, short
from bench.report.results import Results, lane, status, workloads
from bench.report.scaling import Efficiency, efficiencies
from bench.workload import places


def rows(results: Results) -> list[Row]:
    """A row for each efficiency, and one for a single device, whose efficiency is 1."""
    found = list(efficiencies(results))
    order = workloads(results)
    one = {(item.cell.workload, item.cell.contender, item.kind): item for item in found}
    return [
        *(_row(results, item, devices=1, values=(1.0, 1.0, 1.0), order=order) for item in one.values()),
        *(
            _row(results, item, devices=places.read(item.cell.device).devices, values=_ends(item.value), order=order)
            for item in found
        ),
    ]


def _row(
    results: Results, item: Efficiency, *, devices: int, values: tuple[float, float, float], order: tuple[str, ...]
) -> Row:
    cell = item.cell
    return {
        "workload": cell.workload,
        "panel": cell.workload,
        "panel_place": order.index(cell.workload),
        "framework": cell.contender,
        "label": cell.contender,
        "place": devices,
        "scaling": item.kind,
        "devices": devices,
        "value": short(values[0]),
        "low": short(values[1]),
        "high": short(values[2]),
        "proven": status(results, cell.workload, lane(cell)) == "passed",
        "doubt": item.doubt if devices > 1 else "",
    }


def _ends(found: Summary) -> tuple[float, float, float]:
    return found.median, found.low, found.high


def efficiency() -> dict[str, Any]:
    """A line for each framework over the number of devices: solid for weak scaling, dashed for strong scaling."""
    x = alt.X("devices:O", axis=alt.Axis(title="devices", labelAngle=0))
    y = alt.Y("value:Q", axis=alt.Axis(title="efficiency", format="%"), scale=alt.Scale(domainMin=0))
    base = alt.Chart().encode(x=x, color=colour(), detail=alt.Detail("scaling:N"))
    dash = alt.StrokeDash("scaling:N", scale=alt.Scale(domain=["weak", "strong"], range=[[1, 0], [4, 3]]), legend=None)
    line = base.mark_line(strokeWidth=1.5).encode(y=y, strokeDash=dash)
    spread = base.mark_rule(opacity=0.5).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    marks = base.mark_point(size=45, strokeWidth=1.2).encode(
        y=y,
        fill=fill(),
        shape=shape(),
        fillOpacity=solid(),
        tooltip=hint(
            ("scaling:N", "scaling", ""),
            ("devices:Q", "devices", ""),
            ("value:Q", "efficiency", ".0%"),
            ("low:Q", "least", ".0%"),
            ("high:Q", "most", ".0%"),
            ("doubt:N", "not reliable", ""),
        ),
    )
    sign = base.transform_filter(DOUBTFUL).mark_text(text="†", dx=8, dy=-4, color="#888").encode(y=y)
    return panels(spread, line, marks, sign)
