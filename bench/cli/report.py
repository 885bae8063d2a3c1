"""`levelfield report`: stored runs as tables and charts, or in the format of another tool."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bench.cli.console import FAILED, USAGE, Reports, Results, Runs, fail, note, one_of, warn, write
from bench.cli.options import as_option
from bench.cli.page import make_page, show_page, without_folders
from bench.cli.page_files import write_pages
from bench.cli.report_log import Every, LogFiles, report_logs
from bench.cli.stored_runs import at, known_noise, read
from bench.cli.verdicts import PAGES
from bench.plan.options import Help

if TYPE_CHECKING:
    from bench.records.record import Record

FOREIGN = ("csv", "json", "pytest-benchmark", "github-action-benchmark")


def report(  # noqa: PLR0913 (the options of the command)
    runs: Runs = None,
    *,
    last: Annotated[bool, as_option("last", Help("The newest run (the default)."))] = False,
    full: Annotated[bool, as_option("full", Help("Print every table, not only what fits on a screen."))] = False,
    form: Annotated[str, as_option("format", Help(f"One of {', '.join((*PAGES, *FOREIGN))}.", "NAME"))] = "terminal",
    view: Annotated[
        str, as_option("view", Help("How the HTML page opens: what its address has after the #.", "NAME=VALUE&..."))
    ] = "",
    log: LogFiles = None,
    every: Every = None,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Print the report of stored runs, and write it as two pages: Markdown, and interactive HTML.

    The exit code is 1 if something is missing in the report: lines of a records file, planned cases, a chart.
    """
    from bench.report import markdown
    from bench.report.page.view import checked

    if log or every is not None:
        report_logs(log, every=every, form=form, beside=_of_runs(runs, last=last, full=full, view=view))
    one_of("--format", form, (*PAGES, *FOREIGN))
    if last and runs:
        fail(f"--last: found {', '.join(runs)} beside it, expected no other run", USAGE)
    if full and form != "terminal":
        fail(f"--full: found --format {form} beside it, expected one of them: other formats have every table", USAGE)
    if view and form != "terminal":
        fail(f"--view: found --format {form} beside it, expected one of them: only the HTML page has views", USAGE)
    incomplete: list[str] = []
    found, command = read(
        runs or ["latest"], results=results, incomplete=incomplete.append, unfinished=incomplete.append
    )
    for line in incomplete:
        warn(line)
    code = FAILED if incomplete else 0
    if form in FOREIGN:
        write(_exported(found, form))
        raise SystemExit(code)
    noise = known_noise(found, results=results)
    page = make_page(found, command=command, noise=noise, remarks=map(without_folders, incomplete), full=full)
    if form == "markdown":
        write(markdown.render(page.report))
        raise SystemExit(code)
    view = checked(view, page.arranged)
    try:
        show_page(page.report, full=full, again=(*(runs or ()), *at(results=results)), paged=True)
    finally:  # the page is written even if the reader of the output, such as `head`, has stopped
        written = write_pages(page, reports=reports, view=view)
    note(f"report: {written}")
    raise SystemExit(code if written.is_whole else FAILED)


def _of_runs(runs: Sequence[str] | None, *, last: bool, full: bool, view: str) -> list[str]:
    """The arguments that ask for stored runs."""
    named = {"--last": last, "--full": full, "--view": view}
    return [*(runs or ()), *(name for name, given in named.items() if given)]


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
