"""Computes performance metrics, one function for each, from the raw timings of one process.

The process is the unit of analysis: several processes time a cell, and the figure of the cell is the median over these
processes. A metric has no value (None, never 0) if there are too few samples, or if a time is not above zero.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.records.cell import Cell, cells
from bench.records.measurement import Block
from bench.records.record import Record
from bench.workload.axes import Scenario

Better = Literal["lower", "higher"]
Samples = Literal["call_ns", "synchronised_ns", "pipelined_ns"]
Compute = Callable[[Block], float]

TRAINING: tuple[Scenario, ...] = ("training",)
INFERENCE: tuple[Scenario, ...] = ("inference",)
EVERYWHERE: tuple[Scenario, ...] = (*TRAINING, *INFERENCE)
KEPT = 2**15  # percentiles of lists of times; a run of 10 000 records has fewer
PERCENTS = (50, 90, 99)
# A page needs the same percentiles dozens of times. The keys stand for the times: a hash, their number and both ends.
_known: dict[tuple[int, int, int, int], Mapping[int, float]] = {}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # each is made once
class Metric:
    """A metric: its name and unit, the scenarios in which it exists, and the function that computes it.

    - `samples`, `at_least`: the field of Block with its raw samples, and how many of them it needs;
    - `compared`: whether it decides about regressions;
    - `may_be_zero`: whether 0 is a valid value, for example if no time was spent on compiling.
    """

    name: str
    unit: str
    better: Better
    scenarios: tuple[Scenario, ...]
    samples: Samples
    at_least: int
    compared: bool
    may_be_zero: bool
    compute: Compute


METRICS: dict[str, Metric] = {}


def metric(  # noqa: PLR0913 (a row of a table)
    unit: str,
    better: Better,
    *,
    scenarios: tuple[Scenario, ...],
    samples: Samples,
    at_least: int = 1,
    compared: bool = False,
    may_be_zero: bool = False,
) -> Callable[[Compute], Compute]:
    """A decorator that adds a function to METRICS under the function's name."""

    def enter(compute: Compute) -> Compute:
        METRICS[compute.__name__] = Metric(
            name=compute.__name__,
            unit=unit,
            better=better,
            scenarios=scenarios,
            samples=samples,
            at_least=at_least,
            compared=compared,
            may_be_zero=may_be_zero,
            compute=compute,
        )
        return compute

    return enter


@metric("s", "lower", scenarios=TRAINING, samples="pipelined_ns", compared=True)
def step_time_pipelined_s(block: Block) -> float:
    """Median time of a round / steps in a round."""
    return _percentile_s(block.pipelined_ns, 50) / block.iterations_per_round


@metric("s", "lower", scenarios=TRAINING, samples="synchronised_ns", compared=True)
def step_time_p50_s(block: Block) -> float:
    """Median time of a step with a wait after it."""
    return _percentile_s(block.synchronised_ns, 50)


@metric("s", "lower", scenarios=TRAINING, samples="synchronised_ns", at_least=64)
def step_time_p90_s(block: Block) -> float:
    """90th percentile of the time of a step with a wait after it."""
    return _percentile_s(block.synchronised_ns, 90)


@metric("s", "lower", scenarios=INFERENCE, samples="pipelined_ns", compared=True)
def query_time_pipelined_s(block: Block) -> float:
    """Median time of a round / queries in a round."""
    return _percentile_s(block.pipelined_ns, 50) / block.iterations_per_round


@metric("s", "lower", scenarios=INFERENCE, samples="synchronised_ns", compared=True)
def query_time_p50_s(block: Block) -> float:
    """Median time of a query with a wait after it: the latency."""
    return _percentile_s(block.synchronised_ns, 50)


@metric("s", "lower", scenarios=INFERENCE, samples="synchronised_ns", at_least=64)
def query_time_p90_s(block: Block) -> float:
    """90th percentile of the time of a query with a wait after it. MLPerf's early stopping needs 64 queries for it."""
    return _percentile_s(block.synchronised_ns, 90)


@metric("s", "lower", scenarios=INFERENCE, samples="synchronised_ns", at_least=662)
def query_time_p99_s(block: Block) -> float:
    """99th percentile of the time of a query with a wait after it. MLPerf's early stopping needs 662 queries for it."""
    return _percentile_s(block.synchronised_ns, 99)


@metric("s", "lower", scenarios=INFERENCE, samples="synchronised_ns")
def per_sample_latency_s(block: Block) -> float:
    """`query_time_p50_s` / samples in the query."""
    return query_time_p50_s(block) / block.batch_size


