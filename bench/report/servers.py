"""Servers under load: which of them a run has, and their limits, rates and results in words."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.analysis.load_runs import overloaded
from bench.records.load import HighestRate, Loaded, LoadRun, Serving
from bench.records.record import Record
from bench.report import formatting
from bench.report.reliability import SIGN
from bench.report.results import STATUS_WORDS, Lane, Results, lane, remembered

NANOSECONDS = 1e9


class Served(NamedTuple):
    """A server under one kind of load, measured in one process or several."""

    workload: str
    lane: Lane
    serving: Serving


@remembered
def servers(results: Results) -> dict[Served, list[Record]]:
    """The records of each server under load, in the order of measurement."""
    found: dict[Served, list[Record]] = {}
    for record in results.served:
        if record.case.serving is not None:
            key = Served(record.case.workload, lane(record.case), record.case.serving)
            found.setdefault(key, []).append(record)
    order = list(dict.fromkeys(item.workload for item in found))
    return dict(sorted(found.items(), key=lambda item: order.index(item[0].workload)))


def confirmed(records: Sequence[Record]) -> float | None:
    """The highest rate that a search has confirmed; None without one."""
    searched = (record.measurement.loaded.highest for record in records if record.measurement.loaded is not None)
    return next((highest.confirmed_per_s for highest in searched if highest is not None), None)


def proof(records: Sequence[Record]) -> str:
    """The status of the proof of a server, in words; its outcome if it failed."""
    failed = next((record.outcome for record in records if record.outcome != "ok"), None)
    if failed is not None:
        return failed
    found = [record.certificate for record in records]
    if any(item is None or item.alone for item in found):
        return STATUS_WORDS["missing"]
    return STATUS_WORDS["passed" if all(item and item.passed for item in found) else "failed"]


def limit_in_words(serving: Serving) -> str:
    """The latency limit with its percentile: `5 ms (p99)`."""
    seconds = formatting.duration((serving.limit_ns or 0) / NANOSECONDS).replace(".00 ", " ")
    return f"{seconds} (p{serving.percentile:g})"


def batching_in_words(serving: Serving) -> str:
    """How the server makes batches: `none`, or `at most 8, 2 ms`."""
    if serving.most == 1:
        return "none"
    return f"at most {serving.most}, {formatting.duration(serving.patience_ns / NANOSECONDS)}"


def rate_in_words(found: HighestRate) -> str:
    """The interval of the highest rate: `12.3 k to 12.9 k`, `at least 12.3 k`."""
    confirmed, refuted = (formatting.count(rate) for rate in (found.confirmed_per_s, found.refuted_per_s))
    if found.ending == "lower bound":
        return f"at least {confirmed}"
    if found.ending == "upper bound":
        return f"below {refuted}"
    words = f"{confirmed} to {refuted}"
    return words if found.ending == "found" else f"inconclusive, {words}"


def result_in_words(run: LoadRun) -> str:
    """Whether a run kept the limit, broke it, or is not valid, and why."""
    grows = ["overloaded: the queue grew all the time"] if overloaded(run) else []
    if run.problems and run.verdict == "broken":
        return f"broken: {'; '.join((*run.problems, *grows))}"
    if run.problems:
        return f"not valid {SIGN}: {'; '.join((*run.problems, *grows))}"
    first = run.verdict if run.verdict is not None else "valid"
    return f"{first}, {grows[0]}" if grows else first


def load_in_words(found: Loaded) -> str:
    """What a server did under one kind of load, in one line."""
    invalid = sum(bool(run.problems) for run in found.runs)
    ending = f" ({invalid} of {len(found.runs)} runs not valid)" if invalid else ""
    if found.highest is not None:
        return f"highest rate {rate_in_words(found.highest)} queries/s, in {len(found.runs)} runs{ending}"
    last = found.runs[-1]
    if last.load == "single_stream":
        p90 = formatting.duration(last.latency.p90_ns / NANOSECONDS)
        return f"latency p90 {p90}{ending}"
    if last.load == "offline":
        return f"{formatting.count(last.completed_per_s)} samples/s at batch {last.batch}{ending}"
    rates = (
        f"p99 {formatting.duration((run.latency.p99_ns or run.latency.max_ns) / NANOSECONDS)} "
        f"at {formatting.count(run.asked_per_s)}/s"
        for run in found.runs
    )
    return f"{', '.join(rates)}{ending}"
