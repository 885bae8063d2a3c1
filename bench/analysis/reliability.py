"""Decides which figures cannot be relied on: such a cell is marked, and it is not ranked.

There are four reasons. The devices are virtual: they share the cores of one process. Other work disturbed the cell
while it was timed. Its throughput and its latency contradict each other. Or its processes differ by more than the noise
of the machine explains.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bench.analysis.disturbance import disturbances, largest
from bench.records.cell import Cell, cells
from bench.records.measurement import Block
from bench.records.record import Record
from bench.records.timing_metrics import METRICS, Metric, Summary, summary, summary_of, value
from bench.workload import places

Blocks = Mapping[Cell, Sequence[Block]]
Reason = Literal["disturbed", "contradictory", "processes differ", "virtual"]

SINGLE: Mapping[str, str] = {"training": "step_time_p50_s", "inference": "query_time_p50_s"}
TOGETHER: Mapping[str, str] = {"training": "step_time_pipelined_s", "inference": "query_time_pipelined_s"}
# A call with a wait / a call in a round. In a round, the host prepares a call while the device runs the one before,
# which saves at most half. The wait itself can cost more than a short call: the largest ratio in 1791 careful blocks
# was 6.6. Without the wait, no ratio was above 2, and no wait took longer than 0.5 ms.
LONGEST_ALONE, OVERLAP, WAIT_S = 10.0, 2.5, 2e-3
# Several calls in flight share the cores and the caches: 0.56 was the least in the same blocks.
SHORTEST_ALONE = 1 / 3
# Processes may differ by so many standard deviations of process medians. In normal noise, three processes exceed it
# once in 20 000 cells. Real noise has longer tails.
SPREAD_DEVIATIONS = 6.0
LARGEST_SPREAD = 2.0  # also the limit where the noise of the machine is not known
LEAST_SPREAD = 1.25  # on a very quiet machine: less can hardly change a ranking, whose ranges show it
# Whether a cell can be ranked follows from these. Other figures are of few calls or of rare ones, and differ more.
DECIDING = frozenset({"samples_per_second", "per_sample_latency_s", *SINGLE.values(), *TOGETHER.values()})
WORDS = {
    "samples_per_second": "samples/s",
    "per_sample_latency_s": "time per sample",
    "step_time_p50_s": "step time p50",
    "step_time_p90_s": "step time p90",
    "query_time_p50_s": "latency p50",
    "query_time_p90_s": "latency p90",
    "query_time_p99_s": "latency p99",
    "first_call_time_s": "first call",
}
LEAST_CELLS = 5  # for the noise of a run
# The median of largest / smallest of so many normal values, in standard deviations. Of more, it grows slowly.
MEDIAN_RANGE = {2: 0.954, 3: 1.588, 4: 1.978, 5: 2.257}
STEPS = re.compile(r"(\d+) steps$")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason not to rely on a figure, the details in words, and how many processes it is about."""

    reason: Reason
    words: str
    processes: int


def cell_doubts(records: Sequence[Record], blocks: Blocks) -> dict[Cell, Doubt]:
    """The cells of virtual devices, those that were disturbed, and those with contradictory throughput and latency.

    `blocks` are those of `timed_blocks` for these records.
    """
    steps = _steps_in_a_call(records)
    found = {}
    for cell, timed in blocks.items():
        doubt = (
            _virtual(cell, timed) or _disturbed(cell, timed) or _contradictory(cell, timed, steps=steps.get(cell, 1))
        )
        if doubt:
            found[cell] = doubt
    return found


def limit_of(metric: Metric, limit: float) -> float:
    """The limit of this metric, in a run whose deciding metrics have this limit."""
    return limit if metric.name in DECIDING else LARGEST_SPREAD


def whole_doubt(
    cell: Cell, read: Callable[[Metric], Summary | None], *, limit: float, doubts: Mapping[Cell, Doubt]
) -> Doubt | None:
    """The doubt about a cell as a whole, with all of its figures.

    `read` gives a metric of the cell over its processes, `doubts` are those of `cell_doubts`. A cell is also doubtful
    as a whole if its processes differ in throughput or in the median time of a call: then its other figures are of the
    same disturbed or lucky processes.
    """
    if cell in doubts:
        return doubts[cell]
    deciding = (METRICS["samples_per_second"], METRICS[SINGLE[cell.scenario]])
    spreads = (spread_doubt(metric, read(metric), limit=limit) for metric in deciding)
    return next(filter(None, spreads), None)


