"""Charts of the predictions on the test set: true and predicted values, precision and recall, confusion, a series."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from bench.records.evaluation import Evaluation
from bench.report import formatting
from bench.report.charts.look import COUNT, HEIGHT, colour, panels, shape
from bench.report.evaluations import first_evaluations, learnings
from bench.report.figures import Row, short
from bench.report.results import Results, workloads

SERIES = 120  # points of a series that can be told apart
PAIRS = 400  # dots of one framework in a panel
CURVE = 120  # points of a curve of precision and recall
TRUTH = "true"


def pair_rows(results: Results) -> list[Row]:
    """A row for each stored sample of a regression: its true and its predicted value, at most `PAIRS` of them."""
    return [
        {**names, "truth": short(truth), "predicted": short(predicted)}
        for names, item in _evaluations(results)
        if len(item.pairs) > 1
        for truth, predicted in _thinned(item.pairs, PAIRS)
    ]


def series_rows(results: Results) -> list[Row]:
    """A row for each of the last points of a series: the true value as a line of its own, then each prediction."""
    found: list[Row] = []
    for names, item in _evaluations(results):
        pairs = item.pairs[-SERIES:] if item.naive and len(item.pairs) > 1 else ()
        if pairs and not any(row["panel"] == names["panel"] for row in found):
            found += [{**names, "line": TRUTH, "point": at, "value": short(real)} for at, (real, _) in enumerate(pairs)]
        found += [
            {**names, "line": names["framework"], "point": at, "value": short(predicted)}
            for at, (_, predicted) in enumerate(pairs)
        ]
    return found


def recall_rows(results: Results) -> list[Row]:
    """A row for each threshold of two classes, and one for the threshold that was chosen."""
    found = []
    for names, item in _evaluations(results):
        if item.threshold:
            found += [
                {
                    **names,
                    "kind": "curve",
                    "threshold": short(at),
                    "precision": short(precision),
                    "recall": short(recall),
                }
                for at, precision, recall in _thinned(item.threshold.curve, CURVE)
            ]
            chosen = {
                "threshold": item.threshold.value,
                "precision": item.threshold.precision,
                "recall": item.threshold.recall,
            }
            found.append({**names, "kind": "chosen", **chosen})
    return found


def confusion_rows(results: Results) -> list[Row]:
    """A row for each pair of a true and a predicted class, of the first framework of each workload."""
    found = []
    for workload in workloads(results):
        first = next((item for item in first_evaluations(results, workload) if item[1].confusion), None)
        if first is None:
            continue
        contender, matrix = first[0], first[1].confusion or ()
        known = next(learning.labels for _, learning in learnings(results, workload))
        names = [formatting.name_of(name) for name in known] or [str(number) for number in range(len(matrix))]
        shared = {**_names(workload, results, contender), "panel": f"{workload}, predicted by {contender}"}
        found += [
            {**shared, "truth": names[row], "predicted": names[column], "row": row, "column": column, "samples": count}
            | {"share": short(count / max(1, sum(counts)))}
            for row, counts in enumerate(matrix)
            for column, count in enumerate(counts)
        ]
    return found


def pairs() -> dict[str, Any]:
    """Predicted over true values; on the dashed line they are equal."""
    base = alt.Chart()
    scale, axis = alt.Scale(zero=False), alt.Axis(labelExpr=COUNT, tickCount=5)
    dots = base.mark_point(size=8, filled=True, opacity=0.5).encode(
        x=alt.X("truth:Q", title="true value", scale=scale, axis=axis),
        y=alt.Y("predicted:Q", title="predicted", scale=scale, axis=axis),
        color=colour(),
        shape=shape(),
        tooltip=["framework:N", "truth:Q", "predicted:Q"],
    )
    equal = base.mark_line(color="#888", strokeDash=[4, 3], strokeWidth=1).encode(
        x=alt.X("truth:Q"), y=alt.Y("truth:Q")
    )
    return panels(equal, dots, height=190)


def series() -> dict[str, Any]:
    """The true series and each prediction, over the samples of the test set."""
    base = alt.Chart().encode(
        x=alt.X("point:Q", title="samples of the test set, in their order"),
        y=alt.Y("value:Q", title="value", scale=alt.Scale(zero=False), axis=alt.Axis(labelExpr=COUNT, tickCount=5)),
    )
    true = base.transform_filter(f"datum.line === '{TRUTH}'").mark_line(color="#888", strokeWidth=2.5, opacity=0.7)
    lines = base.transform_filter(f"datum.line !== '{TRUTH}'").mark_line(strokeWidth=1)
    return panels(true, lines.encode(color=colour(), tooltip=["line:N", "point:Q", "value:Q"]))


def precision_and_recall() -> dict[str, Any]:
    """Precision over recall for all thresholds; a ring marks the chosen threshold."""
    base = alt.Chart().encode(
        x=alt.X("recall:Q", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("precision:Q", scale=alt.Scale(zero=False)),
        color=colour(),
        tooltip=["framework:N", "threshold:Q", "precision:Q", "recall:Q"],
    )
    lines = (
        base.transform_filter("datum.kind === 'curve'")
        .mark_line(strokeWidth=1.3)
        .encode(order=alt.Order("threshold:Q"))
    )
    rings = base.transform_filter("datum.kind === 'chosen'").mark_point(size=70, strokeWidth=1.6)
    return panels(lines, rings)


def confusion() -> dict[str, Any]:
    """Rows are true classes, columns are predicted classes; darker means a larger share of the true class."""
    base = alt.Chart().encode(
        x=alt.X(
            "predicted:N",
            sort=alt.EncodingSortField("column", op="min"),
            title="predicted",
            axis=alt.Axis(labelLimit=90),
        ),
        y=alt.Y(
            "truth:N", sort=alt.EncodingSortField("row", op="min"), title="true class", axis=alt.Axis(labelLimit=90)
        ),
    )
    boxes = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None),
        tooltip=["truth:N", "predicted:N", "samples:Q", "share:Q"],
    )
    dark = alt.condition("datum.share > 0.5", alt.value("white"), alt.value("black"))
    counts = base.transform_filter("datum.samples > 0").mark_text(fontSize=8).encode(text="samples:Q", color=dark)
    return panels(boxes, counts, height=HEIGHT + 40)


def _evaluations(results: Results) -> Iterator[tuple[Row, Evaluation]]:
    for workload in workloads(results):
        for contender, item in first_evaluations(results, workload):
            yield _names(workload, results, contender), item


def _names(workload: str, results: Results, contender: str) -> Row:
    record = next(item for item, _ in learnings(results, workload) if item.case.contender == contender)
    case = record.case
    names = {"device": case.device, "mode": case.mode, "precision": case.precision, "threads": case.threads}
    place = workloads(results).index(workload)
    return {
        "workload": workload,
        "framework": contender,
        "label": contender,
        "panel": workload,
        "panel_place": place,
        **names,
    }


def _thinned(values: Sequence[Any], most: int) -> list[Any]:
    """At most so many values at equal distances, the first and the last among them."""
    if len(values) <= most:
        return list(values)
    return [values[round(at * (len(values) - 1) / (most - 1))] for at in range(most)]
