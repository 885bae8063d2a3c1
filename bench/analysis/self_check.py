"""Two sides of the same code, and what a comparison makes of a change that was planted in one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.records.cell import Cell, cells
from bench.records.record import Record

if TYPE_CHECKING:  # whoever only asks for a side needs no statistics
    from bench.analysis.compare import Comparison
    from bench.analysis.memory_and_quality import Verdict

SIDE = 5  # processes
LEAST = 4  # processes of one run, for two on each side


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a comparison of one run with itself made of a planted change.

    `found` of the `planted` rows have the verdict that is right, `alarms` of the `others` say that something changed
    where nothing did.
    """

    cells: tuple[Cell, ...]
    how: str
    found: int
    planted: int
    alarms: int
    others: int


def is_baseline(number: int) -> bool:
    """Whether a process is on the first side, by its number from 0."""
    return number % 4 in {0, 3}


def halves(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The timing records of both sides; raises UsageError where a cell has too few processes for two of them."""
    timed = [record for record in records if record.case.purpose == "timing"]
    processes = len({record.case.replicate for record in timed})
    if processes < LEAST:
        raise UsageError(
            f"--self-check: found a run with {processes} processes for each case, expected at least {LEAST}: "
            f"`levelfield run --purpose timing --processes {2 * SIDE}`"
        )
    first = [record for record in timed if is_baseline(record.case.replicate)]
    return first, [record for record in timed if not is_baseline(record.case.replicate)]


def planted(baseline: Sequence[Record], candidate: Sequence[Record], comparison: "Comparison") -> Found | None:
    """How a change that was planted in some of the records came out; None where there is none."""
    slowed = [record for record in (*baseline, *candidate) if "planted" in record.settings]
    if not slowed:
        return None
    where = {cell for record in slowed for cell in cells(record.case)}
    faster = not any("planted" in record.settings for record in candidate)
    right: Verdict = "improved" if faster else "regressed"
    inside = [row.verdict for row in comparison.rows if row.cell in where]
    outside = [row.verdict for row in comparison.rows if row.cell not in where]
    return Found(
        cells=tuple(sorted(where)),
        how=f"{slowed[0].settings['planted']} on the {'first' if faster else 'second'} side",
        found=inside.count(right),
        planted=len(inside),
        alarms=outside.count("regressed") + outside.count("improved"),
        others=len(outside),
    )
