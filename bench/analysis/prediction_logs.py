"""Summarises prediction logs: rates, errors, latencies of calls, and what was predicted, as a whole and over time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import floor

import numpy as np

from bench.records.prediction import Prediction

MILLISECONDS = 1e3  # in a second
CALLS_NEEDED = {50: 1, 90: 64, 99: 662, 100: 1}  # for each percentile, as for the latencies of a run
MOST_INTERVALS = 24
DAY_S = 86400.0
# Lengths of intervals in seconds. None is more than twice the one before, so that 12 to 24 of them cover any log.
LENGTHS_S: tuple[float, ...] = (
    *(base * unit for unit in (1e-3, 1e-2, 1e-1) for base in (1, 2, 3, 5)),
    *(base * unit for unit in (1, 60) for base in (1, 2, 3, 5, 10, 15, 30)),
    *(hours * 3600 for hours in (1, 2, 3, 6, 12)),
    *(DAY_S * 2**power for power in range(16)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The mean and the standard deviation of a predicted number."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSummary:
    """The figures of some lines of a log. None is a figure that they do not have.

    - `predictions`: lines without an error;
    - `errors`, `errors_share`: samples that failed, and requests that failed without one; their share of all lines;
    - `error_texts`: how often each error occurs, the most frequent first;
    - `rate_per_s`: predictions per second, from the beginning of the first call to the end of the last, or of the
      interval;
    - `calls`, `largest_batch`: how many calls were timed, and the most samples in one;
    - `latency_...`: percentiles of the latency of these calls, and the longest; p90 needs 64 calls, p99 662;
    - `classes`: the share of each predicted class, the most frequent first;
    - `numbers`: the predicted numbers, one for each output of the network;
    - `mean_confidence`: the mean probability of the predicted classes.
    """

    predictions: int
    errors: int
    errors_share: float | None
    error_texts: dict[str, int]
    rate_per_s: float | None
    calls: int
    largest_batch: int
    latency_p50_ms: float | None
    latency_p90_ms: float | None
    latency_p99_ms: float | None
    latency_max_ms: float | None
    classes: dict[str, float]
    numbers: tuple[Numbers, ...]
    mean_confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The figures of an interval that begins at `since_s`, in seconds since 1970 (UTC)."""

    since_s: float
    summary: LogSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLog:
    """The predictions of one model by one framework; `digests` has more than one entry if its files were replaced."""

    model: str
    framework: str
    digests: tuple[str, ...]
    summary: LogSummary
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionLogs:
    """Everything about some logs: the length of an interval in seconds, all lines together, and each model."""

    every_s: float
    total: LogSummary
    models: tuple[ModelLog, ...]


def watched(lines: Sequence[Prediction], *, every_s: float | None = None) -> PredictionLogs:
    """The figures of each model and framework, as a whole and over time. There is at least one line.

    Without `every_s` the log is divided into 12 to 24 intervals, unless it is shorter than 12 milliseconds.
    """
    length = every_s or interval_s(lines)
    by_model: dict[tuple[str, str], list[Prediction]] = {}
    for line in lines:
        by_model.setdefault((line.model, line.framework or "unknown"), []).append(line)
    models = tuple(
        ModelLog(
            model=model,
            framework=framework,
            digests=tuple(dict.fromkeys(line.model_digest for line in found if line.model_digest)),
            summary=summary(found),
            intervals=_over_time(found, length),
        )
        for (model, framework), found in sorted(by_model.items())
    )
    return PredictionLogs(every_s=length, total=summary(lines), models=models)


def summary(lines: Sequence[Prediction], *, span_s: float | None = None) -> LogSummary:
    """The figures of these lines; `span_s` is the time that they were written in, if it is known."""
    good = [line for line in lines if line.error is None]
    calls = _calls(lines)
    latencies = [latency for latency, _ in calls]
    p50, p90, p99, longest = (
        float(np.percentile(latencies, percent)) if len(latencies) >= least else None
        for percent, least in CALLS_NEEDED.items()
    )
    span = span_s or _span_s(lines)
    confidences = [line.confidence for line in good if line.confidence is not None]
    return LogSummary(
        predictions=len(good),
        errors=len(lines) - len(good),
        errors_share=(len(lines) - len(good)) / len(lines) if lines else None,
        error_texts=dict(Counter(line.error for line in lines if line.error is not None).most_common()),
        rate_per_s=len(good) / span if span else None,
        calls=len(calls),
        largest_batch=max((batch for _, batch in calls), default=0),
        latency_p50_ms=p50,
        latency_p90_ms=p90,
        latency_p99_ms=p99,
        latency_max_ms=longest,
        classes=_classes(good),
        numbers=_numbers(good),
        mean_confidence=float(np.mean(confidences)) if confidences else None,
    )


def number_of_intervals(lines: Sequence[Prediction], length_s: float) -> int:
    """How many intervals of this length the lines are in, from the first to the last; each begins at a multiple."""
    times = [line.timestamp.timestamp() for line in lines]
    return floor(max(times) / length_s) - floor(min(times) / length_s) + 1


def interval_s(lines: Sequence[Prediction]) -> float:
    """The shortest length of an interval that divides the lines into at most 24."""
    fitting = (length for length in LENGTHS_S if number_of_intervals(lines, length) <= MOST_INTERVALS)
    return next(fitting, LENGTHS_S[-1])


def _over_time(lines: Sequence[Prediction], length_s: float) -> tuple[Interval, ...]:
    """The intervals from the first line to the last, also those without a line."""
    parts: dict[int, list[Prediction]] = {}
    for line in lines:
        parts.setdefault(floor(line.timestamp.timestamp() / length_s), []).append(line)
    return tuple(
        Interval(since_s=number * length_s, summary=summary(parts.get(number, ()), span_s=length_s))
        for number in range(min(parts), max(parts) + 1)
    )


def _calls(lines: Sequence[Prediction]) -> list[tuple[float, int]]:
    """The latency and the batch of each call: the lines of one call have the same time and the same latency."""
    found = {
        (line.timestamp, line.latency_ms, line.model, line.model_digest, line.framework, line.device): line.batch or 1
        for line in lines
        if line.latency_ms is not None
    }
    return [(key[1], batch) for key, batch in found.items()]


def _span_s(lines: Sequence[Prediction]) -> float | None:
    """The seconds from the beginning of the first call to the end of the last."""
    ends = [line.timestamp.timestamp() for line in lines]
    begins = [end - (line.latency_ms or 0) / MILLISECONDS for end, line in zip(ends, lines, strict=True)]
    return max(ends) - min(begins) if lines else None


def _classes(lines: Sequence[Prediction]) -> dict[str, float]:
    found = Counter(line.output for line in lines if isinstance(line.output, str))
    return {name: number / found.total() for name, number in found.most_common()}


def _numbers(lines: Sequence[Prediction]) -> tuple[Numbers, ...]:
    """The mean and the deviation of each number that the network predicts."""
    rows: list[tuple[float, ...]] = []
    for line in lines:
        if isinstance(line.output, tuple):
            rows.append(line.output)
        elif isinstance(line.output, float):
            rows.append((line.output,))
    known = [[value for value in column if value is not None] for column in zip_longest(*rows)]
    return tuple(Numbers(mean=float(np.mean(column)), deviation=float(np.std(column))) for column in known)
