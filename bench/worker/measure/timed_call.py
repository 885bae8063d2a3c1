"""What is timed: calls of one kind, whole and in parts; and the same made slower, to see whether that is found."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bench.adapters.engines.base import Compiled
from bench.worker.measure import clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is timed: `run(count)` returns the last call's result; `feed`, `call` and `fetch` are one call in parts.

    `feed()` puts a batch on the device, `call(batch)` makes the call, `fetch(result)` has the result in NumPy.
    `compiled()` is what the process has spent on compiling so far. `together` calls are handed over at once where
    there are so many: a program of several steps.
    """

    run: Callable[[int], Any]
    wait: Callable[[Any], None]
    feed: Callable[[], Any]
    call: Callable[[Any], Any]
    fetch: Callable[[Any], object]
    compiled: Callable[[], Compiled] = Compiled
    together: int = 1


def slowed(work: Work, share: float) -> Work:
    """The same work, but every call takes longer by this share of its own time, until its result is there.

    A processor is kept busy meanwhile, as it would be by code that is slower; calls with one wait are longer by the
    share of all of them.
    """
    begun_ns = 0

    def run(calls: int) -> Any:  # noqa: ANN401 (a framework's own)
        nonlocal begun_ns
        begun_ns = clock.now_ns()
        return work.run(calls)

    def call(batch: object) -> Any:  # noqa: ANN401 (a framework's own)
        nonlocal begun_ns
        begun_ns = clock.now_ns()
        return work.call(batch)

    def wait(result: object) -> None:
        nonlocal begun_ns
        work.wait(result)
        end_ns = begun_ns + (1 + share) * (clock.now_ns() - begun_ns) if begun_ns else 0
        begun_ns = 0  # what is waited for next may be no call: a batch on its way to the device
        while clock.now_ns() < end_ns:
            pass

    return replace(work, run=run, call=call, wait=wait)
