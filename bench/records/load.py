"""Defines what a server did under load: how queries arrived, how long each waited and was served, what it kept up.

A load generator sends queries to a server, which predicts one batch of queries after the other. The three loads are
those of MLPerf's LoadGen. Times are in nanoseconds (names end in `_ns`).
"""

from typing import Literal

from pydantic.dataclasses import dataclass

from bench.records.evaluation import stored
from bench.records.machine_use import Use
from bench.workload.axes import Load

Verdict = Literal["kept", "broken", "invalid"]
Ending = Literal["found", "lower bound", "upper bound", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Serving:
    """How queries arrive, how the server makes batches of them, and the latency that it has to keep.

    Attributes:
        load: How queries arrive. `single_stream`: one after the other, each when the last one is answered. `offline`:
            all at once. `server`: at random times (a Poisson process), whether or not the server keeps up.
        limit_ns: The latency that the server has to keep. None without such a limit.
        percentile: The percentile of latency that has to be at most `limit_ns`.
        most: The most queries in one batch of the server. 1 means that it makes no batches.
        patience_ns: How long a query may wait for its batch to fill, from its arrival.
    """

    load: Load
    limit_ns: int | None = None
    percentile: float = 99.0
    most: int = 1
    patience_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Spread:
    """The distribution of one time over the queries of a run.

    Attributes:
        mean_ns: The mean.
        p50_ns: The median.
        p90_ns: The 90th percentile.
        p99_ns: The 99th percentile. None below 1 000 queries.
        p999_ns: The 99.9th percentile. None below 10 000 queries.
        max_ns: The longest time.
    """

    mean_ns: float
    p50_ns: float
    p90_ns: float
    p99_ns: float | None
    p999_ns: float | None
    max_ns: float


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class LoadRun:
    """One run of the load generator. Its times, query by query, are in a file of the run (`artifacts/load`).

    Attributes:
        load: How queries arrived.
        seeds: The seeds of the generator: the samples in memory, the sample of each query, the arrivals.
        queries: The queries that the generator scheduled.
        answered: The queries that were answered.
        dropped: The queries that the server refused because its queue was full.
        batch: The most samples that were predicted together.
        batches: The calls of the network.
        asked_per_s: The rate that was asked for. None if the load has no rate.
        scheduled_per_s: The rate of the schedule, whose gaps are random. None if the load has no rate.
        sent_per_s: The rate at which the generator sent queries. None if the load has no rate.
        completed_per_s: Samples per second, from the first query to the last answer.
        latency: From the scheduled arrival of a query to its answer.
        waiting: From the scheduled arrival of a query to the call of the network that answers it.
        service: The call of the network, until its result is there.
        lateness: How late the generator sent a query. None if the load has no schedule.
        at_percentile_ns: The latency at the percentile that has to keep the limit. None without a limit.
        in_flight: The mean number of queries in the queue or in service, in equal parts of the time.
        growth: By how many queries per second that number grew. None if the load has no rate.
        growth_error: The standard error of `growth`.
        late_start_ns: How long after the arrival of a query, or after the end of the last one if that was later, its
            call began, at the median. None if batches have several queries.
        checked: The answers that were compared with the reference.
        deviation: The largest relative deviation of those answers. None without a reference.
        added_ns: What the generator's own latency has beyond `service`, at the 90th percentile.
        by_generator: What the generator's log says, by its own names.
        problems: Why the run is not valid, in words. Empty if it is.
        within_limit: The queries that were answered within the limit. None without a limit.
        verdict: Whether the limit was kept. None without a limit.
        file: The folder with the times of each query and the logs, in `artifacts/load`.
        use: What the machine did during the run.
    """

    load: Load
    seeds: tuple[int, int, int]
    queries: int
    answered: int
    dropped: int
    batch: int
    batches: int
    asked_per_s: float | None
    scheduled_per_s: float | None
    sent_per_s: float | None
    completed_per_s: float
    latency: Spread
    waiting: Spread
    service: Spread
    lateness: Spread | None = None
    at_percentile_ns: float | None = None
    within_limit: int | None = None
    in_flight: tuple[float, ...] = ()
    growth: float | None = None
    growth_error: float | None = None
    late_start_ns: float | None = None
    checked: int = 0
    deviation: float | None = None
    added_ns: float | None = None
    by_generator: dict[str, str]
    problems: tuple[str, ...] = ()
    verdict: Verdict | None = None
    file: str | None = None
    use: Use | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class HighestRate:
    """The highest rate of queries that keeps the latency limit, as an interval.

    Attributes:
        confirmed_per_s: The highest rate that kept the limit in three runs. None if no rate did.
        refuted_per_s: The lowest rate above it that broke the limit in two runs. None if no such rate could be sent.
        ending: `found` (both rates are known), `lower bound` (the generator could not go faster), `upper bound` (even
            the lowest rate broke the limit), or `inconclusive` (the runs disagreed for too long).
    """

    confirmed_per_s: float | None
    refuted_per_s: float | None
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True, config=stored)
class Loaded:
    """What a server did under one kind of load, in one process.

    Attributes:
        runs: The runs of the generator in their order. In a search for the highest rate, its probes.
        alone: The same calls without a generator and a queue, timed in turns with the runs of `single_stream`.
        highest: The highest rate that keeps the latency limit. None without a search.
        batch_rates: Samples per second at each batch size that was tried for `offline`.
    """

    runs: tuple[LoadRun, ...]
    alone: Spread | None = None
    highest: HighestRate | None = None
    batch_rates: dict[str, float] | None = None
