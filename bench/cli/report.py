"""`levelfield report`: stored runs as tables and charts, or in the format of another tool."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import USAGE, Reports, Results, fail, note, one_of, show, write
from bench.cli.page import write_page
from bench.cli.stored_runs import read
from bench.cli.verdicts import PAGES

if TYPE_CHECKING:
    from bench.records.record import Record

FOREIGN = ("csv", "json", "pytest-benchmark", "github-action-benchmark")


def report(
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Ids, folders or records files.")] = None,
    *,
    last: Annotated[bool, typer.Option("--last", help="The newest run, as without any.")] = False,
    form: Annotated[
        str, typer.Option("--format", metavar="NAME", help=f"One of {', '.join((*PAGES, *FOREIGN))}.")
    ] = "terminal",
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Render the report of stored runs, by default the newest."""
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
    finally:  # whoever has seen enough, as `head` has, still finds the page
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
