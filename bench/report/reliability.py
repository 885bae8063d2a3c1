"""Marks figures that cannot be relied on, and explains the mark below the table."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bench.analysis.reliability import Doubt, Reason, limit_of, spread_doubt
from bench.records.cell import Cell
from bench.records.timing_metrics import METRICS, Metric, summary
from bench.report.layout import Entry
from bench.report.results import Results, where

SIGN = "†"
THROUGHPUT = "samples_per_second"
SHOWN = 4  # cells that a note names
MARKED = f"{SIGN}: do not rely on this figure."
NOT_RANKED = f"{MARKED} It is not ranked."
TITLES: Mapping[Reason, str] = {
    "disturbed": "Disturbed while it was timed, so it may be faster than shown",
    "contradictory": "Throughput and latency contradict each other, so one of them is wrong",
    "processes differ": "Processes differ by more than the noise of this machine explains",
}
REMEDIES: Mapping[Reason, str] = {
    "disturbed": "Stop other work, and run again.",
    "contradictory": "Stop other work, and run again.",
    "processes differ": "Run again with `--processes {more}`, or stop other work.",
}
Named = Callable[[Cell], str]
Ranked = Callable[[Sequence[Cell], Metric], Collection[Cell]]


def doubt(results: Results, cell: Cell, metric: Metric) -> Doubt | None:
    """Why a figure cannot be relied on; None if it can."""
    if cell in results.doubts:
        return results.doubts[cell]
    found = summary(metric, results.blocks.get(cell, ()))
    return None if found is None else spread_doubt(found, limit=limit_of(metric, results.spread_limit))


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


def notes(results: Results, figures: Iterable[tuple[Cell, str]], *, named: Named | None = None) -> Iterator[str]:
    """What the sign means, and the doubtful cells by reason; `figures` are the shown cells with their metrics.

    `named` gives the name of a cell in a note.
    """
    shown, name_of = list(dict.fromkeys(figures)), named or _named(results)
    found: dict[Reason, dict[Cell, str]] = {}
    for cell, name in shown:
        item = doubt(results, cell, METRICS[name])
        if item:
            found.setdefault(item.reason, {}).setdefault(cell, _words(results, cell, name, item))
    if found:
        yield NOT_RANKED
    more = max(5, 2 * max((len(results.blocks.get(cell, ())) for cell, _ in shown), default=0) - 1)
    for reason, cells in found.items():
        listed = [f"{name_of(cell)} ({words})" for cell, words in cells.items()]
        yield f"{TITLES[reason]}: {_listed(listed)}. {REMEDIES[reason].format(more=more)}"


def winners(
    results: Results, groups: Iterable[tuple[Sequence[Cell], str]], ranked: Ranked, *, named: Named | None = None
) -> Iterator[str]:
    """Notes about groups in which nothing is ranked, and about cells that are not ranked and may be the fastest.

    Each group comes with its metric, and `ranked` selects the cells of a group that are ranked.
    """
    name_of = named or _named(results)
    nobody: list[str] = []
    perhaps: list[str] = []
    for group, name in groups:
        metric = METRICS[name]
        out, places = [cell for cell in group if doubt(results, cell, metric)], ranked(group, metric)
        if out and not places:
            nobody.append(name_of(replace(out[0], contender="")).strip(" ,"))
        perhaps += map(name_of, _better(results, out, metric, places))
    if nobody:
        yield f"No framework is named as the fastest where no figure can be relied on: {_listed(nobody)}."
    if perhaps:
        yield f"Not ranked, but one of its processes is faster than the fastest that is ranked: {_listed(perhaps)}."


def _better(results: Results, out: Iterable[Cell], metric: Metric, places: Iterable[Cell]) -> Iterator[Cell]:
    """The cells with a process that is faster than the fastest cell that is ranked."""
    sign = 1 if metric.better == "higher" else -1
    medians = {cell: found.median for cell in places if (found := summary(metric, results.blocks[cell]))}
    for cell in out if medians else ():
        found = summary(metric, results.blocks[cell])
        if found and max(sign * number for number in found.processes) > max(sign * item for item in medians.values()):
            yield cell


def _named(results: Results) -> Named:
    return lambda cell: f"{cell.contender}, {where(results, cell)}"


def _words(results: Results, cell: Cell, name: str, found: Doubt) -> str:
    processes = len(results.blocks[cell])
    if found.reason == "processes differ":
        return f"{name.removesuffix('_s').replace('_', ' ')} {found.words}"
    return found.words if processes == 1 else f"{found.words}, in {found.processes} of {processes} processes"


def _listed(words: Sequence[str]) -> str:
    if len(words) <= SHOWN:
        return "; ".join(words)
    return f"{'; '.join(words[: SHOWN - 1])}; and {len(words) - SHOWN + 1} more"
