"""`levelfield run`: plan, measure, store, report."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import completion, network_versions, run_elsewhere, tracking, two_sides
from bench.cli.console import (
    FAILED,
    INTERRUPTED,
    NOTHING,
    THRESHOLD_PERCENT,
    USAGE,
    Reports,
    Results,
    Threshold,
    console,
    fail,
    first_of,
    named_once,
    say,
    warn,
    warn_of_load,
)
from bench.cli.devices import check_devices
from bench.cli.events import show_event
from bench.cli.options import as_option, with_options
from bench.cli.run_end import exit_code, reported
from bench.cli.run_plan import estimates, say_what_is_left_out, tell_plan
from bench.cli.stored_runs import check_writable, named, options_of, resuming, warn_of_another_environment
from bench.cli.verdicts import VerdictFormat
from bench.cli.workload_places import located, sources
from bench.plan.options import COMPARE, HOW, Help, Options

AROUND = "proofs, memory, peak rates and start-up"
AROUND_IN_TURNS = f"the other side's time slices, {AROUND}"
AROUND_TUNED = f"searches for options, {AROUND}"

if TYPE_CHECKING:
    from bench.plan.request import Request
    from bench.records.record import Case, Record
    from bench.records.store import RunFolder
    from bench.report.progress import Display


NamesOrRun = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WORKLOAD",
        help="The same as --workload. With --resume: the run to continue.",
        show_default="those of the suite",
        autocompletion=completion.workloads_or_runs,
    ),
]

Against = Annotated[
    Path | None,
    as_option(
        "against",
        Help("Measure this checkout and that one in alternating slices, and compare them.", "CHECKOUT", COMPARE),
    ),
]


@with_options
def run(  # noqa: PLR0913 (the options of the command)
    names: NamesOrRun = None,
    *,
    options: Options,
    dry_run: Annotated[
        bool, as_option("dry_run", Help("Print the plan and its duration, measure nothing.", group=HOW))
    ] = False,
    resume: Annotated[
        bool, as_option("resume", Help("Continue an interrupted run: the one named, or the newest.", group=HOW))
    ] = False,
    against: Against = None,
    self_check: Annotated[
        bool, as_option("self_check", Help("Compare this checkout with itself: nothing should differ.", group=COMPARE))
    ] = False,
    threshold: Threshold = THRESHOLD_PERCENT,
    form: VerdictFormat = "terminal",
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
    mlflow: tracking.Mlflow = None,
) -> None:
    """Measure workloads in every framework and write the report.

    Options marked LIST take several values, separated by commas.
    """
    from bench.plan.cases import cases
    from bench.plan.request import check
    from bench.records.environment import machine_name

    compares = against is not None or self_check
    tracking.check(mlflow, tensorboard=options.tensorboard, compares=compares)
    if resume:
        if options != Options() or compares or (form, threshold) != ("terminal", THRESHOLD_PERCENT):
            fail("--resume: found other options, expected none: a run continues with those that it began with", USAGE)
        if names and len(names) > 1:
            fail(f"--resume: found {' '.join(names)}, expected one run", USAGE)
        _resume(names[0] if names else None, results=results, reports=reports, mlflow=mlflow, dry_run=dry_run)
    options = run_elsewhere.checked(replace(options, workload=named_once(names, options.workload)), compares=compares)
    if not compares and (form, threshold) != ("terminal", THRESHOLD_PERCENT):
        fail(
            "--format, --threshold: found one of them, expected --against or --self-check too: only these compare",
            USAGE,
        )
    if compares:
        from bench.cli import compare_commits as other

        if against is not None and self_check:
            fail(f"--against: found {against} beside --self-check, expected one of them", USAGE)
        options = other.timed(options)
        if dry_run:
            other.check_comparison(against or other.HERE, options, threshold=threshold, form=form, results=results)
        else:
            other.run(against or other.HERE, options, threshold=threshold, form=form, results=results, reports=reports)
    request = check(options)
    if dry_run:
        machine_name(options.machine)
        tell_plan(cases(request.selection), request, results=results, folders=(results, reports))
    _, code = start(options, request, results=results, reports=reports, mlflow=mlflow)
    raise SystemExit(code)


def start(
    options: Options, request: "Request", *, results: Path, reports: Path, mlflow: str | None = None
) -> "tuple[RunFolder, int]":
    """Make a new run and measure it: the run, and its exit code. With an address it is logged to MLflow at the end.

    `--device cuda` without a GPU ends here, before anything is stored.
    """
    from dataclasses import asdict

    from bench.plan.cases import cases
    from bench.records.environment import machine_name
    from bench.records.store import Plan, new_run

    if options.executor != "local":
        run_elsewhere.start(options, request, results=results, reports=reports, mlflow=mlflow)
    machine = machine_name(options.machine)
    check_devices(request.selection.contenders, request.selection.places)
    check_writable(results, reports)
    expected = estimates(cases(request.selection), request, results=results)
    store = new_run(results, machine=machine)
    digests = {item.name: item.digest for item in request.selection.workloads}
    places = sources(store, options)
    asked = {"options": asdict(options), "machine": machine, "workloads": digests, "sources": places}
    with store.measuring():
        store.save_plan(Plan(cases=tuple(expected), options=asked, estimates_s=tuple(expected.values())))
        return store, _measure(store, expected, request, options, machine=machine, reports=reports, mlflow=mlflow)


def _resume(name: str | None, *, results: Path, reports: Path, mlflow: str | None, dry_run: bool) -> None:
    """Continue a run: measure the cases of its plan that have no record yet, if their workloads have not changed."""
    from bench.plan.request import check
    from bench.records import store
    from bench.records.environment import machine_name
    from bench.workload.source_code import digest_today

    found = store.find_run(results, name) if name else store.unfinished(results, warn=warn)
    if found is None:
        fail(f"{named(results)}: found no unfinished run to continue", NOTHING)
    _check_is_free(found)
    plan = found.load_plan()
    options = options_of(found, plan)
    if options.executor != "local" and not dry_run:
        run_elsewhere.resume(found, options, reports=reports, mlflow=mlflow)
    asked = located(found, plan, options)
    machine = machine_name(options.machine) if options.executor == "local" else plan.options["machine"]
    request = replace(check(asked), left_out=())  # its pairs are settled
    if machine != plan.options["machine"]:
        fail(
            f"{found.name} was started on {plan.options['machine']}, but this is {machine}; start a new run here",
            USAGE,
        )
    # A workload that the plan does not name has come to the suite since, and none of its cases is in the plan.
    then = {name: digest_today(digest) for name, digest in plan.options["workloads"].items()}
    workloads = request.selection.workloads
    changed = [item.source for item in workloads if then.get(item.name, item.digest) != item.digest]
    changed += network_versions.changed(found, workloads)
    if changed:
        fail(
            f"{', '.join(changed)}: changed since {found.name} was started, so old and new records differ; "
            "start a new run",
            USAGE,
        )
    left = found.missing(warn=warn)
    warn_of_another_environment(found)
    if dry_run:
        tell_plan(left, request, results=results, folders=(found.folder, reports))
    check_devices(request.selection.contenders, request.selection.places)
    expected = estimates(left, request, results=results)
    with found.measuring():
        raise SystemExit(_measure(found, expected, request, options, machine=machine, reports=reports, mlflow=mlflow))


def _check_is_free(run: "RunFolder") -> None:
    """Refuse a run that another process measures: both would measure the same cases."""
    process = run.measured_by()
    if process is not None and process.state() == "running":
        fail(
            f"--resume: found {run.name}, which process {process.pid} measures now, expected a run that was "
            f"interrupted; follow it with `levelfield watch {run.name}`, or stop that process first",
            USAGE,
        )


def _measure(  # noqa: PLR0913 (what a run is made of)
    store: "RunFolder",
    expected: Mapping["Case", float],
    request: "Request",
    options: Options,
    *,
    machine: str,
    reports: Path,
    mlflow: str | None,
) -> int:
    """Run the cases, store a record for each, print the summary and write the report; the exit code.

    `expected` are the seconds that each case probably takes.
    """
    from bench.analysis import time_breakdown
    from bench.records.store import LOGS
    from bench.report import activity
    from bench.run import runner
    from bench.run.settings import RunSettings
    from bench.workload.model_folders import MODELS

    say_what_is_left_out(request)
    warn_of_load()
    begun, planned = time.monotonic(), tuple(expected)
    settings = RunSettings(
        run=store.name,
        machine=machine,
        workloads={item.name: item for item in request.selection.workloads},
        block_seconds=request.block_seconds,
        processes=request.selection.processes,
        limit_s=options.time_limit,
        logs=store.folder / LOGS,
        models=store.folder / MODELS if options.save_models else None,
        append=_keeper(store, options),
        next_order=store.next_order(),
        listen=lambda event: show_event(display, event),
        memory_bytes=request.memory_bytes,
        planted=two_sides.planter(store, request),
        turns=two_sides.partner(planned, request),
    )
    try:
        with _display(store, expected) as display:
            new = runner.run(planned, settings)
    except KeyboardInterrupt:
        if options.turns is not None:
            fail(f"interrupted; the records so far are in {store.folder}", INTERRUPTED)
        again = resuming(store, reports=reports, mlflow=mlflow)
        fail(f"interrupted; the records so far are in {store.place}; continue with `{again}`", INTERRUPTED)
    if options.unreported:  # whoever sent this part of a run reports on all of it
        return exit_code(store.read(warn=warn))
    seconds = time.monotonic() - begun
    records, written, is_whole = reported(store, options, reports=reports)
    usual = AROUND_TUNED if "tuned" in options.mode else AROUND
    rest = usual if options.turns is None else AROUND_IN_TURNS
    say(f"\n{activity.clock(seconds)} in all: {time_breakdown.shares(new, seconds, rest=rest)}")
    say(f"records: {store.place}\nreport: {written}")
    _say_folders(store, options)
    tracking.track_run(store, records, mlflow, reports=reports)
    return first_of(exit_code(records), 0 if is_whole else FAILED)


def _say_folders(store: "RunFolder", options: Options) -> None:
    """Print where the networks and curves are that were asked for."""
    for name, wanted in (("models", options.save_models), ("tensorboard", options.tensorboard)):
        if wanted:
            say(f"{name}: {store.folder / 'artifacts' / name}")


def _display(store: "RunFolder", expected: Mapping["Case", float]) -> "Display":
    """Shows the cases that are left to run, as a part of all that the run has planned."""
    from bench.report.progress import Display
    from bench.run.worker_pool import UNTIMED_AT_ONCE

    done = len(store.load_plan().cases) - len(expected)
    return Display(console, estimates=expected, done=done, untimed_at_once=UNTIMED_AT_ONCE)


def _keeper(store: "RunFolder", options: Options) -> "Callable[[Record], None]":
    """What is done with a record as soon as it is there: stored, and its curve written for TensorBoard."""
    if not options.tensorboard:
        return store.append
    from bench.export import tensorboard

    def keep(record: "Record") -> None:
        store.append(record)
        tensorboard.write(record, store.folder / "artifacts" / "tensorboard")

    return keep
