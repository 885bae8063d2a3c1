"""Charts as PNG, one panel for each workload: training throughput, inference latency by batch size, learning curves."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.metrics import METRICS, Cell, summary
from bench.record import Epoch, Record
from bench.report import numbers
from bench.report.results import Results, arrange, lane, select, workloads

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

# Okabe and Ito's colours, which the colour-blind can tell apart; a contender keeps its own on every chart.
COLOURS = {
    "pytorch": "#D55E00",
    "keras/tensorflow": "#0072B2",
    "keras/jax": "#56B4E9",
    "keras/torch": "#CC79A7",
    "flax": "#009E73",
}
OTHER_COLOUR = "#555555"
MARKERS = {"pytorch": "o", "keras/tensorflow": "s", "keras/jax": "D", "keras/torch": "v", "flax": "^"}
PANELS_PER_ROW = 3
DOTS_PER_INCH = 100
WIDTH_INCHES = 9.0

Panel = Callable[["Axes", Results, str], None]


def draw(records: Sequence[Record], folder: Path) -> dict[str, Path]:
    """Write the charts that the records have something for; their captions and the paths of the PNG files.

    Each run and each device has charts of its own. The folder is made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs = dict.fromkeys(record.run for record in records)
    devices = dict.fromkeys(record.case.device for record in records)
    drawn: dict[str, Path] = {}
    for run in runs:
        for device in devices:
            part = [record for record in records if (record.run, record.case.device) == (run, device)]
            suffix = device.replace(":", "-") if len(runs) == 1 else f"{device.replace(':', '-')}-{run}"
            where = f"on {device}" if len(runs) == 1 else f"on {device}, run {run}"
            drawn |= _draw_part(arrange(part), folder, suffix=suffix, where=where)
    return drawn


def _draw_part(results: Results, folder: Path, *, suffix: str, where: str) -> dict[str, Path]:
    drawn: dict[str, Path] = {}
    for name, (caption, has, panel) in CHARTS.items():
        shown = [workload for workload in workloads(results) if has(results, workload)]
        if shown:
            path = folder / f"{name}-{suffix}.png"
            _figure(results, shown, panel, title=f"{caption} {where}").savefig(path, dpi=DOTS_PER_INCH)
            drawn[f"{caption} {where}"] = path
    return drawn


def _figure(results: Results, shown: Sequence[str], panel: Panel, *, title: str) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(PANELS_PER_ROW, len(shown))
    down = -(-len(shown) // across)
    figure = Figure(figsize=(WIDTH_INCHES, 0.9 + 2.6 * down), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, across, squeeze=False, sharey=True)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, workload in zip(panels.flat, shown, strict=False):
        axes.set_title(workload, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        panel(axes, results, workload)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    _legend(figure)
    return figure


def _legend(figure: "Figure") -> None:
    """One legend for all panels, where there is anything that the axes do not name themselves."""
    handles: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    labels = sorted(handles, key=_place)
    if labels:
        shown = [handles[label] for label in labels]
        figure.legend(shown, labels, loc="outside lower center", ncols=5, fontsize=8, frameon=False)


def _throughput(axes: "Axes", results: Results, workload: str) -> None:
    """A bar for each contender at the recipe's batch size, its processes as dots."""
    cells = [cell for cell in _cells(results, workload, "training") if cell.batch_size == _recipe(results, workload)]
    everyone = {_label(results, cell) for cell in results.blocks if cell.scenario == "training"}
    labels = sorted(everyone, key=_place, reverse=True)
    for cell in cells:
        found = summary(METRICS["samples_per_second"], results.blocks[cell])
        if found is None:
            continue
        number = labels.index(_label(results, cell))
        axes.barh(number, found.median, height=0.62, color=COLOURS.get(cell.contender, OTHER_COLOUR), alpha=0.85)
        axes.plot(found.processes, [number] * len(found.processes), ".", color="black", markersize=4)
        written = f"  {numbers.count(found.median)}"
        axes.annotate(written, (found.high, number), fontsize=8, va="center", annotation_clip=False)
    axes.margins(x=0.22)
    axes.set_xlim(left=0)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel(f"samples/s, batch {cells[0].batch_size}", fontsize=8)
    axes.xaxis.set_major_formatter(_engineering())
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="y", length=0)


def _latency(axes: "Axes", results: Results, workload: str) -> None:
    """A line for each contender: the median query time over the samples in a query, both on a log scale."""
    from matplotlib.ticker import LogLocator

    lines: dict[str, list[tuple[Cell, float]]] = {}
    for cell in _cells(results, workload, "inference"):
        found = summary(METRICS["query_time_p50_s"], results.blocks[cell])
        if found:
            lines.setdefault(_label(results, cell), []).append((cell, found.median))
    sizes = sorted({cell.batch_size for points in lines.values() for cell, _ in points})
    for label, points in lines.items():
        ordered = sorted((cell.batch_size, time) for cell, time in points)
        axes.plot(*zip(*ordered, strict=True), label=label, **_style(points[0][0].contender))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.set_xlabel("samples in a query", fontsize=8)
    _name_y(axes, "query p50")
    axes.yaxis.set_major_formatter(_engineering("s"))
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)


