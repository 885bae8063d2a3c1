"""Makes pandas frames from stored runs, with the columns that `columns` declares."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.load_figures import METRICS as LOAD
from bench.analysis.long_table import CELL as FIELDS
from bench.analysis.long_table import COLUMNS, MEMORY, figures
from bench.api import columns
from bench.api.columns import Columns
from bench.records.cell import Cell, cells
from bench.records.load import Loaded
from bench.records.measurement import Block, Capacity, Learning, Memory
from bench.records.record import Certificate, Record, to_json
from bench.records.timing_metrics import METRICS, timed, value
from bench.report.answers import answers as answers_of
from bench.report.reliability import doubt
from bench.report.results import STATUS_WORDS, Arranged, Lane, Results, certificates, lane, lanes, of_workload, status

Row = Mapping[str, Any]
FIRST, LAST = pd.Timestamp.min.tz_localize("UTC"), pd.Timestamp.max.tz_localize("UTC")
KINDS = ("call", "warm_up", "synchronised", "pipelined")


def table(rows: Iterable[Row], declared: Columns) -> pd.DataFrame:
    """These rows with all declared columns in their types; what a row lacks is missing."""
    frame = pd.DataFrame.from_records(list(rows), columns=list(declared))
    for name in (name for name, column in declared.items() if column.type == columns.TIME):
        times = pd.to_datetime(frame[name], utc=True, format="ISO8601", errors="coerce")
        frame[name] = times.where(times.between(FIRST, LAST))  # others have no number of nanoseconds
    return frame.astype({name: column.type for name, column in declared.items()})


def cell_frame(arranged: Arranged) -> pd.DataFrame:
    """A row for each figure of each cell."""
    return table(_each(arranged, _figures), columns.CELLS)


def process_frame(arranged: Arranged) -> pd.DataFrame:
    """A row for each process and batch size."""
    return table(_each(arranged, _processes), columns.PROCESSES)


def sample_frame(arranged: Arranged) -> pd.DataFrame:
    """A row for each timing."""
    blocks, times = [], []
    for row, block in _timed_blocks(arranged):
        for kind in KINDS:
            samples: tuple[int, ...] = getattr(block, f"{kind}_ns")
            calls = block.iterations_per_round if kind == "pipelined" else 1
            blocks.append({**row, "kind": kind, "calls": calls})
            times.append(np.array(samples, dtype=np.int64))
    lengths = list(map(len, times))
    heads = table(blocks, columns.SAMPLES)
    frame = heads.loc[np.repeat(np.arange(len(heads)), lengths)].reset_index(drop=True)
    none = np.array([], dtype=np.int64)  # for runs without timings
    frame["number"] = np.concatenate([none, *map(np.arange, lengths)])
    frame["time_ns"] = np.concatenate([none, *times])
    return frame.astype(dict.fromkeys(("number", "time_ns"), columns.INTEGER))


def curve_frame(arranged: Arranged) -> pd.DataFrame:
    """A row for each epoch of each seed."""
    return table(_each(arranged, _epochs), columns.CURVES)


def certificate_frame(arranged: Arranged) -> pd.DataFrame:
    """A row for each check of each framework's proof."""
    return table(_each(arranged, _checks), columns.CERTIFICATES)


def answer_frame(arranged: Arranged) -> pd.DataFrame:
    """A row for each question that a report answers."""
    return table(_each(arranged, _answers), columns.ANSWERS)


def cell_columns(cell: Cell) -> Row:
    """A cell by the names of its columns."""
    return dict(zip(COLUMNS, (getattr(cell, name) for name in FIELDS), strict=True))


def _lane_columns(workload: str, row: Lane) -> Row:
    return {"workload": workload, **row._asdict(), "framework": row.contender}


def _each(arranged: Arranged, rows: Callable[[Results], Iterable[Row]]) -> Iterator[Row]:
    """The rows of each run, with the names of the run and the machine."""
    for run, results in arranged.items():
        machine = results.records[0].environment.machine
        for row in rows(results):
            yield {"run": run, "machine": machine, **row}


