"""Two runs side by side as tables: what became slower or faster, and the smallest change that could be detected."""

import math
from collections.abc import Iterable

from bench.analysis import environments
from bench.analysis.compare import Comparison
from bench.analysis.memory_and_quality import Change
from bench.analysis.verdicts import Common, Row
from bench.records.cell import Cell
from bench.report import formatting
from bench.report.layout import Column, Entry, Report, Section, Table, left

TOO_NOISY = 1.5  # times as long: if only larger slowdowns can be detected, the comparison is worth nothing
UNDETECTABLE = 10.0  # times as long: from here on, the noise is not worth a number
NAMED = 3  # differences of the environments, in the note; the table has all of them
TOO_WIDE = 100.0  # upper / lower bound: from here on, an interval says nothing
# The order of the rows: what needs attention comes first.
ORDER = ("regressed", "inconclusive", "improved", "unchanged")
TITLES = {
    "step_time_pipelined_s": "step time, pipelined",
    "step_time_p50_s": "step time p50",
    "query_time_pipelined_s": "query time, pipelined",
    "query_time_p50_s": "latency p50",
}


def report(found: Comparison, *, title: str = "Comparison") -> Report:
    """The verdicts, then what could not be compared, and why."""
    tables = (
        _verdicts(found),
        _environments(found),
        _listing("Times", ("no case was timed in both runs",) if found.changes and not found.rows else ()),
        _changes(found),
        _listing("Unchanged", _unchanged(found)),
        _listing("Not comparable", found.not_comparable),
        _failed(found),
        _missing(found),
    )
    kept = tuple(table for table in tables if table.rows)
    return Report(title=title, sections=(Section(title="Verdicts", tables=kept),))


def _verdicts(found: Comparison) -> Table:
    # A ratio that is not a number cannot be sorted: such rows keep their place among the inconclusive ones.
    ordered = sorted(found.rows, key=lambda row: (ORDER.index(row.verdict), -row.ratio if _known(row) else 0.0))
    several_devices = len({row.cell.device for row in found.rows}) > 1
    columns = (
        *left("workload", "framework", "metric"),
        Column(title="batch"),
        Column(title="baseline"),
        Column(title="candidate"),
        *left("ratio [interval]", "verdict"),
    )
    return Table(
        title="Times: candidate / baseline",
        columns=columns,
        rows=tuple(_row(row, several_devices=several_devices) for row in ordered),
        notes=tuple(_notes(found)),
    )


def _changes(found: Comparison) -> Table:
    """The peaks of memory and the quality metrics that changed or may have changed."""
    shown = sorted(
        (item for item in found.changes if item.verdict != "unchanged"), key=lambda item: ORDER.index(item.verdict)
    )
    columns = (
        *left("workload", "framework", "scenario", "metric"),
        Column(title="batch"),
        Column(title="baseline"),
        Column(title="candidate"),
        *left("verdict"),
    )
    return Table(
        title="Memory and quality",
        columns=columns,
        rows=tuple(map(_change, shown)),
    )


def _unchanged(found: Comparison) -> Iterable[str]:
    same = [item for item in found.changes if item.verdict == "unchanged"]
    for what, number in (
        ("memory peaks", sum(item.metric.endswith("_bytes") for item in same)),
        ("quality metrics", sum(not item.metric.endswith("_bytes") for item in same)),
    ):
        if number:
            yield f"{number} {what}"


def _change(item: Change) -> tuple[Entry, ...]:
    write = formatting.size if item.metric.endswith("_bytes") else formatting.score
    return (
        Entry(item.cell.workload),
        Entry(item.cell.contender),
        Entry(item.cell.scenario),
        Entry(item.metric.removesuffix("_bytes").replace("_", " ")),
        Entry(str(item.cell.batch_size), item.cell.batch_size),
        Entry(write(item.baseline), item.baseline),
        Entry(write(item.candidate), item.candidate),
        Entry(f"{item.verdict}: {item.reason}" if item.reason else item.verdict, item.verdict),
    )


