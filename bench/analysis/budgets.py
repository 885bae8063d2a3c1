"""The figures of a run held against budgets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analysis.figures import Figure, figures
from bench.budget import LIMITS, Allowed, Budget
from bench.record import Record

Verdict = Literal["kept", "BROKEN", "not measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One limit on one cell: what was found, in the unit of its key; None where nothing was."""

    where: str
    key: str
    allowed: Allowed
    limit: float
    found: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """All of them, and 3 where one is broken, or else 6 where one could not be held against anything, or else 0."""

    checks: tuple[Check, ...]
    exit_code: int


def check(budgets: Sequence[Budget], records: Sequence[Record]) -> Checks:
    """Every limit held against every cell that it is meant for."""
    known = list(figures(records))
    found = tuple(check for budget in budgets for check in _checks(budget, known))
    verdicts = {item.verdict for item in found}
    code = 3 if "BROKEN" in verdicts else 6 if "not measured" in verdicts else 0
    return Checks(checks=found, exit_code=code)


def _checks(budget: Budget, known: Sequence[Figure]) -> Iterator[Check]:
    chosen_by = budget.chosen_by()
    for key, limit in budget.limits().items():
        metric, unit, allowed = LIMITS[key]
        fitting = [
            figure
            for figure in known
            if figure.metric == metric and all(getattr(figure.cell, name) == value for name, value in chosen_by.items())
        ]
        if not fitting:
            where = " ".join(map(str, chosen_by.values()))
            yield Check(where=where, key=key, allowed=allowed, limit=limit, found=None, verdict="not measured")
        for figure in fitting:
            value = figure.value / unit
            kept = value <= limit if allowed == "at most" else value >= limit
            yield Check(
                where=figure.cell.place,
                key=key,
                allowed=allowed,
                limit=limit,
                found=value,
                verdict="kept" if kept else "BROKEN",
            )
