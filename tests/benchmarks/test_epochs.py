"""Training as the harness does it, against the way of the frameworks' own guides; and what the harness adds to it."""

from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.workload.frameworks import Contender
from bench.workload.workload import Workload, load_workload, parse_workload
from tests.benchmarks.clock import CLOCK
from tests.benchmarks.comparison import NO_SLOWER, Comparison, record
from tests.benchmarks.scripts import run
from tests.benchmarks.subjects import INSTALLED
from tests.benchmarks.turns import Rounds

pytestmark = pytest.mark.study

LITTLE = (0.0, 1.05)  # five in a hundred
OWN_WAYS = {"keras": "fit", "pytorch": "a DataLoader"}
INVENTED = {"name": "synthetic", "shape": [28, 28, 1], "classes": 10, "train": 6400, "test": 64}  # as large as MNIST's


def on_invented_images(name: str) -> Workload:
    """The network and the recipe of a workload, on images that need no file; the times do not depend on the pixels."""
    made = load_workload(name)
    recipe: dict[str, Any] = {key: item for key, item in made.content["recipe"].items() if key != "validation_fraction"}
    content = {"name": name, "dataset": INVENTED, "model": made.content["model"], "recipe": recipe}
    return parse_workload(content, source=Path(made.source))


WORKLOADS = {
    "mnist-mlp": (on_invented_images("mnist-mlp"), 1),
    "mnist-cnn-small": (on_invented_images("mnist-cnn-small"), 1),
    "breast-cancer": (load_workload("breast-cancer"), 20),
}


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("framework", [item for item in INSTALLED if item.framework in OWN_WAYS], ids=str)
@pytest.mark.parametrize("name", WORKLOADS)
def test_epochs(benchmark: BenchmarkFixture, comparisons: list[Comparison], *, framework: Contender, name: str) -> None:
    """A round is some epochs by the framework's own way; the closing table says how ours compares."""
    workload, epochs = WORKLOADS[name]
    found = run("epochs", framework, workload, epochs=epochs)
    comparison = Comparison(
        title=f"our epoch / {OWN_WAYS[framework.framework]}",
        contender=str(framework),
        network=name,
        bounds=NO_SLOWER,
        synchronised=None,
        pipelined=Rounds(**found["epochs"]),
    )
    comparisons.append(comparison)
    record(benchmark, comparison)
    theirs, ours = found["steps"]
    assert theirs == ours > 0, "expected both to make the same number of steps"


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("framework", [item for item in INSTALLED if item.framework in OWN_WAYS], ids=str)
def test_overhead(benchmark: BenchmarkFixture, comparisons: list[Comparison], *, framework: Contender) -> None:
    """A round is what an epoch of the smallest network at batch 32 spends at its steps and waiting for them."""
    found = run("epochs", framework, load_workload("generated-dnn-small"), epochs=20)
    comparison = Comparison(
        title="an epoch / its steps",
        contender=str(framework),
        network="generated-dnn-small, batch 32",
        bounds=LITTLE,
        synchronised=None,
        pipelined=Rounds(**found["overhead"]),
        remark="making batches and placing them is what is added",
    )
    comparisons.append(comparison)
    record(benchmark, comparison)
    inside, whole = comparison.pipelined.baseline_ns, comparison.pipelined.candidate_ns
    assert all(part < all_of_it for part, all_of_it in zip(inside, whole, strict=True))
