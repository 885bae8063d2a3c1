"""How near a cell is to what its device can do: Williams, Waterman and Patterson (2009), "Roofline"."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.records.record import Rate, Roof

Bound = Literal["compute", "memory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One call beside its roof.

    `mfu` is the share of the best rate of products that its own operations reach, `floor_s` the time that no call can
    be below that makes these operations, for the reason in `bound`, and `over_floor` how many times as long the call
    takes. `intensity` is in operations for each byte that has to move at least.
    """

    flops_per_s: float
    mfu: float
    bytes_per_s: float
    intensity: float
    floor_s: float
    over_floor: float
    bound: Bound


def best(products: Iterable[Rate], streams: Iterable[Rate]) -> Roof:
    """The roof of all that was measured: the fastest product, and the fastest stream of each size."""
    by_size: dict[int, Rate] = {}
    for item in sorted(streams, key=_per_second):
        by_size[item.size] = item
    return Roof(
        flops=max(products, key=_per_second, default=None), bytes=tuple(by_size[size] for size in sorted(by_size))
    )


def _per_second(item: Rate) -> float:
    return item.per_second


def stand(seconds: float, flops: int, least_bytes: int, roof: Roof, *, held_bytes: int) -> Standing | None:
    """Where a call of so many seconds stands; None where the device's rates are not known.

    What it holds at once, in bytes, decides which cache it may fit into: a step moves some of it several times.
    """
    stream = bandwidth(roof.bytes, held_bytes)
    if roof.flops is None or stream is None or not seconds > 0:
        return None
    compute_s, memory_s = flops / roof.flops.per_second, least_bytes / stream
    floor_s = max(compute_s, memory_s)
    return Standing(
        flops_per_s=flops / seconds,
        mfu=compute_s / seconds,
        bytes_per_s=least_bytes / seconds,
        intensity=flops / least_bytes,
        floor_s=floor_s,
        over_floor=seconds / floor_s,
        bound="compute" if compute_s >= memory_s else "memory",
    )


def bandwidth(streams: Sequence[Rate], working_set: int) -> float | None:
    """The best rate at which so many bytes can move: what fits into a cache is held to that cache's rate.

    It is the best of the streams that were as large as the largest one that is no larger than the working set.
    """
    if not streams:
        return None
    fitting = [item.size for item in streams if item.size <= working_set]
    least = max(fitting, default=min(item.size for item in streams))
    return max(item.per_second for item in streams if item.size >= least)
