"""`levelfield list`: what there is to choose from, and what was measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import NOTHING, fail, one_of, show

if TYPE_CHECKING:
    from bench.report.layout import Table


def list_(
    what: Annotated[str, typer.Argument(metavar="workloads|frameworks|datasets|devices|suites|runs")],
    *,
    results: Annotated[Path, typer.Option("--results", metavar="DIR", help="Where runs are stored, for runs.")] = Path(
        "results"
    ),
) -> None:
    """List what there is to choose from, or what was measured."""
    from bench.cli import catalogue

    one_of("list", what, (*catalogue.LISTS, "devices", "runs"))
    if what == "devices":
        from bench.cli.doctor import doctor

        doctor(only_frameworks=True)
        return
    from bench.report import terminal

    table = _runs(results) if what == "runs" else catalogue.LISTS[what]()
    show([terminal.render_table(table)])


def _runs(results: Path) -> "Table":
    from bench.cli.run_table import table
    from bench.records.store import runs

    found = runs(results)
    if not found:
        fail(f"{results}: no runs yet; measure one with `levelfield run`", NOTHING)
    return table(results, found)
