"""Tables about the measurement itself: processes, settings, failures."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from bench.analysis import time_breakdown
from bench.records.cell import Cell
from bench.records.record import Record
from bench.records.timing_metrics import METRICS
from bench.report import formatting
from bench.report.environment import ENVIRONMENT, fact
from bench.report.layout import Entry, Table, left
from bench.report.results import Results, environments, figure, label_columns, labels, lane, remembered, sittings
from bench.workload.axes import Purpose
from bench.workload.frameworks import DISTRIBUTIONS

THROUGHPUT = "samples_per_second"
SHOWN = 10  # frameworks, in the order of the first processes
MINUTE = "%Y-%m-%d %H:%M"
CALLED = (
    "Steps: what runs a training step. Epochs: what runs a training step when whole epochs are trained. "
    "Steps in a call: how many training steps one call of a compiled function runs."
)
FRAMEWORKS = tuple(dict.fromkeys(names[0] for names in DISTRIBUTIONS.values()))


def about(results: Results) -> str:
    """The time, the hardware and the frameworks of one run: one line below the title."""
    found, known = results.records, environments(results)
    begun = [datetime.fromisoformat(record.started) for record in found]
    ended = max(start + timedelta(seconds=record.duration_s) for start, record in zip(begun, found, strict=True))
    versions = {name: number for record in known for name, number in record.environment.versions.items()}
    parts = (
        f"{min(begun):{MINUTE}} to {ended:{MINUTE}} UTC{_breaks(found)}",
        _listed(filter(None, map(ENVIRONMENT["CPU"], known))),
        f"{_listed(filter(None, map(ENVIRONMENT['memory'], known)))} of memory",
        _listed(gpu for record in known for gpu in record.environment.gpus),
        ", ".join(f"{name} {versions[name]}" for name in FRAMEWORKS if name in versions),
        _repeats(results),
        _apart(results),
    )
    return " · ".join(filter(None, parts))


def _repeats(results: Results) -> str:
    """How many processes timed a cell, and how many threads each of them had."""
    counts = sorted({len(blocks) for blocks in results.blocks.values()})
    threads = sorted({cell.threads for cell in results.blocks})
    if not counts:
        return ""
    number = " to ".join(dict.fromkeys(map(str, (counts[0], counts[-1]))))
    of = f"{number} process{'es' * (counts[-1] != 1)} for each figure"
    return f"{of}, {' or '.join(map(str, threads))} thread{'s' * (threads != [1])}"


def _breaks(records: Sequence[Record]) -> str:
    """The breaks of a run that was interrupted and resumed; empty for other runs."""
    minutes = []
    for before, after in pairwise(sittings(records)):
        ended = datetime.fromisoformat(before[-1].started) + timedelta(seconds=before[-1].duration_s)
        minutes.append((datetime.fromisoformat(after[0].started) - ended) / timedelta(minutes=1))
    words = "a break" if len(minutes) == 1 else "breaks"
    return f", with {words} of {' and '.join(f'{item:.0f}' for item in minutes)} minutes" if minutes else ""


def typical_spread(results: Results) -> float | None:
    """How many times the throughput of the slowest process of a cell the fastest reaches: the median over cells."""
    spreads = _spreads(results).values()
    return 1 + median(spreads) if spreads else None


@remembered
def _spreads(results: Results) -> dict[Cell, float]:
    """How far the processes of each cell differ in throughput, as a share of the slowest."""
    found = {cell: figure(results, cell, METRICS[THROUGHPUT]) for cell in results.blocks}
    several = {cell: item for cell, item in found.items() if item is not None and len(item.processes) > 1}
    return {cell: item.high / item.low - 1 for cell, item in several.items()}


def _apart(results: Results) -> str:
    """How far processes of the same cell differ, and where most; empty where no cell has several processes."""
    spreads = _spreads(results)
    if not spreads:
        return ""
    words = (
        f"fastest and slowest process of the same cell differ by {_far(median(spreads.values()))} in samples/s "
        "(median over cells)"
    )
    worst = max(spreads, key=lambda cell: spreads[cell])
    place = f"{worst.workload} {worst.contender} {worst.scenario}, batch {worst.batch_size}"
    return f"{words}, most by {_far(spreads[worst])} ({place})" if len(spreads) > 1 else words


def _far(spread: float) -> str:
    return f"{100 * spread:.0f} %" if spread < 1 else f"a factor of {1 + spread:.1f}"


def failure_table(results: Results) -> Table:
    """The cases that did not end well, each with its reason; cases that failed alike share a row."""
    alike: dict[tuple[tuple[Entry, ...], tuple[Entry, ...]], list[str]] = {}
    for record in results.every:
        if record.outcome != "ok":
            case = record.case
            sizes = Entry(", ".join(map(str, case.batch_sizes)))
            what = (Entry(case.workload), *labels(results, lane(case)), Entry(case.scenario), sizes)
            alike.setdefault((what, (Entry(record.outcome), Entry(_one_line(record.error)))), []).append(case.turn)
    rows = tuple((*what, Entry(", ".join(dict.fromkeys(turns))), *ending) for (what, ending), turns in alike.items())
    columns = (*left("workload"), *label_columns(results), *left("scenario", "batch", "processes", "outcome", "reason"))
    return Table(title="Failures", columns=columns, rows=rows)


def method_table(results: Results) -> Table:
    """The method: processes, order, warm-up, rounds, time spent."""
    rows = [fact(title, read(results)) for title, read in METHOD.items()]
    return Table(
        title="How it was measured", columns=left("what", "value"), rows=tuple(row for row in rows if row[1].text)
    )


def settings_table(results: Results) -> Table:
    """The resolved settings of each framework in each mode and precision, as its adapter reported them."""
    found: dict[str, dict[str, list[str]]] = {}
    for record in results.records:
        variant = _variant(record)
        for name, setting in record.settings.items():
            found.setdefault(name, {}).setdefault(variant, []).append(setting)
    variants = tuple(dict.fromkeys(map(_variant, results.records)))
    rows = tuple(
        (Entry(name), *(Entry(_listed(settings.get(name, ()))) for settings in found.values())) for name in variants
    )
    notes = (CALLED,) if {"steps", "epochs", "steps in a call"} & found.keys() else ()
    return Table(
        title="Settings of each framework", columns=left("framework", *found), rows=rows if found else (), notes=notes
    )


def _variant(record: Record) -> str:
    return " ".join((record.case.contender, *record.case.unusual))


def _timing(results: Results) -> list[Record]:
    return [record for record in results.records if record.case.purpose == "timing"]


def _processes(results: Results) -> Iterable[str]:
    replicates = {record.case.replicate for record in _timing(results)}
    seeds = {record.case.seed for record in results.records if record.case.purpose == "learning"}
    if replicates:
        yield f"a fresh one for each case ({_started_by(results, 'timing')})"
        yield f"timing: {len(replicates)} per cell, compared by their medians"
    if seeds:
        yield f"learning: one for each seed ({', '.join(f'seed {seed}' for seed in sorted(seeds))})"
    if spawned := _started_by(results, "memory"):
        yield f"memory: one for each case ({spawned})"


def _started_by(results: Results, purpose: Purpose) -> str:
    return " or ".join(sorted({item.start_method for item in results.records if item.case.purpose == purpose}))


def _order(results: Results) -> Iterable[str]:
    """The order of the frameworks in the first processes of the first workload."""
    by_process: dict[int, dict[str, None]] = {}
    timed = [item.case for item in _timing(results)]
    for case in timed:
        if (case.workload, case.scenario) == (timed[0].workload, timed[0].scenario):
            words = (case.contender, *(str(getattr(lane(case), name)) for name in results.varying))
            by_process.setdefault(case.replicate, {})[" ".join(words)] = None
    shown = max(1, SHOWN // max(map(len, by_process.values()), default=1))
    for replicate, names in list(by_process.items())[:shown]:
        first = "" if replicate else f"{timed[0].workload}, {timed[0].scenario}: "
        yield f"{first}process {replicate + 1}: {', '.join([*names][:SHOWN])}{', …' if len(names) > SHOWN else ''}"
    if len(by_process) > shown:
        yield "…"


def _blocks(results: Results) -> Iterable[str]:
    blocks = [block for cell in results.blocks.values() for block in cell]
    if blocks:
        warm_up = int(median(len(block.call_ns) + len(block.warm_up_ns) for block in blocks))
        steady = sum(block.steady for block in blocks)
        yield f"warm-up: {warm_up} calls (median); steady state reached in {steady} of {len(blocks)} warm-ups"
        calls = _range(len(block.synchronised_ns) for block in blocks)
        yield f"latency: {calls} calls with a wait after each (synchronised)"
        yield (
            f"throughput: {_range(len(block.pipelined_ns) for block in blocks)} rounds of "
            f"{_range(block.iterations_per_round for block in blocks)} calls with one wait per round (pipelined)"
        )
        endings = [ended for block in blocks for ended in (block.synchronised_ended, block.pipelined_ended)]
        enough = ", or both sides of an interleaved pair were precise enough," if _sessions(results) else ""
        yield (
            f"end: the 95 % interval of the median was within ±1 %{enough} in {endings.count('interval')} of "
            f"{len(endings)} series of timings (latency and throughput); the others used up their time budget"
        )


def _turns(results: Results) -> Iterable[str]:
    if _sessions(results):
        yield "processes of two runs, on the same cell, took turns of about 20 ms each"


def _sessions(results: Results) -> set[str]:
    return {block.turns.session for cell in results.blocks.values() for block in cell if block.turns}


def _threads(results: Results) -> Iterable[str]:
    yield _range(record.case.threads for record in results.every)


def _started(results: Results) -> Iterable[str]:
    times = [record.startup_s for record in results.records if record.startup_s is not None]
    if times:
        yield f"{formatting.duration(median(times))} from the start of a process until it is ready (median)"


def _share(results: Results) -> Iterable[str]:
    total_s = sum(record.duration_s for record in results.every)
    if total_s > 0:
        shares = time_breakdown.shares(results.every, total_s, rest="memory and start of processes")
        aside = (
            ", the memory cases two at a time" if any(item.case.purpose == "memory" for item in results.records) else ""
        )
        count = "1 case" if len(results.every) == 1 else f"{len(results.every)} cases"
        yield f"{formatting.duration(total_s)} in {count}{aside}: {shares}"


def _load(results: Results) -> Iterable[str]:
    loads = [record.loadavg for record in results.every if record.loadavg is not None]
    if loads:
        limited = any((item.environment.host_cores or 0) > item.environment.cores for item in results.records)
        host = " of the whole host" if limited else ""
        yield f"{min(loads):.1f} to {max(loads):.1f} (one-minute average{host}, before each case)"


METHOD: dict[str, Callable[[Results], Iterable[str]]] = {
    "mode": lambda results: dict.fromkeys(record.case.mode for record in results.records),
    "precision": lambda results: dict.fromkeys(record.case.precision for record in results.records),
    "device": lambda results: sorted({record.case.device for record in results.records}),
    "batches": lambda results: sorted(
        {f"on the {item.case.feed} before the clock starts" for item in _timing(results)}
    ),
    "threads": _threads,
    "processes": _processes,
    "order": _order,
    "calls": _blocks,
    "interleaved timing": _turns,
    "start": _started,
    "time": _share,
    "load average": _load,
}


def _listed(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def _range(values: Iterable[int]) -> str:
    found = sorted(values)
    return " to ".join(dict.fromkeys((str(found[0]), str(found[-1])))) if found else formatting.UNKNOWN


def _one_line(error: str | None) -> str:
    """The last line of an error that is not empty: in a traceback, this line names the exception."""
    lines = [line.strip() for line in (error or "").splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"
