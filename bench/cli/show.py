"""`levelfield show`: a whole workload, or the TOML that describes it."""

from pathlib import Path
from typing import Annotated

from rich.text import Text

from bench.cli.console import ONE_WORKLOAD, say, show, write
from bench.cli.options import as_option
from bench.plan.options import Help


def show_(
    name: Annotated[str, ONE_WORKLOAD],
    *,
    toml: Annotated[bool, as_option("toml", Help("Print the workload's TOML file, to be copied."))] = False,
) -> None:
    """Show a whole workload: data, network, recipe, target and timing."""
    from bench.workload.workload import load_workload

    workload = load_workload(name)
    if toml:
        write(Path(workload.source).read_text("utf-8"))
        return
    from bench.cli import workload_tables
    from bench.report import terminal

    say(f"{': '.join(filter(None, (workload.name, workload.title)))}\n")
    for table in workload_tables.whole(workload):
        show([terminal.render_table(table), Text()])