def spread_doubt(metric: Metric, found: Summary | None, *, limit: float) -> Doubt | None:
    """The doubt about a figure whose processes differ by more than the limit of a run, see `limit_of`."""
    most = limit_of(metric, limit)
    if found is None or found.low <= 0 or found.high / found.low <= most:
        return None
    words = f"{WORDS.get(metric.name, metric.name)}: {_apart(found.high / found.low, most)}"
    return Doubt("processes differ", words, len(found.processes))


def _apart(apart: float, most: float) -> str:
    """How far processes differ, with as many digits as it takes to see that it is more than the limit."""
    digits = next((number for number in (2, 3, 4) if f"{apart:.{number}g}" != f"{most:.{number}g}"), 6)
    return f"{apart:.{digits}g}× apart, more than {most:.{digits}g}×"


def spread_limit(blocks: Blocks, *, between_percent: float | None = None) -> float:
    """Largest / smallest process of a cell, up to which the cell is ranked; `blocks` are those of a whole run.

    It follows from the standard deviation of process medians, as a calibration of the machine has measured it
    (`between_percent`), or else as the cells of the run show it. Few cells do not show it.
    """
    if between_percent is not None:
        noise = math.log1p(between_percent / 100)
    else:
        found = (summary(METRICS["samples_per_second"], timed) for timed in blocks.values())
        several = [item for item in found if item and len(item.processes) > 1]
        if len(several) < LEAST_CELLS:
            return LARGEST_SPREAD
        noise = median(math.log(item.high / item.low) / _median_range(len(item.processes)) for item in several)
    return min(LARGEST_SPREAD, max(LEAST_SPREAD, math.exp(min(1.0, SPREAD_DEVIATIONS * noise))))


def _median_range(processes: int) -> float:
    return MEDIAN_RANGE.get(processes, MEDIAN_RANGE[max(MEDIAN_RANGE)])


def _virtual(cell: Cell, blocks: Sequence[Block]) -> Doubt | None:
    """A doubt if the devices are virtual."""
    words = f"{places.read(cell.device).devices} devices in one process"
    return Doubt("virtual", words, len(blocks)) if places.is_virtual(cell.device, cell.contender) else None


def _disturbed(cell: Cell, blocks: Sequence[Block]) -> Doubt | None:
    by_process = [disturbances(block, threads=cell.threads, device=cell.device) for block in blocks]
    found = largest(item for items in by_process for item in items)
    words = ", ".join(item.words for item in found)
    return Doubt("disturbed", words, sum(map(bool, by_process))) if found else None


def _contradictory(cell: Cell, blocks: Sequence[Block], *, steps: int) -> Doubt | None:
    """A doubt if a process, or the medians over processes, need more time for a call than another figure allows."""
    alone, together = METRICS[SINGLE[cell.scenario]], METRICS[TOGETHER[cell.scenario]]
    pairs = [(value(alone, block), value(together, block)) for block in blocks]
    medians = [summary_of(values) for values in zip(*pairs, strict=True)]
    wrong = [ratio for pair in pairs if (ratio := _impossible(*pair, steps=steps))]
    over_all = _impossible(*(item.median if item else None for item in medians), steps=steps)
    if not wrong and over_all is None:
        return None
    ratio = max([*wrong, over_all or 1.0], key=lambda each: abs(math.log(each)))
    words = (
        f"a call with a wait after it takes {ratio:.0f} times as long as a call in a round"
        if ratio > 1
        else f"a call in a round takes {1 / ratio:.0f} times as long as a call with a wait after it"
    )
    return Doubt("contradictory", words, len(wrong) or len(blocks))


def _impossible(alone_s: float | None, together_s: float | None, *, steps: int) -> float | None:
    """The ratio of a call with a wait to a call in a round, if no framework can have it; None if it is possible.

    Several steps in a call save more, since they are another program.
    """
    if not alone_s or not together_s:
        return None
    ratio = alone_s / together_s
    is_long = steps == 1 and alone_s > OVERLAP * together_s + WAIT_S
    return ratio if is_long or not SHORTEST_ALONE <= ratio <= LONGEST_ALONE * steps else None


def _steps_in_a_call(records: Iterable[Record]) -> dict[Cell, int]:
    """How many steps each tuned cell runs in one call of a round; its single calls run one step."""
    found = {}
    for record in records:
        by_size = {item.batch_size: item for item in record.tunings}
        for cell in cells(record.case) if by_size else ():
            options = by_size[cell.batch_size].options.values() if cell.batch_size in by_size else ()
            matches = [match for option in options if (match := STEPS.search(option))]
            if matches:
                found[cell] = max(int(match[1]) for match in matches)
    return found
