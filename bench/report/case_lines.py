"""A case and its result in one line, as a run shows them while it goes on, and as `levelfield watch` shows them."""

from collections.abc import Mapping, Sequence

from bench.analysis.disturbance import disturbances, largest
from bench.records.measurement import Block, Measurement, Memory
from bench.records.record import Case, Record
from bench.records.timing_metrics import METRICS, value
from bench.report import formatting
from bench.report.servers import load_in_words
from bench.workload.axes import Scenario
from bench.workload.places import is_virtual

# What one call takes, in each scenario: its word, its median and its 90th percentile.
CALLS: Mapping[Scenario, tuple[str, str, str]] = {
    "training": ("step", "step_time_p50_s", "step_time_p90_s"),
    "inference": ("latency", "query_time_p50_s", "query_time_p90_s"),
}


def line(record: Record) -> str:
    """The case of a record, and what came of it."""
    return f"{name(record.case)}: {outcome(record)}"


def name(case: Case) -> str:
    """A case in words: `digits-dnn pytorch training, timing 2`."""
    return f"{whose(case)}, {case.turn}"


def whose(case: Case) -> str:
    """What a case measures, without its purpose or load: `digits-dnn pytorch on cuda training`."""
    device = "" if case.device == "cpu" else f" on {case.device}"
    words = (case.workload, f"{case.contender}{device}", *case.unusual, *(() if case.serving else (case.scenario,)))
    return formatting.one_line(" ".join(words))


def outcome(record: Record) -> str:
    """The figures of a record in one line, or what went wrong."""
    return formatting.one_line(_outcome(record))


def _outcome(record: Record) -> str:
    if record.outcome != "ok":
        return f"{record.outcome}: {record.error}"
    found = record.measurement
    if found.loaded is not None:
        return load_in_words(found.loaded)
    return _figures(record, found)


def _figures(record: Record, found: Measurement) -> str:
    """The figures of a record without a load."""
    if found.learning:
        shown = (found.learning.target_metric, "loss")
        quality = {key: score for key, score in found.learning.quality.items() if key in shown}
        return "test " + ", ".join(f"{key} {formatting.score(score)}" for key, score in quality.items())
    if found.capacity and found.capacity.largest:
        return f"{found.capacity.largest.batch_size:,} samples fit"
    if found.memory:
        return _peaks(found.memory)
    if is_virtual(record.case.device, record.case.contender):
        return "done; virtual devices have no speed of their own"
    speeds = (f"batch {block.batch_size}: {_speed(block, record.case.scenario)}" for block in found.blocks)
    return "; ".join(speeds) + _disturbed(record)


def _disturbed(record: Record) -> str:
    """What disturbed the blocks of a record; empty if nothing did."""
    case = record.case
    found = largest(
        item
        for block in record.measurement.blocks
        for item in disturbances(block, threads=case.threads, device=case.device)
    )
    return f" (disturbed: {', '.join(item.words for item in found)})" if found else ""


def _by_size(figures: Mapping[int, str]) -> str:
    return ", ".join(f"{found} at batch {size}" for size, found in figures.items())


def _peaks(found: Sequence[Memory]) -> str:
    """The peaks of the device where it has memory of its own, since that is what runs out first; else of the host."""
    if all(item.device_peak_bytes is None for item in found):
        return "host peak " + _by_size({item.batch_size: formatting.size(item.host_peak_bytes) for item in found})
    return "device peak " + _by_size({item.batch_size: formatting.size(item.device_peak_bytes) for item in found})


def _speed(block: Block, scenario: Scenario) -> str:
    """The throughput, and the median of single calls with the spread above it, where there are enough of them."""
    word, median, high = CALLS[scenario]
    rate, p50, p90 = (value(METRICS[item], block) for item in ("samples_per_second", median, high))
    spread = "" if p90 is None else f" (p90 {formatting.duration(p90)})"
    return f"{formatting.count(rate)} samples/s, {word} {formatting.duration(p50)}{spread}"
