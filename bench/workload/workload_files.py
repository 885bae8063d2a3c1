"""The catalogue's workloads by name: the TOML files that belong to Levelfield."""

from pathlib import Path

WORKLOADS = Path(__file__).parents[1] / "workloads"


def workload_names() -> tuple[str, ...]:
    """The names of the catalogue's workloads, sorted."""
    return tuple(sorted(path.stem for path in WORKLOADS.glob("*.toml")))
