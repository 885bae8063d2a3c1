"""Every timed cell beside the measured peaks of the device: MFU, lower bound, and times the lower bound."""

from collections.abc import Mapping
from dataclasses import replace

from bench.analysis.roofline import Standing, best, stand
from bench.records.cell import Cell
from bench.records.record import Rate, Roof
from bench.records.timing_metrics import METRICS
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left
from bench.report.reliability import all_marked, explained
from bench.report.results import Results, figure, label_columns, labels, lane, planned_cells, remembered, workloads

PIPELINED: dict[str, str] = {"training": "step_time_pipelined_s", "inference": "query_time_pipelined_s"}
WORST = 3
MOSTLY = 0.5
LOWER_BOUND = (
    "Lower bound: an estimate from the best rates measured on this device in this run. It is the longer of two times: "
    "FLOPs / measured peak of matrix multiplication, and bytes / measured memory bandwidth. The bandwidth is the "
    "highest one measured with buffers about as large as the data of the call, or larger."
)
FLOPS = (
    "MFU (model FLOPs utilization): the share of the measured peak of matrix multiplication that the call reaches. "
    "FLOPs: all multiplications with weights. Training also counts the gradients, except the gradient of the network's "
    "input. Bytes: read or written at least once."
)
TUNED_ONLY = "Only cases of mode `tuned`: no public option makes these faster."
PEAKS = "The best over all frameworks of this run. Small matrices and buffers include the fixed cost of a call."


def roofline_table(results: Results, workload: str) -> Table:
    """A row for each timed cell whose measured peaks are known; times are of pipelined calls."""
    rows = []
    for scenario in PIPELINED:
        for cell in planned_cells(results, workload, scenario):
            found = standing(results, cell)
            if found is not None:
                rows.append(_row(results, cell, *found))
    columns = (
        *left("scenario"),
        Column(title="batch"),
        *label_columns(results),
        Column(title="time per call (pipelined)"),
        Column(title="lower bound"),
        Column(title="times the lower bound"),
        *left("limited by"),
        Column(title="FLOP/s"),
        Column(title="MFU"),
        Column(title="FLOPs per byte"),
    )
    cells = [cell for scenario in PIPELINED for cell in planned_cells(results, workload, scenario)]
    notes = (LOWER_BOUND, FLOPS, *explained(results, cells))
    return Table(title="Roofline", columns=columns, rows=tuple(rows), notes=notes)


def worst_table(results: Results) -> Table:
    """The cells that are farthest above their lower bound, and the likely reason.

    If there are cells of mode `tuned`, only those: no public option makes them faster.
    """
    cells = [cell for name in workloads(results) for kind in PIPELINED for cell in planned_cells(results, name, kind)]
    tuned = [cell for cell in cells if cell.mode == "tuned"]
    known = {cell: found for cell in tuned or cells if (found := standing(results, cell)) is not None}
    ranked = sorted(known, key=lambda cell: known[cell][1].over_floor, reverse=True)[:WORST]
    rows = [
        (
            Entry(cell.workload),
            Entry(cell.scenario),
            Entry(str(cell.batch_size), cell.batch_size),
            *labels(results, lane(cell)),
            *all_marked(results, cell, [Entry(formatting.ratio(known[cell][1].over_floor), known[cell][1].over_floor)]),
            Entry(_why(cell, known)),
        )
        for cell in ranked
    ]
    columns = (
        *left("workload", "scenario"),
        Column(title="batch"),
        *label_columns(results),
        Column(title="times the lower bound"),
        *left("why"),
    )
    only = (TUNED_ONLY,) if 0 < len(tuned) < len(cells) else ()
    notes = (LOWER_BOUND, *only, *explained(results, ranked))
    return Table(
        title="Farthest above the lower bound",
        columns=columns,
        rows=tuple(rows),
        notes=notes,
        quiet=frozenset(range(len(rows))),
    )


