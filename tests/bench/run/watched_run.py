"""A run in a test, which keeps all records and all events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.records.record import Case, Record
from bench.run import runner
from bench.run.settings import Event, RunSettings
from bench.workload.workload import Workload
from tests.bench.workloads import workload


@dataclass(frozen=True)
class Watched:
    """The settings of a run, its stored records and its events."""

    settings: RunSettings
    stored: list[Record] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def run(self, cases: Sequence[Case]) -> list[Record]:
        """Measure these cases."""
        return runner.run(cases, self.settings)

    def of(self, workload: str) -> list[Record]:
        """The stored records of one workload."""
        return [item for item in self.stored if item.case.workload == workload]


def watched(folder: Path, workloads: Mapping[str, Workload] | None = None, **changes: Any) -> Watched:  # noqa: ANN401 (of the settings)
    """Settings with short blocks, by default only for the workload `tiny`."""
    stored: list[Record] = []
    events: list[Event] = []
    given: dict[str, Any] = {
        "run": "run",
        "machine": "machine",
        "workloads": {"tiny": workload()} if workloads is None else workloads,
        "block_seconds": 0.005,
        "limit_s": 60.0,
        "models": None,
        "logs": folder / "logs",
        "append": stored.append,
        "listen": events.append,
    }
    return Watched(settings=RunSettings(**given | changes), stored=stored, events=events)
