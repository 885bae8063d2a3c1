"""Panels about learning: curves over epochs and over time, predicted and true values, precision and recall."""

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from bench.records.evaluation import Evaluation
from bench.records.measurement import Learning
from bench.records.record import Record
from bench.report import chart_text
from bench.report.results import Results, select
from bench.report.style import COLOURS, OTHER_COLOUR, engineering, name_y, place, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST_TICK = 16  # characters
ROOM_FOR_NAMES = 30  # characters below a confusion matrix; longer rows of names are turned


def curves(axes: "Axes", results: Results, workload: str) -> None:
    """A line for each framework and seed: the evaluation quality after each epoch."""
    for record, learning in learnings(results, workload):
        epochs = range(1, len(learning.epochs) + 1)
        _curve(axes, results, record, learning, list(epochs))
    axes.set_xlabel("epoch", fontsize=8)
    axes.locator_params(axis="x", integer=True, nbins=6)
    _goal(axes, results, workload)


def curves_over_time(axes: "Axes", results: Results, workload: str) -> None:
    """The same curves over the seconds that training and evaluation took, compilation included."""
    for record, learning in learnings(results, workload):
        spent_ns = accumulate(epoch.train_ns + epoch.evaluation_ns for epoch in learning.epochs)
        _curve(axes, results, record, learning, [time / 1e9 for time in spent_ns])
    axes.set_xlabel("seconds (training and evaluation)", fontsize=8)
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", nbins=6)
    _goal(axes, results, workload)


def truth(axes: "Axes", results: Results, workload: str) -> None:
    """Predicted over true values, a dot for each stored sample; the first seed of each framework."""
    for contender, judgement in first_judgements(results, workload):
        if judgement.pairs:
            real, predicted = zip(*judgement.pairs, strict=True)
            dots = {**style(contender), "linestyle": "none", "markersize": 2.5, "alpha": 0.5}
            axes.plot(real, predicted, label=contender, **dots)
    low, high = axes.get_xlim()
    axes.set_box_aspect(1)
    axes.axline((low, low), (high, high), color="#888888", linewidth=0.8, linestyle="--")
    unit = next((learning.unit for _, learning in learnings(results, workload)), "")
    unit = chart_text.shown(unit) if unit else ""
    axes.set_xlabel(f"true value ({unit})" if unit else "true value", fontsize=8)
    name_y(axes, f"predicted ({unit})" if unit else "predicted")
    axes.locator_params(nbins=5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(engineering())
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)


def precision_and_recall(axes: "Axes", results: Results, workload: str) -> None:
    """Precision over recall for all thresholds, with a ring at the chosen threshold."""
    for contender, judgement in first_judgements(results, workload):
        threshold = judgement.threshold
        if threshold:
            _, precision, recall = zip(*threshold.curve, strict=True)
            axes.plot(recall, precision, label=contender, **{**style(contender), "marker": ""})
            colour = COLOURS.get(contender, OTHER_COLOUR)
            axes.plot(threshold.recall, threshold.precision, "o", markersize=7, markerfacecolor="none", color=colour)
    axes.set_xlabel("recall", fontsize=8)
    name_y(axes, "precision")
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(top=1.03)
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)


def confusion(axes: "Axes", results: Results, workload: str) -> None:
    """The confusion matrix of the first framework's first seed: rows are true classes, columns predicted classes."""
    contender, judgement = next(item for item in first_judgements(results, workload) if item[1].confusion)
    matrix = judgement.confusion or ()
    shares = [[count / max(1, sum(row)) for count in row] for row in matrix]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for number, row in enumerate(matrix):
        for other, count in enumerate(row):
            if count:
                colour = "white" if shares[number][other] > 0.5 else "black"  # noqa: PLR2004 (the darker half)
                axes.text(other, number, str(count), ha="center", va="center", fontsize=6, color=colour)
    plain = [str(number) for number in range(len(matrix))]
    known = next(learning.labels for _, learning in learnings(results, workload)) or plain
    names = [_tick(number, name) for number, name in enumerate(known)]
    turned = 90 if sum(map(len, names)) > ROOM_FOR_NAMES else 0
    axes.set_xticks(range(len(matrix)), names, rotation=turned)
    axes.set_yticks(range(len(matrix)), names)
    axes.set_xlabel(f"predicted by {contender}", fontsize=8)
    name_y(axes, "true class")


def _tick(number: int, name: str) -> str:
    """The name of a class beside a matrix; with its number if signs stand for characters that the font lacks."""
    shown = chart_text.shown(name, longest=LONGEST_TICK)
    return f"{number}: {shown}" if chart_text.MISSING in shown else shown


def learnings(results: Results, workload: str) -> Iterator[tuple[Record, Learning]]:
    """The records and results of all learning cases that ended well, ordered by framework and seed."""
    records = select(results, workload, purpose="learning")
    for record in sorted(records, key=lambda record: (place(record.case.contender), record.case.seed)):
        if record.outcome == "ok" and record.measurement.learning is not None:
            yield record, record.measurement.learning


def first_judgements(results: Results, workload: str) -> Iterator[tuple[str, Evaluation]]:
    """The evaluation of each framework's first seed."""
    seen = set()
    for record, learning in learnings(results, workload):
        if learning.judgement and record.case.contender not in seen:
            seen.add(record.case.contender)
            yield record.case.contender, learning.judgement


def has_curve(results: Results, workload: str) -> bool:
    """Whether any case learnt."""
    return any(learnings(results, workload))


def has_pairs(results: Results, workload: str) -> bool:
    """Whether the networks predict numbers."""
    return any(len(judgement.pairs) > 1 for _, judgement in first_judgements(results, workload))


def has_threshold(results: Results, workload: str) -> bool:
    """Whether there are two classes."""
    return any(judgement.threshold for _, judgement in first_judgements(results, workload))


def has_confusion(results: Results, workload: str) -> bool:
    """Whether there are classes."""
    return any(judgement.confusion for _, judgement in first_judgements(results, workload))


def _curve(axes: "Axes", results: Results, record: Record, learning: Learning, where: list[float]) -> None:
    label = " ".join((record.case.contender, *(str(getattr(record.case, name)) for name in results.varying)))
    # Equal curves hide each other. Their markers do not, because the markers of each framework start at another epoch.
    every = (place(record.case.contender)[0], max(5, len(where) // 8))
    qualities = [epoch.evaluation_quality for epoch in learning.epochs]
    axes.plot(where, qualities, label=label, **style(record.case.contender, every=every))


def _goal(axes: "Axes", results: Results, workload: str) -> None:
    """Draw the target, the name of the y axis and the grid."""
    _, learning = next(learnings(results, workload))
    if learning.target is not None:
        axes.axhline(learning.target, color="#888888", linewidth=0.8, linestyle="--")
        where = ("axes fraction", "data")
        axes.annotate("target", (0.99, learning.target), xycoords=where, ha="right", va="top", fontsize=8)
    name_y(axes, f"{learning.target_metric.replace('_', ' ')} ({learning.evaluated_on})")
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)
