"""`levelfield show`: a workload's network, layer by layer."""

from typing import Annotated

import typer

from bench.cli.console import show


def show_(name: Annotated[str, typer.Argument(metavar="WORKLOAD", help="A name, or the path of a TOML file.")]) -> None:
    """Show a workload's network, layer by layer."""
    from bench.cli import catalogue
    from bench.report import terminal
    from bench.workload.workload import load_workload

    show([terminal.render_table(catalogue.network(load_workload(name)))])
