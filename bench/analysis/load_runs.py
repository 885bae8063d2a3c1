"""Turns the times of the queries of one run under load into its figures, and says in words why a run is not valid."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from bench.analysis import queueing
from bench.analysis.queueing import Growth
from bench.records.load import LoadRun, Serving, Spread, Verdict
from bench.records.machine_use import Use

LATE = 0.05  # of the latency limit: how late the generator may send a query, at the 99th percentile
LATE_WITHOUT_LIMIT = 0.1  # of the 99th percentile of latency, where there is no limit
EARLY_NS = 100_000  # no query is sent before it is due, so at the median this is no rounding
SLOW = 0.05  # how far the rate of sent queries may fall behind the schedule
FEWEST_FOR_P99, FEWEST_FOR_P999 = 1_000, 10_000
NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When each answered query was due, sent, taken by the server and answered: nanoseconds on one clock.

    All arrays have shape (queries,). Queries of one batch have the same `begun` and `ended`.
    """

    due: np.ndarray
    sent: np.ndarray
    begun: np.ndarray
    ended: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked of a run; `per_s` is the rate of queries, None for a load without a rate."""

    serving: Serving
    seeds: tuple[int, int, int]
    queries: int
    per_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What happened beside the times of the queries.

    `misfit` says how the checked answers differ from the reference, if they do. `complaints` are the errors of the
    generator. See `LoadRun` for the other attributes.
    """

    dropped: int = 0
    batch: int = 1
    batches: int = 0
    checked: int = 0
    deviation: float | None = None
    misfit: str | None = None
    complaints: tuple[str, ...] = ()
    by_generator: dict[str, str] = field(default_factory=dict)
    generator_p90_ns: float | None = None
    file: str | None = None
    use: Use | None = None


def spread(values: np.ndarray) -> Spread:
    """The distribution of times in nanoseconds; each percentile is a time that was measured."""
    count = len(values)
    p50, p90, p99, p999 = np.quantile(values, [0.5, 0.9, 0.99, 0.999], method="higher").tolist()
    return Spread(
        mean_ns=float(np.mean(values)),
        p50_ns=p50,
        p90_ns=p90,
        p99_ns=p99 if count >= FEWEST_FOR_P99 else None,
        p999_ns=p999 if count >= FEWEST_FOR_P999 else None,
        max_ns=float(np.max(values)),
    )


def load_run(times: Times, asked: Asked, seen: Seen) -> LoadRun:
    """The figures of one run."""
    serving, is_open = asked.serving, asked.per_s is not None
    latency, lateness = times.ended - times.due, times.sent - times.due
    numbers = queueing.in_flight(times.due, times.ended) if is_open else np.zeros(0)
    growth = queueing.growth(numbers, _seconds(times.due)) if is_open else None  # per second
    at_percentile, within = None, None
    if serving.limit_ns is not None:
        within = int((latency <= serving.limit_ns).sum())
        at_percentile = float(np.quantile(latency, serving.percentile / 100, method="higher"))
    service, p90 = spread(times.ended - times.begun), seen.generator_p90_ns
    found = LoadRun(
        load=serving.load,
        seeds=asked.seeds,
        queries=asked.queries,
        answered=len(latency),
        dropped=seen.dropped,
        batch=seen.batch,
        batches=seen.batches,
        asked_per_s=asked.per_s,
        scheduled_per_s=_rate(times.due) if is_open else None,
        sent_per_s=_rate(times.sent) if is_open else None,
        completed_per_s=len(latency) / (float(times.ended.max() - times.due[0]) / NANOSECONDS),
        latency=spread(latency),
        waiting=spread(times.begun - times.due),
        service=service,
        lateness=spread(lateness) if is_open else None,
        at_percentile_ns=at_percentile,
        within_limit=within,
        in_flight=tuple(numbers.tolist()),
        growth=growth.slope if growth else None,
        growth_error=growth.error if growth else None,
        late_start_ns=_late_start(times) if is_open and seen.batch == 1 else None,
        checked=seen.checked,
        deviation=seen.deviation,
        added_ns=None if p90 is None else p90 - service.p90_ns,
        by_generator=seen.by_generator,
        problems=tuple(_problems(times, asked, seen)),
        file=seen.file,
        use=seen.use,
    )
    return replace(found, verdict=_verdict(serving, found))


def overloaded(run: LoadRun) -> bool:
    """Whether the queue of a run grew all the time, so that the server does not keep up with this rate."""
    if run.growth is None or run.growth_error is None or run.asked_per_s is None:
        return False
    return queueing.is_overloaded(Growth(run.growth, run.growth_error), rate=run.asked_per_s)


def _verdict(serving: Serving, run: LoadRun) -> Verdict | None:
    """Whether the limit was kept. A server that drops queries has broken it; other problems make a run invalid."""
    if serving.limit_ns is None or run.at_percentile_ns is None:
        return None
    if run.dropped:
        return "broken"
    if run.problems:
        return "invalid"
    return "broken" if overloaded(run) or run.at_percentile_ns > serving.limit_ns else "kept"


def _problems(times: Times, asked: Asked, seen: Seen) -> Iterator[str]:
    """The conditions of a valid run that failed, in words."""
    answered = len(times.ended)
    if seen.dropped:
        yield f"{seen.dropped:,} of {asked.queries:,} queries were dropped, since the queue of the server was full"
    if answered + seen.dropped < asked.queries:
        yield f"{asked.queries - answered - seen.dropped:,} of {asked.queries:,} queries got no answer"
    if seen.misfit is not None:
        yield f"wrong answers: {seen.misfit}"
    if asked.per_s is not None:
        yield from _generator_problems(times, asked)
    yield from (f"error of the load generator: {text}" for text in seen.complaints)


def _generator_problems(times: Times, asked: Asked) -> Iterator[str]:
    """What the generator did wrong: queries that were sent late, or at another rate than their schedule has."""
    late, latency = (float(np.quantile(values - times.due, 0.99)) for values in (times.sent, times.ended))
    limit = asked.serving.limit_ns
    allowed, of = (LATE * limit, "the limit") if limit else (LATE_WITHOUT_LIMIT * latency, "p99 latency")
    if late > allowed:
        share = LATE if limit else LATE_WITHOUT_LIMIT
        yield (
            f"the load generator was late by {late / 1e3:,.0f} µs (p99); more than {allowed / 1e3:,.0f} µs "
            f"({share:.0%} of {of}) are not allowed"
        )
    if (early := float(np.median(times.due - times.sent))) > EARLY_NS:
        yield f"the clock of the load generator was set: queries came {early / 1e3:,.0f} µs before they were due"
    scheduled, sent = _rate(times.due), _rate(times.sent)
    if abs(sent / scheduled - 1) > SLOW:
        yield f"the load generator sent {sent:,.0f} queries per second, but {scheduled:,.0f} were scheduled"


def _late_start(times: Times) -> float:
    """How much later than it could the server began a query, at the median; nanoseconds.

    It can begin when the query is sent and the last one has ended. This is one step of Lindley's recursion.
    """
    possible = np.maximum(times.sent[1:], times.ended[:-1])
    return float(np.median(np.abs(times.begun[1:] - possible)))


def _rate(times: np.ndarray) -> float:
    """Queries per second, from the first to the last."""
    return (len(times) - 1) / _seconds(times)


def _seconds(times: np.ndarray) -> float:
    return float(times[-1] - times[0]) / NANOSECONDS
