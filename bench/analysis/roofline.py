"""Compares a cell with the measured peaks of its device, by the roofline of Williams, Waterman and Patterson (2009)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.records.record import Rate, Roof

Bound = Literal["compute", "memory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One call compared with the measured peaks.

    - `mfu`: the FLOP/s of the call, as a share of the measured peak of matrix multiplication;
    - `floor_s`: the lower bound of the call's time, in seconds. `bound` says whether compute or memory sets it;
    - `over_floor`: the time of the call as a multiple of the lower bound;
    - `intensity`: FLOPs per byte that has to be read or written at least.
    """

    flops_per_s: float
    mfu: float
    bytes_per_s: float
    intensity: float
    floor_s: float
    over_floor: float
    bound: Bound


def best(products: Iterable[Rate], streams: Iterable[Rate]) -> Roof:
    """The measured peaks: the fastest matrix multiplication, and the highest memory bandwidth for each array size."""
    by_size: dict[int, Rate] = {}
    for item in sorted(streams, key=_per_second):
        by_size[item.size] = item
    return Roof(
        flops=max(products, key=_per_second, default=None), bytes=tuple(by_size[size] for size in sorted(by_size))
    )


def _per_second(item: Rate) -> float:
    return item.per_second


def stand(seconds: float, flops: int, least_bytes: int, roof: Roof, *, held_bytes: int) -> Standing | None:
    """A call of this many seconds compared with the measured peaks; None if the peaks are not known.

    `held_bytes`, the memory that the call holds at the same time, decides which bandwidth is used: data that fits into
    a cache can be moved faster, and a step moves some of it several times.
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
    """The highest bandwidth at which a working set of this many bytes can be moved; None if nothing was measured.

    Of the measured arrays that are not larger than the working set, take the largest. The result is the highest
    bandwidth of this array and of all larger ones. So a working set in a cache is compared with that cache's bandwidth.
    """
    if not streams:
        return None
    fitting = [item.size for item in streams if item.size <= working_set]
    least = max(fitting, default=min(item.size for item in streams))
    return max(item.per_second for item in streams if item.size >= least)
