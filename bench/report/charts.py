"""Charts as PNG files, with one panel or one row of panels for each workload: throughput, latency, learning."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.records.cell import Cell
from bench.records.record import Record
from bench.records.timing_metrics import METRICS, summary
from bench.report import chart_text, formatting, panels, pictures
from bench.report.performance import several_steps
from bench.report.results import Results, arrange, lane, outcome, planned_cells, select, status, workloads
from bench.report.roofline import roofs, standing
from bench.report.style import COLOURS, OTHER_COLOUR, decades, engineering, name_y, place, style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS_PER_ROW = 3
MOST_PER_ROW = 4  # if each workload has its own row
DOTS_PER_INCH = 100
WIDTH_INCHES = 9.0
PANEL_INCHES, BAR_INCHES = 2.6, 0.17
LONGEST_MACHINE = 100
GREY = "#666666"
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")  # of a file: an id in a records file is anybody's text
UNPROVEN_BAR = {"facecolor": "none", "hatch": "///"}
UNPROVEN_LINE = ":"

Panel = Callable[["Axes", Results, str], None]
Tell = Callable[[str, Exception], None]


def draw(records: Sequence[Record], folder: Path, *, tell: Tell | None = None) -> dict[str, Path]:
    """Write every chart that the records have data for, and return the path of each PNG file by its caption.

    Each run and each device gets its own charts. A missing folder is made. Charts of an earlier page in this folder
    are deleted. `tell` is called with the caption of each chart that cannot be drawn, and with the reason; the other
    charts are drawn. Without `tell`, the reason is raised.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in CHARTS:
        for path in folder.glob(f"{name}-*.png"):
            path.unlink()
    runs = dict.fromkeys(record.run for record in records)
    devices = dict.fromkeys(record.case.device for record in records)
    drawn: dict[str, Path] = {}
    for run in runs:
        for device in devices:
            part = [record for record in records if (record.run, record.case.device) == (run, device)]
            suffix = NOT_IN_A_NAME.sub("-", device if len(runs) == 1 else f"{device}-{run}")
            where = f"on {device}" if len(runs) == 1 else f"on {device}, run {run}"
            if part:
                drawn |= _draw_part(arrange(part), folder, suffix=suffix, where=where, tell=tell)
    return drawn


def _draw_part(results: Results, folder: Path, *, suffix: str, where: str, tell: Tell | None) -> dict[str, Path]:
    drawn: dict[str, Path] = {}
    for name, chart in CHARTS.items():
        caption, path = f"{chart.caption} {where}", folder / f"{name}-{suffix}.png"
        try:
            if _drawn(results, chart, path, title=caption):
                drawn[caption] = path
        except Exception as reason:  # a chart with unforeseen data must not cost the page
            if tell is None:
                raise
            tell(caption, reason)
    return drawn


def _drawn(results: Results, chart: "Chart", path: Path, *, title: str) -> bool:
    """Whether there was anything to draw."""
    shown = [workload for workload in workloads(results) if chart.has(results, workload)]
    if shown:
        with chart_text.plain():
            _figure(results, shown, chart, title=title).savefig(path, dpi=DOTS_PER_INCH)
    return bool(shown)


def _source(results: Results, chart: "Chart") -> str:
    """A line for charts that are shown alone: the machine, and what the marks mean."""
    environment = results.records[0].environment
    on_gpu = results.records[0].case.device != "cpu" and environment.gpus
    machine = environment.gpus[0] if on_gpu else f"{environment.cpu}, {environment.cores} cores"
    marks = chart.marks(results) if callable(chart.marks) else chart.marks
    return f"{chart_text.shown(machine, longest=LONGEST_MACHINE)}. {marks}".strip()


