"""What searches for the fastest options found, as tables: one with all its candidates, or those of a run."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from statistics import median

from bench.metrics import Cell, cells
from bench.record import Candidate, Tuning
from bench.report import numbers, progress
from bench.report.layout import Column, Entry, Table, left
from bench.report.results import Results, label_columns, labels, lane
from bench.tuning import USUAL, WORTH, gain

LONGEST_ERROR = 120  # characters of it; the record has more
TITLES = {"step_time_pipelined_s": "step, pipelined", "query_time_p50_s": "query p50"}


def searches(results: Results) -> dict[Cell, Tuning]:
    """The searches behind the cells of mode `tuned`."""
    found: dict[Cell, Tuning] = {}
    for record in results.records:
        by_size = {item.batch_size: item for item in record.tunings}
        found |= {cell: by_size[cell.batch_size] for cell in cells(record.case) if cell.batch_size in by_size}
    return found


def searches_table(results: Results, workload: str) -> Table:
    """What each search of a workload chose, by what the guide says and by what came next."""
    rows = [_search(results, cell, found) for cell, found in searches(results).items() if cell.workload == workload]
    columns = (*left("scenario"), Column(title="batch"), *label_columns(results), Column(title="candidates"))
    note = (
        "Before anything else was timed, each candidate in fresh processes; the medians that decided: pipelined steps, "
        "p50 of queries. The records have every candidate with its times."
    )
    columns = (*columns, *left("as the guide says", "chosen", "best of the others"))
    return Table(title="Searches for the fastest options", columns=columns, rows=tuple(rows), notes=(note,))


def _search(results: Results, cell: Cell, found: Tuning) -> tuple[Entry, ...]:
    timed = [item for item in found.candidates if item.times_s]
    usual = next((item for item in timed if not item.options), None)
    chosen = next((item for item in timed if item.options == found.options), None)
    after = next((item for item in timed if item not in (usual, chosen)), None)
    tried = f"{len(found.candidates)}, {len(timed)} ran" if len(timed) < len(found.candidates) else str(len(timed))
    return (
        Entry(cell.scenario),
        Entry(str(cell.batch_size), cell.batch_size),
        *labels(results, lane(cell)),
        Entry(tried, len(found.candidates)),
        Entry(numbers.duration(median(usual.times_s)) if usual else numbers.UNKNOWN),
        Entry("the same" if usual is not None and chosen is usual else _timed(chosen)),
        Entry(_timed(after)),
    )


def _timed(item: Candidate | None) -> str:
    if item is None:
        return numbers.UNKNOWN
    proven = "" if item.outcome == "ok" else f" ({item.outcome})"
    return f"{numbers.duration(median(item.times_s))}: {progress.words(item.options)}{proven}"


def table(title: str, found: Tuning, *, picked: Mapping[str, str] | None = None) -> Table:
    """A row for each candidate, the fastest of those that came to the end first.

    Where `found` is exhaustive, `picked` are the options that the search without it chose: a remark holds them against
    the fastest.
    """
    usual = next((item for item in found.candidates if not item.options and item.times_s), None)
    columns = (*left("options"), Column(title=TITLES.get(found.metric, found.metric)), Column(title="gain"))
    return Table(
        title=title,
        columns=(*columns, Column(title="timings"), *left("outcome")),
        rows=tuple(_row(alike, usual, chosen=alike[0].options == found.options) for alike in _alike(found.candidates)),
        notes=(*_notes(found), *_picked(found, picked)),
    )


def _alike(candidates: Sequence[Candidate]) -> Iterable[Sequence[Candidate]]:
    """Each candidate by itself; those that failed one after the other for one reason together."""
    number = iter(range(len(candidates)))
    for _, alike in groupby(candidates, key=lambda item: next(number) if item.times_s else (item.outcome, item.error)):
        yield list(alike)


def _row(alike: Sequence[Candidate], usual: Candidate | None, *, chosen: bool) -> tuple[Entry, ...]:
    item, more = alike[0], len(alike) - 1
    time = median(item.times_s) if item.times_s else None
    gained = median(usual.times_s) / time if time and usual else None
    error = item.error or ""
    error = error if len(error) <= LONGEST_ERROR else f"{error[: LONGEST_ERROR - 2]} …"
    outcome = "chosen" if chosen and item.times_s else error or ("" if item.outcome == "ok" else item.outcome)
    return (
        Entry(progress.words(item.options) + (f"; {more} more for the same reason" if more else "")),
        Entry(numbers.duration(time), time),
        Entry(numbers.ratio(gained), gained),
        Entry(str(len(item.times_s)), len(item.times_s)),
        Entry(outcome),
    )


def _notes(found: Tuning) -> Iterable[str]:
    many = "one candidate" if len(found.candidates) == 1 else f"{len(found.candidates)} candidates"
    yield f"Searched {found.searched}: {many}; a gain above 1 is faster than {USUAL}; who has fewer timings left early."
    if found.options:
        yield "What was chosen is proven to do the same work as what the guide says: its certificate passed."
    elif gain(found) is not None:
        yield f"Nothing that is proven is {WORTH:.0%} faster than {USUAL}, which stays."


def _picked(found: Tuning, picked: Mapping[str, str] | None) -> Iterable[str]:
    timed = [item for item in found.candidates if item.times_s]
    mine = next((item for item in timed if picked is not None and item.options == picked), None)
    if picked is None or mine is None:
        return
    fastest = min(median(item.times_s) for item in timed if item.outcome == "ok")
    spread = median(max(item.times_s) / min(item.times_s) - 1 for item in timed)
    yield (
        f"The search chose {progress.words(picked)}: {numbers.ratio(median(mine.times_s) / fastest)} of the fastest's "
        f"time here, where {len(mine.times_s)} timings of one candidate are {spread:.0%} apart (median)."
    )
