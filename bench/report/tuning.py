"""The results of tuning as tables: one search with all its candidates, or all searches of a run."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from statistics import median

import numpy as np

from bench.analysis import successive_halving
from bench.analysis.successive_halving import USUAL, WORTH, gain
from bench.records.cell import Cell, cells
from bench.records.environment import BUSY_CORES
from bench.records.record import Candidate, SearchResult
from bench.report import formatting, search_lines
from bench.report.layout import Column, Entry, Table, left
from bench.report.results import Results, label_columns, labels, lane, remembered

LONGEST_ERROR = 120  # characters of it; the record has more
TITLES = {"step_time_pipelined_s": "step time, pipelined", "query_time_p50_s": "latency p50"}

RANKED = (
    "Times: pipelined steps in training, p50 in inference. Time of a candidate: that of the default, divided by the "
    "speed-up in the rounds that both ran. Those with fewer timings were eliminated earlier and can look too fast. "
    f"The default is replaced only for a speed-up of at least {WORTH:.0%}."
)


@remembered
def searches(results: Results) -> dict[Cell, SearchResult]:
    """The searches behind the cells of mode `tuned`."""
    found: dict[Cell, SearchResult] = {}
    for record in results.records:
        by_size = {item.batch_size: item for item in record.tunings}
        found |= {cell: by_size[cell.batch_size] for cell in cells(record.case) if cell.batch_size in by_size}
    return found


def searches_table(results: Results, workload: str) -> Table:
    """The choice of each search of a workload, beside the default and the best of the other candidates."""
    mine = {cell: found for cell, found in searches(results).items() if cell.workload == workload}
    rows = [_search(results, cell, found) for cell, found in mine.items()]
    columns = (*left("scenario"), Column(title="batch"), *label_columns(results), Column(title="candidates"))
    columns = (*columns, *left("default", "chosen", "best other"))
    return Table(title="Tuning: chosen options", columns=columns, rows=tuple(rows), notes=tuple(_manner(mine)))


def _manner(found: Mapping[Cell, SearchResult]) -> Iterable[str]:
    """Notes on how the searches of a table were made, as far as their records say."""
    turns = {item.in_turns for item in found.values()}
    if turns == {True}:
        how = ", interleaved with the default if that runs"
    elif turns == {False}:
        how = ", not interleaved with the default"
    elif True in turns and False in turns:
        how = ", on a CPU interleaved with the default if that runs"
    else:
        how = ""  # records from before this was stored
    yield f"Each candidate was timed in fresh processes{how}, before all other timings of the run."
    yield RANKED
    busy = [
        f"{cell.contender}, {cell.scenario} at batch {cell.batch_size} ({item.busy_cores:.1f} cores)"
        for cell, item in found.items()
        if disturbed(item)
    ]
    if busy:
        yield (
            f"Other programs were running when a search began: {'; '.join(busy)}. They may have changed its result; "
            "`levelfield tune --again` repeats it."
        )


def disturbed(found: SearchResult) -> bool:
    """Whether other programs kept so many cores busy when a search began that its result may be another."""
    return found.busy_cores is not None and found.busy_cores > BUSY_CORES


def _search(results: Results, cell: Cell, found: SearchResult) -> tuple[Entry, ...]:
    times = successive_halving.times(found)
    usual = next((place for place in times if not found.candidates[place].options), None)
    chosen = next((place for place in times if found.candidates[place].options == found.options), None)
    after = next((place for place in times if place not in {usual, chosen}), None)
    most = max((len(item.times_s) for item in found.candidates), default=0)
    tried = f"{len(found.candidates)}, {len(times)} ran" if len(times) < len(found.candidates) else str(len(times))

    def shown(place: int | None) -> str:
        if place is None:
            return formatting.UNKNOWN
        item = found.candidates[place]
        proven = "" if item.outcome == "ok" else f" ({item.outcome})"
        often = "" if len(item.times_s) >= most else f", timed {len(item.times_s)} of {most} times"
        return f"{formatting.duration(times[place])}: {search_lines.words(item.options)}{proven}{often}"

    return (
        Entry(cell.scenario),
        Entry(str(cell.batch_size), cell.batch_size),
        *labels(results, lane(cell)),
        Entry(tried, len(found.candidates)),
        Entry(formatting.UNKNOWN if usual is None else formatting.duration(times[usual])),
        Entry("the same" if usual is not None and chosen == usual else shown(chosen)),
        Entry(shown(after)),
    )


def search_title(cell: Cell) -> str:
    """The search at one cell in words."""
    device = f"{cell.device}, {cell.precision}, {cell.threads} threads"
    return f"{cell.workload} {cell.contender} {cell.scenario}, batch {cell.batch_size}, on {device}"


def table(title: str, found: SearchResult, *, picked: Mapping[str, str] | None = None) -> Table:
    """A row for each candidate; the fastest of those that reached the last round come first.

    If `found` is exhaustive, `picked` are the options that the usual search chose: a note compares them with the
    fastest.
    """
    times = successive_halving.times(found)
    usual_s = next((time for place, time in times.items() if not found.candidates[place].options), None)
    columns = (*left("options"), Column(title=TITLES.get(found.metric, found.metric)), Column(title="speed-up"))
    return Table(
        title=title,
        columns=(*columns, Column(title="timings"), *left("outcome")),
        rows=tuple(
            _row([found.candidates[place] for place in places], times.get(places[0]), usual_s, found=found)
            for places in alike(found.candidates)
        ),
        notes=(*_notes(found), *_picked(found, picked)),
    )


def alike(candidates: Sequence[Candidate]) -> Iterable[Sequence[int]]:
    """The place of each candidate; consecutive candidates that failed for the same reason share a group."""

    def reason(place: int) -> object:
        item = candidates[place]
        return place if item.times_s else (item.outcome, item.error)

    for _, alike in groupby(range(len(candidates)), key=reason):
        yield list(alike)


def _row(
    alike: Sequence[Candidate], time: float | None, usual_s: float | None, *, found: SearchResult
) -> tuple[Entry, ...]:
    item, more = alike[0], len(alike) - 1
    chosen = item.options == found.options
    gained = usual_s / time if time and usual_s else None
    error = item.error or ""
    error = error if len(error) <= LONGEST_ERROR else f"{error[: LONGEST_ERROR - 2]} …"
    outcome = "chosen" if chosen and item.times_s else error or ("" if item.outcome == "ok" else item.outcome)
    return (
        Entry(search_lines.words(item.options) + (f"; {more} more failed for the same reason" if more else "")),
        Entry(formatting.duration(time), time),
        Entry(formatting.ratio(gained), gained),
        Entry(str(len(item.times_s)), len(item.times_s)),
        Entry(outcome),
    )


def _notes(found: SearchResult) -> Iterable[str]:
    many = "one candidate" if len(found.candidates) == 1 else f"{len(found.candidates)} candidates"
    yield f"Searched {found.searched}: {many}. Speed-up: over the {USUAL}. Fewer timings: eliminated earlier."
    if disturbed(found):
        yield (
            f"Other programs kept {found.busy_cores:.1f} cores busy when the search began and may have changed its "
            "result: search again with `--again` when the machine is idle."
        )
    if found.options:
        yield f"The chosen options are proven equal to the {USUAL}: their certificate passed."
    elif gain(found) is not None:
        yield f"No candidate is proven equal and surely {WORTH:.0%} faster than the {USUAL}, so the {USUAL} stays."


def _picked(found: SearchResult, picked: Mapping[str, str] | None) -> Iterable[str]:
    times = successive_halving.times(found)
    mine = next((place for place in times if found.candidates[place].options == picked), None)
    usual = next((item for item in found.candidates if item.times_s and not item.options), None)
    if picked is None or mine is None or usual is None:
        return
    fastest = min(time for place, time in times.items() if found.candidates[place].outcome == "ok")
    timed = [np.divide(item.times_s, usual.times_s) for item in found.candidates if item.times_s and item.options]
    spread = median(float(ratios.max() / ratios.min()) - 1 for ratios in timed) if timed else 0.0
    yield (
        f"The usual search chose {search_lines.words(picked)}: {formatting.ratio(times[mine] / fastest)} the time of "
        f"the fastest candidate. The {len(usual.times_s)} timings of one candidate differ by {spread:.0%} (median)."
    )
