"""Every figure of a run as one long list: times, quality, memory and load of each cell."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from statistics import fmean, median

from bench.analysis import load_figures
from bench.analysis.reliability import cell_doubts, spread_doubt, spread_limit, whole_doubt
from bench.records.cell import Cell, cells
from bench.records.measurement import Learning
from bench.records.record import Record
from bench.records.timing_metrics import METRICS, summary, timed_blocks

# The fields of a cell, and what readers call them: in tables for other programs a contender is a framework.
CELL = tuple(field.name for field in fields(Cell))
COLUMNS = tuple("framework" if name == "contender" else name for name in CELL)
MEMORY = ("host_peak_bytes", "host_baseline_bytes", "device_peak_bytes", "device_reserved_bytes", "nvml_used_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A metric of one cell: the median over processes (or the mean over seeds), the minimum and maximum of `count`.

    Times are in seconds, memory is in bytes. An unknown value has no figure. `doubt` is why the figure cannot be relied
    on; empty if it can.
    """

    run: str
    cell: Cell
    metric: str
    unit: str
    value: float
    low: float
    high: float
    count: int
    doubt: str = ""


def figures(records: Sequence[Record]) -> Iterator[Figure]:
    """The figures of every run among the records."""
    for run in dict.fromkeys(record.run for record in records):
        part = [record for record in records if record.run == run and record.outcome == "ok"]
        yield from (*_timing(run, part), *_quality(run, part), *_memory(run, part), *_capacity(run, part))
        yield from _load(run, part)


def _timing(run: str, records: Iterable[Record]) -> Iterator[Figure]:
    found = tuple(records)
    timed = timed_blocks(found)
    doubts, limit = cell_doubts(found, timed), spread_limit(timed)
    for cell, blocks in timed.items():
        whole = whole_doubt(cell, partial(summary, blocks=blocks), limit=limit, doubts=doubts)
        for metric in METRICS.values():
            item = summary(metric, blocks) if cell.scenario in metric.scenarios else None
            if item:
                doubt = whole or spread_doubt(metric, item, limit=limit)
                yield Figure(
                    run=run,
                    cell=cell,
                    metric=metric.name,
                    unit=metric.unit,
                    value=item.median,
                    low=item.low,
                    high=item.high,
                    count=len(item.processes),
                    doubt=f"{doubt.reason}: {doubt.words}" if doubt else "",
                )


def _quality(run: str, records: Iterable[Record]) -> Iterator[Figure]:
    learnt: dict[Cell, list[Learning]] = {}
    for record in records:
        if record.measurement.learning:
            learnt.setdefault(cells(record.case)[0], []).append(record.measurement.learning)
    for cell, learnings in learnt.items():
        for name in learnings[0].quality:
            values = [item.quality[name] for item in learnings if name in item.quality]
            yield _mean(run, cell, f"test_{name}", "", values)
        times = [item.time_to_target_ns / 1e9 for item in learnings if item.time_to_target_ns is not None]
        if len(times) == len(learnings):  # a mean over only the seeds that reached the target would look too good
            yield _mean(run, cell, "time_to_target_s", "s", times)


def _memory(run: str, records: Iterable[Record]) -> Iterator[Figure]:
    found: dict[tuple[Cell, str], list[int]] = {}
    for record in records:
        by_size = {cell.batch_size: cell for cell in cells(record.case)}
        for item in record.measurement.memory:
            for name in MEMORY:
                value = getattr(item, name)
                if value is not None and item.batch_size in by_size:
                    found.setdefault((by_size[item.batch_size], name), []).append(value)
    for (cell, name), values in found.items():
        yield _mean(run, cell, name, "B", values)


def _capacity(run: str, records: Iterable[Record]) -> Iterator[Figure]:
    """The largest batch that fits, in the cell of the largest size that the search allows."""
    for record in records:
        found = record.measurement.capacity
        if found is not None and found.largest is not None:
            yield _mean(run, cells(record.case)[0], "largest_batch", "samples", [found.largest.batch_size])


def _load(run: str, records: Iterable[Record]) -> Iterator[Figure]:
    """The figures of servers under load: medians over processes."""
    processes: dict[Cell, list[Record]] = {}
    for record in records:
        if record.measurement.loaded is not None:
            processes.setdefault(cells(record.case)[0], []).append(record)
    for cell, measured in processes.items():
        found = [record.measurement.loaded for record in measured if record.measurement.loaded is not None]
        for metric in load_figures.METRICS.values():
            known = load_figures.values(metric.name, found)
            if known and cell.scenario in metric.loads:
                yield Figure(
                    run=run,
                    cell=cell,
                    metric=metric.name,
                    unit=metric.unit,
                    value=median(known),
                    low=min(known),
                    high=load_figures.high_end(metric.name, found),
                    count=len(known),
                    doubt=load_figures.doubt(measured),
                )


def _mean(run: str, cell: Cell, metric: str, unit: str, values: Sequence[float]) -> Figure:
    return Figure(
        run=run,
        cell=cell,
        metric=metric,
        unit=unit,
        value=fmean(values),
        low=min(values),
        high=max(values),
        count=len(values),
    )
