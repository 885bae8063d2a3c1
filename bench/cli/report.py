"""`levelfield report`: stored runs as tables and charts, or in the format of another tool."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bench.cli.console import FAILED, USAGE, Reports, Results, Runs, fail, note, one_of, warn, write
from bench.cli.options import as_option
from bench.cli.page import make_page, show_page, without_folders
from bench.cli.page_files import write_pages
from bench.cli.report_log import Every, LogFiles, report_logs
from bench.cli.stored_runs import at, known_noise, read
from bench.cli.tracking import Mlflow, check, track
from bench.cli.verdicts import PAGES
from bench.plan.options import Help

if TYPE_CHECKING:
    from bench.records.record import Record

OF_RUNS = ("--last", "--full", "--view", "--output", "--mlflow")
FOREIGN = ("csv", "json", "prometheus", "pytest-benchmark", "github-action-benchmark")


def report(  # noqa: PLR0913 (the options of the command)
    runs: Runs = None,
    *,
    last: Annotated[bool, as_option("last", Help("The newest run (the default)."))] = False,
    full: Annotated[bool, as_option("full", Help("Print every table, not only what fits on a screen."))] = False,
    form: Annotated[str, as_option("format", Help(f"One of {', '.join((*PAGES, *FOREIGN))}.", "NAME"))] = "terminal",
    output: Annotated[
        Path | None,
        as_option("output", Help("Write a format for other programs into this file.", "FILE", shown="print it")),
    ] = None,
    view: Annotated[
        str, as_option("view", Help("How the HTML page opens: what its address has after the #.", "NAME=VALUE&..."))
    ] = "",
    log: LogFiles = None,
    every: Every = None,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
    mlflow: Mlflow = None,
) -> None:
    """Print the report of stored runs, and write it as two pages: Markdown, and interactive HTML.

    The exit code is 1 if something is missing in the report: lines of a records file, planned cases, a chart.
    """
    from bench.records.named_runs import find
    from bench.report import markdown
    from bench.report.page.view import checked

    if log or every is not None:
        report_logs(log, every=every, form=form, beside=_of_runs(runs, last, full, view, output, mlflow))
    one_of("--format", form, (*PAGES, *FOREIGN))
    if last and runs:
        fail(f"--last: found {', '.join(runs)} beside it, expected no other run", USAGE)
    _check_format(form, full=full, view=bool(view), mlflow=mlflow is not None, output=output is not None)
    check(mlflow)
    incomplete: list[str] = []
    found, command = read(
        runs or ["latest"], results=results, incomplete=incomplete.append, unfinished=incomplete.append
    )
    for line in incomplete:
        warn(line)
    code = FAILED if incomplete else 0
    if form in FOREIGN:
        _give(_exported(found, form), output)
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
    if mlflow is not None:
        note(track(found, mlflow, runs=find(runs or ["latest"], results=results), reports=reports))
    raise SystemExit(code if written.is_whole else FAILED)


def _of_runs(runs: Sequence[str] | None, *given: object) -> list[str]:
    """The arguments that ask for stored runs; `given` are the values of OF_RUNS."""
    return [*(runs or ()), *(name for name, value in zip(OF_RUNS, given, strict=True) if value)]


def _check_format(form: str, *, full: bool, view: bool, mlflow: bool, output: bool) -> None:
    """Refuse options that were given beside a format that does not have them."""
    for option, is_given, why in (
        ("full", full, "other formats have every table"),
        ("view", view, "only the HTML page has views"),
        ("mlflow", mlflow, "the HTML page is logged too"),
    ):
        if is_given and form != "terminal":
            fail(f"--{option}: found --format {form} beside it, expected one of them: {why}", USAGE)
    if output and form not in FOREIGN:
        fail(f"--output: found --format {form} beside it, expected --format {' or '.join(FOREIGN)}", USAGE)


def _exported(records: Sequence["Record"], form: str) -> str:
    """A run in the form of another program."""
    from bench.export import csv, github_action_benchmark, json, prometheus, pytest_benchmark

    if form == "pytest-benchmark" and len({record.run for record in records}) > 1:
        fail("--format pytest-benchmark: found several runs, expected one: such a file has one machine", USAGE)
    render = {
        "csv": csv.render,
        "json": json.report,
        "prometheus": prometheus.render,
        "pytest-benchmark": pytest_benchmark.render,
        "github-action-benchmark": github_action_benchmark.render,
    }
    return render[form](records)


def _give(text: str, output: Path | None) -> None:
    """Print the text, or write it into a file: other programs read the old file or the new one, never half of one."""
    if output is None:
        write(text)
        return
    draft = output.with_name(f".{output.name}-{os.getpid()}")
    try:
        if output.exists() and not output.is_file():
            fail(f"--output: {output}: found something that is no file, expected the path of a file", USAGE)
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(output)
    except OSError as error:
        fail(f"--output: {output}: cannot be written ({error.strerror}), expected the path of a file", USAGE)
    finally:
        with suppress(OSError):
            draft.unlink()
