"""A table of the state of the machine during the measurement: clocks, use, power, temperature, other programs."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from statistics import median
from typing import get_args

from bench.records.cell import Cell
from bench.records.environment import BUSY_CORES
from bench.records.machine_use import Reading, Use
from bench.records.measurement import Block
from bench.records.timing_metrics import METRICS, summary
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left, without_empty
from bench.report.results import Results, label_columns, labels, lane, planned_cells, where
from bench.workload.axes import Scenario

DISTRUST = "Do not trust differences in this table."
STOLEN = 0.02  # of a core: from here on a note names the loss to other virtual machines
NOTES = (
    "Read once between two pipelined rounds; medians over processes. Memory in use: by all programs together.",
    (
        "Preempted: how often per second a thread of this process lost its core to another thread. Hundreds per second "
        "mean that threads compete for the cores. They are threads of other programs, or of this process if its "
        "framework starts more threads than there are cores."
    ),
    (
        "Used by other programs: their average CPU time on the cores that this process may use. Threads waiting for a "
        "core: of this process. CPU pressure: how much of the time any thread on the machine waited for a core."
    ),
)
ENERGY = (
    "Energy: from the device's counter, the time between rounds included. It is rough if the rounds take under 1 s."
)

Number = float | None


def use_table(results: Results, workload: str) -> Table:
    """One row for each cell: medians over processes of the readings between pipelined rounds."""
    timed = [
        cell
        for scenario in get_args(Scenario)
        for cell in planned_cells(results, workload, scenario)
        if cell in results.blocks
    ]
    rows: list[tuple[Entry, ...]] = []
    ends: list[int] = []
    for _, group in groupby(timed, key=lambda cell: cell.group):
        rows += [_row(results, cell) for cell in group if _uses(results.blocks[cell])]
        ends.append(len(rows) - 1)
    columns = (
        *left("scenario"),
        Column(title="batch"),
        *label_columns(results),
        *(Column(title=title) for title in (*BETWEEN, *OVER_ALL, "energy per sample")),
        *left("throttled"),
    )
    full = Table(
        title="State of the machine",
        columns=columns,
        rows=tuple(rows),
        notes=(*NOTES, *([ENERGY] if any(row[-2].value is not None for row in rows) else [])),
        groups=frozenset(ends),
    )
    return without_empty(full)


def throttling(results: Results, cells: Iterable[Cell]) -> Iterator[str]:
    """Notes about cells that were throttled, or lost time to other virtual machines."""
    throttled, robbed = [], []
    for cell in cells:
        uses = _uses(results.blocks.get(cell, ()))
        reasons = {reason: sum(reason in use.throttled for use in uses) for use in uses for reason in use.throttled}
        for reason, count in reasons.items():
            throttled.append(f"{cell.contender}, {where(results, cell)}: {reason} in {count} of {len(uses)} processes")
        stolen = _middle(map(_stolen, uses))
        if stolen is not None and stolen > STOLEN:
            robbed.append(f"{stolen:.0%} of a core from {cell.contender}, {where(results, cell)}")
    if throttled:
        yield f"Throttled: {'; '.join(throttled)}."
    if robbed:
        yield f"Other virtual machines took {'; '.join(robbed)}."


def disturbed(results: Results) -> Iterator[str]:
    """A note if other work kept the cores busy during the timings, for records whose blocks nobody could watch.

    The threshold: the median load average before the timed cases is above the number of cores by `BUSY_CORES` or more.
    Timed cases run one after the other, so a run alone seldom has more threads ready than there are cores. The load
    average counts the work on all cores of the host, whatever a run may use of them. A block was watched if the system
    told what others used, or how long threads waited: macOS does neither.
    """
    timed = [record for record in results.records if record.case.purpose == "timing"]
    loads = [load for blocks in results.blocks.values() for use in _uses(blocks) for load in use.loads]
    if any(load.others_ns is not None or load.waited_ns is not None for load in loads):
        return
    load = _middle(record.loadavg for record in timed)
    usable = max((item.environment.cores for item in timed), default=0)
    cores = max((item.environment.host_cores or usable for item in timed), default=0)
    if load is not None and load >= cores + BUSY_CORES:
        yield (
            f"Other work used the cores during the measurement: the load average was {load:.1f} (median) on {cores} "
            f"cores{' of the host' if cores > usable else ''}. {DISTRUST}"
        )


def _uses(blocks: Iterable[Block]) -> list[Use]:
    return [block.use for block in blocks if block.use is not None]


def _row(results: Results, cell: Cell) -> tuple[Entry, ...]:
    blocks = results.blocks[cell]
    uses = _uses(blocks)
    during = [item for use in uses for item in use.readings if item.when == "during"]
    energy = summary(METRICS["joules_per_sample"], blocks)
    return (
        Entry(cell.scenario),
        Entry(str(cell.batch_size), cell.batch_size),
        *labels(results, lane(cell)),
        *(_entry(write, map(read, during)) for read, write in BETWEEN.values()),
        *(_entry(write, map(read, uses)) for read, write in OVER_ALL.values()),
        Entry(formatting.scaled(energy.median, JOULES), energy.median) if energy else Entry(formatting.UNKNOWN),
        Entry(", ".join(dict.fromkeys(reason for use in uses for reason in use.throttled))),
    )


def _entry(write: Callable[[float], str], values: Iterable[Number]) -> Entry:
    middle = _middle(values)
    return Entry(formatting.UNKNOWN) if middle is None else Entry(write(middle), middle)


def _middle(values: Iterable[Number]) -> Number:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _stolen(use: Use) -> Number:
    """How many cores other virtual machines took, on average."""
    return None if use.stolen_ns is None or not use.span_ns else use.stolen_ns / use.span_ns


def _average(name: str) -> Callable[[Use], Number]:
    """A time of the load, as the average number of cores or threads while the block was timed."""

    def read(use: Use) -> Number:
        times = [getattr(load, name) for load in use.loads]
        span_ns = sum(load.span_ns for load in use.loads)
        return None if None in times or span_ns <= 0 else sum(times) / span_ns

    return read


def _gpu(name: str) -> Callable[[Reading], Number]:
    return lambda reading: None if reading.gpu is None else getattr(reading.gpu, name)


def _clock(mhz: float) -> str:
    return f"{mhz:.0f} MHz"


def _celsius(celsius: float) -> str:
    return f"{celsius:.0f} °C"


BETWEEN: dict[str, tuple[Callable[[Reading], Number], Callable[[float], str]]] = {
    "CPU clock": (lambda reading: reading.cpu_mhz, _clock),
    "CPU temperature": (lambda reading: reading.cpu_celsius, _celsius),
    "memory in use": (lambda reading: reading.host_used_bytes, formatting.size),
    "GPU busy": (_gpu("busy_percent"), "{:.0f} %".format),
    "GPU clock": (_gpu("clock_mhz"), _clock),
    "GPU memory clock": (_gpu("memory_clock_mhz"), _clock),
    "GPU power": (_gpu("power_w"), "{:.0f} W".format),
    "GPU temperature": (_gpu("celsius"), _celsius),
    "GPU memory in use": (_gpu("used_bytes"), formatting.size),
}
OVER_ALL: dict[str, tuple[Callable[[Use], Number], Callable[[float], str]]] = {
    "taken by other virtual machines": (_stolen, "{:.1%} of a core".format),
    "used by other programs": (_average("others_ns"), "{:.2f} cores".format),
    "threads waiting for a core": (_average("waited_ns"), "{:.2f}".format),
    "CPU pressure": (_average("pressure_ns"), "{:.0%}".format),
    "preempted": (lambda use: 1e9 * use.preemptions / use.span_ns, "{:.0f} /s".format),
}
JOULES: formatting.Units = ((1, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"))
