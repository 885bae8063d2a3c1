"""`levelfield report` and `levelfield compare`: what reads stored records and needs no framework."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import NOTHING, USAGE, Reports, Results, fail, one_of, show, warn, write

if TYPE_CHECKING:
    from bench.record import Record

LARGEST_THRESHOLD = 1000  # percent: ten times as slow is a change by any rule


def report(
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Ids, folders or records files.")] = None,
    *,
    form: Annotated[
        str, typer.Option("--format", metavar="terminal|markdown|csv", help="csv is for spreadsheets.")
    ] = "terminal",
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Render the report of stored runs, by default the newest."""
    from bench.export import csv
    from bench.report import markdown, tables, terminal

    one_of("--format", form, ("terminal", "markdown", "csv"))
    found, command = read(runs or ["latest"], results=results)
    if form == "csv":
        write(csv.render(found))
        return
    page = tables.report(found, command=command)
    if form == "markdown":
        write(markdown.render(page))
        return
    show(terminal.render(page))
    write_page(found, command=command, reports=reports)


def compare(
    baseline: Annotated[str, typer.Argument(help="A run: its id, folder or records file.")],
    candidate: Annotated[str, typer.Argument(help="The run to hold against it.")],
    *,
    threshold: Annotated[float, typer.Option(metavar="PERCENT", help="What counts as a change.")] = 5.0,
    results: Results = Path("results"),
) -> None:
    """Compare two runs; exit 3 for a regression."""
    from bench.analysis.compare import compare as compare_records
    from bench.report import comparison, terminal

    if not 0 < threshold < LARGEST_THRESHOLD:
        fail(f"--threshold: found {threshold:g}, expected percent above 0 and below {LARGEST_THRESHOLD}", USAGE)
    before, _ = read([baseline], results=results)
    after, _ = read([candidate], results=results)
    found = compare_records(before, after, threshold=threshold / 100)
    if not found.rows and not found.not_comparable:
        fail(
            f"{baseline}, {candidate}: found no timing of the same case in both, and times are what is compared",
            NOTHING,
        )
    title = f"{candidate} ({_runs(after)}) over {baseline} ({_runs(before)})"
    show(terminal.render(comparison.report(found, title=title)))
    raise SystemExit(found.exit_code)


def read(names: Sequence[str], *, results: Path) -> tuple[list["Record"], str | None]:
    """The records of the named runs, and the command that repeats the last of them."""
    from bench import store
    from bench.request import Options

    records: list[Record] = []
    command = None
    for name in names:
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
