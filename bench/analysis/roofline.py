"""How close a cell is to the measured peaks of its device: Williams, Waterman and Patterson (2009), "Roofline"."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.records.record import Rate, Roof

Bound = Literal["compute", "memory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One call compared with the measured peaks.

    - `mfu`: the share of the measured peak of matrix multiplication that the call reaches.
    - `floor_s`: the lower bound of the time of this call; `bound` says whether compute or memory limits it.
    - `over_floor`: the time of the call, divided by the lower bound.
    - `intensity`: FLOPs for each byte that must be read or written at least once.
    """

    flops_per_s: float
    mfu: float
    bytes_per_s: float
    intensity: float
    floor_s: float
    over_floor: float
    bound: Bound


def best(products: Iterable[Rate], streams: Iterable[Rate]) -> Roof:
    """The best of all measured peaks: of matrix multiplication, and of memory bandwidth for each size."""
    by_size: dict[int, Rate] = {}
    for item in sorted(streams, key=_per_second):
        by_size[item.size] = item
    return Roof(
        flops=max(products, key=_per_second, default=None), bytes=tuple(by_size[size] for size in sorted(by_size))
    )


def _per_second(item: Rate) -> float:
    return item.per_second


def stand(seconds: float, flops: int, least_bytes: int, roof: Roof, *, held_bytes: int) -> Standing | None:
    """A call of so many seconds compared with the measured peaks; None if the peaks are unknown.

    `held_bytes` decides which cache the call may fit into, because a step moves some of these bytes several times.
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
    """The best memory bandwidth for a working set of so many bytes; one that fits into a cache gets the cache's rate.

    It is the best rate of all streams from a certain size on: the largest size that does not exceed the working set.
    """
    if not streams:
        return None
    fitting = [item.size for item in streams if item.size <= working_set]
    least = max(fitting, default=min(item.size for item in streams))
    return max(item.per_second for item in streams if item.size >= least)
