"""`levelfield verify`, `list`, `show` and `doctor`: what looks at the frameworks and the machine without measuring."""

import json
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import (
    FAILED,
    NOTHING,
    THRESHOLD_PERCENT,
    USAGE,
    Device,
    Frameworks,
    Precision,
    Results,
    Threshold,
    Workloads,
    errors,
    fail,
    one_of,
    say,
    share_of,
    show,
    write,
)

if TYPE_CHECKING:
    from bench.jobs import Event
    from bench.report.layout import Table


def verify(
    *,
    workload: Workloads = None,
    framework: Frameworks = None,
    device: Device = "cpu",
    precision: Precision = "fp32",
    form: Annotated[str, typer.Option("--format", metavar="table|json", help="For people, or for machines.")] = "table",
) -> None:
    """Prove that all frameworks do the same work."""
    from bench import certification, frameworks, request
    from bench.report import certificates, terminal

    one_of("--format", form, ("table", "json"))
    known = tuple(map(str, filter(frameworks.is_installed, frameworks.every_contender())))
    contenders, problems = frameworks.choose(known if framework is None else request.split("framework", framework))
    if not contenders:
        fail("; ".join(problems) or "no framework is installed", USAGE)
    workloads = request.load_workloads(workload or "all")
    where, *others = request.devices(device)
    if others:
        fail(f"--device: found {device!r}, expected one device", USAGE)
    used, *more = request.precisions(precision)
    if more:
        fail(f"--precision: found {precision!r}, expected one precision", USAGE)
    with TemporaryDirectory(prefix="levelfield-") as folder:
        request.check_devices(contenders, (where,), logs=Path(folder))
        with errors.status("proving") as status:

            def listen(event: "Event") -> None:
                if event.kind == "proving":
                    status.update(" ".join(map(str, event.news.values())))

            found = certification.certify(
                workloads, contenders, device=where, precision=used, logs=Path(folder), listen=listen
            )
    if form == "json":
        write(json.dumps(certificates.as_json(found), indent=1) + "\n")
    else:
        show([terminal.render_table(certificates.table(found))])
    raise SystemExit(0 if certificates.hold(found) else FAILED)


def list_(
    what: Annotated[str, typer.Argument(metavar="workloads|frameworks|datasets|devices|suites|runs")],
    *,
    results: Annotated[Path, typer.Option("--results", metavar="DIR", help="Where runs are stored, for runs.")] = Path(
        "results"
    ),
) -> None:
    """List what there is to choose from, or what was measured."""
    from bench import catalogue

    one_of("list", what, (*catalogue.LISTS, "devices", "runs"))
    if what == "devices":
        doctor(only_frameworks=True)
        return
    from bench.report import terminal

    table = _runs(results) if what == "runs" else catalogue.LISTS[what]()
    show([terminal.render_table(table)])


def _runs(results: Path) -> "Table":
    from bench.cli.runs import table
    from bench.store import runs

    found = runs(results)
    if not found:
        fail(f"{results}: no runs yet; measure one with `levelfield run`", NOTHING)
    return table(results, found)


def show_(name: Annotated[str, typer.Argument(metavar="WORKLOAD", help="A name, or the path of a TOML file.")]) -> None:
    """Show a workload's network, layer by layer."""
    from bench import catalogue
    from bench.report import terminal
    from bench.workload import load_workload

    show([terminal.render_table(catalogue.network(load_workload(name)))])


def doctor(  # noqa: PLR0913 (the options of the command)
    *,
    only_frameworks: Annotated[bool, typer.Option("--frameworks", help="Only what is installed.")] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure this machine against itself, for `compare`.")
    ] = False,
    suite: Annotated[str, typer.Option(help="With --calibrate: what is timed.")] = "quick",
    processes: Annotated[int, typer.Option(help="With --calibrate: pairs for each case.")] = 5,
    add: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="With --calibrate: pairs of before (results/turns-*)."),
    ] = None,
    threshold: Threshold = THRESHOLD_PERCENT,
    results: Results = Path("results"),
) -> None:
    """Say what is installed and what would disturb here, or calibrate."""
    if add and not calibrate:
        fail("--add: found it without --calibrate, expected both: pairs are added to a calibration", USAGE)
    if calibrate:
        from bench.cli import calibrating

        calibrating.calibrate(
            suite=suite, processes=processes, added=add or [], threshold=share_of(threshold), results=results
        )
        return
    from bench.doctor import examine

    with TemporaryDirectory(prefix="levelfield-") as folder:
        findings = examine(Path(folder))
        shown = takewhile(lambda item: item.subject != "machine", findings) if only_frameworks else findings
        for item in shown:
            remedy = f"  -> {item.remedy}" if item.remedy else ""
            say(f"{'!' if item.remedy else ' '} {item.subject}: {item.found}{remedy}")
