"""`levelfield report`: stored runs as tables and charts, or in the format of another tool."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bench.cli.console import USAGE, Reports, Results, Runs, fail, note, one_of, show, write
from bench.cli.options import as_option
from bench.cli.page import write_page
from bench.cli.stored_runs import read
from bench.cli.verdicts import PAGES
from bench.plan.options import Help

if TYPE_CHECKING:
    from bench.records.record import Record

FOREIGN = ("csv", "json", "pytest-benchmark", "github-action-benchmark")


def report(
    runs: Runs = None,
    *,
    last: Annotated[bool, as_option("last", Help("The newest run (the default)."))] = False,
    form: Annotated[str, as_option("format", Help(f"One of {', '.join((*PAGES, *FOREIGN))}.", "NAME"))] = "terminal",
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Print the report of stored runs, and write it as a page."""
    from bench.report import markdown, tables, terminal

    one_of("--format", form, (*PAGES, *FOREIGN))
    if last and runs:
        fail(f"--last: found {', '.join(runs)} beside it, expected no other run", USAGE)
    found, command = read(runs or ["latest"], results=results)
    if form in FOREIGN:
        write(_exported(found, form))
        return
    page = tables.report(found, command=command)
    if form == "markdown":
        write(markdown.render(page))
        return
    try:
        show(terminal.render(page))
    finally:  # the page is written even if the reader of the output, such as `head`, has stopped
        written = write_page(found, command=command, reports=reports)
    note(f"report: {written}")


def _exported(records: Sequence["Record"], form: str) -> str:
    """A run in the form of another program."""
    from bench.export import csv, github_action_benchmark, json, pytest_benchmark

    if form == "pytest-benchmark" and len({record.run for record in records}) > 1:
        fail("--format pytest-benchmark: found several runs, expected one: such a file has one machine", USAGE)
    render = {
        "csv": csv.render,
        "json": json.report,
        "pytest-benchmark": pytest_benchmark.render,
        "github-action-benchmark": github_action_benchmark.render,
    }
    return render[form](records)
