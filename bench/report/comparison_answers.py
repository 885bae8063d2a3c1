"""Sentences that answer the main questions about a comparison: what got worse, what got better, how sure it is."""

from collections.abc import Iterable, Iterator, Sequence

from bench.analysis import environments
from bench.analysis.compare import Comparison
from bench.analysis.memory_and_quality import Change, Verdict
from bench.analysis.verdicts import Row
from bench.errors import ExitCode
from bench.report import formatting
from bench.report.change_words import UNDETECTABLE, evidence, has_interval, interval, metric_title, written
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


def answers(found: Comparison, *, code: int) -> tuple[Answers, ...]:
    """The answers of a comparison, those about changes first; `code` is the exit code of the command."""
    return (Answers(title=TITLE, lines=tuple(_lines(found, ExitCode(code)))),)


def _lines(found: Comparison, code: ExitCode) -> Iterator[Answer]:
    if found.rows or found.changes:
        yield Answer("What got worse?", (_changed(found, "regressed"),))
        yield Answer("What got better?", (_changed(found, "improved"),))
        yield Answer("What is undecided?", (_undecided(found),))
    if found.common is not None:
        words = f"{interval(found.common)}, candidate / baseline"
        yield Answer("All times together?", (Clause(found.common.verdict, text=words),))
    if found.detectable_ratio is not None:
        yield Answer("How small a change is visible?", (_visible(found, found.detectable_ratio),))
    yield Answer("In what do environments differ?", (_environments(found),))
    if lacking := _lacking(found):
        yield Answer("Is something missing?", (Clause("yes", text=lacking),))
    if found.not_comparable:
        yield Answer(
            "What cannot be compared?", (Clause(_counted(found.not_comparable), text=found.not_comparable[0]),)
        )
    yield Answer("Exit code?", (Clause(f"{code:d}", text=_meaning(found, code)),))


def _counted(reasons: Sequence[str]) -> str:
    return "one reason" if len(reasons) == 1 else f"{len(reasons)} reasons, the first"


def _meaning(found: Comparison, code: ExitCode) -> str:
    """What an exit code says of this comparison."""
    compared: list[Row | Change] = [*found.rows, *found.changes]
    worse = any(item.verdict == "regressed" for item in compared)
    if code == ExitCode.NOT_COMPARABLE and (found.rows or found.changes):
        return f"a part cannot be compared{'; of the rest something got worse' if worse else ''}"
    if code == ExitCode.REGRESSED and not worse:
        return "all times together got worse, though no single figure surely did"
    return WORDS[code]


def _visible(found: Comparison, smallest: float) -> Clause:
    """The smallest slowdown that would get a verdict: it has to be above the threshold as well as above the noise."""
    if smallest > UNDETECTABLE:
        return Clause("none", text="the noise is too large to detect any change")
    return Clause(formatting.ratio(max(smallest, 1 + found.threshold)), text=DETECTED)


def _changed(found: Comparison, verdict: Verdict) -> Clause:
    """The figures with this verdict, the surest times first, then memory and quality."""
    rows = sorted((row for row in found.rows if row.verdict == verdict), key=evidence, reverse=True)
    changes = [item for item in found.changes if item.verdict == verdict]
    number, among = len(rows) + len(changes), len(found.rows) + len(found.changes)
    if not number:
        open_ = sum(1 for _ in _inconclusive(found))
        return Clause("nothing for certain" if open_ else "nothing", text=f"0 of {among} figures")
    return Clause(f"{number} of {among} figures", text=_named([*map(_time, rows), *map(_change, changes)]))


def _named(items: Sequence[str]) -> str:
    more = (f"and {len(items) - MOST_NAMED} more",) if len(items) > MOST_NAMED else ()
    return "; ".join((*items[:MOST_NAMED], *more))


def _time(row: Row) -> str:
    return f"{row.cell.place}, {metric_title(row.metric)} {interval(row)}"


def _change(item: Change) -> str:
    before, after = written(item)
    return f"{item.cell.place}, {metric_title(item.metric)} {before} to {after}"


def _inconclusive(found: Comparison) -> Iterator[Row | Change]:
    yield from (row for row in found.rows if row.verdict == "inconclusive")
    yield from (item for item in found.changes if item.verdict == "inconclusive")


def _undecided(found: Comparison) -> Clause:
    """How many figures have no verdict: the noise is too large, or nothing says how large it is."""
    among, items = len(found.rows) + len(found.changes), list(_inconclusive(found))
    if not items:
        return Clause("nothing", text=f"all {among} figures have a verdict")
    with_interval = sum(isinstance(item, Row) and has_interval(item) for item in items)
    reasons = (
        (with_interval, "the interval allows a change as well as none"),
        (len(items) - with_interval, "there is no interval; the row says why"),
    )
    words = "; ".join(f"in {number} {what}" for number, what in reasons if number)
    return Clause(f"{len(items)} of {among} figures", text=words)


def _environments(found: Comparison) -> Clause:
    number = len(found.environments)
    if not number:
        return Clause("in nothing", text="that both sides recorded: versions, hardware, system, variables")
    more = f", and {number - FACTS} more" if number > FACTS else ""
    differ = f"{environments.text(found.environments[:FACTS])}{more} (baseline / candidate)"
    return Clause("in one fact" if number == 1 else f"in {number} facts", text=differ)


def _lacking(found: Comparison) -> str:
    """What one of the sides lacks, counted."""
    is_compared = bool(found.rows or found.changes)  # else all of it is, and the reason is told
    parts: Iterable[tuple[int, str]] = (
        (len(found.missing) * is_compared, "missing in the candidate"),
        (len(found.newly_failed), "failed in the candidate only"),
        (len(found.unfinished) * is_compared, "planned in the baseline and never stored"),
    )
    return ", ".join(f"{number} {words}" for number, words in parts if number)