def _why(cell: Cell, known: Mapping[Cell, tuple[float, Standing]]) -> str:
    """Whether the time is a fixed cost per call, which a smaller batch has as well, or the computation itself."""
    seconds, found = known[cell]
    alike = [other for other in known if replace(other, batch_size=cell.batch_size) == cell]
    least = min(alike, key=lambda other: other.batch_size)
    time, bound = formatting.duration(seconds), f"Lower bound: {formatting.duration(found.floor_s)}."
    reached = (
        f"It reaches {formatting.count(found.flops_per_s)}FLOP/s, {formatting.share(found.mfu)} of the measured peak."
    )
    if len(alike) == 1:
        return f"{bound} {reached} Only one batch size was timed, so the fixed cost of a call is unknown."
    if least == cell:
        why = ": no smaller batch was timed" if cell.batch_size > 1 else ", which one sample alone does not show"
        return f"{bound} A pipelined call took {time}. It may all be fixed cost{why}."
    share = f"batch {least.batch_size} takes {known[least][0] / seconds:.0%} of this time"
    if known[least][0] >= MOSTLY * seconds:
        return f"{bound} Most of the {time} is the fixed cost of a call: {share}."
    return f"{bound} Most of the {time} is computation: {share}. {reached}"


def roofs_table(results: Results) -> Table:
    """The measured peaks of the devices, and the framework that reached each of them."""
    rows = []
    for (device, precision), roof in roofs(results).items():
        if roof.flops is not None:
            rows.append(
                _rate(
                    device,
                    precision,
                    f"matrix multiplication, {roof.flops.size}×{roof.flops.size}",
                    roof.flops,
                    "FLOP/s",
                )
            )
        rows += [
            _rate(device, precision, f"memory bandwidth, {formatting.size(item.size)}", item, "B/s")
            for item in roof.bytes
        ]
    columns = (*left("device", "precision", "what"), Column(title="measured peak"), *left("framework"))
    return Table(title="Measured peaks", columns=columns, rows=tuple(rows), notes=(PEAKS,))


@remembered
def roofs(results: Results) -> dict[tuple[str, str], Roof]:
    """The measured peaks by device and precision. A resumed run measures them at each start; the best count."""
    found: dict[tuple[str, str], dict[Roof, None]] = {}
    for record in results.records:
        if record.roof is not None:
            found.setdefault((record.case.device, record.case.precision), {})[record.roof] = None
    return {
        key: best((roof.flops for roof in several if roof.flops), (item for roof in several for item in roof.bytes))
        for key, several in found.items()
    }


@remembered
def standing(results: Results, cell: Cell) -> tuple[float, Standing] | None:
    """The median time of a pipelined call over processes, and its `Standing`; None if any part is unknown."""
    blocks, roof = results.blocks.get(cell, ()), roofs(results).get((cell.device, cell.precision))
    found = figure(results, cell, METRICS[PIPELINED[cell.scenario]])
    if not blocks or roof is None or found is None or blocks[0].flops is None or not blocks[0].least_bytes:
        return None
    least_bytes = blocks[0].least_bytes
    held_bytes = blocks[0].held_bytes or least_bytes  # old records do not have it
    made = stand(found.median, blocks[0].flops, least_bytes, roof, held_bytes=held_bytes)
    return None if made is None else (found.median, made)


def _row(results: Results, cell: Cell, seconds: float, found: Standing) -> tuple[Entry, ...]:
    return (
        Entry(cell.scenario),
        Entry(str(cell.batch_size), cell.batch_size),
        *labels(results, lane(cell)),
        *all_marked(results, cell, [Entry(formatting.duration(seconds), seconds)]),
        Entry(formatting.duration(found.floor_s), found.floor_s),
        *all_marked(results, cell, [Entry(formatting.ratio(found.over_floor), found.over_floor)]),
        Entry(found.bound),
        *all_marked(
            results,
            cell,
            [
                Entry(formatting.count(found.flops_per_s), found.flops_per_s),
                Entry(formatting.share(found.mfu), found.mfu),
            ],
        ),
        Entry(formatting.significant(found.intensity), found.intensity),
    )


def _rate(device: str, precision: str, what: str, rate: Rate, unit: str) -> tuple[Entry, ...]:
    return (
        Entry(device),
        Entry(precision),
        Entry(what),
        Entry(f"{formatting.count(rate.per_second)}{unit}", rate.per_second),
        Entry(rate.by),
    )
