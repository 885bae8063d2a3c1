"""Every timed cell beside what the device can do: MFU, the floor, and how far above it."""

from collections.abc import Mapping
from dataclasses import replace

from bench.analysis.roofline import Standing, best, stand
from bench.records.cell import Cell
from bench.records.record import Rate, Roof
from bench.records.timing_metrics import METRICS, summary
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left
from bench.report.results import Results, label_columns, labels, lane, planned_cells, workloads
from bench.workload.axes import Scenario

PIPELINED: dict[Scenario, str] = {"training": "step_time_pipelined_s", "inference": "query_time_pipelined_s"}
WORST = 3
MOSTLY = 0.5


def roofline_table(results: Results, workload: str) -> Table:
    """A row for each timed cell whose roof is known, by pipelined calls."""
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
        Column(title="call, pipelined"),
        Column(title="floor"),
        Column(title="over the floor"),
        *left("limited by"),
        Column(title="FLOP/s"),
        Column(title="MFU"),
        Column(title="FLOPs per byte"),
    )
    note = (
        "The floor is the longer of two times: the operations at the best rate of a large product, the bytes that have "
        "to move at least once at the best rate of a stream as large. Both measured in this run. MFU is the share of "
        "that rate of products, not of a data sheet's peak, that a call's operations reach. They are those of the "
        "products with weights, and in training of the gradients of both factors but for the network's inputs."
    )
    return Table(title="Distance from the hardware's limit", columns=columns, rows=tuple(rows), notes=(note,))


def worst_table(results: Results) -> Table:
    """The cells that are farthest above their floor, and what the other figures say about why.

    Those of mode `tuned`, where there are any: what is left there, no public option takes away.
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
            Entry(formatting.ratio(known[cell][1].over_floor), known[cell][1].over_floor),
            Entry(_why(cell, known)),
        )
        for cell in ranked
    ]
    columns = (
        *left("workload", "scenario"),
        Column(title="batch"),
        *label_columns(results),
        Column(title="over the floor"),
        *left("why"),
    )
    apart = (
        ("Of mode tuned alone: what is left there, no public option takes away.",)
        if 0 < len(tuned) < len(cells)
        else ()
    )
    return Table(title="Farthest from the hardware's limit", columns=columns, rows=tuple(rows), notes=apart)


def _why(cell: Cell, known: Mapping[Cell, tuple[float, Standing]]) -> str:
    """Whether the time is that of a call as such, which a smaller batch costs as well, or that of its work."""
    seconds, found = known[cell]
    alike = [other for other in known if replace(other, batch_size=cell.batch_size) == cell]
    least = min(alike, key=lambda other: other.batch_size)
    floor = f"the work needs {formatting.duration(found.floor_s)}"
    reached = f"{formatting.count(found.flops_per_s)}FLOP/s, {found.mfu:.1%} of what a large product reaches"
    if len(alike) == 1:
        return f"{floor}; {reached} (timed at one batch size, so that a call's own cost is not known)"
    if least == cell:
        return f"{floor}; the smallest batch that was timed: a call as such costs up to {formatting.duration(seconds)}"
    share = known[least][0] / seconds
    if share >= MOSTLY:
        return f"{floor}; {share:.0%} of the time is what a batch of {least.batch_size} takes as well: the call's own"
    return f"{floor}; a batch of {least.batch_size} takes {share:.0%} of the time: the work itself is slow, {reached}"


def roofs_table(results: Results) -> Table:
    """What the devices can do, and which framework showed it."""
    rows = []
    for (device, precision), roof in roofs(results).items():
        if roof.flops is not None:
            rows.append(_rate(device, precision, f"product of {roof.flops.size} rows", roof.flops, "FLOP/s"))
        rows += [
            _rate(device, precision, f"stream of {formatting.size(item.size)}", item, "B/s") for item in roof.bytes
        ]
    columns = (*left("device", "precision", "what"), Column(title="best rate"), *left("by"))
    note = "Rates of small streams and products contain what a call costs."
    return Table(title="What the device can do", columns=columns, rows=tuple(rows), notes=(note,))


def roofs(results: Results) -> dict[tuple[str, str], Roof]:
    """By device and precision: the best of all that was measured, which a run that goes on does at each start."""
    found: dict[tuple[str, str], dict[Roof, None]] = {}
    for record in results.records:
        if record.roof is not None:
            found.setdefault((record.case.device, record.case.precision), {})[record.roof] = None
    return {
        key: best((roof.flops for roof in several if roof.flops), (item for roof in several for item in roof.bytes))
        for key, several in found.items()
    }


def standing(results: Results, cell: Cell) -> tuple[float, Standing] | None:
    """The median time of a pipelined call over processes, and where it stands; None where something is not known."""
    blocks, roof = results.blocks.get(cell, ()), roofs(results).get((cell.device, cell.precision))
    found = summary(METRICS[PIPELINED[cell.scenario]], blocks)
    if not blocks or roof is None or found is None or blocks[0].flops is None or not blocks[0].least_bytes:
        return None
    least_bytes = blocks[0].least_bytes
    held_bytes = blocks[0].held_bytes or least_bytes  # old records do not say
    made = stand(found.median, blocks[0].flops, least_bytes, roof, held_bytes=held_bytes)
    return None if made is None else (found.median, made)


def _row(results: Results, cell: Cell, seconds: float, found: Standing) -> tuple[Entry, ...]:
    return (
        Entry(cell.scenario),
        Entry(str(cell.batch_size), cell.batch_size),
        *labels(results, lane(cell)),
        Entry(formatting.duration(seconds), seconds),
        Entry(formatting.duration(found.floor_s), found.floor_s),
        Entry(formatting.ratio(found.over_floor), found.over_floor),
        Entry(found.bound),
        Entry(formatting.count(found.flops_per_s), found.flops_per_s),
        Entry(f"{found.mfu:.1%}", found.mfu),
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