def _figure(results: Results, shown: Sequence[str], chart: "Chart", *, title: str) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    apart = _parts(results) if chart.apart else {"": results}
    parts = {words: part for words, part in apart.items() if any(chart.has(part, workload) for workload in shown)}
    whole = [(workload, part) for workload in shown for part in parts]
    row_each = 1 < len(parts) <= MOST_PER_ROW
    per_row = len(parts) if row_each else PANELS_PER_ROW
    down = -(-len(whole) // per_row)
    across = -(-len(whole) // down) if len(parts) == 1 else per_row  # no more columns than needed
    figure = Figure(figsize=(WIDTH_INCHES, 0.9 + chart.height(results) * down), layout="constrained")
    FigureCanvasAgg(figure)
    shared: Literal["all", "row", "none"] = "row" if len(parts) > 1 else "none"
    if chart.shared and not row_each:  # on one shared scale, small networks would be squeezed
        shared = "all"
    grid = figure.subplots(down, across, squeeze=False, sharey=shared)
    for axes in grid.flat[len(whole) :]:
        axes.set_visible(False)
    for axes, (workload, part) in zip(grid.flat, whole, strict=False):
        if not chart.has(parts[part], workload):
            axes.set_visible(False)
            continue
        name = chart_text.shown(workload, longest=chart_text.LONGEST_TITLE)
        axes.set_title(", ".join(filter(None, (name, part))), fontsize=10 if across <= PANELS_PER_ROW else 8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        chart.panel(axes, parts[part], workload)
    _name_first(grid)
    figure.suptitle(chart_text.shown(title, longest=LONGEST_MACHINE), fontsize=11, fontweight="bold")
    _legend(figure, _source(results, chart) + chart_text.remark(_texts(figure)))
    return figure


def _texts(figure: "Figure") -> list[str]:
    """Everything that is written in a figure, the names of ticks included."""
    from matplotlib.text import Text

    return [item.get_text() for item in figure.findobj(Text) if isinstance(item, Text)]


def _name_first(grid: "np.ndarray") -> None:
    """If the first panel of a row is hidden, show the numbers and the name of the y axis at the next panel."""
    for row in grid:
        first = next((axes for axes in row if axes.get_visible()), None)
        if first is not None and first is not row[0] and row[0].get_shared_y_axes().joined(row[0], first):
            first.tick_params(axis="y", labelleft=True)
            first.set_ylabel(next((axes.get_ylabel() for axes in grid.flat if axes.get_ylabel()), ""), fontsize=8)


def _parts(results: Results) -> dict[str, Results]:
    """The results of each mode, precision and whatever else varies: dozens of lines in one panel are unreadable."""
    apart: dict[str, list[Record]] = {}
    for record in results.records:
        words = " ".join(str(getattr(lane(record.case), name)) for name in results.varying)
        apart.setdefault(words, []).append(record)
    return {words: arrange(records) for words, records in apart.items()}


def _legend(figure: "Figure", source: str) -> None:
    """Put the source below the panels, and one legend for all of them if lines or bars have labels."""
    handles: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    labels = sorted(handles, key=place)
    if labels:
        shown = [handles[label] for label in labels]
        legend = figure.legend(
            shown,
            labels,
            loc="outside lower center",
            ncols=5,
            fontsize=8,
            frameon=False,
            title=source,
            title_fontsize=7,
        )
        legend.get_title().set_color(GREY)
    else:
        figure.supxlabel(source, fontsize=7, color=GREY)


def _throughput(axes: "Axes", results: Results, workload: str) -> None:
    """A bar for each framework, and a dot for each process, at the recipe's batch size or else at the smallest."""
    cells = [cell for cell in _cells(results, workload, "training") if cell.batch_size == _recipe(results, workload)]
    everyone = {_label(results, cell): cell.contender for cell in results.blocks if cell.scenario == "training"}
    labels = sorted(everyone, key=lambda label: place(everyone[label]))[::-1]  # modes stay in the order of measurement
    for cell in cells:
        found = summary(METRICS["samples_per_second"], results.blocks[cell])
        if found is None:
            continue
        number = labels.index(_label(results, cell))
        colour = COLOURS.get(cell.contender, OTHER_COLOUR)
        looks = {"color": colour, "alpha": 0.85} if _is_proven(results, cell) else {**UNPROVEN_BAR, "edgecolor": colour}
        axes.barh(number, found.median, height=0.62, **looks)
        axes.plot(found.processes, [number] * len(found.processes), ".", color="black", markersize=4)
        written = f"  {formatting.count(found.median)}"
        axes.annotate(written, (found.high, number), fontsize=8, va="center", annotation_clip=False)
    for cell in planned_cells(results, workload, "training"):
        if cell not in results.blocks and cell.batch_size == cells[0].batch_size and _label(results, cell) in labels:
            here = (0, labels.index(_label(results, cell)))
            axes.annotate(f" {outcome(results, cell)}", here, fontsize=7, color=GREY, va="center")
    axes.margins(x=0.22)
    axes.set_xlim(left=0)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel(f"samples/s, batch {cells[0].batch_size}", fontsize=8)
    axes.xaxis.set_major_formatter(engineering())
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="y", length=0)


def _room_for_bars(results: Results) -> float:
    labels = {_label(results, cell) for cell in results.blocks if cell.scenario == "training"}
    return max(PANEL_INCHES, 0.6 + BAR_INCHES * len(labels))


def _latency(axes: "Axes", results: Results, workload: str) -> None:
    """A line for each framework: the median query time over the batch size, both on a log scale."""
    lines: dict[str, list[tuple[Cell, float]]] = {}
    for cell in _cells(results, workload, "inference"):
        found = summary(METRICS["query_time_p50_s"], results.blocks[cell])
        if found:
            lines.setdefault(_label(results, cell), []).append((cell, found.median))
    sizes = sorted({cell.batch_size for points in lines.values() for cell, _ in points})
    for label, points in lines.items():
        ordered = sorted((cell.batch_size, time) for cell, time in points)
        looks = style(points[0][0].contender)
        if not all(_is_proven(results, cell) for cell, _ in points):
            looks["linestyle"] = UNPROVEN_LINE
        axes.plot(*zip(*ordered, strict=True), label=label, **looks)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_yscale("log")
    decades(axes.yaxis, engineering("s"))
    axes.set_xlabel("batch size", fontsize=8)
    name_y(axes, "latency p50")
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)


def _cells(results: Results, workload: str, scenario: str) -> list[Cell]:
    return [cell for cell in results.blocks if (cell.workload, cell.scenario) == (workload, scenario)]


def _is_proven(results: Results, cell: Cell) -> bool:
    return status(results, cell.workload, lane(cell)) == "passed"


def _unproven(results: Results, scenario: str, words: str) -> str:
    """A remark about these marks if any cell of the scenario is not proven equal; else nothing."""
    timed = (cell for cell in results.blocks if cell.scenario == scenario)
    is_any = any(not _is_proven(results, cell) for cell in timed)
    return f" {words}: not proven equal." if is_any else ""


def _several(results: Results) -> str:
    """A remark for runs in which tuning chose several steps per call; else nothing."""
    training = (cell for cell in results.blocks if cell.scenario == "training")
    return " Tuned cases may run several steps per call." if several_steps(results, training) else ""


def _recipe(results: Results, workload: str) -> int:
    """The batch size of the recipe, as learning used it; without learning, the smallest that was timed."""
    timed = {cell.batch_size for cell in _cells(results, workload, "training")}
    learnt = {size for record in select(results, workload, purpose="learning") for size in record.case.batch_sizes}
    return min(timed & learnt or timed)


def _roofline(axes: "Axes", results: Results, workload: str) -> None:
    """FLOP/s over FLOPs per byte: a mark for each cell, below the measured peaks of its precision."""
    timed = [cell for cell in results.blocks if cell.workload == workload]
    dots = [(cell, found[1]) for cell in timed if (found := standing(results, cell)) is not None]
    known = roofs(results)
    # The ridge points stay in the picture, so that every roofline shows both of its parts.
    bends = [roof.flops.per_second / item.per_second for roof in known.values() if roof.flops for item in roof.bytes]
    low, high = (bound([*bends, *(item.intensity for _, item in dots)]) for bound in (min, max))
    reach = np.geomspace(low / 2, high * 2, 100)
    for (_, precision), roof in known.items():
        if roof.flops is not None and roof.bytes:
            slowest = roof.bytes[-1].per_second
            fastest = max(item.per_second for item in roof.bytes)
            for rate, line in ((fastest, "-"), (slowest, ":")):
                axes.plot(reach, np.minimum(roof.flops.per_second, rate * reach), line, color=GREY, linewidth=1)
            axes.annotate(
                precision, (reach[-1], roof.flops.per_second), fontsize=7, color=GREY, ha="right", va="bottom"
            )
    for cell, item in dots:
        looks = {**style(cell.contender), "linestyle": "none", "markersize": 4 if cell.scenario == "inference" else 7}
        if cell.precision != "fp32":
            looks["markerfacecolor"] = "none"
        axes.plot([item.intensity], [item.flops_per_s], label=_label(results, cell), **looks)
    axes.set_xscale("log")
    axes.set_yscale("log")
    decades(axes.xaxis, "{x:g}", fine=2.0)  # its numbers are side by side
    decades(axes.yaxis, engineering())
    axes.set_xlabel("FLOPs per byte", fontsize=8)
    name_y(axes, "FLOP/s")


def _roofline_marks(results: Results) -> str:
    sizes = {"training": "Large marks: training.", "inference": "Small marks: inference."}
    there = [words for scenario, words in sizes.items() if any(cell.scenario == scenario for cell in results.blocks)]
    hollow = ["Hollow marks: not fp32."] if any(cell.precision != "fp32" for cell in results.blocks) else []
    lines = "Lines: measured peaks (solid: cache, dotted: memory)."
    return " ".join([*there, *hollow, lines])


def _has_roof(results: Results, workload: str) -> bool:
    return any(cell.workload == workload and standing(results, cell) is not None for cell in results.blocks)


def _label(results: Results, cell: Cell) -> str:
    return " ".join((cell.contender, *(str(getattr(lane(cell), name)) for name in results.varying)))


def _has_timings(scenario: str) -> Callable[[Results, str], bool]:
    return lambda results, workload: bool(_cells(results, workload, scenario))


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its caption, whether a workload has data for it (`has`), and the function that draws a panel.

    With `shared`, all panels share the vertical axis; if each workload has its own row, only the panels of a row do.
    With `apart`, each mode, precision and whatever else varies has its own panel. `height` is that of a panel in
    inches. `marks` explains bars, lines and dots, and may depend on the results.
    """

    caption: str
    has: Callable[[Results, str], bool]
    panel: Panel
    shared: bool = False
    marks: str | Callable[[Results], str] = ""
    apart: bool = False
    height: Callable[[Results], float] = lambda _: PANEL_INCHES


CHARTS: Mapping[str, Chart] = {
    "training-throughput": Chart(
        "Training throughput",
        _has_timings("training"),
        _throughput,
        shared=True,
        marks=lambda results: (
            f"Bars: median over processes. Dots: single processes.{_several(results)}"
            f"{_unproven(results, 'training', 'Hatched bars')}"
        ),
        height=_room_for_bars,
    ),
    "inference-latency": Chart(
        "Inference latency",
        _has_timings("inference"),
        _latency,
        shared=True,
        marks=lambda results: (
            f"Each point: the median over processes of their p50.{_unproven(results, 'inference', 'Dotted lines')}"
        ),
        apart=True,
    ),
    "roofline": Chart(
        "Roofline",
        _has_roof,
        _roofline,
        shared=True,
        marks=_roofline_marks,
        apart=True,
    ),
    "learning-curves": Chart("Learning curves", panels.has_curve, panels.curves, apart=True),
    "learning-over-time": Chart("Learning over time", panels.has_curve, panels.curves_over_time, apart=True),
    "predicted-and-real": Chart("Predicted and true values", panels.has_pairs, panels.truth),
    "precision-and-recall": Chart("Precision and recall", panels.has_threshold, panels.precision_and_recall),
    "confusion": Chart("Confusion matrices", panels.has_confusion, panels.confusion),
    "series": Chart("Series and forecast", pictures.has_series, pictures.series),
    "first-samples": Chart("First samples", pictures.has_images, pictures.first_samples, marks=pictures.MARKS),
    "worst-samples": Chart("Largest errors", pictures.has_wrong_images, pictures.worst_samples, marks=pictures.MARKS),
    "architecture": Chart("Networks", pictures.has_network, pictures.architecture),
}
