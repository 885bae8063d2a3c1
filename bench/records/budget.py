"""Defines budgets: limits for the figures of a run, read from a TOML file.

A file has one table `[[budget]]` for each budget. `workload` and, optionally, `framework`, `device`, `mode`,
`scenario`, `batch_size` and `sla_ms` select the cells. The keys of `LIMITS` are limits for each selected cell.
`contender`, the former name of the key `framework`, is still accepted.
"""

from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, AliasChoices, Field, ValidationInfo
from pydantic.dataclasses import dataclass

from bench.records.use_budget import DriftBudget, LogBudget
from bench.workload.axes import Load, Mode, Scenario
from bench.workload.recipe import METRICS, impossible
from bench.workload.toml_types import Positive, Size, from_toml


def _possible(value: float, info: ValidationInfo) -> float:
    """The value; raises ValueError if the metric that the key names cannot have it."""
    problem = impossible(info.field_name or "", value)
    if problem:
        raise ValueError(problem)
    return value


Number = Annotated[float, Field(strict=True), AfterValidator(_possible)]
Allowed = Literal["at most", "at least"]

# The keys that select cells, by the field of a `Cell`.
CHOSEN_BY = {
    "workload": "workload",
    "contender": "framework",
    "device": "device",
    "mode": "mode",
    "scenario": "scenario",
    "batch_size": "batch_size",
}


def name_of(number: int) -> str:
    """What a message calls a budget: the number of its table `[[budget]]` in the file, from 1."""
    return f"[[budget]] {number}"


class Limit(NamedTuple):
    """The metric of a key, the key's unit in units of the metric (1e-3 for ms of s), and the allowed side."""

    metric: str
    unit: float
    allowed: Allowed


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Budget:
    """Limits, and the cases that have to keep them. A limit that is missing limits nothing.

    Attributes:
        workload: The workload.
        framework: The framework: `pytorch`, `keras/jax`. Without this key, every framework.
        device: The device. Without this key, every device.
        mode: `idiomatic` or `tuned`. Without this key, both.
        scenario: The scenario, or the load: `single_stream`, `offline`, `server`. Without this key, every one.
        batch_size: The batch size. Without this key, every batch size.
        sla_ms: The latency limit (`--sla`) of a server, in milliseconds. Without this key, every limit.
        latency_p50_ms: The largest median latency of a query, in milliseconds.
        latency_p90_ms: The largest 90th percentile of the latency of a query, in milliseconds.
        latency_p99_ms: The largest 99th percentile of the latency of a query, in milliseconds.
        step_p50_ms: The largest median time of a training step, in milliseconds.
        step_p90_ms: The largest 90th percentile of the time of a training step, in milliseconds.
        first_call_s: The largest time of the first call, in seconds.
        time_to_target_s: The largest time to target, in seconds.
        samples_per_second: The smallest throughput.
        sla_rate: The lowest value of the highest rate of queries per second that keeps the latency limit, under load.
        p99_ms: The largest 99th percentile of latency under load, in milliseconds: of single queries, or at that rate.
        goodput: The fewest queries per second that are answered within the latency limit, at that rate.
        peak_memory_mb: The largest peak of host memory, in megabytes (10⁶ bytes).
        device_memory_mb: The largest peak of allocated device memory, in megabytes (10⁶ bytes).
        accuracy: The smallest accuracy on the test data.
        precision: The smallest precision (the quality metric) on the test data.
        recall: The smallest recall on the test data.
        f1: The smallest F1 on the test data.
        roc_auc: The smallest area under the ROC curve on the test data.
        r2: The smallest R² on the test data.
        loss: The largest loss on the test data.
        mae: The largest mean absolute error on the test data, in the unit of the target.
        rmse: The largest root mean squared error on the test data, in the unit of the target.
    """

    workload: str
    framework: Annotated[str | None, Field(validation_alias=AliasChoices("framework", "contender"))] = None
    device: str | None = None
    mode: Mode | None = None
    scenario: Scenario | Load | None = None
    batch_size: Size | None = None
    sla_ms: Positive | None = None
    latency_p50_ms: Positive | None = None
    latency_p90_ms: Positive | None = None
    latency_p99_ms: Positive | None = None
    step_p50_ms: Positive | None = None
    step_p90_ms: Positive | None = None
    first_call_s: Positive | None = None
    time_to_target_s: Positive | None = None
    samples_per_second: Positive | None = None
    sla_rate: Positive | None = None
    p99_ms: Positive | None = None
    goodput: Positive | None = None
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
        others = [key for key in self.limits() if key not in UNDER_LOAD]
        if self.sla_ms is not None and others:
            raise ValueError(
                f"found sla_ms with {', '.join(others)}, expected it with {', '.join(UNDER_LOAD)} only: others have no "
                "latency limit; make another budget for them"
            )

    def limits(self) -> dict[str, float]:
        """The limits of this budget, by key."""
        return {key: value for key in LIMITS if (value := getattr(self, key)) is not None}

    def chosen_by(self) -> dict[str, str | int]:
        """The fields of a `Cell` that this budget selects by, with their values."""
        return {field: value for field, key in CHOSEN_BY.items() if (value := getattr(self, key)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True, config=from_toml)
class Budgets:
    """A file of budgets.

    Attributes:
        budget: The budgets of runs, each a table `[[budget]]`.
        drift: Limits for `levelfield check --drift FILE`.
        log: Limits for `levelfield check --log FILE`.
    """

    budget: tuple[Budget, ...] = ()
    drift: DriftBudget | None = None
    log: LogBudget | None = None

    def __post_init__(self) -> None:
        """Refuse a file without a budget."""
        if not self.budget and self.drift is None and self.log is None:
            raise ValueError("found no budget, expected [[budget]], [drift] or [log]")


_QUALITY = {name: better for task in METRICS.values() for name, better in task.items()}
_MILLI, _MEGA = 1e-3, 1e6
UNDER_LOAD = "sla_rate", "p99_ms", "goodput"
LIMITS = {
    "latency_p50_ms": Limit("query_time_p50_s", _MILLI, "at most"),
    "latency_p90_ms": Limit("query_time_p90_s", _MILLI, "at most"),
    "latency_p99_ms": Limit("query_time_p99_s", _MILLI, "at most"),
    "step_p50_ms": Limit("step_time_p50_s", _MILLI, "at most"),
    "step_p90_ms": Limit("step_time_p90_s", _MILLI, "at most"),
    "first_call_s": Limit("first_call_time_s", 1.0, "at most"),
    "time_to_target_s": Limit("time_to_target_s", 1.0, "at most"),
    "samples_per_second": Limit("samples_per_second", 1.0, "at least"),
    "sla_rate": Limit("sla_rate", 1.0, "at least"),
    "p99_ms": Limit("load_p99_s", _MILLI, "at most"),
    "goodput": Limit("goodput", 1.0, "at least"),
    "peak_memory_mb": Limit("host_peak_bytes", _MEGA, "at most"),
    "device_memory_mb": Limit("device_peak_bytes", _MEGA, "at most"),
} | {
    name: Limit(f"test_{name}", 1.0, "at least" if better == "higher" else "at most")
    for name, better in _QUALITY.items()
}
