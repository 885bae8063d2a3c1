"""Finds the cases that two interleaved runs share; only in these cases does one run wait for the other.

Each run writes its plan into a folder that both know, and reads the plan of the other run there.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.records.measurement import SIDES
from bench.records.record import Case, to_json

# The version of the rules by which two runs are interleaved; two commits can be compared only if it is the same.
# 3: a block lasts until both medians are precise enough, or one run is out of time; a run may hold only some cells.
# 4: the two runs warm up one after the other, and number their meetings. 5: each replicate has its own fork servers.
PROTOCOL = 5
LIMIT_S = 120.0  # how long the other run may take to start
LOOK_S = 0.05
OTHER = dict(zip(SIDES, reversed(SIDES), strict=True))

Plan = Sequence[Mapping[str, Any]]


def shared(cases: Sequence[Case], *, folder: Path, side: str) -> frozenset[Case]:
    """The cases that are also in the plan of the other run; all cases if the other run writes no plan in time."""
    mine = json.dumps([to_json(case) for case in cases])
    _leave(folder / f"{side}.plan", mine)
    theirs = _found(folder / f"{OTHER[side]}.plan")
    plan = zip(cases, json.loads(mine), strict=True)
    return frozenset(case for case, keys in plan if theirs is None or _has(theirs, keys))


def _leave(path: Path, text: str) -> None:
    """Write the plan and then rename it, since the other run must not read half a file."""
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
    """Whether the plan has this case; two commits may store different keys, so only common keys are compared."""
    return any(all(mine[key] == other[key] for key in mine.keys() & other.keys()) for other in plan)
