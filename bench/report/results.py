"""The records of one run, arranged for tables: what was timed, what failed, which cells are ranked together."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import wraps
from types import MappingProxyType
from typing import Any, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar

from bench.analysis.reliability import Doubt, cell_doubts, spread_limit
from bench.records.cell import Cell, cells
from bench.records.measurement import Block
from bench.records.record import Case, Certificate, Record
from bench.records.timing_metrics import Metric, Summary, summary, timed_blocks
from bench.report.layout import Column, Entry, left
from bench.workload import grid_variants
from bench.workload.axes import Purpose
from bench.workload.places import is_virtual

Noise = Mapping[str, float]
Status = Literal["passed", "failed", "missing", "unavailable"]
STATUS_WORDS: dict[Status, str] = {
    "passed": "proven equal",
    "failed": "proof failed",
    "missing": "no proof",
    "unavailable": "unavailable",
}


VIRTUAL = "virtual"  # in place of a figure of devices that share the cores of one process


class Lane(NamedTuple):
    """One row of a table: a framework, and how it runs."""

    contender: str
    device: str
    mode: str
    precision: str
    threads: int


# The fields of a lane that a table shows only if they vary within the run.
VARYING = ("device", "mode", "precision", "threads")

BREAK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The records of one run in the order of measurement, and the fields of a lane that vary within the run.

    `served` are the records of servers under load. They are among `records` only if the run has no others: a server has
    threads of its own, and no row in the tables of times.
    `doubts` are the cells that cannot be relied on. A figure whose processes differ by more than `spread_limit` cannot
    be relied on either.
    """

    records: tuple[Record, ...]
    blocks: dict[Cell, tuple[Block, ...]]
    varying: tuple[str, ...]
    doubts: Mapping[Cell, Doubt]
    spread_limit: float
    served: tuple[Record, ...] = ()
    known: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)  # see `remembered`

    @property
    def every(self) -> tuple[Record, ...]:
        """All records of the run, those of servers under load last."""
        return self.records if self.records[0].case.serving else (*self.records, *self.served)


Rest = ParamSpec("Rest")
Value = TypeVar("Value")


def remembered(
    compute: Callable[Concatenate[Results, Rest], Value],
) -> Callable[Concatenate[Results, Rest], Value]:
    """A function of results that computes its value once, since tables ask for it again and again."""

    @wraps(compute)
    def read(results: Results, /, *rest: Rest.args, **named: Rest.kwargs) -> Value:
        key = compute, rest, tuple(named.items())
        try:
            value: Value = results.known[key]
        except KeyError:
            value = results.known[key] = compute(results, *rest, **named)
        return value

    return read


def arrange(records: Iterable[Record], *, noise: Noise = MappingProxyType({})) -> Results:
    """The records of one run, which are stored in the order of measurement.

    `noise` is what calibrations know: how far processes differ on each machine, in percent.
    """
    everything = tuple(records)
    served = tuple(record for record in everything if record.case.serving is not None)
    ordered = tuple(record for record in everything if record.case.serving is None) or everything
    found = {lane(record.case) for record in ordered}
    varying = tuple(name for name in VARYING if len({getattr(item, name) for item in found}) > 1)
    between = next((noise[item.environment.machine] for item in ordered if item.environment.machine in noise), None)
    # Virtual devices share the cores of one process, so their times say nothing.
    blocks = {cell: of for cell, of in timed_blocks(ordered).items() if not is_virtual(cell.device, cell.contender)}
    return Results(
        records=ordered,
        blocks=blocks,
        varying=varying,
        doubts=cell_doubts(ordered, blocks),
        spread_limit=spread_limit(blocks, between_percent=between),
        served=served,
    )


Arranged = Mapping[str, Results]  # by run


