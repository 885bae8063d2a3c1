"""Sentences that answer the main questions about a comparison: what got worse, what got better, how sure it is."""

from collections.abc import Iterable, Iterator, Sequence

from bench.analysis import environments
from bench.analysis.compare import Comparison
from bench.analysis.memory_and_quality import Change, Verdict
from bench.analysis.verdicts import Row
from bench.errors import ExitCode
from bench.report import formatting
from bench.report.change_words import evidence, interval, metric_title, written
from bench.report.layout import Answer, Answers, Clause

TITLE = "candidate compared with baseline"
MOST_NAMED = 3  # figures; more are counted
FACTS = 3  # differences of the environments that are named
DETECTED = "the smallest slowdown of one cell that is detected with 80 % probability"
WORDS = {
    ExitCode.DONE: "nothing got worse",
    ExitCode.FAILED: "something failed or is missing",
    ExitCode.REGRESSED: "something got worse",
    ExitCode.INCONCLUSIVE: "some figures are undecided",
    ExitCode.NOT_COMPARABLE: "the sides cannot be compared",
    ExitCode.NOTHING_MEASURED: "nothing was measured in both",
}


def answers(found: Comparison) -> tuple[Answers, ...]:
    """The answers of a comparison, those about changes first."""
    return (Answers(title=TITLE, lines=tuple(_lines(found))),)


def _lines(found: Comparison) -> Iterator[Answer]:
    if found.rows or found.changes:
        yield Answer("What got worse?", (_changed(found, "regressed"),))
        yield Answer("What got better?", (_changed(found, "improved"),))
        yield Answer("What is undecided?", (_undecided(found),))
    if found.common is not None:
        words = f"{interval(found.common)}, candidate / baseline"
        yield Answer("All times together?", (Clause(found.common.verdict, text=words),))
    if found.detectable_ratio is not None:
        smallest = formatting.ratio(found.detectable_ratio)
        yield Answer("How small a change is visible?", (Clause(smallest, text=DETECTED),))
    yield Answer("Same environment?", (_environments(found),))
    if lacking := _lacking(found):
        yield Answer("Is something missing?", (Clause("yes", text=lacking),))
    yield Answer("Exit code?", (Clause(f"{found.exit_code:d}", text=WORDS[ExitCode(found.exit_code)]),))


def _changed(found: Comparison, verdict: Verdict) -> Clause:
    """The figures with this verdict, the surest times first, then memory and quality."""
    rows = sorted((row for row in found.rows if row.verdict == verdict), key=evidence, reverse=True)
    changes = [item for item in found.changes if item.verdict == verdict]
    number, among = len(rows) + len(changes), len(found.rows) + len(found.changes)
    if not number:
        return Clause("nothing", text=f"0 of {among} figures")
    return Clause(f"{number} of {among} figures", text=_named([*map(_time, rows), *map(_change, changes)]))


def _named(items: Sequence[str]) -> str:
    more = (f"and {len(items) - MOST_NAMED} more",) if len(items) > MOST_NAMED else ()
    return "; ".join((*items[:MOST_NAMED], *more))


def _time(row: Row) -> str:
    return f"{row.cell.place}, {metric_title(row.metric)} {interval(row)}"


def _change(item: Change) -> str:
    before, after = written(item)
    return f"{item.cell.place}, {metric_title(item.metric)} {before} to {after}"


def _undecided(found: Comparison) -> Clause:
    compared: list[Row | Change] = [*found.rows, *found.changes]
    number, among = sum(item.verdict == "inconclusive" for item in compared), len(compared)
    if not number:
        return Clause("nothing", text=f"all {among} figures have a verdict")
    return Clause(f"{number} of {among} figures", text="their intervals allow a change as well as none")


def _environments(found: Comparison) -> Clause:
    number = len(found.environments)
    if not number:
        return Clause("yes", text="no recorded fact differs")
    more = f", and {number - FACTS} more" if number > FACTS else ""
    return Clause("no", text=f"{environments.text(found.environments[:FACTS])}{more} (baseline / candidate)")


def _lacking(found: Comparison) -> str:
    """What one of the sides lacks, counted."""
    parts: Iterable[tuple[int, str]] = (
        (len(found.missing), "missing in the candidate"),
        (len(found.newly_failed), "failed in the candidate only"),
        (len(found.unfinished), "planned in the baseline and never stored"),
        (len(found.not_comparable), "not comparable"),
    )
    return ", ".join(f"{number} {words}" for number, words in parts if number)
