"""A forked process against a spawned one: step times are the same, and the forked one is there at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.run.worker_client import Service, WorkerClient
from bench.workload.frameworks import Contender
from tests.benchmarks.clock import CLOCK
from tests.benchmarks.comparison import EQUAL, Comparison, record
from tests.benchmarks.conftest import Launch
from tests.benchmarks.subjects import DIGITS, INSTALLED, job
from tests.benchmarks.turns import Way, in_turns

pytestmark = pytest.mark.study

LIMIT_S = 120.0
SIZE = DIGITS.recipe.batch_size


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("framework", INSTALLED, ids=str)
def test_fork(
    benchmark: BenchmarkFixture, comparisons: list[Comparison], launch: Launch, logs: Path, *, framework: Contender
) -> None:
    """A round is the median step of the spawned process; the closing table says how the forked one compares."""
    fork = launch(framework)
    work = job(framework, DIGITS, kind="serve", scenario="training", batch_size=SIZE, log=str(logs / "worker.log"))
    with spawned(framework, logs) as spawn:
        spawned_service, forked_service = spawn.serve(work, limit_s=LIMIT_S), fork.serve(work, limit_s=LIMIT_S)
        try:
            synchronised, pipelined = in_turns(way_of(spawned_service), way_of(forked_service))
        finally:
            fork.finish()
    comparison = Comparison(
        title="forked / spawned",
        contender=str(framework),
        network=f"{DIGITS.name}, batch {SIZE}",
        bounds=EQUAL,
        synchronised=synchronised,
        pipelined=pipelined,
        remark=f"ready in {forked_service.startup_s:.2f} s",
    )
    comparisons.append(comparison)
    record(benchmark, comparison)
    benchmark.extra_info["startup_s"] = forked_service.startup_s
    assert forked_service.startup_s > 0


@contextmanager
def spawned(framework: Contender, logs: Path) -> Iterator[WorkerClient]:
    """A fork server whose own process does the job."""
    log = logs / f"spawned-{framework}.log".replace("/", "-")
    client = WorkerClient(framework.framework, framework.backend, device="cpu", log=log, spawned=True)
    try:
        yield client
    finally:
        client.close()


def way_of(service: Service) -> Way:
    """Steps of the harness in another process."""
    return Way(synchronised=service.time, pipelined=lambda steps: service.time(steps, pipelined=True)[0])
