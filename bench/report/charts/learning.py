"""Charts of learning: curves over epochs and over time, and the time to the target."""

from itertools import accumulate
from typing import Any

import altair as alt

from bench.report.charts.look import SECONDS, colour, hint, linear, names, panels, shape
from bench.report.evaluations import learnings
from bench.report.figures import Row, lane_names, short
from bench.report.results import Results, lane, workloads


def curve_rows(results: Results) -> list[Row]:
    """A row for each epoch of each seed."""
    found = []
    for workload in workloads(results):
        for record, learning in learnings(results, workload):
            spent = accumulate(epoch.train_ns + epoch.evaluation_ns for epoch in learning.epochs)
            names = lane_names(results, workload, lane(record.case))
            shared = {
                "seed": learning.seed,
                "line": f"{names['label']}, seed {learning.seed}",
                "quality_name": f"{learning.target_metric.replace('_', ' ')} ({learning.evaluated_on})",
                "target": learning.target,
            }
            found += [
                {
                    **names,
                    **shared,
                    "epoch": number + 1,
                    "seconds": short(seconds / 1e9),
                    "quality": short(epoch.evaluation_quality),
                    "loss": short(epoch.evaluation_loss),
                }
                for number, (epoch, seconds) in enumerate(zip(learning.epochs, spent, strict=True))
            ]
    return found


def target_rows(results: Results) -> list[Row]:
    """A row for each seed that reached the target: the seconds until then."""
    return [
        {
            **lane_names(results, workload, lane(record.case)),
            "seed": learning.seed,
            "seconds": short(learning.time_to_target_ns / 1e9),
            "goal": f"{learning.target_metric.replace('_', ' ')} {learning.target:g}",
        }
        for workload in workloads(results)
        for record, learning in learnings(results, workload)
        if learning.time_to_target_ns is not None
    ]


def curves(over: str, title: str) -> dict[str, Any]:
    """A line for each framework and seed, with the target as a dashed line; equal curves hide each other."""
    base = alt.Chart().encode(x=alt.X(f"{over}:Q", axis=alt.Axis(title=title, tickCount=5)))
    quality = alt.Y("quality:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title="target metric", tickCount=5))
    shown = hint(
        ("seed:N", "seed", ""),
        ("epoch:Q", "epoch", ""),
        ("seconds:Q", "seconds", ".3"),
        ("quality_name:N", "metric", ""),
        ("quality:Q", "quality", ".4"),
        ("loss:Q", "loss", ".3"),
    )
    lines = base.mark_line(strokeWidth=1.3, opacity=0.8).encode(y=quality, color=colour(), detail=alt.Detail("line:N"))
    dots = base.mark_point(size=14, filled=True, opacity=0.8).encode(
        y=quality, color=colour(), shape=shape(), tooltip=shown
    )
    goal = alt.Chart().mark_rule(strokeDash=[4, 3], color="#888").encode(y=alt.Y("max(target):Q"))
    return panels(goal, lines, dots)


def times_to_target() -> dict[str, Any]:
    """A dot for each seed, and a tick at their median."""
    base = alt.Chart().encode(y=names(), x=alt.X(**linear("seconds", "time to target", SECONDS)))
    ticks = base.mark_tick(thickness=2, color="#888").encode(x=alt.X("median(seconds):Q"))
    shown = hint(("seed:N", "seed", ""), ("goal:N", "target", ""), ("seconds:Q", "seconds", ".3"))
    dots = base.mark_point(size=40, filled=True).encode(color=colour(), shape=shape(), tooltip=shown)
    return panels(ticks, dots, height={"step": 18}, width=190, apart="x")
