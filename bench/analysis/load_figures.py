"""The figures of servers under load: latencies of single queries, samples per second, the highest rate, goodput."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.analysis.disturbance import of_use
from bench.records.load import Loaded, LoadRun
from bench.records.record import Record
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


def doubt(records: Sequence[Record]) -> str:
    """Why the figures of a server cannot be relied on, over all its processes; empty if they can."""
    loaded = [record.measurement.loaded for record in records]
    counted = [run for found in loaded if found is not None for run in runs_that_count(found)]
    invalid = next((f"not valid: {reason}" for run in counted for reason in run.problems), "")
    return invalid or mostly_disturbed(records)


def runs_of(record: Record) -> tuple[LoadRun, ...]:
    """The runs of the load generator in a record."""
    found = record.measurement.loaded
    return found.runs if found is not None else ()


def disturbed(record: Record, run: LoadRun) -> str:
    """What other work disturbed a run of the load generator; empty if none did."""
    found = of_use(run.use, threads=record.case.threads, device=record.case.device)
    return ", ".join(item.words for item in found)


def mostly_disturbed(records: Sequence[Record]) -> str:
    """What disturbed more than half of the runs, so that their median is doubtful too; empty if nothing did."""
    found = [disturbed(record, run) for record in records for run in runs_of(record)]
    words = [item for item in found if item]
    return f"disturbed in most of its runs: {words[0]}" if len(words) > len(found) / 2 else ""


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


def high_end(name: str, processes: Sequence[Loaded]) -> float:
    """The highest value of a figure: of the highest rate the upper end of its interval, if the search found one."""
    ends = [found.highest.refuted_per_s for found in processes if found.highest] if name == "sla_rate" else []
    return max(*values(name, processes), *filter(None, ends), 0.0)


def values(name: str, processes: Sequence[Loaded]) -> tuple[float, ...]:
    """The figure of each process that has one."""
    found = (METRICS[name].read(item) for item in processes)
    return tuple(value for value in found if value is not None)
