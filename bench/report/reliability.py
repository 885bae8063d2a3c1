"""Marks figures that cannot be relied on, and explains the mark below the table."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bench.analysis.reliability import Doubt, Reason, spread_doubt, whole_doubt
from bench.records.cell import Cell
from bench.records.timing_metrics import METRICS, Metric, Summary
from bench.report.layout import Entry
from bench.report.results import Results, figure, remembered, where
from bench.workload import places

SIGN = "†"
THROUGHPUT = "samples_per_second"
SHOWN = 4  # cells that a note names
MARKED = f"{SIGN}: do not rely on this figure."
NOT_RANKED = f"{MARKED} It is not ranked."
TITLES: Mapping[Reason, str] = {
    "disturbed": "Disturbed while it was timed, so it may be faster than shown",
    "contradictory": "Throughput and latency contradict each other, so one of them is wrong",
    "processes differ": "Processes differ by more than the noise of this machine explains",
    "virtual": "Virtual devices share the cores of one process, so their speed says nothing, and only the proof counts",
}
REMEDIES: Mapping[Reason, str] = {
    "disturbed": "Stop other work, and run again.",
    "contradictory": "Stop other work, and run again.",
    "processes differ": "Run again with `--processes {more}`, or stop other work.",
    "virtual": "Use GPUs for the speed of several devices.",
}
Named = Callable[[Cell], str]


@remembered
def doubt(results: Results, cell: Cell, metric: Metric) -> Doubt | None:
    """Why a figure cannot be relied on; None if it can."""
    return _whole(results, cell) or spread_doubt(metric, figure(results, cell, metric), limit=results.spread_limit)


@remembered
def _whole(results: Results, cell: Cell) -> Doubt | None:
    """Why no figure of a cell can be relied on."""
    return whole_doubt(cell, partial(figure, results, cell), limit=results.spread_limit, doubts=results.doubts)


def marked(entry: Entry, found: Doubt | None) -> Entry:
    """The entry with the sign if there is a doubt; then it is never bold."""
    if found is None or entry.value is None:
        return entry
    return replace(entry, text=f"{entry.text} {SIGN}", best=False)


def all_marked(results: Results, cell: Cell, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries of a cell whose throughput is doubtful, marked where they are figures; for tables without a rank."""
    found = doubt(results, cell, METRICS[THROUGHPUT])
    return tuple(marked(entry, found) for entry in entries)


def explained(results: Results, cells: Iterable[Cell]) -> Iterator[str]:
    """What the sign means, below a table that ranks nothing and whose section has the reasons."""
    if any(doubt(results, cell, METRICS[THROUGHPUT]) for cell in cells):
        yield f"{MARKED} The reason is below the tables of training and inference."


def notes(results: Results, figures: Iterable[tuple[Cell, str]], *, named: Named) -> Iterator[str]:
    """What the sign means, and the doubtful cells by reason; `figures` are the shown cells with their metrics.

    `named` gives the name of a cell in a note.
    """
    shown = list(dict.fromkeys(figures))
    found: dict[Reason, dict[Cell, str]] = {}
    for cell, name in shown:
        item = doubt(results, cell, METRICS[name])
        if item:
            found.setdefault(item.reason, {}).setdefault(cell, _words(results, cell, item))
    if found:
        yield NOT_RANKED
    more = max(5, 2 * max((len(results.blocks.get(cell, ())) for cell, _ in shown), default=0) - 1)
    for reason, cells in found.items():
        listed = [f"{named(cell)} ({words})" for cell, words in cells.items()]
        yield f"{TITLES[reason]}: {_listed(listed)}. {REMEDIES[reason].format(more=more)}"


def may_be_fastest(
    results: Results, out: Iterable[Cell], metric: Metric, ranked: Collection[Summary]
) -> tuple[Cell, ...]:
    """The cells in `out`, which are not ranked, that may be faster than all that are.

    These are cells with a process that is faster than the fastest ranked cell, and not slower than every process of
    another cell in `out`; and cells of which every process was disturbed: nothing is known of their real speed.
    """
    sign = 1 if metric.better == "higher" else -1
    best = max((sign * item.median for item in ranked), default=-math.inf)
    real = (cell for cell in out if not places.is_virtual(cell.device, cell.contender))
    known = {cell: item for cell in real if (item := figure(results, cell, metric))}
    speeds = {cell: [sign * value for value in item.processes] for cell, item in known.items()}
    sure = max(map(min, speeds.values()), default=-math.inf)  # what every process of one of them reaches
    found = []
    for cell, processes in speeds.items():
        number, reason = len(results.blocks.get(cell, ())), doubt(results, cell, metric)
        is_unknown = reason is not None and reason.reason == "disturbed" and reason.processes == number
        if is_unknown or (max(processes) > best and max(processes) >= sure):
            found.append(cell)
    return tuple(found)


def winners(groups: Iterable[Iterable[Cell]], *, named: Named) -> Iterator[str]:
    """A note about groups without a winner; a group has the cells that are not ranked and may be the fastest."""
    found = dict.fromkeys(named(cell) for group in groups for cell in group)
    if found:
        yield f"No winner is named where a figure that is not ranked may be the fastest: {_listed(list(found))}."


def named(results: Results) -> Named:
    """A function that gives the name of a cell in a note below the table of a scenario."""
    return lambda cell: f"{cell.contender}, {where(results, cell)}"


def _words(results: Results, cell: Cell, found: Doubt) -> str:
    processes = len(results.blocks[cell])
    if found.reason == "processes differ":
        return found.words
    return found.words if processes == 1 else f"{found.words}, in {found.processes} of {processes} processes"


def _listed(words: Sequence[str]) -> str:
    if len(words) <= SHOWN:
        return "; ".join(words)
    return f"{'; '.join(words[: SHOWN - 1])}; and {len(words) - SHOWN + 1} more"
