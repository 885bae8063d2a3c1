"""Defines the budgets of a model in use: limits for the drift of its data, its quality, and its log of predictions."""

from dataclasses import fields
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.workload.toml_types import NotNegative, Positive, from_toml

Share = Annotated[float, Field(ge=0, le=1, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class DriftBudget:
    """Limits for the result of `levelfield drift --format json`; each period or group has to keep them.

    Attributes:
        drifted_share: The largest share of drifted columns among those that were tested, the outputs of a model too.
        outputs_share: The largest share of drifted columns among the outputs of a model.
        accuracy: The smallest accuracy on samples with a known answer.
        mae: The largest mean absolute error on them, in the unit of the target.
    """

    drifted_share: Share | None = None
    outputs_share: Share | None = None
    accuracy: Share | None = None
    mae: Positive | None = None

    def __post_init__(self) -> None:
        """Refuse a table without a limit."""
        _needs_one(self)

    def limits(self) -> dict[str, float]:
        """The limits, by key."""
        return _limits(self)


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class LogBudget:
    """Limits for a log of `levelfield predict --log`; each model and framework in it has to keep them.

    Attributes:
        errors_share: The largest share of lines with an error. A request that fails as a whole is one line.
        latency_p50_ms: The largest median latency of a call, in milliseconds.
        latency_p90_ms: The largest 90th percentile of the latency of a call, in milliseconds; needs 64 calls.
        latency_p99_ms: The largest 99th percentile of the latency of a call, in milliseconds; needs 662 calls.
        predictions: The fewest predictions.
        rate_per_s: The fewest predictions per second, from the first to the last.
    """

    errors_share: Share | None = None
    latency_p50_ms: Positive | None = None
    latency_p90_ms: Positive | None = None
    latency_p99_ms: Positive | None = None
    predictions: NotNegative | None = None
    rate_per_s: NotNegative | None = None

    def __post_init__(self) -> None:
        """Refuse a table without a limit."""
        _needs_one(self)

    def limits(self) -> dict[str, float]:
        """The limits, by key."""
        return _limits(self)


AT_LEAST = {"accuracy", "predictions", "rate_per_s"}  # every other limit is the most that is allowed


def _limits(budget: DriftBudget | LogBudget) -> dict[str, float]:
    names = [field.name for field in fields(budget)]
    return {name: value for name in names if (value := getattr(budget, name)) is not None}


def _needs_one(budget: DriftBudget | LogBudget) -> None:
    if not _limits(budget):
        raise ValueError(f"found no limit, expected one of {', '.join(field.name for field in fields(budget))}")
