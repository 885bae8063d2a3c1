"""Defines what is timed: calls of one kind, whole and in parts; can slow them down to test the comparison."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bench.adapters.engines.base import Compiled
from bench.worker.measure import clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Calls of one kind. `run(count)` makes `count` calls, and returns their result without waiting for it.

    `wait(result)` returns when the result is computed. `feed`, `call` and `fetch` are the parts of one call: `feed()`
    puts a batch on the device, `call(batch)` makes the call, `fetch(result)` returns the result in NumPy. `compiled()`
    is the time that the process has spent on compiling so far. If `run` makes many calls, `together` of them are one
    program, with as many training steps.
    """

    run: Callable[[int], Any]
    wait: Callable[[Any], None]
    feed: Callable[[], Any]
    call: Callable[[Any], Any]
    fetch: Callable[[Any], object]
    compiled: Callable[[], Compiled] = Compiled
    together: int = 1


def slowed(work: Work, share: float) -> Work:
    """The same work, but every call takes longer by this share of its own time.

    The added time is a busy loop in `wait`, since slower code would also keep a core busy. Calls with one wait take
    longer by this share of their total time.
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
        begun_ns = 0  # the next wait may be for a batch on its way to the device, which is not slowed down
        while clock.now_ns() < end_ns:
            pass

    return replace(work, run=run, call=call, wait=wait)
