"""The command line: the only file that prints or exits. Whatever takes time to import is imported by its command."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.plan import Selection
    from bench.record import Case, Record
    from bench.report.progress import Display
    from bench.request import Options, Request
    from bench.runner import Event
    from bench.store import RunFolder

INTERRUPTED = 130
FAILED = 1
NOTHING = 6

app = typer.Typer(
    name="levelfield",
    help="A level playing field for deep-learning frameworks: the same networks, measured with one clock, and proven equal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
console = Console()
errors = Console(stderr=True)

Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Where runs are stored.")]
Reports = Annotated[Path, typer.Option("--reports", metavar="DIR", help="Where pages are written.")]
Device = Annotated[str, typer.Option(metavar="LIST", help="cpu, cuda, cuda:N; several with commas.")]
Workloads = Annotated[
    str | None, typer.Option("--workload", metavar="LIST", help="Names of the catalogue, or TOML files; with commas.")
]
Frameworks = Annotated[
    str | None, typer.Option("--framework", metavar="LIST", help="pytorch, keras, keras/jax, flax …; with commas.")
]


def main() -> None:
    """Run the command line and exit as DESIGN's table of exit codes says."""
    try:
        app(standalone_mode=False)
    except BenchError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except Exception as error:
        # Click's own complaints about options carry their message and their exit code.
        if not hasattr(error, "format_message"):
            raise
        _fail(error.format_message(), 2)


@app.command()
def run(
    unfinished: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="With --resume: the run to go on with.")
    ] = None,
    *,
    suite: Annotated[str | None, typer.Option(help="A named set of workloads; see `list suites`.")] = None,
    workload: Workloads = None,
    framework: Frameworks = None,
    device: Device = "cpu",
    scenario: Annotated[str | None, typer.Option(metavar="LIST", help="training, inference.")] = None,
    batch_size: Annotated[str | None, typer.Option(metavar="LIST", help="Batch sizes, with commas.")] = None,
    processes: Annotated[int | None, typer.Option(help="Processes that time each case.")] = None,
    seeds: Annotated[int, typer.Option(help="How often each network learns, from different first weights.")] = 1,
    threads: Annotated[int | None, typer.Option(help="Threads for every framework; all cores by default.")] = None,
    time_limit: Annotated[float, typer.Option(metavar="SECONDS", help="For each case.")] = 1800.0,
    machine: Annotated[str | None, typer.Option(metavar="NAME", help="The name of a class of equal machines.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and its time, and do nothing.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest unfinished run, or with RUN.")
    ] = False,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Measure a suite or some workloads, store the records and write the report."""
    from bench.request import Options, check

    if resume:
        _resume(unfinished, results=results, reports=reports)
    if unfinished is not None:
        _fail(f"found the argument {unfinished!r}, expected none: a run is only named with --resume", 2)
    options = Options(
        suite=suite,
        workload=workload,
        framework=framework,
        device=device,
        scenario=scenario,
        batch_size=batch_size,
        processes=processes,
        seeds=seeds,
        threads=threads,
        time_limit=time_limit,
        machine=machine,
    )
    request = check(options)
    if dry_run:
        _print_plan(request, results=results)
        raise SystemExit(0)
    _start(options, request, results=results, reports=reports)


@app.command()
def verify(
    *,
    workload: Workloads = None,
    framework: Frameworks = None,
    device: Device = "cpu",
    form: Annotated[str, typer.Option("--format", metavar="table|json", help="For people, or for machines.")] = "table",
) -> None:
    """Prove that every installed framework does the same work, and print the largest deviations."""
    from tempfile import TemporaryDirectory

    from bench import frameworks, request, runner
    from bench.report import certificates, terminal
    from bench.workload import load_workload, workload_names

    _one_of("--format", form, ("table", "json"))
    known = tuple(map(str, filter(frameworks.is_installed, frameworks.every_contender())))
    contenders, problems = frameworks.choose(request.split("framework", framework) if framework else known)
    if not contenders:
        _fail("; ".join(problems) or "no framework is installed", 2)
    workloads = request.load_workloads(workload) if workload else tuple(map(load_workload, workload_names()))
    (where,) = request.devices(device)[:1]
    with TemporaryDirectory(prefix="levelfield-") as folder:
        request.check_devices(contenders, (where,), logs=Path(folder))
        with errors.status("proving") as status:

            def listen(event: "Event") -> None:
                if event.kind == "proving":
                    status.update(" ".join(map(str, event.news.values())))

            found = runner.certify(workloads, contenders, device=where, logs=Path(folder), listen=listen)
    if form == "json":
        print(json.dumps(certificates.as_json(found), indent=1))
    else:
        _print_all([terminal.render_table(certificates.table(found))])
    raise SystemExit(0 if all(item.passed for item in found.values()) else FAILED)


@app.command()
def report(
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Ids, folders or records files.")] = None,
    *,
    form: Annotated[
        str, typer.Option("--format", metavar="terminal|markdown|csv", help="csv is for spreadsheets.")
    ] = "terminal",
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Render the report again from stored records, by default that of the newest run; no framework is needed."""
    from bench.export import csv
    from bench.report import markdown, tables, terminal

    _one_of("--format", form, ("terminal", "markdown", "csv"))
    found, command = _read(runs or ["latest"], results=results)
    if form == "csv":
        print(csv.render(found), end="")
        return
    page = tables.report(found, command=command)
    if form == "markdown":
        print(markdown.render(page), end="")
        return
    _print_all(terminal.render(page))
    _write_page(found, command=command, reports=reports)


