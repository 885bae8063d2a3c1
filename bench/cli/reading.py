"""`levelfield report`, `compare` and `check`: what reads stored records and needs no framework."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import (
    NOTHING,
    THRESHOLD_PERCENT,
    USAGE,
    Reports,
    Results,
    Threshold,
    fail,
    note,
    one_of,
    share_of,
    show,
    warn,
    write,
)

if TYPE_CHECKING:
    from bench.analysis.budgets import Checks
    from bench.analysis.compare import Comparison
    from bench.analysis.verdicts import Spreads
    from bench.record import Record
    from bench.report.layout import Report

PAGES = ("terminal", "markdown")
FOREIGN = ("csv", "json", "pytest-benchmark", "github-action-benchmark")
VERDICTS = (*PAGES, "json", "junit", "github")

Verdicts = Annotated[str, typer.Option("--format", metavar="|".join(VERDICTS), help="How verdicts are printed.")]


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


def compare(  # noqa: PLR0913 (the options of the command)
    baseline: Annotated[
        str, typer.Argument(help="A run: its id, folder or records file; `baseline` for that of the machine.")
    ],
    candidate: Annotated[
        str | None, typer.Argument(help="The run to hold against it; several with commas are one.")
    ] = None,
    *,
    self_check: Annotated[
        bool, typer.Option("--self-check", help="Hold half of a run's processes against the other half.")
    ] = False,
    threshold: Threshold = THRESHOLD_PERCENT,
    form: Verdicts = "terminal",
    results: Results = Path("results"),
) -> None:
    """Compare two runs; exit 3 for a regression."""
    from bench.analysis.compare import compare as compare_records
    from bench.report import comparison

    one_of("--format", form, VERDICTS)
    share = share_of(threshold)
    before, after = _sides(baseline, candidate, results=results, self_check=self_check)
    spreads = known_spreads(results, after[0].environment.machine)
    found = compare_records(before, after, threshold=share, calibration=spreads)
    if not found.rows and not found.changes and not found.not_comparable:
        fail(f"{baseline}, {candidate}: found nothing that was measured in both", NOTHING)
    title = f"{_runs(before)} against itself" if self_check else f"{_runs(after)} over {_runs(before)}"
    _show_verdicts(found, comparison.report(found, title=title), form)
    _tell_of_planted(before, after, found)
    raise SystemExit(found.exit_code)


def _sides(
    baseline: str, candidate: str | None, *, results: Path, self_check: bool
) -> "tuple[list[Record], list[Record]]":
    """The records of both sides: two runs, or the two halves of one."""
    from bench.analysis import sides

    if self_check == (candidate is not None):
        found = f"{baseline!r}{f' and {candidate!r}' if candidate else ''}{' with --self-check' if self_check else ''}"
        fail(f"compare: found {found}, expected `compare BASELINE CANDIDATE` or `compare RUN --self-check`", USAGE)
    if candidate is None:
        records, _ = read(baseline.split(","), results=results)
        return sides.halves(records)
    after, _ = read(candidate.split(","), results=results)
    before, _ = read(baseline.split(","), results=results, machine=after[0].environment.machine)
    if _runs(before) == _runs(after):
        warn(f"{baseline} and {candidate} are the same run: nothing can differ")
    return before, after


def _tell_of_planted(before: Sequence["Record"], after: Sequence["Record"], comparison: "Comparison") -> None:
    """Say what became of a slowdown that was planted on one side (`run --inject`), if one was."""
    from bench.analysis import sides

    found = sides.planted(before, after, comparison)
    if found is None:
        return
    first = found.cells[0]
    note(
        f"planted in {first.workload} {first.contender} {first.scenario}: {found.how}; "
        f"found in {found.found} of {found.planted} figures, {found.alarms} false alarms in the other {found.others}"
    )


def known_spreads(results: Path, machine: str) -> "Spreads":
    """What is known of the machine's noise from a calibration."""
    from bench import store
    from bench.analysis import calibration

    content = store.load_calibration(results, machine)
    return {} if content is None else calibration.from_json(content).spreads()


def check(
    budgets: Annotated[Path, typer.Argument(metavar="BUDGETS", help="A TOML file of limits; the README has one.")],
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Ids, folders or records files.")] = None,
    *,
    form: Verdicts = "terminal",
    results: Results = Path("results"),
) -> None:
    """Hold stored runs, by default the newest, against budgets; exit 3 for a broken one."""
    from bench import request
    from bench.analysis.budgets import check as check_records
    from bench.report import budgets as pages

    one_of("--format", form, VERDICTS)
    limits = request.budgets(budgets)
    records, _ = read(runs or ["latest"], results=results)
    found = check_records(limits, records)
    _show_verdicts(found, pages.report(found, title=f"{_runs(records)} against {budgets}"), form)
    raise SystemExit(found.exit_code)


def _show_verdicts(found: "Comparison | Checks", page: "Report", form: str) -> None:
    """What was found, for people or for a program."""
    from bench.report import markdown, terminal

    if form == "json":
        from bench.export import json

        write(json.render(found))
    elif form == "junit":
        from bench.export import junit

        write(junit.render(found))
    elif form == "github":
        from bench.export import github

        write(github.annotations(found))
        _summarise(markdown.render(page))
    elif form == "markdown":
        write(markdown.render(page))
    else:
        show(terminal.render(page))


def _summarise(page: str) -> None:
    """Add the page to the summary of a job on GitHub, or print it where there is none."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary is None:
        write(page)
        return
    with Path(summary).open("a", encoding="utf-8") as file:
        file.write(f"{page}\n")


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


def read(names: Sequence[str], *, results: Path, machine: str | None = None) -> tuple[list["Record"], str | None]:
    """The records of the named runs, and the command that repeats the last of them.

    With a `machine`, `baseline` is the name of the run that others on it are held against.
    """
    from bench import store
    from bench.request import Options

    records: list[Record] = []
    command = None
    for name in dict.fromkeys(names):
        if machine is not None and name == "baseline":
            run = store.baseline_of(results, machine)
        else:
            run = store.find_run(results, name)
        records += run.read(warn=warn)
        command = Options(**run.load_plan().options["options"]).command() if run.plan.is_file() else None
    if not records:
        fail(f"{', '.join(names)}: no record in it", NOTHING)
    return records, command


def _runs(records: Sequence["Record"]) -> str:
    return ", ".join(dict.fromkeys(record.run for record in records))


def write_page(records: Sequence["Record"], *, command: str | None, reports: Path, brief: bool = False) -> Path:
    """Write `latest.md` with its charts; in brief, print the summary as well."""
    from bench.report import charts, markdown, tables, terminal

    report = tables.report(records, command=command)
    if brief:
        show(terminal.render(report, brief=True))
    page = reports / "latest.md"
    try:
        drawn = charts.draw(records, reports / "latest")
        linked = {caption: path.relative_to(reports).as_posix() for caption, path in drawn.items()}
        page.write_text(markdown.render(report, charts=linked), encoding="utf-8")
    except OSError as error:
        fail(
            f"{page}: cannot be written ({error.strerror}); the records are stored: `levelfield report` renders them", 1
        )
    return page
