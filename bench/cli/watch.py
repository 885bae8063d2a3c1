"""`levelfield watch`: follow a run that another process measures, or look at one that has ended."""

import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import completion
from bench.cli.console import (
    FAILED,
    INTERRUPTED,
    NOTHING,
    RUN,
    Results,
    console,
    fail,
    first_of,
    note,
    say,
    warn,
)
from bench.cli.options import as_option
from bench.cli.run_end import exit_code
from bench.cli.stored_runs import at, resuming
from bench.plan.options import Help

if TYPE_CHECKING:
    from bench.records.appended_records import AppendedRecords
    from bench.records.measuring_process import MeasuringProcess, State
    from bench.records.record import Case, Record
    from bench.records.store import Plan, RunFolder
    from bench.report.progress import Display

UNSEEN = (
    "its process is on another machine or in another container, or the machine was started anew, or "
    "artifacts/process.json cannot be read, so it is not known whether it still runs"
)
LOOK_S = 1.0
GIVE_WAY = 19  # the lowest priority: what is measured goes first

RunToWatch = Annotated[
    str | None,
    typer.Argument(metavar="RUN", help=f"The run: {RUN}.", show_default="the newest", autocompletion=completion.runs),
]


def watch(
    run: RunToWatch = None,
    *,
    once: Annotated[bool, as_option("once", Help("Print how far the run is now, and end."))] = False,
    results: Results = Path("results"),
) -> None:
    """Follow a run that is measured in another terminal: how far it is, what is left, the last results.

    It ends with the run. Ctrl-C ends only `watch`. It writes nothing, and reads once a second what was added.
    """
    from bench.records.appended_records import AppendedRecords

    os.nice(GIVE_WAY)
    found = _found(run, results)
    plan, process = _plan_of(found), found.measured_by()
    note(_what(found, plan))
    if process is not None and process.state() == "unseen":
        warn(f"{found.name}: {UNSEEN}")
    display, lines = _display(process, plan), AppendedRecords(found.records, warn=warn)
    try:
        with display:
            records, state = _follow(found, lines, display, is_planned=plan is not None, once=once)
    except KeyboardInterrupt:
        fail(f"interrupted; {found.name} was not touched", INTERRUPTED)
    again = shlex.join(("levelfield", "report", run or found.name, *at(results=results)))
    raise SystemExit(_end(found, display, records, state, again=again))


def _found(name: str | None, results: Path) -> "RunFolder":
    """The named run, or the newest that has begun, records or not; with its whole path."""
    from bench.records import store

    if name is not None and name not in store.LATEST:
        return store.RunFolder(store.find_run(results, name).records.absolute())
    begun = store.runs(results.absolute())
    if not begun:
        fail(
            f"{results.absolute()}: found no run, expected one; start one with `levelfield run`, or name the folder of "
            "its results with --results DIR",
            NOTHING,
        )
    return begun[0]


def _plan_of(run: "RunFolder") -> "Plan | None":
    """The plan of a run; None with a warning if there is none: then nobody knows how many cases are left."""
    from bench.errors import UsageError

    try:
        return run.load_plan()
    except UsageError:
        warn(f"{run.plan}: found no plan, so it is not known which cases are left")
        return None


def _what(run: "RunFolder", plan: "Plan | None") -> str:
    """What a run measures, in one line."""
    from bench.report.formatting import one_line

    where = f"{run.name} on {run.folder.parent.name}"
    if plan is None:
        return one_line(where)
    names = ("workload", "contender", "device", "mode", "precision")
    values = (dict.fromkeys(str(getattr(case, name)) for case in plan.cases) for name in names)
    return one_line(f"{where}: {'; '.join(', '.join(words) for words in values)}")


def _display(process: "MeasuringProcess | None", plan: "Plan | None") -> "Display":
    """The display of the run itself; here it learns of a case when its record is stored."""
    from bench.report.progress import Display
    from bench.run.worker_pool import UNTIMED_AT_ONCE

    return Display(
        console,
        estimates={} if plan is None else _estimates(plan),
        untimed_at_once=UNTIMED_AT_ONCE,
        elapsed_s=process.elapsed_s() if process and process.is_known and process.state() != "gone" else None,
        refreshes_per_second=1 / LOOK_S,
    )


def _estimates(plan: "Plan") -> "dict[Case, float]":
    """The expected seconds of each case; in older plans all are alike, until the first ones are finished."""
    is_known = len(plan.estimates_s) == len(plan.cases)
    return dict(zip(plan.cases, plan.estimates_s if is_known else [1.0] * len(plan.cases), strict=True))


def _follow(
    run: "RunFolder", lines: "AppendedRecords", display: "Display", *, is_planned: bool, once: bool
) -> "tuple[list[Record], State]":
    """Show each record as soon as it is stored, until nobody writes any more; the records, and how the process is."""
    records: list[Record] = []
    while True:
        process = run.measured_by()  # before the records: if it has ended now, all that it stored are there
        state = "none" if process is None else process.state()
        is_over = state in {"none", "gone"} or (state == "unseen" and is_planned and not display.left)
        new = lines.new(is_last=state in {"none", "gone"})
        for record in new:
            display.finished(record)
        records += new
        if new or not records:
            display.waiting(_waits_for(display, begun=bool(records)))
        if once or is_over:
            return records, state
        time.sleep(LOOK_S)


def _waits_for(display: "Display", *, begun: bool) -> str:
    """What comes next: the first case of the plan that has no record."""
    from bench.report.case_lines import name

    if not begun:
        return "the first record: frameworks start, and proofs are made"
    following = next((case for case in display.planned_cases if case in display.left), None)
    return "the run to write its report" if following is None else f"the record of {name(following)}"


def _end(run: "RunFolder", display: "Display", records: "Sequence[Record]", state: "State", *, again: str) -> int:
    """Print how far the run is, and whether it goes on; the exit code."""
    from bench.records.record import last_attempts

    planned, left = len(display.planned_cases), len(display.left)
    counted = f"{planned - left} of {planned} cases" if planned else f"{len(last_attempts(records))} cases are stored"
    far = ", ".join(filter(None, (counted, display.failures())))
    if state == "running":
        say(f"{run.name} is running: {', '.join(filter(None, (far, display.activity.left())))}")
    elif state == "unseen" and (left or not planned):
        say(f"{run.name}: {far}; {UNSEEN}")
    elif left:
        gone = " (its process is gone)" if state == "gone" else ""
        say(f"{run.name}: interrupted after {far}{gone}; continue with `{resuming(run)}`")
    elif records:
        ended = "is finished" if planned else "is measured by no process"
        say(f"{run.name} {ended}: {far}; `{again}` shows the results")
    if not records:
        fail(f"{run.records}: nothing was measured {'yet' if state in {'running', 'unseen'} else ''}".strip(), NOTHING)
    code = exit_code(last_attempts(records))
    return first_of(code, FAILED) if left and state in {"none", "gone"} else code
