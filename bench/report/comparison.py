"""Two runs side by side as tables: what became slower or faster, what is missing, and what could be detected."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.analysis import environments
from bench.analysis.compare import Comparison
from bench.analysis.load_figures import COMPARED
from bench.analysis.memory_and_quality import Change
from bench.analysis.missing import Missing
from bench.analysis.verdicts import Row
from bench.records.cell import Cell
from bench.report import comparison_answers, formatting
from bench.report.change_words import UNDETECTABLE, interval, metric_title, written
from bench.report.layout import Column, Entry, Report, Section, Table, left
from bench.report.reliability import MARKED, SIGN
from bench.report.remarks import Remarks

TITLE = "{candidate} compared with {baseline}"
TOO_NOISY = 1.5  # times as long: if only larger slowdowns can be detected, the comparison is worth nothing
NAMED = 3  # differences of the environments, in the note; the table has all of them
TIMES, CHANGES, SAME, APART = "Times: candidate / baseline", "Memory and quality", "Unchanged", "The sides differ in"
UNRELIABLE_TITLE = "Figures that cannot be relied on"
UNRELIABLE = 8  # cells that are named
PROCESSES = 3  # the fewest on each side whose noise is worth an interval
# The order of the rows: what needs attention comes first.
ORDER = ("regressed", "inconclusive", "improved", "unchanged")
# The fields of a cell that are named beside the framework if they vary within a table.
VARYING = ("device", "mode", "precision", "threads", "feed")
WORDS = {"device": "on {}", "threads": "{} threads", "feed": "fed from {}"}


def report(
    found: Comparison, *, title: str = "Comparison", code: int | None = None, unread: Iterable[str] = ()
) -> Report:
    """The verdicts, then what could not be compared, and why.

    `unread` has a sentence for each thing that could not be read of the two runs. `code` is the exit code if that
    changes it.
    """
    tables = (
        _verdicts(found),
        _environments(found),
        _listing("Times", ("no case was timed in both runs",) if found.changes and not found.rows else ()),
        _changes(found),
        _listing(SAME, _unchanged(found)),
        _listing(UNRELIABLE_TITLE, _unreliable(found)),
        _listing("Not comparable", found.not_comparable),
        _listing("Nothing in common", found.apart),
        _listing("Failed in the candidate only", found.newly_failed),
        _missing(found),
    )
    kept = tuple(table for table in tables if table.rows)
    return Report(
        title=title,
        sections=(Section(title="Verdicts", tables=kept),),
        answers=comparison_answers.answers(found, code=found.exit_code if code is None else code),
        about=(*unread, *_about(found)),
    )


def _about(found: Comparison) -> Iterable[str]:
    """What a reader must not miss, above all tables."""
    if found.missing and (found.rows or found.changes):
        lost, planned = _split(found.missing)
        if lost:
            yield f"Missing in the candidate: {_counted(lost)}. The exit code is {found.exit_code}."
            yield "Is the candidate a part of the baseline on purpose? Compare with `--subset`."
        if planned:
            yield f"The candidate planned and never stored: {_counted(planned)}. The exit code is {found.exit_code}."
    if found.newly_failed:
        yield f"Failed in the candidate, but not in the baseline: {len(found.newly_failed)}."
    if found.unfinished:
        yield "The baseline is not complete: it has no record of a part of what it planned."


def _split(items: Sequence[Missing]) -> tuple[tuple[Missing, ...], tuple[Missing, ...]]:
    """What is missing without a plan, and what was planned and never stored."""
    return tuple(item for item in items if not item.planned), tuple(item for item in items if item.planned)


def _counted(items: Sequence[Missing]) -> str:
    """How many items of each kind there are, and of which frameworks."""
    kinds = [item.what for item in items]
    counts = ", ".join(f"{kinds.count(what)} × {what}" for what in dict.fromkeys(kinds))
    return f"{counts} (of {', '.join(dict.fromkeys(item.cell.contender for item in items))})"


def _verdicts(found: Comparison) -> Table:
    # A ratio that is not a number cannot be sorted: such rows keep their place among the inconclusive ones.
    ordered = sorted(found.rows, key=lambda row: (ORDER.index(row.verdict), -row.ratio if _known(row) else 0.0))
    varying = varying_fields(row.cell for row in found.rows)
    remarks = Remarks(tuple(row.reason for row in ordered))
    columns = (
        *left("workload", "framework", "metric"),
        Column(title="batch"),
        Column(title="baseline"),
        Column(title="candidate"),
        *left("ratio [interval]", "verdict"),
    )
    return Table(
        title=TIMES,
        columns=columns,
        rows=tuple(
            _row(row, varying=varying, remarks=remarks, sign=f" {SIGN}" if row.cell in found.unreliable_cells else "")
            for row in ordered
        ),
        notes=(*_notes(found), *_reasons(remarks), *_doubts(found)),
        names=4,
    )


def _doubts(found: Comparison) -> Iterable[str]:
    """What the sign at a ratio means."""
    if any(row.cell in found.unreliable_cells for row in found.rows):
        yield f"{MARKED} The reason is in the table “{UNRELIABLE_TITLE}”."


def _reasons(remarks: Remarks) -> Iterable[str]:
    """The reasons of verdicts, each once; those about too few processes come with the remedy."""
    for line in remarks.lines():
        few = "are needed" in line
        yield f"{line}. Measure again with `--processes {PROCESSES}`." if few else f"{line}."


def _changes(found: Comparison) -> Table:
    """The peaks of memory and the quality metrics that changed or may have changed."""
    shown = sorted(
        (item for item in found.changes if item.verdict != "unchanged"), key=lambda item: ORDER.index(item.verdict)
    )
    varying = varying_fields(item.cell for item in found.changes)
    columns = (
        *left("workload", "framework", "scenario", "metric"),
        Column(title="batch"),
        Column(title="baseline"),
        Column(title="candidate"),
        *left("verdict"),
    )
    return Table(
        title=CHANGES,
        columns=columns,
        rows=tuple(_change(item, varying=varying) for item in shown),
        names=5,
    )


def _unreliable(found: Comparison) -> Iterable[str]:
    """The first cells whose figures cannot be relied on, each with its side and the reason."""
    yield from found.unreliable[:UNRELIABLE]
    if len(found.unreliable) > UNRELIABLE:
        yield f"and {len(found.unreliable) - UNRELIABLE} more"
    if found.unreliable and found.in_turns:
        yield "The two sides took turns, so what slowed one of them slowed the other as well. Ratios suffer least."
    elif found.unreliable:
        yield "Stop other work, and measure both sides again."


def _unchanged(found: Comparison) -> Iterable[str]:
    same = [item for item in found.changes if item.verdict == "unchanged"]
    for what, number in (
        ("memory peaks", sum(item.metric.endswith("_bytes") for item in same)),
        ("figures under load", sum(item.metric in COMPARED for item in same)),
        ("quality metrics", sum(not item.metric.endswith("_bytes") and item.metric not in COMPARED for item in same)),
    ):
        if number:
            yield f"{number} {what}"


def _change(item: Change, *, varying: Sequence[str]) -> tuple[Entry, ...]:
    before, after = written(item)
    return (
        Entry(item.cell.workload),
        Entry(framework(item.cell, varying)),
        Entry(item.cell.scenario),
        Entry(metric_title(item.metric)),
        Entry(str(item.cell.batch_size), item.cell.batch_size),
        Entry(before, item.baseline),
        Entry(after, item.candidate),
        Entry(f"{item.verdict}: {item.reason}" if item.reason else item.verdict, item.verdict),
    )


def _row(row: Row, *, varying: Sequence[str], remarks: Remarks, sign: str) -> tuple[Entry, ...]:
    return (
        Entry(row.cell.workload),
        Entry(framework(row.cell, varying)),
        Entry(metric_title(row.metric)),
        Entry(str(row.cell.batch_size), row.cell.batch_size),
        Entry(formatting.duration(row.baseline_s), row.baseline_s),
        Entry(formatting.duration(row.candidate_s), row.candidate_s),
        Entry(f"{interval(row)}{sign}" if _known(row) else formatting.UNKNOWN, row.ratio),
        Entry(f"{row.verdict}{remarks.mark(row.reason)}", row.verdict),
    )


def varying_fields(cells: Iterable[Cell]) -> tuple[str, ...]:
    """The fields of a cell that are named beside the framework, because they vary."""
    known = tuple(cells)
    return tuple(name for name in VARYING if len({getattr(cell, name) for cell in known}) > 1)


def framework(cell: Cell, varying: Sequence[str]) -> str:
    """The framework of a cell, and the fields that vary within a table."""
    return " ".join((cell.contender, *(WORDS.get(name, "{}").format(getattr(cell, name)) for name in varying)))


def _known(row: Row) -> bool:
    return math.isfinite(row.ratio)


def _notes(found: Comparison) -> Iterable[str]:
    counts = ", ".join(f"{found.counts[verdict]} {verdict}" for verdict in ORDER if verdict in found.counts)
    yield f"Times: {counts or 'nothing was compared'}. Threshold for a change: {found.threshold:.1%}."
    if found.counts.get("unchanged"):
        yield "Unchanged: its own interval, not corrected for the number of comparisons, is within the threshold."
    if found.environments:
        more = f", and {len(found.environments) - NAMED} more" if len(found.environments) > NAMED else ""
        yield f"The sides differ in {environments.text(found.environments[:NAMED])}{more}."
    several = found.processes > 1
    means = "Times: geometric means over processes." if several else "Times: of one process on each side."
    if found.noise_percent is None or found.drift_percent is None or found.detectable_ratio is None:
        yield f"{means} Ratio: candidate / baseline. Above 1: slower."
        yield "The noise is unknown, so no ratio has an interval, and every verdict is inconclusive."
        return
    yield f"Intervals: {found.confidence:.0%}, corrected for {len(found.rows)} comparisons. Above 1: slower."
    if found.in_turns:
        yield "Interleaved timing: the two processes of a pair took turns. Ratio: the trimmed mean over the pairs."
        yield "The ratio of a pair comes from its fastest calls, or slice by slice, whichever has the smaller error."
        yield "Baseline: the geometric mean over processes. Candidate: that time × the ratio."
        what = f"Noise of a pair of processes: {found.noise_percent:.1f} %"
    else:
        yield f"{means} Ratio: candidate / baseline."
        what = f"Noise within a run: {found.noise_percent:.1f} %, drift between the runs: {found.drift_percent:.1f} %"
    if found.detectable_ratio > UNDETECTABLE:
        yield "The noise is too large to detect any change."
    else:
        smallest = formatting.ratio(max(found.detectable_ratio, 1 + found.threshold))
        yield f"{what}. Smallest slowdown of one cell detected with 80 % probability: {smallest}."
    if found.detectable_ratio > TOO_NOISY:
        yield "This is too noisy for a verdict: stop other programs here, or run more processes (`--processes`)."
    if found.common is not None:
        yield f"All cases together: {interval(found.common)}, {found.common.verdict}."
        if found.common.verdict == "regressed" and not found.in_turns:
            yield "If no code changed that all cells share, the machine became slower: measure both sides again."


def _listing(title: str, lines: Iterable[str]) -> Table:
    return Table(title=title, columns=left("what"), rows=tuple((Entry(line),) for line in lines), names=1)


def _environments(found: Comparison) -> Table:
    """In what the environments of the two sides differ: any of it may be the reason for a verdict."""
    rows = tuple((Entry(item.what), Entry(item.baseline), Entry(item.candidate)) for item in found.environments)
    return Table(title=APART, columns=left("what", "baseline", "candidate"), rows=rows)


def _missing(found: Comparison) -> Table:
    """What one of the runs lacks."""
    lost, planned = _split(found.missing)
    sides: tuple[tuple[str, tuple[Missing, ...]], ...] = (
        ("missing in the candidate", lost),
        ("planned in the candidate, never stored", planned),
        ("not in the candidate, which is a subset", found.left_out),
        ("only in the candidate", found.new),
        ("planned in the baseline, never stored", found.unfinished),
    )
    if found.not_comparable or found.apart:  # which say why, of whole runs
        sides = tuple((where, items) for where, items in sides if found.rows or found.changes)
    varying = varying_fields(item.cell for _, items in sides for item in items)
    rows = tuple(row for where, items in sides for row in _without(where, items, varying))
    columns = (*left("where", "workload", "framework", "scenario"), Column(title="batch"), *left("what"))
    return Table(title="In one run only", columns=columns, rows=rows, names=5)


def _without(where: str, items: Sequence[Missing], varying: Sequence[str]) -> Iterable[tuple[Entry, ...]]:
    """A row for each cell with what is missing of it; batch sizes that lack the same share a row."""
    parts: dict[Cell, list[str]] = {}
    for item in items:
        parts.setdefault(item.cell, []).append(_part(item))
    batches: dict[tuple[Cell, str], list[int]] = {}
    for cell, what in parts.items():
        batches.setdefault((replace(cell, batch_size=0), ", ".join(what)), []).append(cell.batch_size)
    for (cell, lacking), sizes in batches.items():
        named = (where, cell.workload, framework(cell, varying), cell.scenario, ", ".join(map(str, sizes)), lacking)
        yield tuple(Entry(text) for text in named)


def _part(item: Missing) -> str:
    return item.named
