"""Servers under load: the highest rate that keeps a latency limit, single queries, all queries at once, every run."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median

from bench.analysis.load_changes import ALLOWED
from bench.analysis.load_figures import disturbed, mostly_disturbed, runs_of
from bench.records.load import HighestRate, Loaded, LoadRun, Spread
from bench.records.record import Record
from bench.records.timing_metrics import Summary, summary_of
from bench.report import formatting
from bench.report.layout import Answer, Clause, Column, Entry, Table, left, without_empty
from bench.report.performance import written
from bench.report.reliability import SIGN
from bench.report.results import STATUS_WORDS, Results
from bench.report.servers import (
    NANOSECONDS,
    Served,
    batching_in_words,
    limit_in_words,
    proof,
    rate_in_words,
    result_in_words,
    servers,
)
from bench.workload.axes import Load

FIELDS = ("device", "mode", "precision")
UNOFFICIAL = "By LoadGen {version}, unofficial: this is not an MLPerf result."
CORES = "The load generator has a core of its own; the server has {threads}."
INTERVAL = (
    "Highest rate: it kept the limit in three runs before it broke it in two; the next rate, 3 % above, did not. At "
    "least: the load generator could not send queries faster. There: the median over the runs at it that kept it."
)
WAITING = "Waiting: from the scheduled arrival of a query to its call. Service: the call, until its result is there."
ALONE = (
    "p50 to max: waiting and service. Alone: the same calls without a load generator, in turns with its runs. Added: "
    "by how much the latency that LoadGen itself counts is longer than the service."
)
INVALID = f"{SIGN}: runs that are not valid, and figures that are made from them. Do not rely on them."
OFFLINE = "Batch: the smallest power of two that is within 5 % of the fastest one, by the same rule for all frameworks."


def load_tables(results: Results) -> Iterator[Table]:
    """A table for each kind of load that the run has; none without servers."""
    is_first = True
    for table, found in (
        (highest_table(results), _of("server", results)),
        (single_table(results), _of("single_stream", results)),
        (offline_table(results), _of("offline", results)),
    ):
        yield replace(table, notes=(*table.notes, *_method(found))) if is_first and table.rows else table
        is_first = is_first and not table.rows


def highest_table(results: Results) -> Table:
    """The highest rate of queries that keeps the latency limit, for each server."""
    found = _of("server", results)
    searched = {item: records for item, records in found.items() if item.serving.limit_ns is not None}
    limits = dict.fromkeys(limit_in_words(item.serving) for item in searched)
    columns = (
        *_head(searched),
        Column(title="latency limit"),
        Column(title="highest rate", unit="queries/s"),
        Column(title="p50 there"),
        Column(title="p99 there"),
        Column(title="mean waiting there"),
        Column(title="mean service there"),
        *left("batches"),
        Column(title="energy of a query"),
        Column(title="runs"),
    )
    rows = tuple(
        (*_names(item, records, searched), Entry(limit_in_words(item.serving)), *_highest_row(item, records))
        for item, records in searched.items()
    )
    title = f"Highest rate within {next(iter(limits))}" if len(limits) == 1 else "Highest rate within a latency limit"
    notes = (INTERVAL, WAITING, *_notes(searched))
    return without_empty(Table(title=title, columns=columns, rows=rows, notes=notes))


def single_table(results: Results) -> Table:
    """The latency of single queries, one after the other."""
    found = _of("single_stream", results)
    read: tuple[tuple[str, Callable[[LoadRun], float | None]], ...] = (
        ("p50", lambda run: run.latency.p50_ns),
        ("p90", lambda run: run.latency.p90_ns),
        ("p99", lambda run: run.latency.p99_ns),
        ("max", lambda run: run.latency.max_ns),
        ("p90 of service", lambda run: run.service.p90_ns),
    )
    columns = (
        *_head(found),
        *(Column(title=title) for title, _ in read),
        Column(title="p90 alone"),
        Column(title="added (p90)"),
    )
    rows = tuple(
        (
            *_names(item, records, found),
            *(_times(records, of) for _, of in read),
            _alone(records),
            _times(records, lambda run: run.added_ns),
        )
        for item, records in found.items()
    )
    notes = (WAITING, ALONE, *_notes(found))
    return Table(title="Single queries (single_stream)", columns=columns, rows=rows, notes=notes)


def offline_table(results: Results) -> Table:
    """The samples per second if all queries are there from the start."""
    found = _of("offline", results)
    columns = (*_head(found), Column(title="samples/s"), Column(title="batch"), Column(title="energy of a sample"))
    rows = tuple(
        (*_names(item, records, found), _rate(records), _batch(records), Entry(_energy(_runs(records))))
        for item, records in found.items()
    )
    table = Table(title="All queries at once (offline)", columns=columns, rows=rows, notes=(OFFLINE, *_notes(found)))
    return without_empty(table)


def runs_table(results: Results, workload: str) -> Table:
    """Every run of the load generator with a workload, its rates, its times, and whether it is valid."""
    found = {item: records for item, records in servers(results).items() if item.workload == workload}
    columns = (
        *left("framework", *_varying(found), "load"),
        Column(title="run"),
        *(Column(title=f"{word} rate", unit="1/s") for word in ("asked", "scheduled", "sent", "completed")),
        *(Column(title=title) for title in ("p50", "p90", "p99", "p99.9", "max", "mean waiting", "mean service")),
        Column(title="generator late (p99)"),
        Column(title="in flight"),
        Column(title="growth", unit="1/s"),
        *left("result"),
    )
    rows = tuple(
        (
            *(Entry(str(value)) for value in (item.lane.contender, *_varying_values(item, found), item.serving.load)),
            *_run_row(record, run, number),
        )
        for item, records in found.items()
        for record in records
        for number, run in enumerate(runs_of(record), 1)
    )
    ends = [number for number, row in enumerate(rows[1:]) if row[0] != rows[number][0]]
    flight = "In flight: the queries in the queue or in service, in the first and in the last twentieth of the run."
    notes = (flight, *_notes(found), *_method(found))
    table = Table(title="Every run under load", columns=columns, rows=rows, notes=notes, groups=frozenset(ends))
    return without_empty(table)


def answers(results: Results, way: tuple[str, str, str]) -> Iterator[Answer]:
    """Which framework keeps each latency limit at the highest rate, for a device, a mode and a precision."""
    by_limit: dict[str, dict[str, dict[str, HighestRate]]] = {}
    for item, records in _of("server", results).items():
        highest = _highest(records)
        if item.lane[1:4] == way and highest is not None and proof(records) == STATUS_WORDS["passed"]:
            of_workload = by_limit.setdefault(limit_in_words(item.serving), {}).setdefault(item.workload, {})
            of_workload[item.lane.contender] = highest
    for limit, found in by_limit.items():
        clauses: dict[str, list[tuple[str, str]]] = {}
        for workload, rates in found.items():
            who, words = _winner(rates)
            clauses.setdefault(who, []).append((workload, words))
        yield Answer(
            f"Highest rate within {limit}?", tuple(Clause(who, places=tuple(of)) for who, of in clauses.items())
        )


def _winner(rates: dict[str, HighestRate]) -> tuple[str, str]:
    """The framework whose rate is clearly above those at which all others broke the limit, and the rates in words.

    Two searches of the same server may differ by chance, so a smaller lead than between two runs does not count.
    """
    ordered = sorted(rates, key=lambda name: -(rates[name].confirmed_per_s or 0.0))
    words = ", ".join(f"{name} {rate_in_words(rates[name])}" for name in ordered)
    best = rates[ordered[0]].confirmed_per_s
    if best is None:
        return "no framework", words
    others = [rates[name].refuted_per_s for name in ordered[1:]]
    if not others:
        return "no comparison", words
    leads = all(item is not None and best > (1 + ALLOWED) * item for item in others)
    return (ordered[0] if leads else "no winner"), words


def _of(load: Load, results: Results) -> dict[Served, list[Record]]:
    return {item: records for item, records in servers(results).items() if item.serving.load == load}


def _varying(found: Iterable[Served]) -> tuple[str, ...]:
    among = list(found)
    return tuple(name for name in FIELDS if len({getattr(item.lane, name) for item in among}) > 1)


def _varying_values(item: Served, found: Iterable[Served]) -> tuple[str, ...]:
    return tuple(getattr(item.lane, name) for name in _varying(found))


def _head(found: Iterable[Served]) -> tuple[Column, ...]:
    return left("workload", "framework", *_varying(found), "certificate")


def _names(item: Served, records: Sequence[Record], found: Iterable[Served]) -> tuple[Entry, ...]:
    """The entries that name a server, with its proof; in place of the proof the outcome if it failed."""
    words = (item.workload, item.lane.contender, *_varying_values(item, found))
    return (*map(Entry, words), Entry(proof(records)))


def _runs(records: Iterable[Record]) -> list[LoadRun]:
    return [run for record in records for run in runs_of(record)]


def _loaded(records: Iterable[Record]) -> Iterator[Loaded]:
    for record in records:
        if record.measurement.loaded is not None:
            yield record.measurement.loaded


def _highest(records: Iterable[Record]) -> HighestRate | None:
    return next((found.highest for found in _loaded(records) if found.highest is not None), None)


def _highest_row(item: Served, records: Sequence[Record]) -> tuple[Entry, ...]:
    """The entries from the highest rate on."""
    highest, runs = _highest(records), _runs(records)
    if highest is None:
        return tuple(Entry(formatting.UNKNOWN) for _ in range(8))
    there = [run for run in runs if run.asked_per_s == highest.confirmed_per_s and run.verdict == "kept"]
    invalid = sum(run.verdict == "invalid" for run in runs)
    return (
        Entry(rate_in_words(highest), highest.confirmed_per_s),
        _middle(there, lambda run: run.latency.p50_ns),
        _middle(there, lambda run: run.latency.p99_ns),
        _middle(there, lambda run: run.waiting.mean_ns),
        _middle(there, lambda run: run.service.mean_ns),
        Entry(batching_in_words(item.serving)),
        Entry(_energy(there)),
        Entry(f"{len(runs)}, {invalid} not valid {SIGN}" if invalid else str(len(runs)), len(runs)),
    )


def _middle(runs: Sequence[LoadRun], read: Callable[[LoadRun], float | None]) -> Entry:
    known = [value for run in runs if (value := read(run)) is not None]
    return _time(median(known)) if known else Entry(formatting.UNKNOWN)


def _time(nanoseconds: float | None) -> Entry:
    if nanoseconds is None:
        return Entry(formatting.UNKNOWN)
    return Entry(formatting.duration(nanoseconds / NANOSECONDS), nanoseconds / NANOSECONDS)


def _times(records: Sequence[Record], read: Callable[[LoadRun], float | None]) -> Entry:
    """A time over processes: for each process the median over its runs; marked if a run is not valid."""
    found = summary_of([_of_process(runs_of(record), read) for record in records])
    return _marked(found, formatting.duration, records)


def _of_process(runs: Sequence[LoadRun], read: Callable[[LoadRun], float | None]) -> float | None:
    known = [value / NANOSECONDS for run in runs if (value := read(run)) is not None]
    return median(known) if known else None


def _marked(found: Summary | None, write: Callable[[float | None], str], records: Sequence[Record]) -> Entry:
    if found is None:
        return Entry(formatting.UNKNOWN)
    is_doubtful = any(run.problems for run in _runs(records)) or bool(mostly_disturbed(records))
    sign = f" {SIGN}" if is_doubtful else ""
    return Entry(f"{written(found, write)}{sign}", found.median)


def _alone(records: Sequence[Record]) -> Entry:
    found: list[Spread] = [item.alone for item in _loaded(records) if item.alone is not None]
    several = summary_of([item.p90_ns / NANOSECONDS for item in found])
    return _marked(several, formatting.duration, ())


def _rate(records: Sequence[Record]) -> Entry:
    runs = _runs(records)
    return _marked(summary_of([run.completed_per_s for run in runs]), formatting.count, records)


def _batch(records: Sequence[Record]) -> Entry:
    sizes = sorted({run.batch for run in _runs(records)})
    return Entry(" to ".join(dict.fromkeys(map(str, (sizes[0], sizes[-1])))) if sizes else formatting.UNKNOWN)


def _energy(runs: Iterable[LoadRun]) -> str:
    """The energy of one query in joules, at the median; unknown where it cannot be read."""
    known = [run.use.energy_j / run.answered for run in runs if run.use and run.use.energy_j]
    return formatting.scaled(median(known), ((1, "J"), (1e-3, "mJ"), (1e-6, "µJ"))) if known else formatting.UNKNOWN


def _run_row(record: Record, run: LoadRun, number: int) -> tuple[Entry, ...]:
    rates = (run.asked_per_s, run.scheduled_per_s, run.sent_per_s, run.completed_per_s)
    times = (run.latency.p50_ns, run.latency.p90_ns, run.latency.p99_ns, run.latency.p999_ns, run.latency.max_ns)
    flight = f"{run.in_flight[0]:.2g} to {run.in_flight[-1]:.2g}" if run.in_flight else ""
    return (
        Entry(str(number), number),
        *(Entry(formatting.count(rate) if rate is not None else "", rate) for rate in rates),
        *map(_time, (*times, run.waiting.mean_ns, run.service.mean_ns)),
        _time(run.lateness.p99_ns if run.lateness else None),
        Entry(flight),
        Entry("" if run.growth is None else formatting.significant(run.growth), run.growth),
        Entry(f"{result_in_words(run)}{f'; disturbed: {words}' if (words := disturbed(record, run)) else ''}"),
    )


def _notes(found: dict[Served, list[Record]]) -> Iterator[str]:
    runs = [run for records in found.values() for run in _runs(records)]
    for item, records in found.items():
        if words := mostly_disturbed(records):
            yield f"{SIGN}: {item.workload} {item.lane.contender}: {words}. Stop other work, and run again."
    if any(run.problems for run in runs):
        yield INVALID
        reasons = dict.fromkeys(reason for run in runs for reason in run.problems)
        yield f"Not valid: {'; '.join(list(reasons)[:3])}{' …' if len(reasons) > 3 else ''}."  # noqa: PLR2004 (a line)


def _method(found: dict[Served, list[Record]]) -> Iterator[str]:
    """What holds for all tables of a run: its threads, and its load generator."""
    runs = [run for records in found.values() for run in _runs(records)]
    threads = sorted({item.lane.threads for item in found})
    if threads:
        yield CORES.format(threads="1 thread" if threads == [1] else f"{' or '.join(map(str, threads))} threads")
    versions = dict.fromkeys(run.by_generator.get("loadgen_version", "").split(" ")[0] for run in runs)
    yield UNOFFICIAL.format(version=" and ".join(filter(None, versions)) or "of unknown version")
