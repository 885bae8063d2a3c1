"""What our rule of Adam costs in Keras: its step time against that of Keras' own Adam, in one process."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.workload.frameworks import Contender
from bench.workload.workload import Workload
from tests.benchmarks.clock import CLOCK
from tests.benchmarks.comparison import NO_DEARER, Comparison, record
from tests.benchmarks.scripts import interleave
from tests.benchmarks.subjects import DIGITS, INSTALLED, WIDE

pytestmark = pytest.mark.study


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("framework", [item for item in INSTALLED if item.framework == "keras"], ids=str)
@pytest.mark.parametrize("workload", [DIGITS, WIDE], ids=lambda workload: workload.name)
def test_keras_adam(
    benchmark: BenchmarkFixture, comparisons: list[Comparison], *, framework: Contender, workload: Workload
) -> None:
    """A round is the median step with Keras' own Adam; the closing table says how ours compares."""
    size = workload.recipe.batch_size
    synchronised, pipelined, deviation = interleave("keras_adam", framework, workload, batch_size=size)
    comparison = Comparison(
        title="our Adam / Keras' own",
        contender=str(framework),
        network=f"{workload.name}, batch {size}",
        bounds=NO_DEARER,
        synchronised=synchronised,
        pipelined=pipelined,
    )
    comparisons.append(comparison)
    record(benchmark, comparison)
    assert 0 < deviation < 1, "expected two networks that learn, by rules that are not quite the same"
