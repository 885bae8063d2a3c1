"""`levelfield baseline`: the run that others on its machine are held against."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import NOTHING, USAGE, Results, fail, say

app = typer.Typer(
    help="The run that others on its machine are held against: `levelfield compare baseline RUN`.",
    no_args_is_help=True,
)

Machine = Annotated[str | None, typer.Option("--machine", metavar="NAME", help="By default the one with a baseline.")]


@app.command(name="set")
def set_(
    run: Annotated[str, typer.Argument(help="A run: its id or folder, or `latest`.")],
    *,
    why: Annotated[str, typer.Option(metavar="TEXT", help="What makes it the one to compare with.")],
    who: Annotated[str | None, typer.Option(metavar="NAME", help="By default the user.")] = None,
    results: Results = Path("results"),
) -> None:
    """Make a run the baseline of its machine."""
    from bench.records import store

    if not why.strip():
        fail("--why: found nothing, expected a reason that a colleague understands in a year", USAGE)
    found = store.set_baseline(results, store.find_run(results, run), who=who or _user(), why=why)
    _tell(found.machine, found.run, found.who, found.when, found.why)


@app.command()
def show(*, results: Results = Path("results")) -> None:
    """Print the baseline of every machine that has one."""
    from bench.records import store

    found = store.baselines(results)
    if not found:
        fail(f"{results}: no baseline yet; set one with `levelfield baseline set RUN --why TEXT`", NOTHING)
    for item in found:
        _tell(item.machine, item.run, item.who, item.when, item.why)


@app.command()
def clear(*, machine: Machine = None, results: Results = Path("results")) -> None:
    """Forget a baseline; its run stays."""
    from bench.records import store

    known = [item.machine for item in store.baselines(results)]
    if not known:
        fail(f"{results}: found no baseline to forget", NOTHING)
    if machine is None and len(known) > 1:
        fail(f"--machine: found nothing, expected one of {', '.join(known)}", USAGE)
    chosen = machine or known[0]
    if chosen not in known:
        fail(f"--machine: found {chosen!r}, expected one of {', '.join(known)}", USAGE)
    store.clear_baseline(results, chosen)
    say(f"{chosen}: no baseline any more")


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError):  # as in a container, whose user has a number and no name
        return "unknown"


def _tell(machine: str, run: str, who: str, when: str, why: str) -> None:
    say(f"{machine}: {run}, set by {who} on {when}: {why}")
