"""`levelfield machines`: the machines of a Ray cluster, and whether they can share a run."""

import os
from collections.abc import Mapping
from typing import Any

from bench.cli.console import FAILED, note, show
from bench.cli.run_elsewhere import ADDRESS


def machines() -> None:
    """List the machines of the cluster to which `run --executor ray` sends workloads.

    The address of the cluster is that in RAY_ADDRESS, or that of the cluster which this machine is in. The exit code is
    1 if the machines differ in a way that keeps them from sharing a run.
    """
    from bench.report import terminal
    from bench.run.ray_executor import AUTO, RayExecutor, differences

    executor = RayExecutor(os.environ.get(ADDRESS, AUTO))
    try:
        found = executor.preflight()
    finally:
        executor.close()
    show([terminal.render_table(_table(found))])
    wrong = differences(found)
    for line in wrong:
        note(line)
    raise SystemExit(FAILED if wrong else 0)


def _table(found: Mapping[str, Mapping[str, Any]]) -> Any:  # noqa: ANN401 (a Table)
    from bench.report import formatting
    from bench.report.layout import Column, Entry, Table, left

    rows = tuple(
        (
            Entry(name),
            Entry(str(item["cores"]), item["cores"]),
            Entry(formatting.size(item["memory_bytes"]), item["memory_bytes"]),
            Entry(f"{item['node']['Resources'].get('GPU', 0):g}"),
            Entry(item["python"]),
            Entry(", ".join(f"{key} {value}" for key, value in _versions(item).items())),
        )
        for name, item in found.items()
    )
    columns = (
        *left("machine"),
        Column(title="cores"),
        Column(title="memory"),
        Column(title="GPUs"),
        *left("Python", "libraries"),
    )
    return Table(title="Machines", columns=columns, rows=rows)


def _versions(item: Mapping[str, Any]) -> dict[str, str]:
    """The versions of all libraries that a machine has, each once."""
    return {name: version for known in item["versions"].values() for name, version in known.items()}