@app.command()
def compare(
    baseline: Annotated[str, typer.Argument(help="A run: its id, folder or records file.")],
    candidate: Annotated[str, typer.Argument(help="The run to hold against it.")],
    *,
    threshold: Annotated[float, typer.Option(metavar="PERCENT", help="What counts as a change.")] = 5.0,
    results: Results = Path("results"),
) -> None:
    """Compare two runs: a ratio with its interval and a verdict for each case; exit 3 for a regression."""
    from bench.analysis.compare import compare as compare_records
    from bench.report import comparison, terminal

    if not 0 < threshold < 1000:  # noqa: PLR2004 (ten times as slow is a change in any case)
        _fail(f"--threshold: found {threshold:g}, expected percent above 0 and below 1000", 2)
    before, _ = _read([baseline], results=results)
    after, _ = _read([candidate], results=results)
    found = compare_records(before, after, threshold=threshold / 100)
    _print_all(terminal.render(comparison.report(found, title=f"{baseline} against {candidate}")))
    raise SystemExit(found.exit_code)


@app.command(name="list")
def list_(what: Annotated[str, typer.Argument(metavar="workloads|frameworks|datasets|devices|suites")]) -> None:
    """List what there is to choose from."""
    from bench import catalogue

    _one_of("list", what, (*catalogue.LISTS, "devices"))
    if what == "devices":
        doctor(only_frameworks=True)
        return
    from bench.report import terminal

    _print_all([terminal.render_table(catalogue.LISTS[what]())])


@app.command()
def doctor(
    *, only_frameworks: Annotated[bool, typer.Option("--frameworks", help="Only what is installed.")] = False
) -> None:
    """Say what is installed, what each framework sees, and what would disturb a measurement here."""
    from itertools import takewhile
    from tempfile import TemporaryDirectory

    from bench.doctor import examine

    with TemporaryDirectory(prefix="levelfield-") as folder:
        findings = examine(Path(folder))
        shown = takewhile(lambda item: item.subject != "machine", findings) if only_frameworks else findings
        for item in shown:
            remedy = f"  -> {item.remedy}" if item.remedy else ""
            console.print(Text(f"{'!' if item.remedy else ' '} {item.subject}: {item.found}{remedy}"), soft_wrap=True)


def _start(options: "Options", request: "Request", *, results: Path, reports: Path) -> None:
    """Begin a new run; `--device cuda` without a GPU ends here, before anything is stored."""
    from dataclasses import asdict
    from tempfile import TemporaryDirectory

    from bench.environment import machine_name
    from bench.plan import cases
    from bench.request import check_devices
    from bench.store import Plan, new_run

    machine = machine_name(options.machine)
    with TemporaryDirectory(prefix="levelfield-") as folder:
        check_devices(request.selection.contenders, request.selection.devices, logs=Path(folder))
    store = new_run(results, machine=machine)
    planned = cases(request.selection)
    sources = {item.name: item.source for item in request.selection.workloads}
    asked = {"options": asdict(options), "machine": machine, "workloads": sources}
    store.save_plan(Plan(cases=planned, options=asked))
    _measure(store, planned, request, options, machine=machine, reports=reports)


def _resume(name: str | None, *, results: Path, reports: Path) -> None:
    """Go on with a run: measure the cases of its plan that have no record yet."""
    from bench import store
    from bench.request import Options, check

    found = store.find_run(results, name) if name else store.unfinished(results, warn=_warn)
    if found is None:
        _fail(f"{results}: no unfinished run to go on with", NOTHING)
    plan = found.load_plan()
    options = Options(**plan.options["options"])
    left = found.missing(warn=_warn)
    _measure(found, left, check(options), options, machine=plan.options["machine"], reports=reports)


