"""Two runs side by side as tables: what got slower or faster, and how small a change could have been seen."""

import math
from collections.abc import Iterable

from bench.analysis.compare import Comparison
from bench.analysis.memory_and_quality import Change
from bench.analysis.verdicts import Row
from bench.records.cell import Cell
from bench.report import formatting
from bench.report.layout import Column, Entry, Report, Section, Table, left

TOO_NOISY = 1.5  # times slower: who needs so much to see a change sees none
# What needs a reader first comes first.
ORDER = ("regressed", "inconclusive", "improved", "unchanged")
TITLES = {
    "step_time_pipelined_s": "step, pipelined",
    "step_time_p50_s": "step p50",
    "query_time_pipelined_s": "query, pipelined",
    "query_time_p50_s": "query p50",
}


def report(found: Comparison, *, title: str = "Comparison") -> Report:
    """The verdicts, then whatever kept something from being compared."""
    tables = (
        _verdicts(found),
        _listing("Times", ("nothing was timed in both",) if found.changes and not found.rows else ()),
        _changes(found),
        _listing("Unchanged", _unchanged(found)),
        _listing("Not comparable", found.not_comparable),
        _failed(found),
        _missing(found),
    )
    kept = tuple(table for table in tables if table.rows)
    return Report(title=title, sections=(Section(title="Verdicts", tables=kept),))


def _verdicts(found: Comparison) -> Table:
    # Not a number has no place in an order: such rows stay where they are among the inconclusive.
    ordered = sorted(found.rows, key=lambda row: (ORDER.index(row.verdict), -row.ratio if _known(row) else 0.0))
    several_devices = len({row.cell.device for row in found.rows}) > 1
    columns = (
        *left("workload", "contender", "metric"),
        Column(title="batch"),
        Column(title="baseline"),
        Column(title="candidate"),
        *left("ratio [interval]", "verdict"),
    )
    return Table(
        title="Candidate over baseline",
        columns=columns,
        rows=tuple(_row(row, several_devices=several_devices) for row in ordered),
        notes=tuple(_notes(found)),
    )


def _changes(found: Comparison) -> Table:
    """Memory and quality: what is not unchanged, and how much is."""
    shown = sorted(
        (item for item in found.changes if item.verdict != "unchanged"), key=lambda item: ORDER.index(item.verdict)
    )
    columns = (
        *left("workload", "contender", "scenario", "metric"),
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
        ("peaks of memory", sum(item.metric.endswith("_bytes") for item in same)),
        ("figures of quality", sum(not item.metric.endswith("_bytes") for item in same)),
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
    ratio = formatting.ratio_range(row.ratio, low=row.low, high=row.high) if _known(row) else formatting.UNKNOWN
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


def _known(row: Row) -> bool:
    return math.isfinite(row.ratio)


def _notes(found: Comparison) -> Iterable[str]:
    counts = ", ".join(f"{found.counts[verdict]} {verdict}" for verdict in ORDER if verdict in found.counts)
    yield f"{counts or 'nothing was compared'}. Threshold {found.threshold:.1%}."
    yield f"Intervals of {found.confidence:.0%}, right for all {len(found.rows)} comparisons together."
    if found.noise_percent is None or found.drift_percent is None or found.detectable_ratio is None:
        yield "The noise is not known, so nothing can be concluded."
        return
    if found.in_turns:
        yield "Timed in turns: ratios are of quickest calls, or of neighbouring turns, whichever is surest in a pair."
        yield "The effect is a trimmed mean over pairs; times are medians of processes."
        what = f"Noise of a pair of processes {found.noise_percent:.1f} %"
    else:
        yield "Ratios are of geometric means of processes; times are their medians."
        what = f"Noise inside a run {found.noise_percent:.1f} %, drift between the runs {found.drift_percent:.1f} %"
    smallest = formatting.ratio(found.detectable_ratio)
    yield f"{what}: the smallest slowdown that a cell shows four times in five is {smallest}."
    if found.detectable_ratio > TOO_NOISY:
        yield "That is too noisy to tell anything: stop what else runs here, or take more processes (`--processes`)."
    if found.common is not None:
        together = formatting.ratio_range(found.common.ratio, low=found.common.low, high=found.common.high)
        yield f"All of them together: {together}, {found.common.verdict}."
        if found.common.verdict == "regressed" and not found.in_turns:
            yield "If the code did not change everywhere, the machine did: measure both sides again."


def _listing(title: str, lines: Iterable[str]) -> Table:
    return Table(title=title, columns=left("what"), rows=tuple((Entry(line),) for line in lines))


def _failed(found: Comparison) -> Table:
    return _listing("Failed in the candidate, not in the baseline", found.newly_failed)


def _missing(found: Comparison) -> Table:
    sides = (("baseline", found.only_in_baseline), ("candidate", found.only_in_candidate))
    rows = tuple((Entry(f"only in the {side}"), *_named(cell)) for side, cells in sides for cell in cells)
    columns = (*left("where", "workload", "contender", "scenario", "device"), Column(title="batch"))
    return Table(title="In one run only", columns=columns, rows=rows)


def _named(cell: Cell) -> tuple[Entry, ...]:
    values = (cell.workload, cell.contender, cell.scenario, cell.device, cell.batch_size)
    return tuple(Entry(str(value), value) for value in values)
