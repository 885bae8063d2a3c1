"""What stored runs planned, and how far they came."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.records.record import Case
    from bench.records.store import RunFolder


def unmeasured(names: Sequence[str], *, results: Path) -> "dict[str, tuple[Case, ...]]":
    """The planned cases of the named runs that have no record, by run; a run without a plan has none."""
    from bench.records import named_runs

    found: dict[str, tuple[Case, ...]] = {}
    for run in named_runs.find(names, results=results):
        if run.plan.is_file():
            found |= missing(run)
    return found


def missing(run: "RunFolder") -> "dict[str, tuple[Case, ...]]":
    """The planned cases of a run without a record, by the id on its records; empty if there are none."""
    records = run.read(warn=lambda _: None)
    measured = {record.case for record in records}
    cases = tuple(case for case in run.planned() if case not in measured)
    # The id is also the folder's name, unless somebody renamed the folder.
    return {records[0].run if records else run.name: cases} if cases else {}
