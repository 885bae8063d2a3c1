"""Every timed cell with its figures, as plain values that charts and the interactive page read."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench.analysis.reliability import Doubt
from bench.records.cell import Cell
from bench.records.timing_metrics import METRICS, Summary, timed
from bench.report.reliability import doubt
from bench.report.results import (
    STATUS_WORDS,
    Lane,
    Results,
    figure,
    lane,
    lanes,
    outcome,
    planned_cells,
    remembered,
    status,
    workloads,
)
from bench.report.style import COLOURS, place
from bench.report.summary import summary_cells
from bench.workload.axes import Scenario

Row = dict[str, Any]  # JSON
SCENARIOS: tuple[Scenario, ...] = ("training", "inference")
ROLES = ("training", "latency", "throughput")  # of the cells that the summary shows
DIGITS = 6  # of a stored number: more than any figure shows
FIGURES = (
    "samples_per_second",
    "step_time_p50_s",
    "step_time_p90_s",
    "query_time_p50_s",
    "query_time_p90_s",
    "query_time_p99_s",
    "per_sample_latency_s",
    "first_call_time_s",
    "start_cost_s",
    "trace_time_s",
    "compile_time_s",
    "start_rest_s",
    "cpu_use",
    "joules_per_sample",
)


def cell_rows(results: Results) -> list[Row]:
    """A row for each cell that was timed or tried: what it is, whether it is proven, and its figures by metric.

    A figure is `value` (the median over processes), `low` and `high` (the extremes), `processes`, `doubt` (why it
    cannot be relied on, or nothing), and `lost`: whether all processes were disturbed. `replicates` are the numbers of
    the processes.
    """
    return [row for workload in workloads(results) for row in rows_of_workload(results, workload, FIGURES)]


def rows_of_workload(results: Results, workload: str, metrics: Iterable[str]) -> list[Row]:
    """The rows of `cell_rows` for one workload, with these metrics alone."""
    found = (cell for scenario in SCENARIOS for cell in planned_cells(results, workload, scenario))
    return [_row(results, cell, metrics) for cell in found]


def summary_rows(results: Results, metrics: Mapping[str, str]) -> list[Row]:
    """The rows of `cell_rows` for the cells that the summary shows, with the figure of each role in `metrics`."""
    found = []
    for workload in workloads(results):
        roles = _roles(results, workload)
        for scenario in SCENARIOS:
            for cell in planned_cells(results, workload, scenario):
                names = dict.fromkeys(metrics[role] for role, cells in roles.items() if cell in cells)
                found += [_row(results, cell, names)] if names else []
    return found


def _row(results: Results, cell: Cell, metrics: Iterable[str]) -> Row:
    """What a cell is, and its figures for these metrics."""
    state = status(results, cell.workload, lane(cell))
    return {
        **cell_names(results, cell),
        "roles": [role for role, cells in _roles(results, cell.workload).items() if cell in cells],
        "proven": state == "passed",
        "status": STATUS_WORDS[state],
        "outcome": "ok" if cell in results.blocks else outcome(results, cell),
        "replicates": _replicates(results).get(cell, []),
        "figures": dict(_figures(results, cell, metrics)),
    }


@remembered
def _replicates(results: Results) -> dict[Cell, list[int]]:
    """The numbers of the processes that timed each cell."""
    found: dict[Cell, list[int]] = {}
    for record, cell, _ in timed(results.records):
        found.setdefault(cell, []).append(record.case.replicate)
    return found


def cell_names(results: Results, cell: Cell) -> Row:
    """What a cell is: its workload, framework, batch size and the rest, and two labels made of them.

    `label` names the framework within the run, `way` what else varies within the run.
    """
    return {
        **lane_names(results, cell.workload, lane(cell)),
        "scenario": cell.scenario,
        "feed": cell.feed,
        "batch": cell.batch_size,
    }


@remembered
def lane_names(results: Results, workload: str, row: Lane) -> Row:
    """What a lane of a workload is, with the same labels."""
    way = " ".join(str(getattr(row, name)) for name in results.varying)
    return {
        "workload": workload,
        "framework": row.contender,
        "device": row.device,
        "mode": row.mode,
        "precision": row.precision,
        "threads": row.threads,
        "way": way,
        "label": f"{row.contender} {way}".strip(),
        "panel": ", ".join(filter(None, (workload, way))),
        **_places(results, workload, row),
    }


def _places(results: Results, workload: str, row: Lane) -> Row:
    """Where a row and its panel stand in a chart: in the order of the run, frameworks in their usual order."""
    everywhere = lanes(results, workload)
    ways = list(dict.fromkeys(item[1:] for item in everywhere))
    way = ways.index(row[1:])
    return {
        "place": (len(COLOURS) + 1) * way + place(row.contender)[0],
        "panel_place": len(ways) * workloads(results).index(workload) + way,
    }


def flat(rows: list[Row], metrics: Mapping[str, str], *, role: str = "", dots: bool = False) -> list[Row]:
    """A row for each figure of these metrics, for charts; `metrics` gives each a name in words.

    With `role`, only of the cells that the summary shows for it. With `dots`, also a row for each process, and one for
    each cell that has no figure because it failed.
    """
    found = []
    for row in rows:
        if not role or role in row["roles"]:
            names = {key: value for key, value in row.items() if key not in {"figures", "roles", "replicates"}}
            for order, (name, words) in enumerate(metrics.items()):
                here = {**names, "metric": words, "order": order}
                found += _flat(row["figures"].get(name), here, dots=dots)
    return found


def _flat(figure: Row | None, names: Row, *, dots: bool) -> list[Row]:
    """The row of one figure, and those of its processes; if there is none, a row that only has the outcome."""
    if figure is None:
        return [{**names, "kind": "absent", "value": 0}] if dots and names["outcome"] != "ok" else []
    processes = figure["processes"] if dots else ()
    values = {key: figure[key] for key in ("value", "low", "high", "doubt")}
    return [
        {**names, "kind": "figure", **values},
        *({**names, "kind": "process", "value": value} for value in processes),
    ]


def short(number: float) -> float:
    """A number with as many digits as are stored."""
    return float(f"{number:.{DIGITS}g}")


@remembered
def _roles(results: Results, workload: str) -> dict[str, set[Cell]]:
    """The cells that the summary shows, by what they are shown for."""
    found = [summary_cells(results, workload, row) for row in lanes(results, workload)]
    columns = zip(*found, strict=True)
    return {role: {cell for cell in column if cell} for role, column in zip(ROLES, columns, strict=True)}


def _figures(results: Results, cell: Cell, metrics: Iterable[str]) -> Iterator[tuple[str, Row]]:
    for name in metrics:
        found = figure(results, cell, METRICS[name]) if cell.scenario in METRICS[name].scenarios else None
        if found:
            reason = doubt(results, cell, METRICS[name])
            is_lost = reason is not None and reason.reason == "disturbed" and reason.processes == len(found.processes)
            yield name, {**_figure(found, reason), "lost": is_lost}


def _figure(found: Summary, reason: Doubt | None) -> Row:
    return {
        "value": short(found.median),
        "low": short(found.low),
        "high": short(found.high),
        "processes": [short(value) for value in found.processes],
        "doubt": f"{reason.reason}: {reason.words}" if reason else "",
    }