@metric("samples/s", "higher", scenarios=EVERYWHERE, samples="pipelined_ns")
def samples_per_second(block: Block) -> float:
    """Throughput: samples in a round / median time of a round."""
    return block.batch_size * block.iterations_per_round / _percentile_s(block.pipelined_ns, 50)


@metric("s", "lower", scenarios=EVERYWHERE, samples="call_ns")
def first_call_time_s(block: Block) -> float:
    """Time of the first call, which usually compiles."""
    return block.call_ns[0] / 1e9


@metric("s", "lower", scenarios=EVERYWHERE, samples="call_ns", at_least=2)
def second_call_time_s(block: Block) -> float:
    """Time of the second call, which may compile again."""
    return block.call_ns[1] / 1e9


@metric("s", "lower", scenarios=EVERYWHERE, samples="call_ns", at_least=3)
def third_call_time_s(block: Block) -> float:
    """Time of the third call."""
    return block.call_ns[2] / 1e9


@metric("s", "lower", scenarios=EVERYWHERE, samples="call_ns", may_be_zero=True)
def trace_time_s(block: Block) -> float:
    """Time for tracing the code into programs, lowering included, in the first calls and the first round."""
    return math.nan if block.compiling is None else block.compiling.trace_ns / 1e9


@metric("s", "lower", scenarios=EVERYWHERE, samples="call_ns", may_be_zero=True)
def compile_time_s(block: Block) -> float:
    """Time for compiling the programs, in the first calls and the first round.

    Where the library does not count it: `start_cost_s` − `trace_time_s`, at least 0.
    """
    if block.compiling is None:
        return math.nan
    if block.compiling.compile_ns is not None:
        return block.compiling.compile_ns / 1e9
    return max(0.0, start_cost_s(block) - trace_time_s(block))


@metric("s", "lower", scenarios=EVERYWHERE, samples="call_ns", may_be_zero=True)
def start_cost_s(block: Block) -> float:
    """What the first three calls and the first round take longer than later ones, at least 0.

    Formula: first three calls + first round − 3 × median single call − median round.
    """
    if block.first_round_ns is None:
        return math.nan
    single, together = _percentile_s(block.synchronised_ns, 50), _percentile_s(block.pipelined_ns, 50)
    return max(0.0, (sum(block.call_ns) + block.first_round_ns) / 1e9 - len(block.call_ns) * single - together)


@metric("s", "lower", scenarios=EVERYWHERE, samples="call_ns", may_be_zero=True)
def start_rest_s(block: Block) -> float:
    """What `start_cost_s` has beyond `trace_time_s` and `compile_time_s`, at least 0."""
    return max(0.0, start_cost_s(block) - trace_time_s(block) - compile_time_s(block))


@metric("cores", "lower", scenarios=EVERYWHERE, samples="pipelined_ns")
def cpu_use(block: Block) -> float:
    """CPU time / wall time of the pipelined rounds: how many cores were busy on average."""
    return block.cpu_ns / block.wall_ns if block.wall_ns else math.nan


@metric("s", "lower", scenarios=EVERYWHERE, samples="synchronised_ns")
def to_device_time_s(block: Block) -> float:
    """Median time in which one batch is copied from NumPy to the device."""
    return _part_s(block, "to_device_ns")


@metric("s", "lower", scenarios=EVERYWHERE, samples="synchronised_ns")
def dispatch_time_s(block: Block) -> float:
    """Median time until a call returns to the host."""
    return _part_s(block, "dispatch_ns")


@metric("s", "lower", scenarios=EVERYWHERE, samples="synchronised_ns")
def compute_time_s(block: Block) -> float:
    """Median time from the return of a call until its result is ready."""
    return _part_s(block, "compute_ns")


@metric("s", "lower", scenarios=EVERYWHERE, samples="synchronised_ns")
def to_host_time_s(block: Block) -> float:
    """Median time in which the result is copied to NumPy."""
    return _part_s(block, "to_host_ns")


@metric("J/sample", "lower", scenarios=EVERYWHERE, samples="pipelined_ns")
def joules_per_sample(block: Block) -> float:
    """Energy of the GPU, or of the CPU packages, in the pipelined rounds / their samples."""
    if block.use is None or block.use.energy_j is None:
        return math.nan
    return block.use.energy_j / (block.batch_size * block.iterations_per_round * len(block.pipelined_ns))


