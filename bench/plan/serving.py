"""Checks what is asked of a server under load: the latency limit, its percentile, and how the server makes batches."""

import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from bench.errors import UsageError
from bench.plan.cases import Selection
from bench.plan.options import PERCENTILE, Options
from bench.records.environment import available_cores
from bench.records.load import Serving
from bench.workload.axes import Load

GENERATOR = "mlperf_loadgen"
TIME = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?P<unit>us|µs|ms|s)")
BATCHING = re.compile(r"(?P<most>\d+):(?P<time>.+)")
UNITS_NS = {"us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}
LARGEST_BATCH = 1024
LEAST_CORES = 2
HIGHEST_PERCENTILE = 99.99


def asked(options: Options, loads: Sequence[Load]) -> tuple[Serving, ...]:
    """How queries arrive in each of the loads; raises UsageError for an option that is wrong or has no use."""
    limit_ns = _limit_ns(options, loads)
    most, patience_ns = _batching(options, loads)
    if limit_ns is not None and patience_ns >= limit_ns:
        raise UsageError(
            f"--batching: found {options.batching!r} with --sla {options.sla}, expected a wait that is shorter than "
            "the limit: a query may wait so long for its batch alone"
        )
    return tuple(
        Serving(load=load, limit_ns=limit_ns, percentile=options.percentile, most=most, patience_ns=patience_ns)
        if load == "server"
        else Serving(load=load)
        for load in loads
    )


def threads(options: Options, usual: int, loads: Sequence[Load]) -> int:
    """The threads of each framework under load: one core fewer than there are, which is for the load generator.

    Raises UsageError if no core is left, or if the generator is not installed.
    """
    if not loads:
        return usual
    if options.executor != "local":
        raise UsageError(
            f"--executor: found {options.executor} with --scenario {', '.join(loads)}, expected local: the plan of a "
            "server depends on the cores of its machine; start the run there"
        )
    _check_generator(loads)
    cores = available_cores()
    if cores < LEAST_CORES:
        raise UsageError(
            f"--scenario: found {', '.join(loads)} with 1 core, expected at least 2: the load generator has a core of "
            "its own, else it would send its queries late"
        )
    if options.threads is not None and options.threads >= cores:
        raise UsageError(
            f"--threads: found {options.threads} with --scenario {', '.join(loads)}, expected at most {cores - 1}: the "
            "load generator has a core of its own"
        )
    return min(usual, cores - 1)


def check(selection: Selection) -> None:
    """Raise UsageError if servers are asked for, but every place has several devices, or for a batch without a use."""
    if selection.serving and not selection.scenarios and selection.batch_sizes_for_training:
        sizes = ", ".join(map(str, selection.batch_sizes_for_training))
        raise UsageError(
            f"--batch-size: found {sizes} with --scenario {_names(selection)}, expected --batching: offline "
            "chooses its batch by itself, and single_stream has none"
        )
    if selection.serving and not selection.devices:
        raise UsageError(
            f"--device: found {', '.join(selection.data_parallel)} with --scenario {_names(selection)}, expected a "
            "single device: a server runs on one"
        )


def remarks(selection: Selection) -> Iterator[str]:
    """What a user must know before a server is put under load."""
    if not selection.serving:
        return
    if selection.data_parallel:
        yield f"{', '.join(selection.data_parallel)}: no {_names(selection)}, since a server runs on one device"
    count, usual = selection.serving_threads, selection.threads
    if count < usual:
        names = _names(selection)
        each = "1 thread" if count == 1 else f"{count} threads"
        yield f"{names}: {each} for each framework instead of {usual}, since the load generator has a core of its own"


def _names(selection: Selection) -> str:
    return ", ".join(item.load for item in selection.serving)


def _check_generator(loads: Sequence[Load]) -> None:
    if find_spec(GENERATOR) is None:
        raise UsageError(
            f"--scenario: found {', '.join(loads)}, but LoadGen, which sends the queries, is not installed: run "
            "`pip install 'levelfield[serving]'`"
        )


def _limit_ns(options: Options, loads: Sequence[Load]) -> int | None:
    if options.sla is None:
        if options.percentile != PERCENTILE:
            raise UsageError(f"--percentile: found {options.percentile:g} without --sla, expected both, or neither")
        return None
    if "server" not in loads:
        raise UsageError(
            f"--sla: found {options.sla!r} without --scenario server, expected both: queries have a rate only there"
        )
    if not 1 <= options.percentile <= HIGHEST_PERCENTILE:
        raise UsageError(
            f"--percentile: found {options.percentile:g}, expected 1 to {HIGHEST_PERCENTILE}, such as 99: "
            "a higher one needs more queries than a run has"
        )
    return _time_ns("sla", options.sla)


def _batching(options: Options, loads: Sequence[Load]) -> tuple[int, int]:
    """The most queries in one batch, and the nanoseconds for which one may wait for its batch."""
    if options.batching == "none":
        return 1, 0
    found = BATCHING.fullmatch(options.batching)
    most = int(found["most"]) if found else 0
    if found is None or not 1 < most <= LARGEST_BATCH:
        raise UsageError(
            f"--batching: found {options.batching!r}, expected none, or the most queries in one batch (2 to "
            f"{LARGEST_BATCH}) and for how long one may wait for the others, such as 8:2ms"
        )
    if "server" not in loads:
        raise UsageError(
            f"--batching: found {options.batching!r} without --scenario server, expected both: single_stream has one "
            "query at a time, and offline chooses its batch by itself"
        )
    return most, _time_ns("batching", found["time"])


def _time_ns(option: str, text: str) -> int:
    found = TIME.fullmatch(text.strip())
    nanoseconds = round(float(found["number"]) * UNITS_NS[found["unit"]]) if found else 0
    if nanoseconds <= 0:
        raise UsageError(f"--{option}: found {text!r}, expected a time above 0 with its unit, such as 10ms, 500us, 1s")
    return nanoseconds
