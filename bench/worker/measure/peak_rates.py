"""Measures the peak rates of a device: of large matrix multiplications, and memory bandwidth at several sizes."""

from collections.abc import Callable
from typing import Any

from bench.adapters.engines.base import Engine
from bench.worker.measure.clock import now_ns

ROUNDS = 20
FEWEST = 2
ENOUGH_NS = 200_000_000
FLOAT32_BYTES = 4
# Rows of the square matrices: large enough for the best rate, small enough for a few multiplications in a second.
ROWS = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192, 16384)}
# Bytes that are read, and as many that are written: some fit into a cache, the largest do not. If all are read, the
# largest array has 2³⁰ numbers, which a library with 32-bit indices can still handle.
STREAMED = {"cpu": (2**20, 2**23, 2**25, 2**28), "cuda": (2**25, 2**28, 2**31)}
NANOSECONDS = 1e9
LONGEST_S = 3.0  # for one matrix multiplication

Rates = dict[int, float]  # by size


def products(engine: Engine, device: str, precision: str) -> Rates:
    """The best rate of matrix multiplication in FLOP/s, by the number n of rows; one multiplication has 2 n³ FLOPs.

    Sizes that would take longer than LONGEST_S are left out: a processor without bfloat16 is hundreds of times slower
    in it.
    """
    kind = device.partition(":")[0]
    rates: Rates = {}
    for size in ROWS[kind]:
        flops = 2 * size**3
        if rates and flops / max(rates.values()) > LONGEST_S:
            break
        rates[size] = _best(engine, engine.product(size, precision), flops)
    return rates


def streams(engine: Engine, device: str) -> Rates:
    """The best memory bandwidth in bytes per second, by the bytes touched: all read, or half read and half written.

    Reading alone may be faster, since a processor may have to read memory before it overwrites it.
    """
    kind = device.partition(":")[0]
    rates: Rates = {}
    for size in STREAMED[kind]:
        touched = 2 * size
        ways = ((engine.stream, size), (engine.reading, touched))
        rates[touched] = max(_best(engine, start(read // FLOAT32_BYTES), touched) for start, read in ways)
    return rates


def _best(engine: Engine, once: Callable[[], Any], amount: int) -> float:
    """The rate of the fastest of some calls: interference can only slow a call down."""
    engine.wait(once())
    times: list[int] = []
    while len(times) < FEWEST or (len(times) < ROUNDS and sum(times) < ENOUGH_NS):
        start = now_ns()
        engine.wait(once())
        times.append(now_ns() - start)
    return amount * NANOSECONDS / min(times)
