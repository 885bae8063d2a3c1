"""Checks a model in use against budgets: the drift of its data, its quality, and its log of predictions."""

from collections.abc import Iterator, Mapping, Sequence

from bench.analysis.budgets import Check, Checks, Verdict, exit_code
from bench.analysis.drift.columns import ColumnDrift
from bench.analysis.drift.quality import FEWEST
from bench.analysis.drift.verdicts import Drift, Part
from bench.analysis.prediction_logs import LogSummary, PredictionLogs
from bench.records.budget import Allowed
from bench.records.use_budget import AT_LEAST, DriftBudget, LogBudget

FEW = ("latency_p90_ms", "latency_p99_ms")
FEW_CALLS = "p90 needs 64 calls in the log, p99 662; a smaller --batch-size makes more calls"
NO_VALUE = {
    "drifted_share": "no column could be tested",
    "outputs_share": "the outputs of a model were not compared",
    "accuracy": "no sample has a known class",
    "mae": "no sample has a known number",
}


def with_others(found: Checks, others: Sequence[Check]) -> Checks:
    """All checks together, with the exit code of all of them."""
    together = (*found.checks, *others)
    return Checks(checks=together, exit_code=exit_code(together), skipped=found.skipped, absent=found.absent)


def of_drift(budget: DriftBudget, found: Drift) -> Iterator[Check]:
    """A check for each limit and each part of later data."""
    for part in found.parts:
        where = f"{found.current}, {found.by} {part.name}" if part.name else found.current
        values, doubts = _of_part(part), _doubts(part, budget.limits())
        for key, limit in budget.limits().items():
            yield _check(where, key, limit, values.get(key), doubt=doubts.get(key, ""), reason=NO_VALUE[key])


def of_logs(budget: LogBudget, found: PredictionLogs) -> Iterator[Check]:
    """A check for each limit, and each model and framework in the logs."""
    for log in found.models:
        values = _of_summary(log.summary)
        for key, limit in budget.limits().items():
            yield _check(
                f"log of {log.model}, {log.framework}",
                key,
                limit,
                values.get(key),
                reason=FEW_CALLS if key in FEW else "the log has no such figure",
            )


def _check(  # noqa: PLR0913 (what a check has)
    where: str, key: str, limit: float, found: float | None, *, doubt: str = "", reason: str = ""
) -> Check:
    allowed: Allowed = "at least" if key in AT_LEAST else "at most"
    verdict: Verdict = "not measured"
    if found is not None:
        verdict = "kept" if (found >= limit if allowed == "at least" else found <= limit) else "BROKEN"
        if doubt and (verdict == "kept" or key in {"accuracy", "mae"}):
            verdict = "undecided"
    return Check(
        where=where,
        key=key,
        allowed=allowed,
        limit=limit,
        found=found,
        verdict=verdict,
        reason=reason if found is None else "",
        doubt=doubt,
    )


def _of_part(part: Part) -> dict[str, float | None]:
    found: dict[str, float | None] = {
        "drifted_share": part.share,
        "outputs_share": _share([item for item in part.columns if item.group == "output"]),
    }
    return found if part.quality is None else {**found, part.quality.metric: part.quality.value}


def _share(columns: Sequence[ColumnDrift]) -> float | None:
    """The share of drifted columns among those that were tested."""
    tested = [item for item in columns if item.p is not None]
    return sum(item.verdict == "drifted" for item in tested) / len(tested) if tested else None


def _doubts(part: Part, limits: Mapping[str, float]) -> dict[str, str]:
    """Why figures cannot be relied on: too few rows, or a limit within the interval of the quality."""
    found = {}
    if part.undecided:
        found["drifted_share"] = f"too few rows in {len(part.undecided)} columns"
    if any(item.group == "output" and item.verdict == "too few rows" for item in part.columns):
        found["outputs_share"] = "too few rows"
    quality = part.quality
    if quality is None:
        return found
    if quality.samples < FEWEST or quality.high is None:
        found[quality.metric] = f"{quality.samples} known answers, and at least {FEWEST} are needed"
    elif quality.low < limits.get(quality.metric, quality.low) < quality.high:
        found[quality.metric] = f"its 95 % interval, {quality.low:.5g} to {quality.high:.5g}, has the limit in it"
    return found


def _of_summary(found: LogSummary) -> dict[str, float | None]:
    return {
        "errors_share": found.errors_share,
        "latency_p50_ms": found.latency_p50_ms,
        "latency_p90_ms": found.latency_p90_ms,
        "latency_p99_ms": found.latency_p99_ms,
        "predictions": float(found.predictions),
        "rate_per_s": found.rate_per_s,
    }
