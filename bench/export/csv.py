"""Records as one long table for spreadsheets and data frames: a line for each cell and metric."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from statistics import fmean

from bench.metrics import METRICS, Cell, cells, summary, timed_blocks
from bench.record import Learning, Record

CELL = tuple(field.name for field in fields(Cell))
HEADER = ("run", *CELL, "metric", "unit", "value", "low", "high", "processes")
MEMORY = ("host_peak_bytes", "host_baseline_bytes", "device_peak_bytes", "nvml_used_bytes")

Line = tuple[str | float | int, ...]


def render(records: Sequence[Record]) -> str:
    """The table as text, with a header: the median over processes (or mean over seeds), the least and the largest.

    Times are in seconds, memory is in bytes. What is not known has no line.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for run in dict.fromkeys(record.run for record in records):
        part = [record for record in records if record.run == run and record.outcome == "ok"]
        writer.writerows((run, *line) for line in (*_timing(part), *_quality(part), *_memory(part)))
    return text.getvalue()


def _timing(records: Iterable[Record]) -> Iterator[Line]:
    for cell, blocks in timed_blocks(records).items():
        for metric in METRICS.values():
            found = summary(metric, blocks) if cell.scenario in metric.scenarios else None
            if found:
                numbers = (found.median, found.low, found.high, len(found.processes))
                yield (*_named(cell), metric.name, metric.unit, *numbers)


def _quality(records: Iterable[Record]) -> Iterator[Line]:
    learnt: dict[Cell, list[Learning]] = {}
    for record in records:
        if record.measurement.learning:
            learnt.setdefault(cells(record.case)[0], []).append(record.measurement.learning)
    for cell, learnings in learnt.items():
        for name in learnings[0].quality:
            yield _line(cell, f"test_{name}", "", [item.quality[name] for item in learnings if name in item.quality])
        times = [item.time_to_target_ns / 1e9 for item in learnings if item.time_to_target_ns is not None]
        if times:
            yield _line(cell, "time_to_target_s", "s", times)


def _memory(records: Iterable[Record]) -> Iterator[Line]:
    for record in records:
        by_size = {cell.batch_size: cell for cell in cells(record.case)}
        for item in record.measurement.memory:
            for name in MEMORY:
                value = getattr(item, name)
                if value is not None and item.batch_size in by_size:
                    yield _line(by_size[item.batch_size], name, "B", [value])


def _line(cell: Cell, metric: str, unit: str, values: Sequence[float]) -> Line:
    return (*_named(cell), metric, unit, fmean(values), min(values), max(values), len(values))


def _named(cell: Cell) -> tuple[str | int, ...]:
    return tuple(getattr(cell, name) for name in CELL)
