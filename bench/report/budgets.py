"""Budgets as a table: the broken ones come first."""

from collections.abc import Iterator, Sequence

from bench.analysis.budgets import Check, Checks
from bench.report import formatting
from bench.report.layout import Column, Entry, Report, Section, Table, left
from bench.report.reliability import SIGN
from bench.report.remarks import Remarks

ORDER = ("BROKEN", "not measured", "undecided", "kept")


def report(found: Checks, *, title: str) -> Report:
    """Every limit, the measured value, and whether the limit was kept; then what was skipped."""
    ordered = sorted(found.checks, key=lambda item: ORDER.index(item.verdict))
    remarks = Remarks(tuple(item.reason for item in ordered if item.found is None))
    columns = (*left("case", "key"), Column(title="limit"), Column(title="measured"), *left("verdict"))
    counts = ", ".join(
        f"{number} {verdict}" for verdict in ORDER if (number := sum(item.verdict == verdict for item in found.checks))
    )
    table = Table(
        title="Budgets",
        columns=columns,
        rows=tuple(_row(item, remarks) for item in ordered),
        notes=(f"{counts}.", *_doubts(ordered), *(f"{line}." for line in remarks.lines())),
        names=1,
    )
    others = (
        _listing("Not checked, since the framework cannot run it", found.skipped),
        _listing("Checked in another run only", found.absent),
    )
    tables = tuple(item for item in (table, *others) if item.rows)
    return Report(title=title, sections=(Section(title="Budgets", tables=tables),))


def _listing(title: str, lines: Sequence[str]) -> Table:
    return Table(title=title, columns=left("case"), rows=tuple((Entry(line),) for line in lines), names=1)


def _doubts(checks: Sequence[Check]) -> Iterator[str]:
    """A note about values that cannot be relied on."""
    for is_of_run, remedy in ((True, "Stop other work, and run again"), (False, "More rows decide")):
        found = dict.fromkeys(
            f"{item.where} ({item.doubt})" for item in checks if item.doubt and bool(item.run) == is_of_run
        )
        if found:
            yield f"{SIGN}: do not rely on this value. {remedy}: {'; '.join(found)}."


def _row(item: Check, remarks: Remarks) -> tuple[Entry, ...]:
    value = formatting.UNKNOWN if item.found is None else formatting.significant(item.found)
    if item.doubt:
        value = f"{value} {SIGN}"
    return (
        Entry(item.where),
        Entry(item.key),
        Entry(f"{item.allowed} {item.limit:g}", item.limit),
        Entry(value, item.found),
        Entry(f"{item.verdict}{remarks.mark(item.reason)}", item.verdict),
    )