def _part_s(block: Block, name: str) -> float:
    """The median seconds of one part of a call; NaN in older records, in which the parts were not timed."""
    return math.nan if block.boundary is None else _percentile_s(getattr(block.boundary, name), 50)


def _percentile_s(times_ns: tuple[int, ...], percent: int) -> float:
    return percentiles(times_ns)[percent] / 1e9 if times_ns else math.nan


def percentiles(values: tuple[int, ...]) -> Mapping[int, float]:
    """The percentiles in `PERCENTS` of at least one value: those of `numpy.percentile`, to the last digit.

    NumPy takes three times as long, since it makes an array of the values first.
    """
    key = hash(values), len(values), values[0], values[-1]
    found = _known.get(key)
    if found is None:
        if len(_known) >= KEPT:
            _known.clear()
        ordered = sorted(values)
        found = {percent: _between(ordered, (len(ordered) - 1) * (percent / 100)) for percent in PERCENTS}
        _known[key] = found
    return found


def _between(ordered: Sequence[int], place: float) -> float:
    """The value at a place between two neighbours, by the line between them; from the nearer one, as NumPy does it."""
    below = math.floor(place)
    low, high, part = ordered[below], ordered[min(below + 1, len(ordered) - 1)], place - below
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)  # noqa: PLR2004 (the middle)


def timed_blocks(records: Iterable[Record]) -> dict[Cell, tuple[Block, ...]]:
    """The blocks of every cell, one for each timing process with the outcome `ok`."""
    blocks: dict[Cell, tuple[Block, ...]] = {}
    for _, cell, block in timed(records):
        blocks[cell] = (*blocks.get(cell, ()), block)
    return blocks


def timed(records: Iterable[Record]) -> Iterator[tuple[Record, Cell, Block]]:
    """Each block of the timing processes with the outcome `ok`, with its record and its cell."""
    for record in records:
        if record.outcome != "ok" or record.case.purpose != "timing":
            continue
        by_size = {block.batch_size: block for block in record.measurement.blocks}
        for cell in cells(record.case):
            if cell.batch_size in by_size:
                yield record, cell, by_size[cell.batch_size]


def value(metric: Metric, block: Block) -> float | None:
    """The metric in one process; None if there are too few samples, or if a time is not above zero but has to be."""
    samples: tuple[int, ...] = getattr(block, metric.samples)
    if len(samples) < metric.at_least or min(samples) <= 0:
        return None
    result = metric.compute(block)
    known = math.isfinite(result) and (result > 0 or (result == 0 and metric.may_be_zero))
    return result if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A metric in one cell: the median, the minimum and the maximum over its processes, and the value of each."""

    median: float
    low: float
    high: float
    processes: tuple[float, ...]


def middle(values: Sequence[float]) -> float:
    """The median; for an even number of positive values, the geometric mean of the two middle values.

    With the geometric mean, the median throughput is the inverse of the median time, and a comparison on a log scale
    gives the same figure.
    """
    ordered, half = sorted(values), len(values) // 2
    if len(values) % 2:
        return float(ordered[half])
    low, high = ordered[half - 1 : half + 1]
    return math.exp((math.log(low) + math.log(high)) / 2) if ordered[0] > 0 else (low + high) / 2


def summary(metric: Metric, blocks: Iterable[Block]) -> Summary | None:
    """The metric over all processes of a cell; None if there is no process, or if one of them has no value."""
    return summary_of([value(metric, block) for block in blocks])


def summary_of(values: Sequence[float | None]) -> Summary | None:
    """The summary of a metric with a value for each process; None if there is no process, or if one has no value."""
    known = tuple(number for number in values if number is not None)
    if not known or len(known) < len(values):
        return None
    return of_processes(known)


def against_best(metric: Metric, found: Mapping[Cell, Summary]) -> dict[Cell, Summary]:
    """For each cell, its value as a multiple of the best cell's median: 1 for the best, 2 if twice as slow."""
    if not found:
        return {}
    lower = metric.better == "lower"
    best = (min if lower else max)(item.median for item in found.values())
    ratios = {}
    for cell, item in found.items():
        processes = of_processes(tuple(number / best if lower else best / number for number in item.processes))
        # The ratio of the medians, so that the best cell is exactly 1.
        ratios[cell] = replace(processes, median=item.median / best if lower else best / item.median)
    return ratios


def of_processes(values: tuple[float, ...]) -> Summary:
    """The summary of one value for each process."""
    return Summary(median=middle(values), low=min(values), high=max(values), processes=values)
