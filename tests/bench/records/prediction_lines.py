"""Predictions as a log has them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bench.records.prediction import Prediction
from bench.records.prediction_writer import Source

BEGUN = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
SOURCE = Source(
    model="digits-dnn-pytorch-cpu-seed0",
    model_digest="0123456789abcdef",
    workload="digits-dnn",
    framework="pytorch",
    device="cpu",
)


def row(sample: int, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 (the values of a line)
    """The keys of one sample."""
    known = {"sample": sample, "input_digest": f"{sample:016x}", "output": "3", "confidence": 0.9, "error": None}
    return known | changes


def line(after_s: float = 0.0, **changes: Any) -> Prediction:  # noqa: ANN401 (the values of a line)
    """A line that was written so many seconds after the log began."""
    when: dict[str, Any] = {"@timestamp": BEGUN + timedelta(seconds=after_s), "event": "prediction"}
    known = SOURCE._asdict() | row(0) | {"latency_ms": 2.0, "batch": 1}
    return Prediction(**(when | known | changes))
