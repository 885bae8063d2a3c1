"""Tables of memory: the peaks, and the largest batch that fits."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, groupby

from bench.records.measurement import Memory, Trial
from bench.report import formatting
from bench.report.layout import Column, Entry, Table, left, without_empty
from bench.report.results import Lane, Results, label_columns, labels, lane, select
from bench.workload.axes import Scenario

LONGEST_REASON = 60
WORTH_A_ROW = 0.1  # of a peak: below this share, the peak is mostly the runtime and not the network

Place = tuple[str, int, tuple[Entry, ...]]  # a scenario, a batch size, and the labels of a lane

HOST_PEAK = (
    "Maximum over processes. Host, added: the peak of resident memory of a fresh process, minus what it held before "
    "the case (host, before)."
)
DEVICE_PEAK = (
    "Device peak: handed out by the framework's allocator. Device reserved: held by this allocator. Driver (NVML): "
    "held by the process."
)
NEEDED = (
    (
        "Needed: what one call holds at its peak according to spec and recipe, if nothing is recomputed or copied. "
        "Peak: of the device's allocator, on a CPU of the host."
    ),
)
ACCOUNTS = (
    (
        "JAX: its live arrays; the results and temporaries (outputs of layers, gradients, workspace) of the program "
        "that needs most; the rounding of its allocator."
    ),
    (
        "torch: memory handed out at the peak of one call, by the pass that requested it. Held before: weights, "
        "moments, inputs. Forward pass: outputs of layers. Backward pass: gradients."
    ),
)


MEANING = (
    "Memory: the peak while training at this batch size, in a process of its own. Process memory: all of it. "
    "Added memory: what came on top of the loaded framework and data; on a GPU, what the framework's allocator handed "
    "out."
)


@dataclass(frozen=True, slots=True)
class Peak:
    """The peak of one case in bytes: of the whole process, and what the network added to it; None if unknown.

    `metric` names the memory: `device_peak_bytes` on a device with an allocator of its own, else `host_peak_bytes`.
    """

    whole_bytes: int | None
    added_bytes: int | None
    metric: str


def peak(
    results: Results, workload: str, row: Lane, *, batch_size: int | None, scenario: Scenario = "training"
) -> Peak | None:
    """The peak of a lane at this batch size, or else at the smallest one; None if its memory was not measured."""
    records = select(results, workload, purpose="memory", lane_is=row, scenario=scenario)
    found = [item for record in records for item in record.measurement.memory]
    wanted = {item.batch_size for item in found}
    size = batch_size if batch_size in wanted else min(wanted, default=None)
    here = [item for item in found if item.batch_size == size]
    if not here:
        return None
    return max(map(_peak_of, here), key=lambda item: (item.whole_bytes or 0, item.added_bytes or 0))


def _peak_of(item: Memory) -> Peak:
    if item.device_peak_bytes is not None:
        return Peak(item.nvml_used_bytes, item.device_peak_bytes, "device_peak_bytes")
    known = item.host_peak_bytes is not None and item.host_baseline_bytes is not None
    whole = (item.host_peak_bytes or 0) + (item.host_baseline_bytes or 0) if known else None
    return Peak(whole, item.host_peak_bytes, "host_peak_bytes")


def memory_table(results: Results, workload: str) -> Table:
    """Peak memory by scenario and batch size, by several definitions; the largest value over processes."""
    found = _peaks(results, workload)
    rows = tuple(
        (Entry(scenario), Entry(str(batch), batch), *names, *_memory_entries(found[scenario, batch, names]))
        for scenario, batch, names in found
    )
    columns = (
        *left("scenario"),
        Column(title="batch"),
        *label_columns(results),
        *(
            Column(title=title)
            for title in ("host, added", "host, before", "device peak", "device reserved", "driver (NVML)")
        ),
    )
    on_device = any(item.device_peak_bytes for items in found.values() for item in items)
    notes = (HOST_PEAK, DEVICE_PEAK) if on_device else (HOST_PEAK,)
    return without_empty(Table(title="Peak memory", columns=columns, rows=rows, notes=notes, groups=_ends(found)))


def demand_table(results: Results, workload: str) -> Table:
    """The memory that the network itself needs, part by part, beside the peak of the device, or of the host on a CPU.

    Only rows in which this is at least a tenth of the peak: the peak of a small network is mostly the runtime.
    """
    found = {place: _demanded(items) for place, items in _peaks(results, workload).items()}
    kept = {place: item for place, item in found.items() if item is not None}
    parts = tuple(dict.fromkeys(part for demanded, _ in kept.values() for part in demanded))
    rows = []
    for (scenario, batch, names), (demanded, peak) in kept.items():
        together = sum(demanded.values())
        sizes = (*(demanded.get(part) for part in parts), together, peak)
        entries = (Entry("" if size is None else formatting.size(size), size) for size in sizes)
        ratio = Entry(formatting.ratio(peak / together), peak / together)
        rows.append((Entry(scenario), Entry(str(batch), batch), *names, *entries, ratio))
    columns = (
        *left("scenario"),
        Column(title="batch"),
        *label_columns(results),
        *(Column(title=title) for title in (*parts, "needed", "peak", "peak / needed")),
    )
    return Table(title="Memory needed and used", columns=columns, rows=tuple(rows), notes=NEEDED, groups=_ends(kept))


def account_table(results: Results, workload: str) -> Table:
    """The parts of the device peak as the frameworks report them, and the share of the peak that they explain."""
    rows = []
    kept: list[Place] = []
    for place, items in _peaks(results, workload).items():
        item = max(items, key=lambda item: item.device_peak_bytes or 0)
        if not item.accounted_bytes or not item.device_peak_bytes:
            continue
        scenario, batch, names = place
        share = sum(item.accounted_bytes.values()) / item.device_peak_bytes
        parts = ", ".join(f"{part} {formatting.size(size)}" for part, size in item.accounted_bytes.items())
        peak = Entry(formatting.size(item.device_peak_bytes), item.device_peak_bytes)
        rows.append(
            (Entry(scenario), Entry(str(batch), batch), *names, peak, Entry(f"{share:.1%}", share), Entry(parts))
        )
        kept.append(place)
    columns = (
        *left("scenario"),
        Column(title="batch"),
        *label_columns(results),
        *(Column(title=title) for title in ("device peak", "explained")),
        *left("parts"),
    )
    return Table(
        title="Device peak by the framework's own account",
        columns=columns,
        rows=tuple(rows),
        notes=ACCOUNTS,
        groups=_ends(kept),
    )


def capacity_table(results: Results) -> Table:
    """The largest batch that fits in each scenario, the smallest that does not fit, and its outcome."""
    rows: list[tuple[Entry, ...]] = []
    limits: dict[str, None] = {}
    for record in results.records:
        found = record.measurement.capacity
        if found is None:
            continue
        if found.memory_limit_bytes is not None:
            limits[formatting.size(found.memory_limit_bytes)] = None
        rows.append(
            (
                Entry(record.case.workload),
                Entry(record.case.scenario),
                *labels(results, lane(record.case)),
                _batch(found.largest),
                Entry(formatting.size(found.largest.device_peak_bytes if found.largest else None)),
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
        Column(title="sizes tried"),
    )
    notes = (
        [f"On a CPU, the limit of a process was {' or '.join(limits)} above what it held before the batch."]
        if limits
        else []
    )
    notes.append("Found by bisection, to within 3 %. Every size ran three calls in a fresh process.")
    return without_empty(Table(title="Largest batch that fits", columns=columns, rows=tuple(rows), notes=tuple(notes)))


def _batch(trial: Trial | None) -> Entry:
    return Entry(formatting.UNKNOWN) if trial is None else Entry(f"{trial.batch_size:,}", trial.batch_size)


def _reason(refused: Trial | None, *, limit: int) -> str:
    if refused is None:
        return f"{limit:,} was the largest size tried"
    return refused.outcome if refused.outcome == "oom" else _brief(f"{refused.outcome}: {refused.error}")


def _brief(reason: str) -> str:
    """The reason, shortened to fit into a table; the record has all of it."""
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
    return tuple(Entry(formatting.size(peak), peak) for peak in peaks)


def _peaks(results: Results, workload: str) -> dict[Place, list[Memory]]:
    """The stored peaks by scenario, batch size and lane; training comes first."""
    found: dict[Place, list[Memory]] = {}
    for record in select(results, workload, purpose="memory"):
        for item in record.measurement.memory:
            key = (record.case.scenario, item.batch_size, labels(results, lane(record.case)))
            found.setdefault(key, []).append(item)
    return dict(sorted(found.items(), key=lambda item: (item[0][0] != "training", item[0][1])))


def _ends(places: Iterable[Place]) -> frozenset[int]:
    """The numbers of the rows after which a batch size or scenario ends."""
    lengths = [len(list(group)) for _, group in groupby(places, key=lambda place: place[:2])]
    return frozenset(total - 1 for total in accumulate(lengths))


def _demanded(items: list[Memory]) -> tuple[dict[str, int], int] | None:
    """The parts that the network needs, and the peak; None if either is unknown, or the parts are a small share."""
    peaks = [item.host_peak_bytes if item.device_peak_bytes is None else item.device_peak_bytes for item in items]
    peak, demanded = max((peak for peak in peaks if peak), default=0), items[0].demanded_bytes
    return (demanded, peak) if demanded and peak and sum(demanded.values()) >= WORTH_A_ROW * peak else None
