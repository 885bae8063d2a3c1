"""The plan of a run, as `levelfield run --dry-run` prints it."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Never

from bench.cli.console import console, note, say, warn
from bench.cli.devices import check_devices
from bench.cli.stored_runs import check_can_be_written
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.plan.request import Request
    from bench.records.record import Case, Record


def tell_plan(planned: Sequence["Case"], request: "Request", *, results: Path, folders: Sequence[Path]) -> Never:
    """Refuse what a run would refuse, print the plan, and end."""
    from bench.report import activity, case_lines

    check_devices(request.selection.contenders, request.selection.places)
    check_can_be_written(*folders)
    seconds = estimates(planned, request, results=results)
    say_what_is_left_out(request)
    for case in planned:
        sizes = ", ".join(map(str, case.batch_sizes))
        say(f"{case_lines.name(case)}, batch {sizes}: {activity.clock(seconds[case])}")
    total = activity.clock(sum(seconds.values()))
    more = "searches and certificates" if any(case.mode == "tuned" for case in planned) else "certificates"
    console.print(f"{len(planned)} cases, about {total}, and the {more} that are not in the cache yet")
    raise SystemExit(0)


def say_what_is_left_out(request: "Request") -> None:
    """Print which frameworks are not installed, and which are installed and not asked for."""
    for remark in request.remarks:
        warn(remark)
    if request.left_out:
        pairs = ", ".join(map(str, request.left_out))
        note(f"also installed, but not in this plan: {pairs}; add them with `--framework all`")


def estimates(planned: Iterable["Case"], request: "Request", *, results: Path) -> dict["Case", float]:
    """About how many seconds each case takes, from earlier runs where there are any."""
    from bench.plan.cases import estimate_s, known_durations
    from bench.records import store

    earlier: list[Record] = []
    for run in store.runs(results)[:3]:
        with suppress(UsageError):  # an earlier run that cannot be read keeps nobody from a new one
            earlier += run.read(warn=lambda _: None)
    known = known_durations(earlier)
    workloads = {item.name: item for item in request.selection.workloads}
    seconds = request.block_seconds
    return {case: estimate_s(case, workloads[case.workload], block_seconds=seconds, known=known) for case in planned}