def _row(row: Row, *, several_devices: bool) -> tuple[Entry, ...]:
    ratio = _interval(row) if _known(row) else formatting.UNKNOWN
    return (
        Entry(row.cell.workload),
        Entry(f"{row.cell.contender} on {row.cell.device}" if several_devices else row.cell.contender),
        Entry(TITLES.get(row.metric, row.metric)),
        Entry(str(row.cell.batch_size), row.cell.batch_size),
        Entry(formatting.duration(row.baseline_s), row.baseline_s),
        Entry(formatting.duration(row.candidate_s), row.candidate_s),
        Entry(ratio, row.ratio),
        Entry(f"{row.verdict}: {row.reason}" if row.reason else row.verdict, row.verdict),
    )


def _interval(found: Row | Common) -> str:
    """A ratio with its interval; without the bounds if they are too far apart."""
    if found.high > TOO_WIDE * found.low:
        return f"{formatting.ratio(found.ratio)} [interval too wide]"
    return formatting.ratio_range(found.ratio, low=found.low, high=found.high)


def _known(row: Row) -> bool:
    return math.isfinite(row.ratio)


def _notes(found: Comparison) -> Iterable[str]:
    counts = ", ".join(f"{found.counts[verdict]} {verdict}" for verdict in ORDER if verdict in found.counts)
    yield f"{counts or 'Nothing was compared'}. Threshold for a change: {found.threshold:.1%}."
    if found.environments:
        more = f", and {len(found.environments) - NAMED} more" if len(found.environments) > NAMED else ""
        yield f"The sides differ in {environments.text(found.environments[:NAMED])}{more}."
    yield f"Intervals: {found.confidence:.0%}, corrected for {len(found.rows)} comparisons. Above 1: slower."
    if found.noise_percent is None or found.drift_percent is None or found.detectable_ratio is None:
        yield "The noise is unknown, so every verdict is inconclusive."
        return
    if found.in_turns:
        yield "Interleaved timing: the two processes of a pair took turns. Ratio: the trimmed mean over the pairs."
        yield "The ratio of a pair comes from its fastest calls, or slice by slice, whichever has the smaller error."
        what = f"Noise of a pair of processes: {found.noise_percent:.1f} %"
    else:
        yield "Ratio: geometric means over processes, candidate / baseline. Times: medians over processes."
        what = f"Noise within a run: {found.noise_percent:.1f} %, drift between the runs: {found.drift_percent:.1f} %"
    if found.detectable_ratio > UNDETECTABLE:
        yield "The noise is too large to detect any change."
    else:
        smallest = formatting.ratio(found.detectable_ratio)
        yield f"{what}. Smallest slowdown of one cell detected with 80 % probability: {smallest}."
    if found.detectable_ratio > TOO_NOISY:
        yield "This is too noisy for a verdict: stop other programs here, or run more processes (`--processes`)."
    if found.common is not None:
        yield f"All cases together: {_interval(found.common)}, {found.common.verdict}."
        if found.common.verdict == "regressed" and not found.in_turns:
            yield "If no code changed that all cells share, the machine became slower: measure both sides again."


def _listing(title: str, lines: Iterable[str]) -> Table:
    return Table(title=title, columns=left("what"), rows=tuple((Entry(line),) for line in lines))


def _environments(found: Comparison) -> Table:
    """In what the environments of the two sides differ: any of it may be the reason for a verdict."""
    rows = tuple((Entry(item.what), Entry(item.baseline), Entry(item.candidate)) for item in found.environments)
    return Table(title="The sides differ in", columns=left("what", "baseline", "candidate"), rows=rows)


def _failed(found: Comparison) -> Table:
    return _listing("Failed in the candidate only", found.newly_failed)


def _missing(found: Comparison) -> Table:
    sides = (("baseline", found.only_in_baseline), ("candidate", found.only_in_candidate))
    rows = tuple((Entry(f"only in the {side}"), *_named(cell)) for side, cells in sides for cell in cells)
    columns = (*left("where", "workload", "framework", "scenario", "device"), Column(title="batch"))
    return Table(title="In one run only", columns=columns, rows=rows)


def _named(cell: Cell) -> tuple[Entry, ...]:
    values = (cell.workload, cell.contender, cell.scenario, cell.device, cell.batch_size)
    return tuple(Entry(str(value), value) for value in values)
