"""Budgets as a table: the broken ones come first."""

from bench.analysis.budgets import Check, Checks
from bench.report import formatting
from bench.report.layout import Column, Entry, Report, Section, Table, left

ORDER = ("BROKEN", "not measured", "kept")


def report(found: Checks, *, title: str) -> Report:
    """Every limit, the measured value, and whether the limit was kept."""
    ordered = sorted(found.checks, key=lambda item: ORDER.index(item.verdict))
    columns = (*left("case", "key"), Column(title="limit"), Column(title="measured"), *left("verdict"))
    counts = ", ".join(
        f"{number} {verdict}" for verdict in ORDER if (number := sum(item.verdict == verdict for item in found.checks))
    )
    table = Table(title="Budgets", columns=columns, rows=tuple(map(_row, ordered)), notes=(f"{counts}.",))
    return Report(title=title, sections=(Section(title="Budgets", tables=(table,)),))


def _row(item: Check) -> tuple[Entry, ...]:
    value = formatting.UNKNOWN if item.found is None else formatting.significant(item.found)
    return (
        Entry(item.where),
        Entry(item.key),
        Entry(f"{item.allowed} {item.limit:g}", item.limit),
        Entry(value, item.found),
        Entry(item.verdict),
    )