def by_run(records: Iterable[Record], *, noise: Noise = MappingProxyType({})) -> Arranged:
    """The results of each run among the records, in their order."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.run, []).append(record)
    return {run: arrange(some, noise=noise) for run, some in found.items()}


def by_device(results: Results) -> dict[str, Results]:
    """The results of each device of a run, judged as in the whole run."""
    found: dict[str, list[Record]] = {}
    for record in results.every:
        found.setdefault(record.case.device, []).append(record)
    if len(found) == 1:
        return dict.fromkeys(found, results)
    return {device: part_of(results, some) for device, some in found.items()}


def part_of(results: Results, records: Iterable[Record]) -> Results:
    """Some records of a run on their own, judged as in the whole run."""
    return replace(arrange(records), doubts=results.doubts, spread_limit=results.spread_limit)


def sittings(records: Iterable[Record]) -> list[tuple[Record, ...]]:
    """The records of one run without the memory cases, split wherever nothing ran for longer than `BREAK`.

    A run with several parts was interrupted and resumed. Memory is measured while proofs run, so the time between
    memory cases is no break.
    """
    found: list[list[Record]] = []
    ended = None
    for record in records:
        if record.case.purpose == "memory":
            continue
        begun = datetime.fromisoformat(record.started)
        if ended is None or begun - ended > BREAK:
            found.append([])
        found[-1].append(record)
        ended = begun + timedelta(seconds=record.duration_s)
    return [tuple(part) for part in found]


@remembered
def by_sitting(results: Results) -> list[Results]:
    """The results of each part of a run that was interrupted and resumed."""
    return [replace(results, records=sitting) for sitting in sittings(results.records)]


@remembered
def environments(results: Results) -> list[Record]:
    """The first record from each environment, for tables of environments."""
    found: list[Record] = []
    for record in results.records:
        if all(record.environment != known.environment for known in reversed(found)):
            found.append(record)
    return found


def lane(case: Case | Cell) -> Lane:
    """The lane that a case or a cell runs in."""
    return Lane(case.contender, case.device, case.mode, case.precision, case.threads)


@remembered
def figure(results: Results, cell: Cell, metric: Metric) -> Summary | None:
    """A metric of a cell over its processes; None if it was not timed, or if a process has no value."""
    return summary(metric, results.blocks.get(cell, ()))


@remembered
def of_workload(results: Results) -> dict[str, list[Record]]:
    """The records by workload, in the order of measurement."""
    found: dict[str, list[Record]] = {}
    for record in results.records:
        found.setdefault(record.case.workload, []).append(record)
    return found


@remembered
def of_lane(results: Results, workload: str) -> dict[Lane, list[Record]]:
    """The records of a workload by lane, in the order of measurement."""
    found: dict[Lane, list[Record]] = {}
    for record in of_workload(results).get(workload, ()):
        found.setdefault(lane(record.case), []).append(record)
    return found


@remembered
def workloads(results: Results) -> tuple[str, ...]:
    """Every workload once, without the variants of a grid, which have a table of their own."""
    names = dict.fromkeys(record.case.workload for record in results.records)
    return tuple(name for name in names if not grid_variants.is_variant(name))


@remembered
def lanes(results: Results, workload: str) -> tuple[Lane, ...]:
    """Every lane in which a workload was run or tried; lanes that are ranked together stand together."""
    found = of_lane(results, workload)
    ways = list(dict.fromkeys(item[1:] for item in found))  # modes and precisions stay in the order of the run
    return tuple(sorted(found, key=lambda item: ways.index(item[1:])))


def select(
    results: Results, workload: str, *, purpose: Purpose, lane_is: Lane | None = None, scenario: str | None = None
) -> tuple[Record, ...]:
    """The records of a workload with this purpose, and with this lane and scenario if they are given."""
    among = of_workload(results).get(workload) if lane_is is None else of_lane(results, workload).get(lane_is)
    return tuple(
        record
        for record in among or ()
        if record.case.purpose == purpose and (scenario is None or record.case.scenario == scenario)
    )


@remembered
def planned_cells(results: Results, workload: str, scenario: str) -> tuple[Cell, ...]:
    """The cells that were timed or tried; cells that are ranked together stand together."""
    timed = select(results, workload, purpose="timing", scenario=scenario)
    found = dict.fromkeys(cell for record in timed for cell in cells(record.case))
    ways = list(dict.fromkeys(map(_way, found)))
    return tuple(sorted(found, key=lambda cell: (ways.index(_way(cell)), cell.batch_size)))


@remembered
def cells_of_lane(results: Results, workload: str, scenario: str) -> dict[Lane, list[Cell]]:
    """The planned cells of a workload by lane."""
    found: dict[Lane, list[Cell]] = {}
    for cell in planned_cells(results, workload, scenario):
        found.setdefault(lane(cell), []).append(cell)
    return found


@remembered
def groups(results: Results, workload: str, scenario: str) -> dict[Cell, list[Cell]]:
    """The planned cells that are ranked together, by their `group`."""
    found: dict[Cell, list[Cell]] = {}
    for cell in planned_cells(results, workload, scenario):
        found.setdefault(cell.group, []).append(cell)
    return found


def _way(cell: Cell) -> tuple[str, str, str, int, str]:
    return cell.device, cell.mode, cell.precision, cell.threads, cell.feed


def outcome(results: Results, cell: Cell) -> str:
    """The outcome of a cell without timings: the last outcome that is not ok, or that its devices are virtual."""
    timed = select(results, cell.workload, purpose="timing", scenario=cell.scenario)
    tried = [record.outcome for record in timed if cell in cells(record.case)]
    if "ok" in tried and is_virtual(cell.device, cell.contender):
        return VIRTUAL
    return next((outcome for outcome in reversed(tried) if outcome != "ok"), "not measured")


@remembered
def certificates(results: Results, workload: str, lane_is: Lane) -> tuple[Certificate | None, ...]:
    """The certificates of a lane, each once: of the records that ended well, or of all if none did."""
    here = of_lane(results, workload).get(lane_is) or [
        record for record in results.served if record.case.workload == workload and lane(record.case) == lane_is
    ]
    well = [record for record in here if record.outcome == "ok"]
    return tuple(dict.fromkeys(record.certificate for record in well or here))


@remembered
def status(results: Results, workload: str, lane_is: Lane) -> Status:
    """Whether all records of a lane are proven equal; `unavailable` if the framework cannot do this work."""
    found = certificates(results, workload, lane_is)
    known = [item for item in found if item is not None]
    if not found or len(known) < len(found) or any(item.alone for item in known):
        return "missing"
    if all(item.passed for item in known):
        return "passed"
    return "failed" if any(item.available and not item.passed for item in known) else "unavailable"


def label_columns(results: Results) -> tuple[Column, ...]:
    """The columns that name a lane."""
    return left("framework", *results.varying)


def labels(results: Results, lane_is: Lane) -> tuple[Entry, ...]:
    """The entries that name a lane."""
    values = (lane_is.contender, *(getattr(lane_is, name) for name in results.varying))
    return tuple(Entry(str(value), value) for value in values)


def where(results: Results, cell: Cell) -> str:
    """The group of a cell in words: its batch size, and the fields that vary within the run."""
    varying = ((name, getattr(cell, name)) for name in results.varying)
    words = (f"{value} threads" if name == "threads" else value for name, value in varying)
    return " ".join((f"batch {cell.batch_size}", *words))
