"""How fast a device can be at all: the best of large products, and of streams of several sizes."""

from collections.abc import Callable
from typing import Any

from bench.adapters.engines.base import Engine
from bench.worker.measure.clock import now_ns

ROUNDS = 20
FEWEST = 2
ENOUGH_NS = 200_000_000
FLOAT32_BYTES = 4
# Rows of matrices: large enough for the best rate, small enough for a few products in a second.
ROWS = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192, 16384)}
# Bytes that are read, and as many that are written: from what a cache holds to what none does. Where all are read, the
# largest are 2³⁰ numbers, which libraries that count them in 32 bits can still count.
STREAMED = {"cpu": (2**20, 2**23, 2**25, 2**28), "cuda": (2**25, 2**28, 2**31)}
NANOSECONDS = 1e9
LONGEST_S = 3.0  # for one product

Rates = dict[int, float]  # by size


def products(engine: Engine, device: str, precision: str) -> Rates:
    """The best rate in operations per second by rows of the matrices: 2 n³ for each product.

    Of those that take no longer than some seconds: a processor that has no bfloat16 is hundreds of times slower in it.
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
    """The best rate in bytes per second by the bytes that are touched: all of them read, or half read and half written.

    A processor may have to read what it writes over first, so that reading alone is faster.
    """
    kind = device.partition(":")[0]
    rates: Rates = {}
    for size in STREAMED[kind]:
        touched = 2 * size
        ways = ((engine.stream, size), (engine.reading, touched))
        rates[touched] = max(_best(engine, start(read // FLOAT32_BYTES), touched) for start, read in ways)
    return rates


def _best(engine: Engine, once: Callable[[], Any], amount: int) -> float:
    """What disturbs only ever adds: the quickest call shows what can be reached."""
    engine.wait(once())
    times: list[int] = []
    while len(times) < FEWEST or (len(times) < ROUNDS and sum(times) < ENOUGH_NS):
        start = now_ns()
        engine.wait(once())
        times.append(now_ns() - start)
    return amount * NANOSECONDS / min(times)
