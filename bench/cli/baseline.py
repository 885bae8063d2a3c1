"""`levelfield baseline`: the run with which other runs of its machine are compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import completion
from bench.cli.console import NOTHING, RUN, USAGE, Results, fail, say, warn
from bench.cli.options import as_option
from bench.cli.plans import missing
from bench.cli.stored_runs import named, resuming
from bench.plan.options import Help

if TYPE_CHECKING:
    from bench.records.store import RunFolder

app = typer.Typer(
    help="Set, show or clear the run with which others are compared.",
    no_args_is_help=True,
)

Machine = Annotated[
    str | None, as_option("machine", Help("The machine.", "NAME", shown="the only one with a baseline"))
]


@app.command(name="set")
def set_(
    run: Annotated[str, typer.Argument(metavar="RUN", help=f"The run: {RUN}.", autocompletion=completion.runs)],
    *,
    why: Annotated[str, as_option("why", Help("The reason, for colleagues.", "TEXT"))],
    who: Annotated[str | None, as_option("who", Help("Who sets it.", "NAME", shown="your user name"))] = None,
    results: Results = Path("results"),
) -> None:
    """Make a run the baseline of its machine."""
    from bench.records import machine_files, store

    if not why.strip():
        fail("--why: found nothing, expected a reason that a colleague understands in a year", USAGE)
    folder = store.find_run(results, run)
    found = machine_files.set_baseline(results, folder, who=who or _user(), why=why)
    _warn_if_incomplete(folder)
    _tell(found.machine, found.run, found.who, found.when, found.why)


@app.command()
def show(*, results: Results = Path("results")) -> None:
    """Print the baseline of every machine that has one."""
    from bench.records import machine_files

    found = machine_files.baselines(results)
    if not found:
        fail(f"{named(results)}: no baseline yet; set one with `levelfield baseline set RUN --why TEXT`", NOTHING)
    for item in found:
        _tell(item.machine, item.run, item.who, item.when, item.why)


@app.command()
def clear(*, machine: Machine = None, results: Results = Path("results")) -> None:
    """Remove a machine's baseline; the run itself stays."""
    from bench.records import machine_files

    known = [item.machine for item in machine_files.baselines(results)]
    if not known:
        fail(f"{named(results)}: found no baseline to remove", NOTHING)
    if machine is None and len(known) > 1:
        fail(f"--machine: found nothing, expected one of {', '.join(known)}", USAGE)
    chosen = machine or known[0]
    if chosen not in known:
        fail(f"--machine: found {chosen!r}, expected one of {', '.join(known)}", USAGE)
    machine_files.clear_baseline(results, chosen)
    say(f"{chosen}: its baseline is removed")


def _warn_if_incomplete(folder: "RunFolder") -> None:
    """Say what the baseline does not have, since no later run can be compared in it."""
    records = folder.read(warn=warn)
    failed = sum(record.outcome not in {"ok", "unavailable"} for record in records)
    never = sum(map(len, missing(folder).values())) if folder.plan.is_file() else 0
    if failed or never:
        warn(
            f"{folder.name} is not complete: failed cases: {failed}, planned cases without a record: {never}; later "
            f"runs cannot be compared in these: finish it with `{resuming(folder)}`, or set a complete run"
        )


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError):  # as in a container, whose user has a number and no name
        return "unknown"


def _tell(machine: str, run: str, who: str, when: str, why: str) -> None:
    say(f"{machine}: {run}, set by {who} on {when}: {why}")
