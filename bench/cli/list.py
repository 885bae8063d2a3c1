"""`levelfield list`: what there is to choose from, and what was measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.completion import of_words
from bench.cli.console import NOTHING, Results, fail, one_of, show, warn
from bench.cli.stored_runs import named, resuming

if TYPE_CHECKING:
    from bench.report.layout import Table


WHAT = ("workloads", "frameworks", "datasets", "suites", "devices", "runs")


def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="workloads, suites, frameworks, datasets, devices (what each framework sees here), or runs (stored).",
            autocompletion=of_words(lambda: WHAT),
        ),
    ],
    *,
    results: Results = Path("results"),
) -> None:
    """List workloads, suites, frameworks, data sets, devices or runs."""
    from bench.cli import catalogue

    one_of("list", what, WHAT)
    if what == "devices":
        from bench.cli.doctor import list_devices

        list_devices()
        return
    from bench.report import terminal

    table = _runs(results) if what == "runs" else catalogue.LISTS[what]()
    show([terminal.render_table(table)])


def _runs(results: Path) -> "Table":
    from bench.cli.run_table import table
    from bench.records.store import runs, unsent

    found = runs(results)
    if not found:
        fail(f"{named(results)}: no runs yet; measure one with `levelfield run`", NOTHING)
    if missing := unsent(results):
        warn(
            f"{', '.join(run.name for run in missing)}: found in the cache alone, expected at {named(results)} "
            f"too; `{resuming(missing[0])}` sends the first one"
        )
    return table(results, found)