def _figures(results: Results) -> Iterator[Row]:
    for item in figures(results.every):
        found = doubt(results, item.cell, METRICS[item.metric]) if item.metric in METRICS else None
        yield {
            **cell_columns(item.cell),
            "status": STATUS_WORDS[status(results, item.cell.workload, lane(item.cell))],
            "metric": item.metric,
            "unit": item.unit,
            "value": item.value,
            "low": item.low,
            "high": item.high,
            "processes": item.count,
            "doubt": f"{found.reason}: {found.words}" if found else item.doubt,
        }


def _processes(results: Results) -> Iterator[Row]:
    for record in results.every:
        measured = record.measurement
        blocks = {block.batch_size: block for block in measured.blocks}
        peaks = {item.batch_size: item for item in measured.memory}
        for cell in cells(record.case):
            yield {
                **cell_columns(cell),
                **_case(record),
                **_metrics(cell, blocks.get(cell.batch_size)),
                **_peaks(peaks.get(cell.batch_size)),
                **_learnt(measured.learning),
                **_capacity(measured.capacity),
                **_loaded(cell, measured.loaded),
            }


def _case(record: Record) -> Row:
    """What is known of a process, whatever it measured."""
    case = record.case
    shared = ("order", "attempt", "started", "duration_s", "startup_s", "outcome", "error")
    of_case = {name: getattr(case, name) for name in ("purpose", "replicate", "seed")}
    return of_case | {name: getattr(record, name) for name in shared}


def _metrics(cell: Cell, block: Block | None) -> Row:
    known = (metric for metric in METRICS.values() if block and cell.scenario in metric.scenarios)
    return {metric.name: value(metric, block) for metric in known if block}


def _peaks(found: Memory | None) -> Row:
    return {name: getattr(found, name) for name in MEMORY} if found else {}


def _capacity(found: Capacity | None) -> Row:
    largest = found.largest if found else None
    return {"largest_batch": largest.batch_size} if largest else {}


def _loaded(cell: Cell, found: Loaded | None) -> Row:
    """The figures of a server under load."""
    if found is None:
        return {}
    values = {name: metric.read(found) for name, metric in LOAD.items() if cell.scenario in metric.loads}
    return {name: value for name, value in values.items() if value is not None}


def _learnt(found: Learning | None) -> Row:
    if found is None:
        return {}
    reached = found.time_to_target_ns
    return {
        "target_metric": found.target_metric,
        "target": found.target,
        "quality": found.quality.get(found.target_metric),
        "time_to_target_s": None if reached is None else reached / 1e9,
    }


def _timed_blocks(arranged: Arranged) -> Iterator[tuple[Row, Block]]:
    for run, results in arranged.items():
        for record, cell, block in timed(results.records):
            names = {"run": run, "machine": record.environment.machine, **cell_columns(cell)}
            yield {**names, "replicate": record.case.replicate, "order": record.order}, block


def _epochs(results: Results) -> Iterator[Row]:
    for record in results.records:
        found = record.measurement.learning
        if found is None or record.outcome != "ok":
            continue
        names = _lane_columns(record.case.workload, lane(record.case))
        shared = {name: getattr(found, name) for name in ("seed", "evaluated_on", "target_metric", "target")}
        elapsed = accumulate(epoch.train_ns + epoch.evaluation_ns for epoch in found.epochs)
        for number, (epoch, spent) in enumerate(zip(found.epochs, elapsed, strict=True), start=1):
            yield {**names, **shared, **to_json(epoch), "epoch": number, "elapsed_ns": spent}


def _checks(results: Results) -> Iterator[Row]:
    for workload in of_workload(results):
        for row in lanes(results, workload):
            names = _lane_columns(workload, row)
            state = STATUS_WORDS[status(results, workload, row)]
            for found in certificates(results, workload, row):
                yield from ({**names, "status": state, **check} for check in _lines(found))


def _lines(found: Certificate | None) -> Iterator[Row]:
    """The checks of a certificate; one row without a check if there is none."""
    if found is None:
        yield {}
        return
    about = {"steps": found.steps, "problem": found.problem}
    yield from ({**to_json(item), "holds": item.holds, **about} for item in found.deviations)
    if not found.deviations:
        yield about


def _answers(results: Results) -> Iterator[Row]:
    for group in answers_of(results):
        for line in group.lines:
            sentences = " ".join(f"{clause.who}: {clause.words}." for clause in line.clauses)
            yield {"about": group.title, "question": line.question, "answer": sentences}
