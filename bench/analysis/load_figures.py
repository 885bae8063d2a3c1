"""The figures of servers under load: latencies of single queries, samples per second, the highest rate, goodput."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.records.load import Loaded, LoadRun
from bench.workload.axes import Load

NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMetric:
    """A figure of one process under load.

    - `unit`: its unit;
    - `loads`: the kinds of load that have it;
    - `meaning`: what it is, for readers;
    - `read`: its value, or None if the process has none;
    - `is_better_higher`: whether a larger value is better.
    """

    name: str
    unit: str
    loads: tuple[Load, ...]
    meaning: str
    read: Callable[[Loaded], float | None]
    is_better_higher: bool


def runs_that_count(found: Loaded) -> list[LoadRun]:
    """The runs of the generator that a figure is made from: in a search those at the answer that kept the limit.

    Runs of a server at several rates have no figure in common.
    """
    if found.highest is None:
        return [run for run in found.runs if run.load != "server"]
    rate = found.highest.confirmed_per_s
    return [run for run in found.runs if run.asked_per_s == rate and run.verdict == "kept"]


def doubt(found: Loaded) -> str:
    """Why the figures of a process cannot be relied on; empty if they can."""
    return next((f"not valid: {reason}" for run in runs_that_count(found) for reason in run.problems), "")


def _middle(found: Loaded, read: Callable[[LoadRun], float | None]) -> float | None:
    known = [value for run in runs_that_count(found) if (value := read(run)) is not None]
    return median(known) if known else None


def _seconds(read: Callable[[LoadRun], float | None]) -> Callable[[Loaded], float | None]:
    def of(found: Loaded) -> float | None:
        value = _middle(found, read)
        return None if value is None else value / NANOSECONDS

    return of


def _goodput(run: LoadRun) -> float | None:
    """Queries per second that were answered within the limit."""
    return None if run.within_limit is None else run.completed_per_s * run.within_limit / run.answered


def _confirmed(found: Loaded) -> float | None:
    """The highest rate; 0 for a server that keeps the limit at no rate."""
    if found.highest is None:
        return None
    return 0.0 if found.highest.ending == "upper bound" else found.highest.confirmed_per_s


METRICS: Mapping[str, LoadMetric] = {
    metric.name: metric
    for metric in (
        LoadMetric(
            name="load_p90_s",
            unit="s",
            loads=("single_stream", "server"),
            meaning="The 90th percentile of latency, from scheduled arrival to answer. `server`: at the highest rate.",
            read=_seconds(lambda run: run.latency.p90_ns),
            is_better_higher=False,
        ),
        LoadMetric(
            name="load_p99_s",
            unit="s",
            loads=("single_stream", "server"),
            meaning="The same for the 99th percentile; at least 1 000 queries.",
            read=_seconds(lambda run: run.latency.p99_ns),
            is_better_higher=False,
        ),
        LoadMetric(
            name="offline_rate",
            unit="samples/s",
            loads=("offline",),
            meaning="All queries come at once: samples / seconds from the first query to the last answer.",
            read=lambda found: _middle(found, lambda run: run.completed_per_s),
            is_better_higher=True,
        ),
        LoadMetric(
            name="sla_rate",
            unit="queries/s",
            loads=("server",),
            meaning="The highest rate of Poisson arrivals that keeps the latency limit, as found by a search.",
            read=_confirmed,
            is_better_higher=True,
        ),
        LoadMetric(
            name="goodput",
            unit="queries/s",
            loads=("server",),
            meaning="Queries answered within the limit / seconds of the run, at that rate.",
            read=lambda found: _middle(found, _goodput),
            is_better_higher=True,
        ),
    )
}
COMPARED = ("load_p90_s", "offline_rate", "sla_rate")


def values(name: str, processes: Sequence[Loaded]) -> tuple[float, ...]:
    """The figure of each process that has one."""
    found = (METRICS[name].read(item) for item in processes)
    return tuple(value for value in found if value is not None)
