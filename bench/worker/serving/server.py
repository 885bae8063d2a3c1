"""Serves queries in the order of their arrival: one process, a bounded queue, and a declared rule for batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.records.load import Serving
from bench.worker.measure.clock import now_ns
from bench.worker.serving.mailbox import Mailbox

CAPACITY = 2**15  # queries in the queue
LOOKS = 2**14  # looks at an empty queue between two questions whether the generator still runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """How the network is called. `predict(samples)` returns the result for these samples, and does not wait for it.

    `wait(result)` returns when it is computed. `most` is the largest number of samples in a call. `keep(numbers,
    result)` gets the numbers of the queries in the call, after the clock has stopped.
    """

    predict: Callable[[np.ndarray], Any]
    wait: Callable[[Any], None]
    keep: Callable[[range, Any], None]
    most: int


def serve(box: Mailbox, calls: Calls, serving: Serving, *, alive: Callable[[], bool]) -> int:
    """Answer all queries of a run; returns the number of calls. Ends early if the generator is no longer `alive`.

    The server looks at the queue without a pause: to wake it would take longer than a small network computes.
    """
    batches = 0
    capacity = box.queries if serving.load == "offline" else CAPACITY  # offline, all queries come at once
    while box.answered < box.queries:
        waiting = _arrived(box, serving, most=calls.most, alive=alive)
        if not waiting:
            break
        first = box.answered
        if waiting > capacity:
            _refuse(box, waiting - capacity)
            continue
        numbers = range(first, first + min(waiting, calls.most))
        begun = now_ns()
        result = calls.predict(box.sample[numbers.start : numbers.stop])
        calls.wait(result)
        box.ended[numbers.start : numbers.stop] = now_ns()
        box.begun[numbers.start : numbers.stop] = begun
        box.answered = numbers.stop
        calls.keep(numbers, result)
        batches += 1
    return batches


def _arrived(box: Mailbox, serving: Serving, *, most: int, alive: Callable[[], bool]) -> int:
    """How many queries wait, as soon as a batch is full or its first query has waited long enough; 0 at the end."""
    looks, first = 0, box.answered
    while True:
        waiting = box.posted - first
        if waiting and _is_due(box, serving, waiting, most=most):
            return waiting
        looks += 1
        if looks % LOOKS == 0 and not alive():
            return box.posted - first


def _is_due(box: Mailbox, serving: Serving, waiting: int, *, most: int) -> bool:
    if waiting >= most or box.posted == box.queries:
        return True
    # Offline, all queries are on their way.
    return serving.load != "offline" and now_ns() - int(box.sent[box.answered]) >= serving.patience_ns


def _refuse(box: Mailbox, count: int) -> None:
    """Answer the queries that have waited longest without a prediction: the queue has room for no more."""
    first = box.answered
    now = now_ns()
    box.refused[first : first + count] = 1
    box.begun[first : first + count] = now
    box.ended[first : first + count] = now
    box.answered = first + count
