"""Charts as PNG files, with one panel or one row of panels for each workload: throughput, latency, learning."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from bench.records.record import Record
from bench.report import chart_text, panels, pictures, timing_panels
from bench.report.results import Noise, Results, arrange, lane, part_of, workloads
from bench.report.style import legend, name_first
from bench.report.timing_panels import PANEL_INCHES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS_PER_ROW = 3
MOST_PER_ROW = 4  # if each workload has its own row
DOTS_PER_INCH = 100
WIDTH_INCHES = 9.0
LONGEST_MACHINE = 100
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")  # of a file: an id in a records file is anybody's text

Panel = Callable[["Axes", Results, str], None]
Tell = Callable[[str, Exception], None]


def draw(
    records: Sequence[Record], folder: Path, *, noise: Noise = MappingProxyType({}), tell: Tell | None = None
) -> dict[str, Path]:
    """Write every chart that the records have data for, and return the path of each PNG file by its caption.

    Each run and each device gets its own charts. A missing folder is made. Charts of an earlier page in this folder
    are deleted. `tell` is called with the caption of each chart that cannot be drawn, and with the reason; the other
    charts are drawn. Without `tell`, the reason is raised. `noise` is what calibrations know: how far processes differ
    on each machine, in percent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in CHARTS:
        for path in folder.glob(f"{name}-*.png"):
            path.unlink()
    runs = dict.fromkeys(record.run for record in records)
    devices = dict.fromkeys(record.case.device for record in records)
    drawn: dict[str, Path] = {}
    for run in runs:
        whole = arrange((record for record in records if record.run == run), noise=noise)
        for device in devices:
            part = part_of(whole, (record for record in whole.records if record.case.device == device))
            suffix = NOT_IN_A_NAME.sub("-", device if len(runs) == 1 else f"{device}-{run}")
            where = f"on {device}" if len(runs) == 1 else f"on {device}, run {run}"
            if part.records:
                drawn |= _draw_part(part, folder, suffix=suffix, where=where, tell=tell)
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
    name_first(grid)
    figure.suptitle(chart_text.shown(title, longest=LONGEST_MACHINE), fontsize=11, fontweight="bold")
    legend(figure, _source(results, chart) + chart_text.remark(chart_text.texts(figure)))
    return figure


def _parts(results: Results) -> dict[str, Results]:
    """The results of each mode, precision and whatever else varies: dozens of lines in one panel are unreadable."""
    apart: dict[str, list[Record]] = {}
    for record in results.records:
        words = " ".join(str(getattr(lane(record.case), name)) for name in results.varying)
        apart.setdefault(words, []).append(record)
    return {words: part_of(results, records) for words, records in apart.items()}


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
        timing_panels.has_timings("training"),
        timing_panels.throughput,
        shared=True,
        marks=lambda results: (
            f"Bars: median over processes. Dots: single processes.{timing_panels.several(results)}"
            f"{timing_panels.unproven(results, 'training', 'Hatched bars')}{timing_panels.signs(results, 'training')}"
        ),
        height=timing_panels.room_for_bars,
    ),
    "inference-latency": Chart(
        "Inference latency",
        timing_panels.has_timings("inference"),
        timing_panels.latency,
        shared=True,
        marks=lambda results: (
            "Each point: the median over processes of their p50."
            f"{timing_panels.unproven(results, 'inference', 'Dotted lines')}"
            f"{timing_panels.signs(results, 'inference', 'query_time_p50_s')}"
        ),
        apart=True,
    ),
    "roofline": Chart(
        "Roofline",
        timing_panels.has_roof,
        timing_panels.roofline,
        shared=True,
        marks=timing_panels.roofline_marks,
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