def _measure(
    store: "RunFolder",
    planned: Sequence["Case"],
    request: "Request",
    options: "Options",
    *,
    machine: str,
    reports: Path,
) -> None:
    """Run the cases, print and write the report, and exit."""
    from bench import runner
    from bench.report import progress

    for remark in request.remarks:
        _warn(remark)
    begun = time.monotonic()
    settings = runner.Settings(
        run=store.name,
        machine=machine,
        workloads={item.name: item for item in request.selection.workloads},
        block_seconds=request.suite.block_seconds,
        limit_s=options.time_limit,
        logs=store.folder / "artifacts" / "logs",
        append=store.append,
        listen=lambda event: _show(display, event),
    )
    display = progress.Display(console, estimates=_estimates(planned, request, results=store.folder.parents[1]))
    try:
        with display:
            new = runner.run(planned, settings)
    except KeyboardInterrupt:
        _fail(
            f"interrupted; what was measured is in {store.records}: go on with `levelfield run --resume`", INTERRUPTED
        )
    seconds = time.monotonic() - begun
    records = store.read(warn=_warn)
    if not records:
        _fail(f"{store.records}: nothing was measured", NOTHING)
    page = _write_page(records, command=options.command(), reports=reports, brief=True)
    share = sum(map(runner.measured_s, new)) / seconds
    console.print(f"\n{progress.clock(seconds)} in all, {share:.0%} of it measuring and learning")
    console.print(Text(f"records: {store.records}\nreport: {page}"), soft_wrap=True)
    raise SystemExit(_exit_code(records))


def _exit_code(records: Sequence["Record"]) -> int:
    failed = any(record.outcome not in {"ok", "unavailable"} for record in records)
    unproven = any(record.certificate is None or not record.certificate.passed for record in records)
    return FAILED if failed or unproven else 0


def _show(display: "Display", event: "Event") -> None:
    if event.kind == "proving":
        display.proving(*(str(part) for part in event.news.values()))
    elif event.certificate is not None:
        display.proven(event.news["workload"], event.certificate)
    elif event.record is not None:
        display.finished(event.record)
    elif event.case is not None and event.kind == "started":
        display.started(event.case)
    elif event.case is not None:
        display.moved(event.case, event.news)


def _print_plan(request: "Request", *, results: Path) -> None:
    from bench.plan import cases
    from bench.report import progress

    planned = cases(request.selection)
    estimates = _estimates(planned, request, results=results)
    for remark in request.remarks:
        _warn(remark)
    for case in planned:
        sizes = ", ".join(map(str, case.batch_sizes))
        console.print(Text(f"{progress.name(case)}, batch {sizes}: {progress.clock(estimates[case])}"), soft_wrap=True)
    total = progress.clock(sum(estimates.values()))
    console.print(f"{len(planned)} cases, about {total}, and the certificates that are not in the cache yet")


def _estimates(planned: Iterable["Case"], request: "Request", *, results: Path) -> dict["Case", float]:
    from bench import store
    from bench.plan import estimate_s, known_durations

    earlier = [record for run in store.runs(results)[:3] for record in run.read(warn=lambda _: None)]
    known = known_durations(earlier)
    workloads = {item.name: item for item in request.selection.workloads}
    seconds = request.suite.block_seconds
    return {case: estimate_s(case, workloads[case.workload], block_seconds=seconds, known=known) for case in planned}


def _read(names: Sequence[str], *, results: Path) -> tuple[list["Record"], str | None]:
    """The records of the named runs, and the command that repeats the last of them."""
    from bench import store
    from bench.request import Options

    records: list[Record] = []
    command = None
    for name in names:
        run = store.find_run(results, name)
        records += run.read(warn=_warn)
        command = Options(**run.load_plan().options["options"]).command() if run.plan.is_file() else None
    if not records:
        _fail(f"{', '.join(names)}: no record in it", NOTHING)
    return records, command


def _write_page(records: Sequence["Record"], *, command: str | None, reports: Path, brief: bool = False) -> Path:
    """Write `latest.md` with its charts; in brief, print the summary as well."""
    from bench.report import charts, markdown, tables, terminal

    report = tables.report(records, command=command)
    if brief:
        _print_all(terminal.render(report, brief=True))
    drawn = charts.draw(records, reports / "latest")
    page = reports / "latest.md"
    linked = {caption: path.relative_to(reports).as_posix() for caption, path in drawn.items()}
    page.write_text(markdown.render(report, charts=linked), encoding="utf-8")
    return page


def _one_of(option: str, found: str, known: Sequence[str]) -> None:
    if found not in known:
        _fail(f"{option}: found {found!r}, expected one of {', '.join(known)}", 2)


def _print_all(parts: Iterable[RenderableType]) -> None:
    for part in parts:
        console.print(part)


def _warn(message: str) -> None:
    errors.print(Text(f"warning: {message}", style="yellow"), soft_wrap=True)


def _fail(message: str, code: int) -> "Any":
    errors.print(Text(f"levelfield: {message}", style="red"), soft_wrap=True)
    raise SystemExit(code)