def _curves(axes: "Axes", results: Results, workload: str) -> None:
    """A line for each contender and seed: the evaluation quality after each epoch."""
    metric, split, target = "", "", None
    for record in select(results, workload, purpose="learning"):
        learning = record.measurement.learning
        if record.outcome != "ok" or learning is None:
            continue
        metric, split, target = learning.target_metric, learning.evaluated_on, learning.target
        epochs = range(1, len(learning.epochs) + 1)
        label = " ".join((record.case.contender, *(str(getattr(record.case, name)) for name in results.varying)))
        # Curves that agree hide each other; their markers do not, because each contender starts at its own epoch.
        every = (_place(record.case.contender)[0], 5)
        axes.plot(epochs, _qualities(learning.epochs), label=label, **_style(record.case.contender, every=every))
    if target is not None:
        axes.axhline(target, color="#888888", linewidth=0.8, linestyle="--")
        axes.annotate("target", (0.99, target), xycoords=("axes fraction", "data"), ha="right", va="top", fontsize=8)
    axes.set_xlabel("epoch", fontsize=8)
    _name_y(axes, f"{metric.replace('_', ' ')} ({split})")
    axes.locator_params(axis="x", integer=True, nbins=6)
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)


def _qualities(epochs: Sequence[Epoch]) -> list[float]:
    return [epoch.evaluation_quality for epoch in epochs]


def _name_y(axes: "Axes", name: str) -> None:
    """All panels share the axis, so only the first of a row names it."""
    if axes.get_subplotspec() is None or axes.get_subplotspec().is_first_col():  # type: ignore[union-attr]
        axes.set_ylabel(name, fontsize=8)


def _place(label: str) -> tuple[int, str]:
    """Where a contender stands in every list: those with a colour of their own first."""
    contender = label.split(" ", maxsplit=1)[0]
    return (list(COLOURS).index(contender) if contender in COLOURS else len(COLOURS), label)


def _style(contender: str, *, every: int | tuple[int, int] = 1) -> dict[str, Any]:  # matplotlib's keywords
    return {
        "color": COLOURS.get(contender, OTHER_COLOUR),
        "marker": MARKERS.get(contender, "x"),
        "markersize": 4,
        "markevery": every,
        "linewidth": 1.4,
        "alpha": 0.85,
    }


def _cells(results: Results, workload: str, scenario: str) -> list[Cell]:
    return [cell for cell in results.blocks if (cell.workload, cell.scenario) == (workload, scenario)]


def _recipe(results: Results, workload: str) -> int:
    """The batch size of the recipe, which learning used, or else the smallest that was timed."""
    timed = {cell.batch_size for cell in _cells(results, workload, "training")}
    learnt = {size for record in select(results, workload, purpose="learning") for size in record.case.batch_sizes}
    return min(timed & learnt or timed)


def _label(results: Results, cell: Cell) -> str:
    return " ".join((cell.contender, *(str(getattr(lane(cell), name)) for name in results.varying)))


def _engineering(unit: str = "") -> "EngFormatter":
    from matplotlib.ticker import EngFormatter

    return EngFormatter(unit=unit, sep="" if not unit else " ")


def _has_timings(scenario: str) -> Callable[[Results, str], bool]:
    return lambda results, workload: bool(_cells(results, workload, scenario))


def _has_curve(results: Results, workload: str) -> bool:
    return any(record.measurement.learning for record in select(results, workload, purpose="learning"))


CHARTS: Mapping[str, tuple[str, Callable[[Results, str], bool], Panel]] = {
    "training-throughput": ("Training throughput", _has_timings("training"), _throughput),
    "inference-latency": ("Inference latency", _has_timings("inference"), _latency),
    "learning-curves": ("Learning curves", _has_curve, _curves),
}
