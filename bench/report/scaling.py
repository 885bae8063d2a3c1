"""Scaling over devices: the figures of several devices that train as one, beside those of one device."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from bench.analysis import data_parallel
from bench.records.cell import Cell
from bench.records.measurement import Block
from bench.records.timing_metrics import METRICS, Summary
from bench.report import formatting
from bench.report.layout import Answer, Clause, Column, Entry, Table, left
from bench.report.performance import written
from bench.report.reliability import SIGN, doubt, explained
from bench.report.results import (
    STATUS_WORDS,
    VIRTUAL,
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
    "N devices train faster than one where the strong efficiency is above 100% / N.",
    "Exchange: the share of a step in which devices exchange their gradients, from steps with and without it in turns.",
)
UNSEEN = "not seen"  # of the exchange
UNSEEN_NOTE = "Exchange not seen: steps without it were not faster, so what it takes is hidden by noise."
VIRTUAL_NOTE = "Virtual devices share the cores of one process. Their speed says nothing, and only the proof counts."
UNPAIRED = "n/a at an efficiency: a single device was not timed at the batch that it would be compared with."
REMEDY = "`--devices 1,2` times one and two devices."
UNPROVEN = f"{SIGN} where a proof failed: do not rely on this figure, since other work was timed."
FAILED = STATUS_WORDS["failed"]


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
    rows = tuple(_row(results, cell) for cell in found)
    return Table(title=TITLE, columns=columns, rows=rows, notes=(*NOTES, *_notes(results, found)))


def _notes(results: Results, found: Sequence[Cell]) -> Iterator[str]:
    """What is special about these cells: figures that cannot be relied on, none at all, and virtual devices."""
    real = [cell for cell in found if not _is_virtual(cell)]
    timed = [cell for cell in real if cell in results.blocks]
    singles = [single for cell in timed for kind in KINDS if (single := _single(results, cell, kind))]
    if any(_is_unproven(results, cell) for cell in (*timed, *singles)):
        yield UNPROVEN
    yield from explained(results, (*timed, *singles))
    known = [[_efficiency(results, cell, kind) is not None for kind in KINDS] for cell in timed]
    if not all(map(all, known)):
        yield UNPAIRED if all(map(any, known)) else f"{UNPAIRED} {REMEDY}"
    if len(real) < len(found):
        yield VIRTUAL_NOTE
    shares = (data_parallel.share_of_communication(results.blocks[cell]) for cell in timed)
    if any(share is not None and share.median <= 0 for share in shares):
        yield UNSEEN_NOTE


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
        found = outcome(results, cell)
        if found == VIRTUAL:
            return (*head, _proof(results, cell), Entry(VIRTUAL), *(Entry(formatting.UNKNOWN) for _ in range(4)))
        return (*head, Entry(found), *(Entry("") for _ in range(5)))
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
    metric = METRICS["samples_per_second"]
    found = figure(results, cell, metric)
    rate = Entry(written(found, formatting.count), found.median) if found else Entry(formatting.UNKNOWN)
    strong, weak = (_efficiency(results, cell, kind) for kind in KINDS)
    own = _doubted(results, cell)
    share = data_parallel.share_of_communication(blocks)
    exchange = Entry(UNSEEN) if share is not None and share.median <= 0 else _range(share)
    return _marked(rate, own), *map(_shown, (strong, weak)), _marked(exchange, own)


def efficiencies(results: Results) -> Iterator[Efficiency]:
    """Every efficiency that was measured, except on virtual devices."""
    for cell in _cells(results):
        if not _is_virtual(cell):
            yield from filter(None, (_efficiency(results, cell, kind) for kind in KINDS))


def answer(results: Results, device: str) -> Answer | None:
    """Whether the devices of this place train faster than one of them; None for a place with one device."""
    devices = places.read(device).devices
    if devices == 1:
        return None
    found: dict[str, list[tuple[str, str]]] = {}
    for lead in _leads(results, device):
        found.setdefault(lead.verdict, []).append((lead.workload, lead.words))
    virtual = dict.fromkeys(cell.workload for cell in _cells(results) if cell.device == device and _is_virtual(cell))
    if not found and virtual:
        found["not measured"] = [(name, "virtual devices share the cores of one process") for name in virtual]
    clauses = (Clause(who, places=tuple(items)) for who, items in found.items())
    return Answer(f"Do {devices} devices train faster than one?", tuple(clauses)) if found else None


class _Lead(NamedTuple):
    """By how much several devices of a framework are faster than one, in words, and what follows."""

    verdict: str
    workload: str
    words: str


def _leads(results: Results, device: str) -> Iterator[_Lead]:
    """What each framework gains in each workload, by its best kind of scaling."""
    by_lane: dict[tuple[str, str], list[Efficiency]] = {}
    for item in efficiencies(results):
        if item.cell.device == device:
            by_lane.setdefault((item.cell.workload, item.cell.contender), []).append(item)
    devices = places.read(device).devices
    for (workload, contender), items in by_lane.items():
        best = max(items, key=lambda item: item.value.median)
        verdict = "yes" if best.value.low * devices > 1 else "no" if best.value.high * devices < 1 else "undecided"
        gains = ", ".join(_gain(item, devices) for item in sorted(items, key=lambda item: item.cell.batch_size))
        yield _Lead("undecided" if best.doubt else verdict, workload, f"{contender}: {gains}")


def _gain(found: Efficiency, devices: int) -> str:
    ratio = formatting.ratio_range(
        found.value.median * devices, low=found.value.low * devices, high=found.value.high * devices
    )
    batch = f"batch {found.cell.batch_size}"
    words = batch if found.kind == "strong" else f"{batch}, one device at {found.cell.batch_size // devices}"
    return f"{ratio} at {words}{f' {SIGN}' if found.doubt else ''}"


def _is_virtual(cell: Cell) -> bool:
    return places.is_virtual(cell.device, cell.contender)


def _efficiency(results: Results, cell: Cell, kind: Kind) -> Efficiency | None:
    """The efficiency of a cell, with its doubt or that of the single device; None if one of both was not timed."""
    alone = _single(results, cell, kind)
    if alone is None:
        return None
    devices = places.read(cell.device).devices
    found = data_parallel.efficiency(results.blocks[alone], results.blocks.get(cell, ()), devices=devices)
    if found is None:
        return None
    return Efficiency(cell, kind, found, _doubted(results, cell) or _doubted(results, alone))


def _single(results: Results, cell: Cell, kind: Kind) -> Cell | None:
    """The timed cell of the first device of the place, alone: with the same batch, or with its part of it."""
    devices = places.read(cell.device).devices
    if kind == "weak" and cell.batch_size % devices:
        return None
    size = cell.batch_size if kind == "strong" else cell.batch_size // devices
    wanted = (replace(cell, device=word, batch_size=size) for word in places.alone(cell.device))
    return next((item for item in wanted if item in results.blocks), None)


def _doubted(results: Results, cell: Cell) -> str:
    """Why the samples/s of a cell cannot be relied on; empty if they can."""
    if _is_unproven(results, cell):
        return FAILED
    found = doubt(results, cell, METRICS["samples_per_second"])
    return found.words if found else ""


def _is_unproven(results: Results, cell: Cell) -> bool:
    """Whether the proof of a cell failed."""
    return status(results, cell.workload, lane(cell)) == "failed"


def _shown(found: Efficiency | None) -> Entry:
    return Entry(formatting.UNKNOWN) if found is None else _marked(_range(found.value), found.doubt)


def _marked(entry: Entry, why: str) -> Entry:
    """The entry with the sign if it is a figure that cannot be relied on."""
    return entry if entry.value is None or not why else replace(entry, text=f"{entry.text} {SIGN}")


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
