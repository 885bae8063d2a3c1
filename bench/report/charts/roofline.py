"""The roofline chart: FLOP/s over FLOPs per byte, below the measured peaks of the device."""

from typing import Any

import altair as alt
import numpy as np

from bench.records.timing_metrics import METRICS
from bench.report import formatting
from bench.report.charts.look import COUNT, colour, fill, hint, log, panels, shape, sign_beside
from bench.report.figures import Row, cell_names, short
from bench.report.reliability import THROUGHPUT, doubt
from bench.report.results import Results, lane, status, workloads
from bench.report.roofline import roofs, standing

MARK, PEAK = "datum.kind === 'mark'", "datum.kind === 'peak'"
POINTS = 24  # of a line


def roofline_rows(results: Results) -> list[Row]:
    """A row for each timed cell with known peaks, and rows for the lines of these peaks in each panel."""
    names = workloads(results)
    found = []
    for cell in results.blocks:
        stood = standing(results, cell) if cell.workload in names else None
        if stood is None:
            continue
        seconds, item = stood
        reason = doubt(results, cell, METRICS[THROUGHPUT])
        words = f"{formatting.ratio(item.over_floor)} the lower bound, limited by {item.bound}"
        found.append(
            {
                **cell_names(results, cell),
                "kind": "mark",
                "proven": status(results, cell.workload, lane(cell)) == "passed",
                "doubt": reason.reason if reason else "",
                "intensity": short(item.intensity),
                "rate": short(item.flops_per_s),
                "words": f"{formatting.duration(seconds)} per call: {words}",
                "share": formatting.share(item.mfu),
            }
        )
    return [*found, *_peaks(results, found)]


def _peaks(results: Results, marks: list[Row]) -> list[Row]:
    """The lines of each panel: with the fastest memory bandwidth (a cache) and with the slowest."""
    known = {key: (roof.flops.per_second, roof.bytes) for key, roof in roofs(results).items() if roof.flops}
    found = []
    intensities: dict[str, list[float]] = {}
    for row in marks:
        intensities.setdefault(row["panel"], []).append(row["intensity"])
    for row in {row["panel"]: row for row in marks}.values():
        peak, streams = known[row["device"], row["precision"]]
        here = intensities[row["panel"]]
        slowest, fastest = streams[-1].per_second, max(item.per_second for item in streams)
        bends = [peak / rate for rate in (slowest, fastest)]
        for name, rate in (("cache", fastest), ("memory", slowest)):
            for x in np.geomspace(min(*here, *bends) / 2, max(*here, *bends) * 2, POINTS):
                y = min(peak, rate * x)
                keys = ("workload", "device", "mode", "precision", "threads", "way", "panel", "panel_place", "place")
                line = {"kind": "peak", "line": name, "intensity": short(float(x)), "rate": short(float(y))}
                found.append({**{key: row[key] for key in keys}, **line})
    return found


def roofline() -> dict[str, Any]:
    """A mark for each cell, large ones for training, below two lines for each precision."""
    x, y = log("intensity", "FLOPs per byte", "format(datum.value, '~g')"), log("rate", "FLOP/s", COUNT)
    lines = alt.Chart().transform_filter(PEAK).mark_line(color="#888", strokeWidth=1)
    lines = lines.encode(
        x=alt.X("intensity:Q"),
        y=alt.Y("rate:Q"),
        detail=alt.Detail("line:N"),
        strokeDash=alt.StrokeDash(
            "line:N", scale=alt.Scale(domain=["cache", "memory"], range=[[1, 0], [2, 3]]), legend=None
        ),
    )
    marks = (
        alt.Chart()
        .transform_filter(MARK)
        .mark_point(strokeWidth=1.2)
        .encode(
            x=alt.X(**x),
            y=alt.Y(**y),
            color=colour(),
            fill=fill(),
            shape=shape(),
            size=alt.condition("datum.scenario === 'training'", alt.value(70), alt.value(22)),
            fillOpacity=alt.condition("datum.proven && datum.doubt === ''", alt.value(1), alt.value(0)),
            tooltip=hint(
                ("scenario:N", "scenario", ""),
                ("batch:Q", "batch", ""),
                ("words:N", "time", ""),
                ("share:N", "of the measured peak", ""),
                ("doubt:N", "not reliable", ""),
            ),
        )
    )
    return panels(lines, marks, sign_beside("intensity", "rate", among=MARK))
