"""Tables of memory: its peaks, and the largest batch that fits."""

from itertools import groupby

from bench.record import Memory, Trial
from bench.report import numbers
from bench.report.layout import Column, Entry, Table, left, without_empty
from bench.report.results import Results, label_columns, labels, lane, select

LONGEST_REASON = 60


def memory_table(results: Results, workload: str) -> Table:
    """Peak memory by scenario and batch size, each by its own definition; the largest over processes."""
    found: dict[tuple[str, int, tuple[Entry, ...]], list[Memory]] = {}
    for record in select(results, workload, purpose="memory"):
        for item in record.measurement.memory:
            key = (record.case.scenario, item.batch_size, labels(results, lane(record.case)))
            found.setdefault(key, []).append(item)
    ordered = sorted(found, key=lambda key: (key[0] != "training", key[1]))
    rows = tuple(
        (Entry(scenario), Entry(str(batch), batch), *names, *_memory_entries(found[scenario, batch, names]))
        for scenario, batch, names in ordered
    )
    ends = [len(list(group)) for _, group in groupby(ordered, key=lambda key: key[:2])]
    columns = (
        *left("scenario"),
        Column(title="batch"),
        *label_columns(results),
        *(
            Column(title=title)
            for title in ("host peak", "host before", "device peak", "device reserved", "driver (NVML)")
        ),
    )
    return Table(
        title="Peak memory",
        columns=columns,
        rows=rows,
        notes=(
            "Host peak: resident memory of a fresh process above what it held before the case (host before).",
            "Device peak and reserved: what the framework's own allocator gave out, and what it took for that.",
        ),
        groups=frozenset(sum(ends[: number + 1]) - 1 for number in range(len(ends))),
    )


def capacity_table(results: Results) -> Table:
    """The largest batch that fits in each scenario, the next that does not, and what that ended with."""
    rows: list[tuple[Entry, ...]] = []
    limits: dict[str, None] = {}
    for record in results.records:
        found = record.measurement.capacity
        if found is None:
            continue
        if found.memory_limit_bytes is not None:
            limits[numbers.size(found.memory_limit_bytes)] = None
        rows.append(
            (
                Entry(record.case.workload),
                Entry(record.case.scenario),
                *labels(results, lane(record.case)),
                _batch(found.largest),
                Entry(numbers.size(found.largest.device_peak_bytes if found.largest else None)),
                _batch(found.refused),
                Entry(_reason(found.refused, limit=max(record.case.batch_sizes))),
                Entry(str(len(found.trials)), len(found.trials)),
            )
        )
    columns = (
        *left("workload", "scenario"),
        *label_columns(results),
        *(Column(title=title) for title in ("largest batch", "device peak", "does not fit")),
        *left("why"),
        Column(title="tried"),
    )
    notes = (
        [f"On a CPU a process might take {' or '.join(limits)} more than it held before its batch."] if limits else []
    )
    notes.append("Found by halving, to within 3 %; every size in a fresh process, three calls.")
    return without_empty(Table(title="Largest batch that fits", columns=columns, rows=tuple(rows), notes=tuple(notes)))


def _batch(trial: Trial | None) -> Entry:
    return Entry(numbers.UNKNOWN) if trial is None else Entry(f"{trial.batch_size:,}", trial.batch_size)


def _reason(refused: Trial | None, *, limit: int) -> str:
    if refused is None:
        return f"nothing larger than {limit:,} was tried"
    return refused.outcome if refused.outcome == "oom" else _brief(f"{refused.outcome}: {refused.error}")


def _brief(reason: str) -> str:
    """What fits into a table; the record has the rest."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 1]}…"


def _memory_entries(items: list[Memory]) -> tuple[Entry, ...]:
    names = (
        "host_peak_bytes",
        "host_baseline_bytes",
        "device_peak_bytes",
        "device_reserved_bytes",
        "nvml_used_bytes",
    )
    peaks = [
        max((value for item in items if (value := getattr(item, name)) is not None), default=None) for name in names
    ]
    return tuple(Entry(numbers.size(peak), peak) for peak in peaks)
