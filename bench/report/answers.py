"""Sentences that answer the main questions about a run: speed, latency, throughput, memory, quality, equality.

Each sentence is made from the verdicts of the tables: a framework is named only where the tables rank it first alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from bench.analysis.leaders import UNKNOWN, Leader, Quality, fastest, likeness, smallest
from bench.analysis.memory_and_quality import PEAKS
from bench.records.cell import Cell
from bench.records.timing_metrics import METRICS
from bench.report import formatting, scaling, under_load
from bench.report.layout import Answer, Answers, Clause
from bench.report.memory import Peak, peak
from bench.report.performance import group_standings
from bench.report.quality import learnt, words
from bench.report.reliability import SIGN
from bench.report.results import STATUS_WORDS, Lane, Results, Status, certificates, lanes, status, workloads
from bench.report.summary import SHOWN, batch_in_words, summary_cells

MOST_NAMED = 3  # workloads; more are counted
FASTER = "{lead} as fast as {rival}"
LESS = "{rival} needs {lead}"
ONE_PROCESS = "; 1 process each, so the spread is unknown"
OVERLAP = "their ranges overlap"
USUAL_FIRST = ("idiomatic", "fp32")
YES, NO, NO_WINNER, UNDECIDED, ALONE = "yes", "no", "no winner", "undecided", "no comparison"

NOT_EXPECTED = "none is expected"  # of a network with one file, or where several devices do other work than one
PROVEN: Mapping[Status, str] = {"failed": NO, "missing": NO, "passed": YES, "unavailable": "not run"}

Leaders = Mapping[str, Leader]  # by workload


class Way(NamedTuple):
    """Lanes that are ranked together: a device, a mode, a precision and a number of threads."""

    device: str
    mode: str
    precision: str
    threads: int


def answers(results: Results) -> tuple[Answers, ...]:
    """The answers for each device, mode, precision and number of threads; the first of a device is shown first.

    That is the one in mode `idiomatic` and precision `fp32`, if the run has it. A run over a grid has no answers.
    """
    found = dict.fromkeys(Way(*row[1:]) for workload in workloads(results) for row in lanes(results, workload))
    ordered = sorted(found, key=lambda way: (list(found).index(_first_on(way.device, found)), not _is_usual(way)))
    firsts = {_first_on(way.device, ordered) for way in ordered}
    return tuple(
        Answers(title=_title(way, ordered), lines=lines, is_first=way in firsts)
        for way in ordered
        if (lines := tuple(_lines(results, way)))
    )


def _first_on(device: str, ways: Iterable[Way]) -> Way:
    return next(way for way in ways if way.device == device)


def _is_usual(way: Way) -> bool:
    return (way.mode, way.precision) == USUAL_FIRST


def _title(way: Way, among: Sequence[Way]) -> str:
    threads = (f"{way.threads} threads",) if len({item.threads for item in among}) > 1 else ()
    return ", ".join((way.device, f"mode {way.mode}", way.precision, *threads))


def _lines(results: Results, way: Way) -> Iterator[Answer]:
    rows = {name: tuple(row for row in lanes(results, name) if row[1:] == way) for name in workloads(results)}
    rows = {name: found for name, found in rows.items() if found}
    faster = scaling.answer(results, way.device)
    if faster is not None:
        yield faster
    yield from under_load.answers(results, way[:3])
    yield from _timed(results, rows)
    yield from _memory(results, rows)
    qualities = {name: found for name, of in rows.items() if (found := _quality(results, name, of))}
    if qualities:
        yield Answer("Same quality?", tuple(_quality_clauses(qualities)))
    yield Answer("Proven equal?", tuple(_proof_clauses(results, rows)))


Rows = Mapping[str, tuple[Lane, ...]]


def _timed(results: Results, rows: Rows) -> Iterator[Answer]:
    """The three questions about times, for the cells that the summary shows."""
    cells = {name: [summary_cells(results, name, row) for row in found] for name, found in rows.items()}
    questions = (
        f"Fastest to train{_at_batch(row[0] for found in cells.values() for row in found)}?",
        f"Lowest latency at {batch_in_words(results, min)}?",
        f"Highest throughput at {batch_in_words(results, max)}?",
    )
    for place, (question, metric) in enumerate(zip(questions, SHOWN, strict=True)):
        picked = {name: [row[place] for row in found if row[place] is not None] for name, found in cells.items()}
        leaders = {name: _leader_of(results, found, metric) for name, found in picked.items() if found}
        if any(cell in results.blocks for found in picked.values() for cell in found):
            yield Answer(question, tuple(_leader_clauses(leaders, FASTER)))


def _at_batch(cells: Iterable[Cell | None]) -> str:
    """The batch size of these cells, if it is the same in all."""
    sizes = {cell.batch_size for cell in cells if cell is not None}
    return f" at batch {sizes.pop()}" if len(sizes) == 1 else ""


def _leader_of(results: Results, cells: Sequence[Cell | None], name: str) -> Leader:
    first = next(cell for cell in cells if cell is not None)
    found = group_standings(results, first.group, METRICS[name])
    places = {cell.contender: item for cell, item in found.places.items()}
    return fastest(places, perhaps_faster=[cell.contender for cell in found.perhaps_faster])


def _memory(results: Results, rows: Rows) -> Iterator[Answer]:
    found = {name: _peaks(results, name, of) for name, of in rows.items()}
    known = {name: peaks for name, peaks in found.items() if peaks}
    for question, read in (("whole process", _whole), ("added by the network", _added)):
        leaders = {name: _least(peaks, read) for name, peaks in known.items()}
        if any(leader != UNKNOWN for leader in leaders.values()):
            clauses = _leader_clauses(leaders, LESS, tie=_alike(known))
            yield Answer(f"Least memory in training ({question})?", tuple(clauses))


def _peaks(results: Results, workload: str, rows: Iterable[Lane]) -> dict[str, Peak]:
    proven = (row for row in rows if status(results, workload, row) == "passed")
    training = {row: summary_cells(results, workload, row)[0] for row in proven}
    found = {
        row.contender: peak(results, workload, row, batch_size=cell.batch_size if cell else None)
        for row, cell in training.items()
    }
    return {name: item for name, item in found.items() if item is not None}


def _whole(found: Peak) -> int | None:
    return found.whole_bytes


def _added(found: Peak) -> int | None:
    return found.added_bytes


def _alike(known: Mapping[str, Mapping[str, Peak]]) -> str:
    """How much peaks of memory may differ without a winner."""
    share, least = PEAKS[next(item.metric for peaks in known.values() for item in peaks.values())]
    return f"within {100 * share:.0f} % or {least / 1e6:.0f} MB"


def _least(peaks: Mapping[str, Peak], read: Callable[[Peak], int | None]) -> Leader:
    sizes = {name: size for name, item in peaks.items() if (size := read(item))}
    return smallest(sizes, metric=next(iter(peaks.values())).metric)


def _leader_clauses(leaders: Leaders, lead: str, *, tie: str = OVERLAP) -> Iterator[Clause]:
    """A clause for each framework that is ahead, then those for workloads without a winner; `tie` says why they tie."""
    winners = dict.fromkeys(item.best[0] for item in leaders.values() if item.outcome == "winner")
    for name in sorted(winners, key=lambda winner: -sum(_leads(item, winner) for item in leaders.values())):
        mine = {workload: item for workload, item in leaders.items() if _leads(item, name)}
        yield _clause(name, mine, len(leaders), partial(_lead_in_words, how=lead), partial(_leads_in_words, how=lead))
    for outcome, (who, named, counted) in NOBODY.items():
        mine = {workload: item for workload, item in leaders.items() if item.outcome == outcome}
        if mine:
            each = partial(_nobody, named=named, tie=tie)
            together = partial(_nobody_at_all, named=named, counted=counted, tie=tie)
            yield _clause(who, mine, len(leaders), each, together)


def _leads(found: Leader, name: str) -> bool:
    return found.outcome == "winner" and found.best == (name,)


Found = TypeVar("Found")


def _clause(
    who: str,
    mine: Mapping[str, Found],
    number: int,
    each: Callable[[Found], str],
    together: Callable[[Sequence[Found]], str],
) -> Clause:
    """A few of so many workloads by name, or many of them by their number."""
    if len(mine) <= MOST_NAMED and not (len(mine) == number > 1):
        return Clause(who, places=tuple((workload, each(item)) for workload, item in mine.items()))
    which = f"all {number}" if len(mine) == number else f"{len(mine)} of {number}"
    return Clause(who, text=f"{which} workloads ({together(tuple(mine.values()))})")


def _lead_in_words(found: Leader, *, how: str) -> str:
    if found.lead is None:
        return ""
    lead = formatting.ratio_range(found.lead.median, low=found.lead.low, high=found.lead.high)
    return how.format(lead=lead, rival=found.rival) + _alone([found], how)


def _alone(found: Iterable[Leader], how: str) -> str:
    """A remark on leads between single processes; a peak of memory has one process by design."""
    is_alone = how == FASTER and any(item.lead and len(item.lead.processes) == 1 for item in found)
    return ONE_PROCESS if is_alone else ""


def _leads_in_words(found: Sequence[Leader], *, how: str) -> str:
    medians = sorted(item.lead.median for item in found if item.lead)
    lead = " to ".join(dict.fromkeys(map(formatting.ratio, (medians[0], medians[-1]))))
    return how.format(lead=lead, rival="the next") + _alone(found, how)


NOBODY: Mapping[str, tuple[str, str, str]] = {
    "tied": (NO_WINNER, "{names} lead: {tie}", "several lead: {tie}"),
    "doubtful": (
        NO_WINNER,
        f"{{names}} may be the fastest, but not reliably {SIGN}",
        f"a figure that is not reliable {SIGN} may be the fastest",
    ),
    "alone": (ALONE, "only {names} can be ranked", "only one framework can be ranked"),
    "unknown": (ALONE, "none can be ranked", "none can be ranked"),
}


def _nobody(found: Leader, *, named: str, tie: str) -> str:
    return named.format(names=_listed(found.best) if found.best else "", tie=tie)


def _nobody_at_all(found: Sequence[Leader], *, named: str, counted: str, tie: str) -> str:
    """Why several workloads have no winner; by name if it is the same frameworks in all of them."""
    is_same = len({frozenset(item.best) for item in found}) == 1
    return _nobody(found[0], named=named, tie=tie) if is_same else counted.format(tie=tie)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _quality(results: Results, workload: str, rows: Sequence[Lane]) -> Quality | None:
    found = {row.contender: items for row, items in learnt(results, workload).items() if row in rows and items}
    metric = next((items[0].target_metric for items in found.values()), "")
    by_seed = {
        name: {item.seed: item.quality[metric] for item in items if metric in item.quality}
        for name, items in found.items()
    }
    return likeness(metric, {name: values for name, values in by_seed.items() if values})


def _quality_clauses(found: Mapping[str, Quality]) -> Iterator[Clause]:
    for who, kind in ((NO, "different"), (UNDECIDED, "undecided"), (YES, "same")):
        mine = {workload: item for workload, item in found.items() if item.likeness == kind}
        if mine:
            yield _clause(who, mine, len(found), lambda item: _differs(item.metric, [item]), _qualities_in_words)


def _qualities_in_words(found: Sequence[Quality]) -> str:
    by_metric: dict[str, list[Quality]] = {}
    for item in found:
        by_metric.setdefault(item.metric, []).append(item)
    return ", ".join(_differs(metric, items) for metric, items in by_metric.items())


def _differs(metric: str, found: Iterable[Quality]) -> str:
    items = tuple(found)
    seeds = min(item.seeds for item in items)
    most = max(item.apart for item in items)
    apart = "is the same to the last digit" if most == 0 else f"differs by at most {formatting.score(most)}"
    return f"{words(metric)} {apart}, {seeds} seed{'s' * (seeds != 1)}"


def _proof_clauses(results: Results, rows: Rows) -> Iterator[Clause]:
    found = {(name, row.contender): status(results, name, row) for name, of in rows.items() for row in of}
    known = {(name, row.contender): certificates(results, name, row) for name, of in rows.items() for row in of}
    unexpected = {key for key, items in known.items() if items and all(item and item.alone for item in items)}
    groups = [(state, who, found.keys() - unexpected) for state, who in PROVEN.items()]
    for state, who, among in (*groups, ("missing", NOT_EXPECTED, unexpected)):
        mine = [key for key, item in found.items() if item == state and key in among]
        if mine and state == "passed":
            which = f"all {len(found)}" if len(mine) == len(found) else f"{len(mine)} of {len(found)}"
            yield Clause(who, text=f"{which} pairs of workload and framework")
        elif mine:
            by_workload: dict[str, list[str]] = {}
            for workload, contender in mine:
                by_workload.setdefault(workload, []).append(contender)
            places = ((name, f"{_listed(of)}: {STATUS_WORDS[state]}") for name, of in by_workload.items())
            yield Clause(who, places=tuple(places))
