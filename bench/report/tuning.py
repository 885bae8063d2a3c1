"""What a search for the fastest options found, as a table."""

from collections.abc import Iterable, Mapping
from statistics import median

from bench.record import Candidate, Tuning
from bench.report import numbers, progress
from bench.report.layout import Column, Entry, Table, left
from bench.tuning import USUAL, WORTH, gain

LONGEST_ERROR = 120  # characters of it; the record has more
TITLES = {"step_time_pipelined_s": "step, pipelined", "query_time_p50_s": "query p50"}


def table(title: str, found: Tuning, *, picked: Mapping[str, str] | None = None) -> Table:
    """A row for each candidate, the fastest of those that came to the end first.

    Where `found` is exhaustive, `picked` are the options that the search without it chose: a remark holds them against
    the fastest.
    """
    usual = next((item for item in found.candidates if not item.options and item.times_s), None)
    columns = (*left("options"), Column(title=TITLES.get(found.metric, found.metric)), Column(title="vs the guide"))
    return Table(
        title=title,
        columns=(*columns, Column(title="timings"), *left("outcome")),
        rows=tuple(_row(item, usual, chosen=item.options == found.options) for item in found.candidates),
        notes=(*_notes(found), *_picked(found, picked)),
    )


def _row(item: Candidate, usual: Candidate | None, *, chosen: bool) -> tuple[Entry, ...]:
    time = median(item.times_s) if item.times_s else None
    ratio = time / median(usual.times_s) if time and usual else None
    error = item.error or ""
    error = error if len(error) <= LONGEST_ERROR else f"{error[: LONGEST_ERROR - 2]} …"
    outcome = "chosen" if chosen and item.times_s else error or ("" if item.outcome == "ok" else item.outcome)
    return (
        Entry(progress.words(item.options)),
        Entry(numbers.duration(time), time),
        Entry(numbers.ratio(ratio), ratio),
        Entry(str(len(item.times_s)), len(item.times_s)),
        Entry(outcome),
    )


def _notes(found: Tuning) -> Iterable[str]:
    yield f"Searched {found.searched}: {len(found.candidates)} candidates; those of fewer timings left early."
    if found.options:
        yield "What was chosen is proven to do the same work as what the guide says: its certificate passed."
    elif gain(found) is not None:
        yield f"Nothing is proven and {WORTH:.0%} faster than {USUAL}, which stays."


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
