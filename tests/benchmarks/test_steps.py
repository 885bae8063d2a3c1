"""The training step and inference of every family in every framework, timed by a worker process of its own."""

from pathlib import Path
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.workload.frameworks import Contender
from bench.workload.model_families import family_names
from tests.benchmarks.clock import CLOCK
from tests.benchmarks.conftest import Launch
from tests.benchmarks.subjects import INSTALLED, job, workload_of
from tests.benchmarks.turns import NANOSECONDS, warmed_up

CASES = [("training", 32), ("inference", 32), pytest.param("inference", 1, marks=pytest.mark.study)]
ROUNDS, ROUND_SECONDS = 10, 0.02
PIPELINED_ROUNDS, PIPELINED_SECONDS = 3, 0.05
WARM_UP_SECONDS = 0.1
LIMIT_S = 120.0


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("framework", INSTALLED, ids=str)
@pytest.mark.parametrize(("scenario", "batch_size"), CASES)
@pytest.mark.parametrize("family", family_names())
def test_step(  # noqa: PLR0913 (the axes of the matrix)
    benchmark: BenchmarkFixture,
    launch: Launch,
    logs: Path,
    *,
    family: str,
    scenario: str,
    batch_size: int,
    framework: Contender,
) -> None:
    """A round is calls made back to back, each waited for; its time is that of one of them."""
    workload = workload_of(family)
    what = {"kind": "serve", "scenario": scenario, "batch_size": batch_size, "log": str(logs / "worker.log")}
    client = launch(framework)
    service = client.serve(job(framework, workload, **what), limit_s=LIMIT_S)
    try:
        call_ns = warmed_up(service.time, seconds=WARM_UP_SECONDS)
        calls = calls_in(ROUND_SECONDS, call_ns)
        benchmark.group = f"{scenario}, {workload.name}, batch {batch_size}"
        benchmark.pedantic(lambda: CLOCK.advance(sum(service.time(calls)) / calls), rounds=ROUNDS)  # type: ignore[no-untyped-call]
        pipelined = calls_in(PIPELINED_SECONDS, call_ns)
        elapsed_ns = median(service.time(pipelined, pipelined=True)[0] for _ in range(PIPELINED_ROUNDS))
    finally:
        client.finish()
    benchmark.extra_info |= {
        "workload": workload.name,
        "workload_digest": workload.digest,
        "framework": str(framework),
        "scenario": scenario,
        "batch_size": batch_size,
        "calls_per_round": calls,
        "samples_per_second": batch_size * pipelined / (elapsed_ns / NANOSECONDS),
        "settings": service.news["settings"],
        "versions": service.news["versions"],
    }
    assert benchmark.extra_info["samples_per_second"] > 0


def calls_in(seconds: float, call_ns: float) -> int:
    """How many calls fill this time."""
    return max(1, round(seconds * NANOSECONDS / call_ns))
