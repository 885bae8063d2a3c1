"""Panels about times: training throughput, latency over the batch size, and the roofline."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bench.records.cell import Cell
from bench.records.timing_metrics import METRICS, summary
from bench.report import formatting
from bench.report.performance import several_steps
from bench.report.reliability import SIGN, doubt
from bench.report.results import Results, lane, outcome, planned_cells, select, status
from bench.report.roofline import roofs, standing
from bench.report.style import COLOURS, GREY, OTHER_COLOUR, decades, engineering, name_y, place, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_INCHES, BAR_INCHES = 2.6, 0.17

UNPROVEN_BAR = {"facecolor": "none", "hatch": "///"}
UNPROVEN_LINE = ":"


def throughput(axes: "Axes", results: Results, workload: str) -> None:
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
        written = f"  {formatting.count(found.median)}{_sign(results, cell)}"
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


def room_for_bars(results: Results) -> float:
    """The height of a panel with a bar for each framework, in inches."""
    labels = {_label(results, cell) for cell in results.blocks if cell.scenario == "training"}
    return max(PANEL_INCHES, 0.6 + BAR_INCHES * len(labels))


def latency(axes: "Axes", results: Results, workload: str) -> None:
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
        for cell, time in points:
            _note_sign(axes, (cell.batch_size, time), results, cell, "query_time_p50_s")
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


def unproven(results: Results, scenario: str, words: str) -> str:
    """A remark about these marks if any cell of the scenario is not proven equal; else nothing."""
    timed = (cell for cell in results.blocks if cell.scenario == scenario)
    is_any = any(not _is_proven(results, cell) for cell in timed)
    return f" {words}: not proven equal." if is_any else ""


def _sign(results: Results, cell: Cell, metric: str = "samples_per_second") -> str:
    return f" {SIGN}" if doubt(results, cell, METRICS[metric]) else ""


def _note_sign(
    axes: "Axes", point: tuple[float, float], results: Results, cell: Cell, metric: str = "samples_per_second"
) -> None:
    axes.annotate(_sign(results, cell, metric), point, fontsize=8, va="bottom", annotation_clip=False)


def signs(results: Results, scenario: str, metric: str = "samples_per_second") -> str:
    """A remark about the sign if any cell of the scenario has it; else nothing."""
    timed = (cell for cell in results.blocks if cell.scenario == scenario)
    return f" {SIGN}: do not rely on it." if any(_sign(results, cell, metric) for cell in timed) else ""


def several(results: Results) -> str:
    """A remark for runs in which tuning chose several steps per call; else nothing."""
    training = (cell for cell in results.blocks if cell.scenario == "training")
    return " Tuned cases may run several steps per call." if several_steps(results, training) else ""


def _recipe(results: Results, workload: str) -> int:
    """The batch size of the recipe, as learning used it; without learning, the smallest that was timed."""
    timed = {cell.batch_size for cell in _cells(results, workload, "training")}
    learnt = {size for record in select(results, workload, purpose="learning") for size in record.case.batch_sizes}
    return min(timed & learnt or timed)


def roofline(axes: "Axes", results: Results, workload: str) -> None:
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
        _note_sign(axes, (item.intensity, item.flops_per_s), results, cell)
    axes.set_xscale("log")
    axes.set_yscale("log")
    decades(axes.xaxis, "{x:g}", fine=2.0)  # its numbers are side by side
    decades(axes.yaxis, engineering())
    axes.set_xlabel("FLOPs per byte", fontsize=8)
    name_y(axes, "FLOP/s")


def roofline_marks(results: Results) -> str:
    """What the marks and lines of a roofline mean."""
    sizes = {"training": "Large marks: training.", "inference": "Small marks: inference."}
    there = [words for scenario, words in sizes.items() if any(cell.scenario == scenario for cell in results.blocks)]
    hollow = ["Hollow marks: not fp32."] if any(cell.precision != "fp32" for cell in results.blocks) else []
    lines = "Lines: measured peaks (solid: cache, dotted: memory)."
    explained = next((words for scenario in sizes if (words := signs(results, scenario))), "")
    return " ".join([*there, *hollow, lines]) + explained


def has_roof(results: Results, workload: str) -> bool:
    """Whether the measured peaks of any timed cell are known."""
    return any(cell.workload == workload and standing(results, cell) is not None for cell in results.blocks)


def _label(results: Results, cell: Cell) -> str:
    return " ".join((cell.contender, *(str(getattr(lane(cell), name)) for name in results.varying)))


def has_timings(scenario: str) -> Callable[[Results, str], bool]:
    """A function that tells whether a workload was timed in this scenario."""
    return lambda results, workload: bool(_cells(results, workload, scenario))
