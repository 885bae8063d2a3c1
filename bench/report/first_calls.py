"""Tables of single calls: the first calls beside the steady state, and the parts of a call."""

from collections.abc import Callable, Iterable
from itertools import groupby

from bench.records.cell import Cell
from bench.records.timing_metrics import METRICS, Summary
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left, without_empty
from bench.report.performance import several_steps
from bench.report.reliability import doubt, explained, marked
from bench.report.results import Results, figure, label_columns, labels, lane, planned_cells

SCENARIOS: dict[str, str] = {"training": "step_time_p50_s", "inference": "query_time_p50_s"}
FIRST = {
    "first_call_time_s": "first call",
    "second_call_time_s": "second",
    "third_call_time_s": "third",
}
STEADY = "steady state"
COMPILING = {"trace_time_s": "tracing, first calls", "compile_time_s": "compiling, first calls"}
NOTES = (
    "Medians over processes. Throughput, step times and latency do not include the first calls.",
    (
        "Tracing (with lowering) and compiling: time as the library reports it, over the first three calls and the "
        "first pipelined round together. TensorFlow reports no compile time: there it is what the first calls cost "
        "beyond the steady state and tracing."
    ),
    (
        "Every process starts with empty compilation caches. Batch sizes are timed in one process, so a larger one may "
        "reuse what a smaller one has compiled."
    ),
)
BOUNDARY_NOTE = (
    "Medians of extra calls, which are not part of any other figure. Each part ends before the next begins. On a CPU, "
    "host to device is the conversion from NumPy. Dispatch: until the call returns to Python. Where a framework "
    "computes synchronously, dispatch includes the computation."
)
BOUNDARY = {
    "to_device_time_s": "host to device",
    "dispatch_time_s": "dispatch",
    "compute_time_s": "wait for result",
    "to_host_time_s": "device to host",
}


def first_calls_table(results: Results, workload: str) -> Table:
    """The first three calls, which compile, the median call in the steady state, and the time to trace and compile."""
    return _table(
        results,
        workload,
        title="First calls",
        columns=(*FIRST.values(), STEADY, *COMPILING.values()),
        read=lambda cell: (*FIRST, SCENARIOS[cell.scenario], *COMPILING),
        notes=(*NOTES, *_several(results, workload)),
    )


def boundary_table(results: Results, workload: str) -> Table:
    """The four parts of a call, which are the same for every framework."""
    return _table(
        results,
        workload,
        title="Parts of a call",
        columns=tuple(BOUNDARY.values()),
        read=lambda _: tuple(BOUNDARY),
        notes=(BOUNDARY_NOTE,),
    )


def _several(results: Results, workload: str) -> Iterable[str]:
    """A note about frameworks that run several steps per call: their times to trace and compile are of two programs."""
    cells = planned_cells(results, workload, "training")
    named = dict.fromkeys(cell.contender for cell in several_steps(results, cells))
    if named:
        yield (
            f"With several steps per call ({', '.join(named)}), first calls and steady state are of a single step. "
            "Tracing and compiling also count the program of several steps."
        )


def _table(  # noqa: PLR0913 (what such a table is made of)
    results: Results,
    workload: str,
    *,
    title: str,
    columns: Iterable[str],
    read: Callable[[Cell], Iterable[str]],
    notes: tuple[str, ...],
) -> Table:
    """A row for each cell that has any of these times; the cells of one group stand together."""
    rows: list[tuple[Entry, ...]] = []
    ends: list[int] = []
    for scenario in SCENARIOS:
        cells = [cell for cell in planned_cells(results, workload, scenario) if cell in results.blocks]
        for _, group in groupby(cells, key=lambda cell: cell.group):
            rows += [row for cell in group if (row := _row(results, cell, read(cell)))]
            ends.append(len(rows) - 1)
    notes = (*notes, *explained(results, (cell for cell in results.blocks if cell.workload == workload)))
    headings = (*left("scenario"), Column(title="batch"), *label_columns(results))
    times = (Column(title=column) for column in columns)
    return without_empty(
        Table(title=title, columns=(*headings, *times), rows=tuple(rows), notes=notes, groups=frozenset(ends))
    )


def _row(results: Results, cell: Cell, metrics: Iterable[str]) -> tuple[Entry, ...]:
    """The row of a cell; empty if none of the metrics is known."""
    metrics = tuple(metrics)
    found = [figure(results, cell, METRICS[name]) for name in metrics]
    if not any(found):
        return ()
    return (
        Entry(cell.scenario),
        Entry(str(cell.batch_size), cell.batch_size),
        *labels(results, lane(cell)),
        *(marked(_time(item), doubt(results, cell, METRICS[name])) for name, item in zip(metrics, found, strict=True)),
    )


def _time(found: Summary | None) -> Entry:
    return Entry(formatting.UNKNOWN) if found is None else Entry(formatting.duration(found.median), found.median)
