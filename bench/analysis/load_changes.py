"""Verdicts on servers under load of two runs, with fixed rules: there are too few processes to estimate their noise.

In simulations, the middles of two searches for the highest rate of the same server differ by up to 10 %.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from bench.analysis import load_figures
from bench.analysis.memory_and_quality import Change, Verdict
from bench.records.cell import Cell, cells
from bench.records.load import HighestRate, Loaded
from bench.records.record import Record

ALLOWED = 0.15  # a smaller change does not count
LEAST_PROCESSES = 3

# Whether baseline and candidate keep the limit at no rate, and what follows.
NOWHERE: Mapping[tuple[bool, ...], tuple[Verdict, str]] = {
    (True, True): ("unchanged", "neither keeps the limit at any rate"),
    (False, True): ("regressed", "the candidate keeps the limit at no rate"),
    (True, False): ("improved", "the baseline keeps the limit at no rate"),
}


def changes(baseline: Sequence[Record], candidate: Sequence[Record]) -> tuple[Change, ...]:
    """The verdict on every compared figure of the servers that both sides have."""
    before, after = _servers(baseline), _servers(candidate)
    return tuple(
        _change(cell, name, before[cell], after[cell])
        for cell in before
        if cell in after
        for name in load_figures.COMPARED
        if all(load_figures.values(name, _loaded(side)) for side in (before[cell], after[cell]))
        and (name != "load_p90_s" or cell.scenario == "single_stream")
    )


def _servers(records: Sequence[Record]) -> Mapping[Cell, list[Record]]:
    found: dict[Cell, list[Record]] = {}
    for record in records:
        if record.outcome == "ok" and record.measurement.loaded is not None:
            found.setdefault(cells(record.case)[0], []).append(record)
    return found


def _loaded(records: Sequence[Record]) -> list[Loaded]:
    return [record.measurement.loaded for record in records if record.measurement.loaded is not None]


def _change(cell: Cell, name: str, before: Sequence[Record], after: Sequence[Record]) -> Change:
    old, new = (load_figures.values(name, _loaded(side)) for side in (before, after))
    verdict, reason = _verdict(name, before, after)
    return Change(cell=cell, metric=name, baseline=median(old), candidate=median(new), verdict=verdict, reason=reason)


def _verdict(name: str, before: Sequence[Record], after: Sequence[Record]) -> tuple[Verdict, str]:
    asked = {record.case.serving for record in (*before, *after)}
    if len(asked) > 1:
        return "inconclusive", "the two runs have different latency limits, percentiles or batches"
    for where, side in (("baseline", before), ("candidate", after)):
        if problem := load_figures.doubt(side):
            return "inconclusive", f"the {where} is {problem}"
    sides = [_loaded(side) for side in (before, after)]
    if name == "sla_rate":
        return _of_rates(sides[0][0].highest, sides[1][0].highest)
    old, new = (load_figures.values(name, side) for side in sides)
    return _of_processes(old, new, is_better_higher=load_figures.METRICS[name].is_better_higher)


def _of_rates(before: HighestRate | None, after: HighestRate | None) -> tuple[Verdict, str]:
    """The verdict on two searches, by the middles of their intervals."""
    nowhere = [found is not None and found.ending == "upper bound" for found in (before, after)]
    if any(nowhere):
        return NOWHERE[tuple(nowhere)]
    middles = [_middle(found) for found in (before, after) if found is not None]
    known = [middle for middle in middles if middle is not None]
    if len(known) < 2:  # noqa: PLR2004 (both sides)
        return "inconclusive", "a search has no answer with two ends"
    ratio = known[1] / known[0]
    reason = f"a change counts if it exceeds {ALLOWED:.0%}"
    if abs(math.log(ratio)) <= math.log1p(ALLOWED):
        return "unchanged", reason
    return ("improved" if ratio > 1 else "regressed"), reason


def _middle(found: HighestRate) -> float | None:
    if found.confirmed_per_s is None or found.refuted_per_s is None or found.ending != "found":
        return None
    return math.sqrt(found.confirmed_per_s * found.refuted_per_s)


def _of_processes(old: Sequence[float], new: Sequence[float], *, is_better_higher: bool) -> tuple[Verdict, str]:
    """The verdict by medians and ranges over processes: a change counts if no two processes overlap."""
    ratio = median(new) / median(old)
    if abs(math.log(ratio)) <= math.log1p(ALLOWED):
        return "unchanged", f"a change counts if it exceeds {ALLOWED:.0%}"
    if min(len(old), len(new)) < LEAST_PROCESSES:
        return "inconclusive", f"at least {LEAST_PROCESSES} processes are needed to tell a change from chance"
    if max(old) >= min(new) and max(new) >= min(old):
        return "inconclusive", "the ranges over processes overlap"
    return ("improved" if (ratio > 1) == is_better_higher else "regressed"), "the ranges over processes do not overlap"
