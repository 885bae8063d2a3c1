"""The page of a comparison: what changed first, and beside it in what the environments of the two sides differ."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.compare import Comparison, times
from bench.analysis.memory_and_quality import PEAKS, Change
from bench.analysis.verdicts import Row as Time
from bench.records.cell import Cell
from bench.records.record import Record
from bench.records.timing_metrics import METRICS, timed_blocks
from bench.report import comparison, formatting
from bench.report.change_words import evidence, has_interval, interval, metric_title, written
from bench.report.charts import catalogue, changes, files
from bench.report.figures import Row, short
from bench.report.layout import Column, Entry, Report, Table, left
from bench.report.page.commands import measured_again
from bench.report.page.sheet import Drawing, Line, Opening, Sheet
from bench.report.reliability import SIGN
from bench.report.results import by_run

FILTERS = ("workload", "framework", "metric")
COLUMNS = (
    *left("workload", "framework", "metric"),
    Column(title="batch"),
    Column(title="baseline"),
    Column(title="candidate"),
    Column(title="candidate / baseline"),
    *left("verdict"),
    Column(title="change / interval"),
)
NOTE = (
    "Change / interval: a change in half widths of its interval. Of memory and quality, a row says how it was judged."
)
# The tables: a title, the line behind which a table is folded, and the verdicts of its rows.
TABLES = (
    ("What changed", "", ("regressed", "improved")),
    ("Undecided", "{number} figures are undecided", ("inconclusive",)),
    ("Unchanged", "{number} figures are unchanged", ("unchanged",)),
)
IN_OTHER_FORM = (comparison.TIMES, comparison.CHANGES, comparison.SAME, comparison.APART)  # tables of the report
RATIOS = "Ratios of times"
MARKS = "Lines: intervals, corrected for the number of comparisons. Band: smaller changes do not count."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """What the rows of a page are made from: the comparison, the times of all processes, what varies, and doubts."""

    found: Comparison
    baseline: Mapping[tuple[Cell, str], tuple[float, ...]]
    candidate: Mapping[tuple[Cell, str], tuple[float, ...]]
    varying: tuple[str, ...]
    doubts: Mapping[Cell, str]


def sheet(found: Comparison, report: Report, *, baseline: Sequence[Record], candidate: Sequence[Record]) -> Sheet:
    """The page of a comparison; `report` is what the command prints of it."""
    sides = _sides(found, baseline, candidate)
    tables = {table.title: table for section in report.sections for table in section.tables}
    others = [_plain(table) for title, table in tables.items() if title not in IN_OTHER_FORM]
    if comparison.TIMES in tables:
        notes = tables[comparison.TIMES].notes
        others.append(Opening(title="How it was compared", columns=(), lines=(), notes=notes))
    openings = (_table(sides, title, folded, verdicts) for title, folded, verdicts in TABLES)
    return Sheet(
        title=report.title,
        about=report.about,
        answers=report.answers,
        filters=FILTERS,
        tables=(*(item for item in openings if item.lines or not item.folded), *others),
        beside=tables.get(comparison.APART),
        charts=(_chart(sides),),
        source=tuple(files.source(results) for side in (baseline, candidate) for results in by_run(side).values()),
    )


def _sides(found: Comparison, baseline: Sequence[Record], candidate: Sequence[Record]) -> _Sides:
    cells = {row.cell for row in found.rows}
    before, after = (timed_blocks(side) for side in (baseline, candidate))
    compared: list[Time | Change] = [*found.rows, *found.changes]
    return _Sides(
        found=found,
        baseline=times(before, [cell for cell in before if cell in cells]),
        candidate=times(after, [cell for cell in after if cell in cells]),
        varying=comparison.varying_fields(item.cell for item in compared),
        doubts=_doubts(found),
    )


def _doubts(found: Comparison) -> Mapping[Cell, str]:
    """Why the figures of a cell cannot be relied on, by cell; both sides may have a reason."""
    lines: dict[Cell, list[str]] = {}
    for cell, line in zip(found.unreliable_cells, found.unreliable, strict=True):
        lines.setdefault(cell, []).append(line)
    return {cell: "; ".join(reasons) for cell, reasons in lines.items()}


def _table(sides: _Sides, title: str, folded: str, verdicts: Sequence[str]) -> Opening:
    """A table with the figures of these verdicts: times with the surest changes first, then memory and quality."""
    rows = sorted((row for row in sides.found.rows if row.verdict in verdicts), key=evidence, reverse=True)
    others = [item for item in sides.found.changes if item.verdict in verdicts]
    lines = (*(_time(sides, row) for row in rows), *(_change(sides, item) for item in others))
    return Opening(title=title, columns=COLUMNS, lines=lines, notes=(NOTE,), folded=folded)


def _time(sides: _Sides, row: Time) -> Line:
    doubt = sides.doubts.get(row.cell, "")
    entries = (
        *_names(sides, row.cell, row.metric),
        Entry(formatting.duration(row.baseline_s), row.baseline_s),
        Entry(formatting.duration(row.candidate_s), row.candidate_s),
        Entry(f"{interval(row)} {SIGN}" if doubt else interval(row), row.ratio),
        Entry(row.verdict),
        Entry(f"{evidence(row):.1f}", evidence(row)) if has_interval(row) else Entry(formatting.UNKNOWN),
    )
    reason = Table(title="Why", columns=left("reason"), rows=((Entry(row.reason),),) if row.reason else ())
    inside = tuple(table for table in (reason, _processes(sides, row)) if table.rows)
    return Line(entries=entries, inside=inside, command=_command(row.cell), doubt=doubt)


def _processes(sides: _Sides, row: Time) -> Table:
    """The time of each process of both sides."""
    key = (row.cell, row.metric)
    found = {"baseline": sides.baseline.get(key, ()), "candidate": sides.candidate.get(key, ())}
    rows = tuple(
        (Entry(side), Entry(str(number), number), Entry(formatting.duration(value), value))
        for side, values in found.items()
        for number, value in enumerate(values, start=1)
    )
    columns = (*left("side"), Column(title="process"), Column(title=metric_title(row.metric)))
    return Table(title="Processes", columns=columns, rows=rows)


def _change(sides: _Sides, item: Change) -> Line:
    before, after = written(item)
    entries = (
        *_names(sides, item.cell, item.metric),
        Entry(before, item.baseline),
        Entry(after, item.candidate),
        _ratio(item),
        Entry(item.verdict),
        Entry(""),
    )
    why = Table(title="Why", columns=left("reason"), rows=((Entry(item.reason),),) if item.reason else ())
    return Line(entries=entries, inside=(why,) if why.rows else ())


def _ratio(item: Change) -> Entry:
    """How many times as large a peak of memory is; quality metrics are compared by their difference."""
    if item.metric in PEAKS and item.baseline:
        return Entry(formatting.ratio(item.candidate / item.baseline), item.candidate / item.baseline)
    return Entry(formatting.UNKNOWN)


def _names(sides: _Sides, cell: Cell, metric: str) -> tuple[Entry, ...]:
    framework = comparison.framework(cell, sides.varying)
    scenario = "" if metric in METRICS else f", {cell.scenario}"
    names = (cell.workload, framework, f"{metric_title(metric)}{scenario}")
    return (*map(Entry, names), Entry(str(cell.batch_size), cell.batch_size))


def _command(cell: Cell) -> str:
    """The command that measures a cell again."""
    more = ("--scenario", cell.scenario, "--purpose", "timing", "--batch-size", str(cell.batch_size))
    return measured_again(cell, workload=cell.workload, feeds=[cell.feed], more=more)


def _plain(table: Table) -> Opening:
    lines = tuple(Line(entries=row) for row in table.rows)
    return Opening(title=table.title, columns=table.columns, lines=lines, notes=table.notes, is_filtered=False)


def _chart(sides: _Sides) -> Drawing:
    return Drawing(
        name="changes",
        caption=RATIOS,
        marks=MARKS,
        spec=catalogue.declared(changes.ratios),
        rows=tuple(_rows(sides)),
    )


def _rows(sides: _Sides) -> Iterator[Row]:
    """A row for each ratio with an interval; each has the ratios between which a change does not count."""
    known = [row for row in sides.found.rows if math.isfinite(row.low)]
    places = {name: place for place, name in enumerate(dict.fromkeys(row.cell.workload for row in known))}
    limit = 1 + sides.found.threshold
    for place, row in enumerate(known):
        name, *others = (entry.text for entry in _names(sides, row.cell, row.metric))
        panel = {"panel": name, "panel_place": places[name], "place": place, "workload": name}
        shown = {"framework": others[0], "metric": others[1], "name": ", ".join(others), "verdict": row.verdict}
        numbers = {"ratio": row.ratio, "low": row.low, "high": row.high, "least": 1 / limit, "same": 1.0, "most": limit}
        yield panel | shown | {key: short(value) for key, value in numbers.items()}
