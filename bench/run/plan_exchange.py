"""Which cases two runs that have turns with each other both have: only there is anybody to wait for.

Each side leaves its plan in the folder where they meet, and looks at that of the other one.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.records.measurement import SIDES
from bench.records.record import Case, to_json

# How two sides take turns; those of different commits have to agree. 3: blocks last until both are sure or time is up
# for one, and a run may be of some cells only. 4: they warm up one after the other, and number their meetings. 5: each
# replicate has fork servers of its own.
PROTOCOL = 5
LIMIT_S = 120.0  # what the other run may take to begin
LOOK_S = 0.05
OTHER = dict(zip(SIDES, reversed(SIDES), strict=True))

Plan = Sequence[Mapping[str, Any]]


def shared(cases: Sequence[Case], *, folder: Path, side: str) -> frozenset[Case]:
    """The cases that the other side has too; all of them where it does not tell what it has."""
    mine = json.dumps([to_json(case) for case in cases])
    _leave(folder / f"{side}.plan", mine)
    theirs = _found(folder / f"{OTHER[side]}.plan")
    plan = zip(cases, json.loads(mine), strict=True)
    return frozenset(case for case, keys in plan if theirs is None or _has(theirs, keys))


def _leave(path: Path, text: str) -> None:
    """Whole at once, since the other side may be looking."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text, "utf-8")
    unfinished.replace(path)


def _found(path: Path) -> Plan | None:
    begun = time.monotonic()
    while time.monotonic() - begun < LIMIT_S:
        if path.is_file():
            plan: Plan = json.loads(path.read_text("utf-8"))
            return plan
        time.sleep(LOOK_S)
    return None


def _has(plan: Plan, mine: Mapping[str, Any]) -> bool:
    """Two commits may describe a case by different keys; what both know of it decides."""
    return any(all(mine[key] == other[key] for key in mine.keys() & other.keys()) for other in plan)
