"""Budgets: limits that a run has to keep, read from a TOML file and held against its figures.

A file has a table `[[budget]]` for each: which cells (`workload`, and where they are named `contender`, `device`,
`scenario`, `batch_size`), and the limits of `LIMITS` that hold for each of them.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from bench.analysis.figures import Figure, figures
from bench.errors import UsageError
from bench.mistake import refuse
from bench.recipe import METRICS as QUALITY
from bench.recipe import Positive, Size, from_toml
from bench.record import Record, Scenario

Number = Annotated[float, Field(strict=True)]
Verdict = Literal["kept", "BROKEN", "not measured"]


class Limit(NamedTuple):
    """The metric behind a key, what the figure is divided by to be in the key's unit, and which side is allowed."""

    metric: str
    unit: float
    allowed: Literal["at most", "at least"]


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Budget:
    """Which cells, and the limits that hold for each of them; what is not named is not limited."""

    workload: str
    contender: str | None = None
    device: str | None = None
    scenario: Scenario | None = None
    batch_size: Size | None = None
    latency_p50_ms: Positive | None = None
    latency_p90_ms: Positive | None = None
    latency_p99_ms: Positive | None = None
    step_p50_ms: Positive | None = None
    step_p90_ms: Positive | None = None
    first_call_s: Positive | None = None
    time_to_target_s: Positive | None = None
    samples_per_second: Positive | None = None
    peak_memory_mb: Positive | None = None
    device_memory_mb: Positive | None = None
    accuracy: Number | None = None
    precision: Number | None = None
    recall: Number | None = None
    f1: Number | None = None
    roc_auc: Number | None = None
    r2: Number | None = None
    loss: Number | None = None
    mae: Number | None = None
    rmse: Number | None = None

    def __post_init__(self) -> None:
        """Refuse a budget without a limit."""
        if not self.limits():
            raise ValueError(f"found no limit, expected one of {', '.join(LIMITS)}")

    def limits(self) -> dict[str, float]:
        """The keys that are limited, and their limits."""
        return {key: value for key in LIMITS if (value := getattr(self, key)) is not None}

    def covers(self, figure: Figure) -> bool:
        """Whether the figure is of a cell that is meant."""
        return all(getattr(self, name) in {None, getattr(figure.cell, name)} for name in CHOSEN_BY)


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class File:
    """A file of budgets."""

    budget: Annotated[tuple[Budget, ...], Field(min_length=1)]


@plain_dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One limit on one cell: what was found, in the unit of its key; None where nothing was."""

    where: str
    key: str
    allowed: Literal["at most", "at least"]
    limit: float
    found: float | None
    verdict: Verdict


@plain_dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """All of them, and 3 where one is broken, or else 6 where one could not be held against anything, or else 0."""

    checks: tuple[Check, ...]
    exit_code: int


def load(path: Path) -> tuple[Budget, ...]:
    """The budgets of a TOML file; raises UsageError for a mistake in it: file, key, what was found, what is allowed."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: found {reason}, expected a TOML file with budgets") from None
    try:
        return TypeAdapter(File).validate_python(content).budget
    except ValidationError as error:
        refuse(path, "", error, kind=File)


def check(budgets: Sequence[Budget], records: Sequence[Record]) -> Checks:
    """Every limit held against every cell that it is meant for."""
    known = list(figures(records))
    found = tuple(check for budget in budgets for check in _checks(budget, known))
    verdicts = {item.verdict for item in found}
    code = 3 if "BROKEN" in verdicts else 6 if "not measured" in verdicts else 0
    return Checks(checks=found, exit_code=code)


def _checks(budget: Budget, known: Sequence[Figure]) -> Iterator[Check]:
    for key, limit in budget.limits().items():
        metric, unit, allowed = LIMITS[key]
        fitting = [figure for figure in known if figure.metric == metric and budget.covers(figure)]
        if not fitting:
            where = " ".join(str(value) for name in CHOSEN_BY if (value := getattr(budget, name)) is not None)
            yield Check(where=where, key=key, allowed=allowed, limit=limit, found=None, verdict="not measured")
        for figure in fitting:
            value = figure.value / unit
            kept = value <= limit if allowed == "at most" else value >= limit
            yield Check(
                where=_where(figure),
                key=key,
                allowed=allowed,
                limit=limit,
                found=value,
                verdict="kept" if kept else "BROKEN",
            )


def _where(figure: Figure) -> str:
    cell = figure.cell
    return f"{cell.workload} {cell.contender} {cell.scenario} on {cell.device}, batch {cell.batch_size}"


CHOSEN_BY = ("workload", "contender", "device", "scenario", "batch_size")
_HIGHER = {name for task in QUALITY.values() for name, better in task.items() if better == "higher"}
_MILLI, _MEGA = 1e-3, 1e6
LIMITS = {
    "latency_p50_ms": Limit("query_time_p50_s", _MILLI, "at most"),
    "latency_p90_ms": Limit("query_time_p90_s", _MILLI, "at most"),
    "latency_p99_ms": Limit("query_time_p99_s", _MILLI, "at most"),
    "step_p50_ms": Limit("step_time_p50_s", _MILLI, "at most"),
    "step_p90_ms": Limit("step_time_p90_s", _MILLI, "at most"),
    "first_call_s": Limit("first_call_time_s", 1.0, "at most"),
    "time_to_target_s": Limit("time_to_target_s", 1.0, "at most"),
    "samples_per_second": Limit("samples_per_second", 1.0, "at least"),
    "peak_memory_mb": Limit("host_peak_bytes", _MEGA, "at most"),
    "device_memory_mb": Limit("device_peak_bytes", _MEGA, "at most"),
} | {
    name: Limit(f"test_{name}", 1.0, "at least" if name in _HIGHER else "at most")
    for name in dict.fromkeys(name for task in QUALITY.values() for name in task)
}
