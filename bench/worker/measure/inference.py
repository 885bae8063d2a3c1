"""Times queries of one batch size, and computes the logits of a whole split."""

import itertools
from itertools import islice
from typing import Any

import numpy as np

from bench.adapters.base import Adapter
from bench.datasets.base import cycle
from bench.records.measurement import Block
from bench.worker.measure import block
from bench.worker.measure.block import Conditions
from bench.worker.measure.timed_call import Work
from bench.workload.axes import Feed

DIFFERENT_QUERIES = 16
EVALUATION_BATCH = 500


def time_queries(adapter: Adapter, inputs: np.ndarray, *, batch_size: int, conditions: Conditions) -> Block:
    """The raw timings of queries of one size."""
    return block.measure(
        queries(adapter, inputs, batch_size=batch_size, feed=conditions.feed),
        batch_size=batch_size,
        conditions=conditions,
        checksum=lambda outputs: float(np.sum(adapter.to_numpy(outputs[-1]), dtype=np.float64)),
    )


def queries(adapter: Adapter, inputs: np.ndarray, *, batch_size: int, feed: Feed = "device") -> Work:
    """Several queries, called one after the other in a cycle; on the device already, or moved there in each call.

    If there are too few samples, they repeat.
    """
    count = max(1, min(DIFFERENT_QUERIES, len(inputs) // batch_size))
    rows = cycle(len(inputs), count * batch_size).reshape(count, batch_size)
    fed = [inputs[query] for query in rows]
    placed = [adapter.put(query) for query in fed]
    turns = itertools.count()

    def run(calls: int) -> Any:  # noqa: ANN401 (a framework's own)
        turn = islice(turns, calls)
        if feed == "host":
            return [adapter.predict(adapter.put(fed[number % count])) for number in turn]
        return [adapter.predict(placed[number % count]) for number in turn]

    return Work(
        run=run,
        wait=adapter.wait,
        feed=lambda: adapter.put(fed[next(turns) % count]),
        call=lambda query: [adapter.predict(query)],
        fetch=lambda outputs: adapter.to_numpy(outputs[-1]),
        compiled=adapter.engine.compiled,
    )


def logits_of(adapter: Adapter, inputs: np.ndarray, *, batch_size: int = EVALUATION_BATCH) -> np.ndarray:
    """The logits of all samples, by queries of equal size; the last is filled up with repeated samples, then cut."""
    rows = equal_queries(len(inputs), batch_size)
    logits = [adapter.to_numpy(adapter.predict(adapter.put(inputs[query]))) for query in rows]
    return np.concatenate(logits)[: len(inputs)]


def equal_queries(samples: int, batch_size: int) -> np.ndarray:
    """The numbers of the samples in each query, in order; few samples are one query, and the last is filled up."""
    size = min(batch_size, samples)
    count = -(-samples // size)
    return cycle(samples, count * size).reshape(count, size)
