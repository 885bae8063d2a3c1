"""Tables of single calls: the first ones beside the steady state, and a call taken apart."""

from collections.abc import Callable, Iterable
from itertools import groupby

from bench.records.cell import Cell
from bench.records.timing_metrics import METRICS, summary
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left, without_empty
from bench.report.performance import several_steps
from bench.report.results import Results, label_columns, labels, lane, planned_cells
from bench.workload.axes import Scenario

SCENARIOS: dict[Scenario, str] = {"training": "step_time_p50_s", "inference": "query_time_p50_s"}
FIRST = {
    "first_call_time_s": "first call",
    "second_call_time_s": "second",
    "third_call_time_s": "third",
}
STEADY = "steady state"
COMPILING = {"trace_time_s": "tracing", "compile_time_s": "compiling"}
NOTE = (
    "Medians over processes; none of the first calls is part of any other figure. Tracing (with lowering) and "
    "compiling by each library's own count; of TensorFlow it is what first calls cost beyond tracing. Every process "
    "begins with nothing compiled, but a larger batch size finds what a smaller one has left."
)
BOUNDARY = {
    "to_device_time_s": "host to device",
    "dispatch_time_s": "until the call returns",
    "compute_time_s": "until the result is there",
    "to_host_time_s": "device to host",
}


def first_calls_table(results: Results, workload: str) -> Table:
    """The first three calls, which compile, beside the median once times have settled, and what compiling took."""
    return _table(
        results,
        workload,
        title="First calls",
        columns=(*FIRST.values(), STEADY, *COMPILING.values()),
        read=lambda cell: (*FIRST, SCENARIOS[cell.scenario], *COMPILING),
        notes=(NOTE, *_several(results, workload)),
    )


def boundary_table(results: Results, workload: str) -> Table:
    """Where the time of a call goes, in four parts that are the same for every framework."""
    return _table(
        results,
        workload,
        title="Where the time of a call goes",
        columns=tuple(BOUNDARY.values()),
        read=lambda _: tuple(BOUNDARY),
        notes=("Medians of calls apart from the timed ones, each part waited for before the next begins.",),
    )


def _several(results: Results, workload: str) -> Iterable[str]:
    """Whose tracing and compiling is that of two programs, of which the first calls are one."""
    cells = planned_cells(results, workload, "training")
    named = dict.fromkeys(cell.contender for cell in several_steps(results, cells))
    if named:
        yield (
            f"With several steps in a call ({', '.join(named)}) first calls and steady state are those of one step "
            "alone, while tracing and compiling count the program of several steps as well."
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
    """A row of times for each timed cell that has any; those of one group belong together."""
    rows: list[tuple[Entry, ...]] = []
    ends: list[int] = []
    for scenario in SCENARIOS:
        cells = [cell for cell in planned_cells(results, workload, scenario) if cell in results.blocks]
        for _, group in groupby(cells, key=lambda cell: cell.group):
            rows += [row for cell in group if (row := _row(results, cell, read(cell)))]
            ends.append(len(rows) - 1)
    headings = (*left("scenario"), Column(title="batch"), *label_columns(results))
    times = (Column(title=column) for column in columns)
    return without_empty(
        Table(title=title, columns=(*headings, *times), rows=tuple(rows), notes=notes, groups=frozenset(ends))
    )


def _row(results: Results, cell: Cell, metrics: Iterable[str]) -> tuple[Entry, ...]:
    """Nothing for a cell of which none of them is known."""
    found = [summary(METRICS[name], results.blocks[cell]) for name in metrics]
    if not any(found):
        return ()
    return (
        Entry(cell.scenario),
        Entry(str(cell.batch_size), cell.batch_size),
        *labels(results, lane(cell)),
        *(
            Entry(formatting.duration(item.median), item.median) if item else Entry(formatting.UNKNOWN)
            for item in found
        ),
    )
