"""How the time of a run was spent."""

from collections import Counter
from collections.abc import Iterable

from bench.records.record import Record

NANOSECONDS = 1e9


def spent_s(records: Iterable[Record]) -> dict[str, float]:
    """The seconds of all records by activity, the largest first; other activities of a case are not included."""
    spent: Counter[str] = Counter()
    for record in records:
        found = record.measurement
        for block in found.blocks:
            spent["timed rounds"] += sum(block.synchronised_ns) + sum(block.pipelined_ns)
            first_ns = sum(block.call_ns) + (block.first_round_ns or 0)
            spent["first calls and warm-up"] += first_ns + sum(block.warm_up_ns)
            if block.boundary is not None:
                parts = block.boundary
                times = (parts.to_device_ns, parts.dispatch_ns, parts.compute_ns, parts.to_host_ns)
                spent["parts of a call"] += sum(map(sum, times))
        if found.learning is not None:
            spent["learning"] += sum(epoch.train_ns + epoch.evaluation_ns for epoch in found.learning.epochs)
        if found.capacity is not None:
            spent["search for the largest batch"] += round(record.duration_s * NANOSECONDS)
        if found.loaded is not None:
            spent["runs under load"] += round(record.duration_s * NANOSECONDS)
    return {what: ns / NANOSECONDS for what, ns in spent.most_common()}


def shares(records: Iterable[Record], seconds: float, *, rest: str) -> str:
    """The share of each activity in so many seconds, in words; `rest` is the name of the remaining share."""
    spent = spent_s(records)
    spent[rest] = max(0.0, seconds - sum(spent.values()))
    return ", ".join(f"{share / seconds:.0%} {what}" for what, share in spent.items())
