"""Scaling over devices: the figures of several devices that train as one, beside those of one device."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from bench.analysis import data_parallel
from bench.records.cell import Cell
from bench.records.measurement import Block
from bench.records.timing_metrics import METRICS, Summary
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left
from bench.report.performance import written
from bench.report.reliability import SIGN, doubt, marked
from bench.report.results import (
    STATUS_WORDS,
    Results,
    certificates,
    figure,
    lane,
    outcome,
    planned_cells,
    status,
    workloads,
)
from bench.workload import places

TITLE = "Scaling over devices"
NOTES = (
    (
        "Samples/s: of all devices together; each round ends when the slowest device is ready. Strong efficiency: "
        "samples/s divided by those that as many single devices would reach with this batch each. Weak efficiency: the "
        "same, where one device has its part of this batch. At 100% no time is lost. In brackets: the range over pairs "
        "of processes."
    ),
    "Exchange: the share of a step in which devices exchange their gradients, from steps with and without it in turns.",
)
VIRTUAL = "Virtual devices share the cores of one process. Their speed says nothing, and only the proof counts."


Kind = Literal["strong", "weak"]
KINDS: tuple[Kind, ...] = ("strong", "weak")


class Efficiency(NamedTuple):
    """The efficiency of a cell of several devices, and why it cannot be relied on; empty if it can."""

    cell: Cell
    kind: Kind
    value: Summary
    doubt: str


def scaling_table(results: Results) -> Table:
    """A row for each framework, place and batch size of training on several devices; empty without such training."""
    found = list(_cells(results))
    columns = (
        *left("workload", "framework", "devices"),
        Column(title="batch"),
        *left("proof"),
        Column(title="samples/s"),
        Column(title="strong efficiency"),
        Column(title="weak efficiency"),
        Column(title="exchange"),
        Column(title="memory of each device"),
    )
    virtual = any(places.is_virtual(cell.device, cell.contender) for cell in found)
    return Table(
        title=TITLE,
        columns=columns,
        rows=tuple(_row(results, cell) for cell in found),
        notes=(*NOTES, *([VIRTUAL] if virtual else [])),
    )


def _cells(results: Results) -> Iterator[Cell]:
    for workload in workloads(results):
        for cell in planned_cells(results, workload, "training"):
            if places.read(cell.device).devices > 1:
                yield cell


def _row(results: Results, cell: Cell) -> tuple[Entry, ...]:
    words = (cell.workload, cell.contender, cell.device)
    head = (*map(Entry, words), Entry(str(cell.batch_size), cell.batch_size))
    blocks = results.blocks.get(cell, ())
    if not blocks:
        return (*head, Entry(outcome(results, cell)), *(Entry("") for _ in range(5)))
    return (*head, _proof(results, cell), *_figures(results, cell, blocks), Entry(_memory(blocks)))


def _proof(results: Results, cell: Cell) -> Entry:
    """The status of the proof, with the deviation of the weights on several devices from those on one."""
    here = lane(cell)
    check = data_parallel.weights_check(places.read(cell.device).devices)
    found = [
        line.found
        for item in certificates(results, cell.workload, here)
        for line in (item.deviations if item else ())
        if line.check == check
    ]
    words = STATUS_WORDS[status(results, cell.workload, here)]
    return Entry(f"{words}, {formatting.deviation(max(found))}" if found else words)


def _figures(results: Results, cell: Cell, blocks: Sequence[Block]) -> tuple[Entry, ...]:
    """Samples/s, strong and weak efficiency, and the share of the exchange."""
    if places.is_virtual(cell.device, cell.contender):
        return (Entry("virtual"), *(Entry(formatting.UNKNOWN) for _ in range(3)))
    metric = METRICS["samples_per_second"]
    found = figure(results, cell, metric)
    rate = Entry(written(found, formatting.count), found.median) if found else Entry(formatting.UNKNOWN)
    strong, weak = (_efficiency(results, cell, kind) for kind in KINDS)
    own = doubt(results, cell, metric)
    share = data_parallel.share_of_communication(blocks)
    return marked(rate, own), *map(_shown, (strong, weak)), marked(_range(share), own)


def efficiencies(results: Results) -> Iterator[Efficiency]:
    """Every efficiency that was measured, except on virtual devices."""
    for cell in _cells(results):
        if not places.is_virtual(cell.device, cell.contender):
            yield from filter(None, (_efficiency(results, cell, kind) for kind in KINDS))


def _efficiency(results: Results, cell: Cell, kind: Kind) -> Efficiency | None:
    """The efficiency of a cell, with its doubt or that of the single device; None if one of both was not timed."""
    devices = places.read(cell.device).devices
    if kind == "weak" and cell.batch_size % devices:
        return None
    batch_size = cell.batch_size if kind == "strong" else cell.batch_size // devices
    alone = _of_one(results, cell, batch_size)
    found = data_parallel.efficiency(
        results.blocks.get(alone, ()) if alone else (), results.blocks.get(cell, ()), devices=devices
    )
    if found is None or alone is None:
        return None
    doubts = (doubt(results, item, METRICS["samples_per_second"]) for item in (cell, alone))
    return Efficiency(cell, kind, found, next((item.words for item in doubts if item), ""))


def _of_one(results: Results, cell: Cell, batch_size: int) -> Cell | None:
    """The timed cell of the first device of the place, alone, at this batch size."""
    wanted = {places.first(cell.device), places.read(cell.device).kind}
    return next(
        (
            item
            for item in results.blocks
            if item.device in wanted and item == replace(cell, device=item.device, batch_size=batch_size)
        ),
        None,
    )


def _shown(found: Efficiency | None) -> Entry:
    if found is None:
        return Entry(formatting.UNKNOWN)
    entry = _range(found.value)
    return replace(entry, text=f"{entry.text} {SIGN}") if found.doubt else entry


def _range(found: Summary | None) -> Entry:
    """A share with the range over processes: `87% (83% to 91%)`."""
    if found is None:
        return Entry(formatting.UNKNOWN)
    several = f" ({found.low:.0%} to {found.high:.0%})" if found.low < found.high else ""
    return Entry(f"{found.median:.0%}{several}", found.median)


def _memory(blocks: Sequence[Block]) -> str:
    """The largest peak of each device over the processes; empty on CPUs."""
    by_device = zip(*(block.parallel.allocated_bytes for block in blocks if block.parallel), strict=False)
    peaks = [[peak for peak in device if peak is not None] for device in by_device]
    return ", ".join(formatting.size(max(device)) for device in peaks if device) or formatting.UNKNOWN
