"""The page of drift: answers, all columns with their histograms, and each period or group."""

from bench.analysis.drift.columns import ColumnDrift
from bench.analysis.drift.verdicts import Drift, Part
from bench.report import drift, formatting
from bench.report.charts import catalogue
from bench.report.charts import drift as chart
from bench.report.layout import Column, Entry, Table, left
from bench.report.page.sheet import Drawing, Line, Opening, Sheet

FILTERS = ("column", "verdict")
CAPTION = "Distributions"
MARKS = "Wide and grey: the reference. Narrow and red: the later data."


def sheet(found: Drift) -> Sheet:
    """The page."""
    whole = found.parts[0]
    report = drift.report(found)
    ordered = sorted(whole.columns, key=lambda item: (drift.ORDER.index(item.verdict), -(item.effect or 0.0)))
    drawing = Drawing(
        name="distributions",
        caption=CAPTION,
        marks=MARKS,
        spec=catalogue.declared(chart.histograms),
        rows=chart.rows(ordered),
    )
    parts = drift.parts_table(found)
    tables = (
        *((_plain(parts, found),) if parts.rows else ()),
        _columns(whole, ordered, title=report.sections[0].tables[0].title),
    )
    return Sheet(
        title=report.title,
        about=report.about,
        answers=report.answers,
        filters=FILTERS,
        tables=tables,
        charts=(drawing,),
        source=(f"{found.current} against {found.reference}",),
    )


def _columns(part: Part, ordered: list[ColumnDrift], *, title: str) -> Opening:
    table = drift.columns_table(part, title=title)
    lines = tuple(
        Line(entries=entries, inside=_inside(item)) for entries, item in zip(table.rows, ordered, strict=True)
    )
    return Opening(title=table.title, columns=table.columns, lines=lines, notes=table.notes)


def _inside(found: ColumnDrift) -> tuple[Table, ...]:
    """The shares of the bins of a column."""
    if found.bars is None:
        return ()
    columns = (*left("bin"), Column(title="reference"), Column(title="later data"))
    rows = tuple(
        (Entry(label), *(Entry(formatting.share(share), share) for share in shares))
        for label, *shares in zip(found.bars.labels, found.bars.reference, found.bars.current, strict=True)
    )
    return (Table(title="Shares of the rows", columns=columns, rows=rows),)


def _plain(table: Table, found: Drift) -> Opening:
    """The table of the parts; a row opens to the columns that drifted there."""
    lines = tuple(
        Line(entries=entries, inside=_of_part(part)) for entries, part in zip(table.rows, found.parts, strict=True)
    )
    return Opening(title=table.title, columns=table.columns, lines=lines, notes=table.notes, is_filtered=False)


def _of_part(part: Part) -> tuple[Table, ...]:
    return (drift.columns_table(part, title="Columns"),) if part.drifted else ()
