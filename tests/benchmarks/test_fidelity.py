"""What the harness adds to a step: its step time against that of a bare loop over the same step, in one process."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.workload.frameworks import Contender
from tests.benchmarks.clock import CLOCK
from tests.benchmarks.comparison import EQUAL, Comparison, record
from tests.benchmarks.scripts import interleave
from tests.benchmarks.subjects import DIGITS, INSTALLED

pytestmark = pytest.mark.study


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("framework", INSTALLED, ids=str)
@pytest.mark.parametrize("batch_size", [1, 32, 512])
def test_fidelity(
    benchmark: BenchmarkFixture, comparisons: list[Comparison], *, framework: Contender, batch_size: int
) -> None:
    """A round is the median step of the bare loop; the closing table says how the harness compares."""
    synchronised, pipelined, deviation = interleave(framework.framework, framework, DIGITS, batch_size=batch_size)
    comparison = Comparison(
        title="harness / bare loop",
        contender=str(framework),
        network=f"{DIGITS.name}, batch {batch_size}",
        bounds=EQUAL,
        synchronised=synchronised,
        pipelined=pipelined,
    )
    comparisons.append(comparison)
    record(benchmark, comparison)
    assert deviation < 1e-5, "expected both loops to do the same work"
