"""Checks the figures of a run against budgets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analysis.long_table import MEMORY, Figure, figures
from bench.errors import PRECEDENCE, ExitCode, meant
from bench.records.budget import LIMITS, Allowed, Budget
from bench.records.cell import Cell, cells
from bench.records.record import Record
from bench.records.timing_metrics import METRICS

Verdict = Literal["kept", "BROKEN", "not measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One limit on one cell, and the measured value in the unit of the key; None if there is no value."""

    where: str
    key: str
    allowed: Allowed
    limit: float
    found: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """All checks, and the exit code: 3 if a limit is broken, else 6 if a limit has no measured value, else 0."""

    checks: tuple[Check, ...]
    exit_code: int


def check(budgets: Sequence[Budget], records: Sequence[Record]) -> Checks:
    """Every limit, checked for every cell that the budget selects.

    A cell counts as not measured if one of its processes did not end well, or if it has no value for the limit. Cells
    that a framework cannot run at all are skipped.
    """
    known = {(figure.cell, figure.metric): figure for figure in figures(records)}
    tried = [record for record in records if record.outcome != "unavailable"]
    found = tuple(check for budget in budgets for check in _checks(budget, known, tried))
    verdicts = {item.verdict for item in found}
    holds = {
        ExitCode.REGRESSED: "BROKEN" in verdicts,
        ExitCode.NOTHING_MEASURED: "not measured" in verdicts,
        ExitCode.DONE: True,
    }
    return Checks(checks=found, exit_code=next(code for code in PRECEDENCE if holds.get(code)))


def unknown_workloads(budgets: Sequence[Budget], records: Sequence[Record]) -> tuple[str, ...]:
    """A line for each budget whose workload no record has: key, what was found, and similar names."""
    known = sorted({record.case.workload for record in records})
    return tuple(
        f"budget[{number}].workload: found {budget.workload!r}, which no record has{meant(budget.workload, known)}"
        for number, budget in enumerate(budgets)
        if budget.workload not in known
    )


def _checks(budget: Budget, known: Mapping[tuple[Cell, str], Figure], tried: Sequence[Record]) -> Iterator[Check]:
    for key, limit in budget.limits().items():
        metric, unit, allowed = LIMITS[key]
        selected = _selected(budget, metric, tried)
        if not selected:
            where = " ".join(map(str, budget.chosen_by().values()))
            yield Check(where=where, key=key, allowed=allowed, limit=limit, found=None, verdict="not measured")
        for cell, well in selected.items():
            figure = known.get((cell, metric)) if well else None
            value = None if figure is None else figure.value / unit
            verdict: Verdict = "not measured"
            if value is not None:
                verdict = "kept" if (value <= limit if allowed == "at most" else value >= limit) else "BROKEN"
            yield Check(where=cell.place, key=key, allowed=allowed, limit=limit, found=value, verdict=verdict)


def _selected(budget: Budget, metric: str, tried: Sequence[Record]) -> dict[Cell, bool]:
    """The cells that a budget selects, and whether all their processes ended well."""
    found: dict[Cell, bool] = {}
    for record in tried:
        if record.case.purpose != PURPOSES.get(metric, "learning") or not _has(record, metric):
            continue
        for cell in cells(record.case):
            if all(getattr(cell, name) == value for name, value in budget.chosen_by().items()):
                found[cell] = found.get(cell, True) and record.outcome == "ok"
    return found


def _has(record: Record, metric: str) -> bool:
    """Whether the scenario of this record has such a metric."""
    return metric not in METRICS or record.case.scenario in METRICS[metric].scenarios


PURPOSES = dict.fromkeys(METRICS, "timing") | dict.fromkeys(MEMORY, "memory")
