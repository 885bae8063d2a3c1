"""What the harness costs with an adapter that does nothing: a query of it should take at most 2 µs."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.adapters.base import Adapter
from bench.adapters.engines.base import Compiled
from bench.worker.measure import block, inference

pytestmark = pytest.mark.study

PIPELINED = 100


class Nothing:
    """The part of an adapter that queries need, and no work in it."""

    engine = SimpleNamespace(compiled=Compiled)

    def put(self, inputs: np.ndarray) -> np.ndarray:
        """The array as it is."""
        return inputs

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """The array as it is."""
        return inputs

    def wait(self, result: object) -> None:
        """Nothing to wait for."""


@pytest.mark.parametrize("calls", [1, PIPELINED])
def test_overhead(benchmark: BenchmarkFixture, *, calls: int) -> None:
    """A round is one query with its wait and two readings of the clock, or many queries with one wait."""
    work = inference.queries(cast("Adapter", Nothing()), np.zeros((512, 64), np.float32), batch_size=32)
    benchmark.group = f"harness around nothing, {calls} queries"
    with block.collector_off():
        elapsed_ns: Any = benchmark(block.timed, work, calls)
    benchmark.extra_info["queries"] = calls
    assert elapsed_ns > 0
