"""The report of tables that is made from records; pure, and without a framework."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType

from bench.errors import NothingMeasuredError
from bench.records.record import Record
from bench.report.answers import answers
from bench.report.environment import environment_table
from bench.report.first_calls import boundary_table, first_calls_table
from bench.report.layout import Report, Section, Table
from bench.report.learning import band_table, learning_tables
from bench.report.machine import use_table
from bench.report.memory import account_table, capacity_table, demand_table, memory_table
from bench.report.method import about, failure_table, method_table, settings_table
from bench.report.model_selection import selection_tables
from bench.report.modes import modes_table
from bench.report.performance import table as performance_table
from bench.report.quality import certificate_table, curve_table, quality_table
from bench.report.results import Arranged, Noise, Results, by_run, workloads
from bench.report.roofline import roofline_table, roofs_table, worst_table
from bench.report.scaling import scaling_table
from bench.report.summary import summary_table
from bench.report.tuning import searches_table
from bench.report.under_load import load_tables, runs_table

LARGE = (
    "This report is about {number} records, so it has no tables of single workloads. `levelfield report --full` prints "
    "them."
)


def report(
    records: Sequence[Record],
    *,
    command: str | None = None,
    noise: Noise = MappingProxyType({}),
    arranged: Arranged | None = None,
    detailed: bool = True,
) -> Report:
    """The report on all records, run by run, with the command that repeats the measurement.

    `noise` is what calibrations know: how far processes differ on each machine, in percent. `arranged` are the results
    of these records, if they are known already. Without `detailed`, there are no tables of single workloads.

    Raises NothingMeasuredError when there is no record.
    """
    if not records:
        raise NothingMeasuredError("no record to report; measure first with `levelfield run`")
    runs = by_run(records, noise=noise) if arranged is None else arranged
    sections = tuple(
        section if len(runs) == 1 else replace(section, title=f"{section.title} (run {run})")
        for run, results in runs.items()
        for section in _run_sections(results, detailed=detailed)
    )
    found = tuple(
        item if len(runs) == 1 else replace(item, title=f"{item.title} (run {run})")
        for run, results in runs.items()
        for item in answers(results)
    )
    first_lines = {run: about(results) for run, results in runs.items()}
    lines = tuple(line if len(runs) == 1 else f"{run}: {line}" for run, line in first_lines.items())
    return Report(
        title=f"Levelfield: {', '.join(runs)}",
        sections=sections,
        answers=found,
        about=lines if detailed else (*lines, LARGE.format(number=len(records))),
        command=command,
    )


def _run_sections(results: Results, *, detailed: bool) -> Iterable[Section]:
    summary = _with_rows(
        (
            summary_table(results),
            *load_tables(results),
            scaling_table(results),
            band_table(results),
            capacity_table(results),
            worst_table(results),
        )
    )
    if summary:  # empty for a run over a grid
        yield Section(title="Summary", tables=summary)
    choices = selection_tables(results)
    if choices:
        yield Section(title="Model selection", tables=tuple(choices))
    for workload in workloads(results) if detailed else ():
        tables = (
            quality_table(results, workload),
            performance_table(results, workload, scenario="training"),
            performance_table(results, workload, scenario="inference"),
            runs_table(results, workload),
            modes_table(results, workload),
            searches_table(results, workload),
            roofline_table(results, workload),
            first_calls_table(results, workload),
            boundary_table(results, workload),
            use_table(results, workload),
            memory_table(results, workload),
            demand_table(results, workload),
            account_table(results, workload),
            certificate_table(results, workload),
            curve_table(results, workload),
            *learning_tables(results, workload),
        )
        yield _folded(workload, tables)
    failures = _with_rows([failure_table(results)])
    if failures:
        yield Section(title="Failures", tables=failures)
    method = (method_table(results), settings_table(results), roofs_table(results), environment_table(results))
    yield _folded("Method", method)


def _folded(title: str, tables: Iterable[Table]) -> Section:
    """A section that a page folds behind the titles of its tables."""
    found = _with_rows(tables)
    names = (table.title for table in found)
    return Section(title=title, tables=found, folded=", ".join(names))


def _with_rows(tables: Iterable[Table]) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.rows)
