"""The chart of drift: for each column a small histogram of the reference and of the later data."""

from collections.abc import Iterable
from typing import Any

import altair as alt

from bench.analysis.drift.columns import ColumnDrift
from bench.report.charts.look import BY_PLACE, panels
from bench.report.figures import Row, short

SIDES = {"reference": "#AAAAAA", "later data": "#B23A00"}
MOST = 40  # columns
WIDTHS = {"reference": 14, "later data": 5}  # pixels


def histograms() -> dict[str, Any]:
    """Two bars for each bin of each column: a wide one for the reference, and a narrow one for the later data."""
    return panels(*(_bars(side, width) for side, width in WIDTHS.items()), height=110)


def _bars(side: str, width: int) -> alt.Chart:
    scale = alt.Scale(domain=[*SIDES], range=[*SIDES.values()])
    axis = alt.Axis(title=None, labelAngle=-50, labelLimit=90, labelOverlap=False)
    found: alt.Chart = (
        alt.Chart()
        .transform_filter(f"datum.side === '{side}'")
        .mark_bar(size=width)
        .encode(
            x=alt.X("bin:N", sort=BY_PLACE, axis=axis),
            y=alt.Y("share:Q", axis=alt.Axis(title="share of the rows", format="%", tickCount=4)),
            color=alt.Color("side:N", scale=scale, legend=alt.Legend(title=None, orient="top")),
            tooltip=[
                alt.Tooltip("column:N"),
                alt.Tooltip("bin:N"),
                alt.Tooltip("side:N"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    return found


def rows(columns: Iterable[ColumnDrift]) -> list[Row]:
    """A row for each bar of the first columns, which are those that changed most if they are ordered so."""
    drawn = [item for item in columns if item.bars is not None][:MOST]
    found: list[Row] = []
    for number, item in enumerate(drawn):
        if item.bars is None:
            continue
        for side, shares in zip(SIDES, (item.bars.reference, item.bars.current), strict=True):
            found += (
                {
                    "panel": f"{item.name}{': drifted' if item.verdict == 'drifted' else ''}",
                    "panel_place": number,
                    "column": item.name,
                    "verdict": item.verdict,
                    "bin": label,
                    "place": place,
                    "side": side,
                    "share": short(share),
                }
                for place, (label, share) in enumerate(zip(item.bars.labels, shares, strict=True))
            )
    return found
