"""A job that answers requests times calls, ends on request, and frees its fork server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import pytest

from bench.analysis import equivalence
from bench.run.worker_client import EndedError, WorkerClient, WorkerError
from bench.worker.measure import block, timing_server
from bench.worker.measure.block import LEAST_CALLS, WARM_UP_CALLS, WARM_UP_ROUNDS
from bench.worker.measure.timed_call import Work
from bench.worker.prepared_workload import prepare
from tests.bench.workloads import DIVERGES, workload

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def pytorch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerClient]:
    """One fork server for all tests; each test must leave it usable for the next."""
    client = WorkerClient("pytorch", None, device="cpu", log=tmp_path_factory.mktemp("logs") / "fork-server.log")
    yield client
    client.close()


def asked(folder: Path, **changes: object) -> dict[str, Any]:
    """A job that serves training steps of a tiny network."""
    tiny = workload()
    what = {"kind": "serve", "scenario": "training", "batch_size": 4, "log": str(folder / "job.log")}
    common = {"framework": "pytorch", "device": "cpu", "threads": 1, "workload": tiny.content, "source": tiny.source}
    return what | common | changes


def test_each_call_has_a_time_and_pipelined_calls_have_one_in_total(pytorch: WorkerClient, tmp_path: Path) -> None:
    service = pytorch.serve(asked(tmp_path), limit_s=LIMIT_S)
    assert len(service.time(5)) == 5
    (together,) = service.time(200, pipelined=True)
    assert together > service.time(1)[0] > 0
    assert 0 < service.startup_s < LIMIT_S
    assert "torch" in service.news["versions"]
    pytorch.finish()


def test_a_service_is_made_ready_for_another_batch_size_and_warms_up(pytorch: WorkerClient, tmp_path: Path) -> None:
    service = pytorch.serve(asked(tmp_path, tuning={"compile": "off"}), limit_s=LIMIT_S)
    placed = service.place(8)
    assert (service.news["together"], placed["together"]) == (1, 1)
    assert 0 < service.warm_up(1_000_000) < LIMIT_S * 1e9
    pytorch.finish()
    pytorch.finish()  # a second call does nothing
    assert len(pytorch.serve(asked(tmp_path), limit_s=LIMIT_S).time(1)) == 1
    pytorch.finish()


def test_a_service_that_takes_too_long_times_out_and_frees_its_fork_server(
    pytorch: WorkerClient, tmp_path: Path
) -> None:
    service = pytorch.serve(asked(tmp_path), limit_s=LIMIT_S)
    with pytest.raises(EndedError, match=r"no result within the time limit of 0\.1 s") as caught:
        service.time(10_000_000, limit_s=0.1)
    assert caught.value.result["outcome"] == "timeout"
    assert len(pytorch.serve(asked(tmp_path), limit_s=LIMIT_S).time(1)) == 1
    pytorch.finish()


def test_a_candidate_that_was_not_compiled_takes_no_part_in_a_search() -> None:
    subject = prepare("flax", workload(), device="cpu", precision="fp32", threads=1, seed=0)
    timing_server.Server(subject, "training", tuning={"call": "jax.jit"}).place(4)
    with jax.disable_jit(), pytest.raises(timing_server.WrongError, match=r"without being compiled by jax\.jit"):
        timing_server.Server(subject, "training", tuning={"call": "jax.jit"}).place(4)


def test_a_service_with_nan_outputs_diverges(pytorch: WorkerClient, tmp_path: Path) -> None:
    wild = workload(DIVERGES)
    with pytest.raises(EndedError, match="an output or a loss is not a finite number") as caught:
        pytorch.serve(asked(tmp_path, workload=wild.content), limit_s=LIMIT_S).warm_up(1_000_000)
    assert caught.value.result["outcome"] == "diverged"


@pytest.mark.parametrize(("precision", "bounds"), [("fp32", (0.0, 0.0)), ("bf16", (0.5, 1.0))])
def test_a_service_that_computes_in_another_precision_fails(
    monkeypatch: pytest.MonkeyPatch, precision: str, bounds: tuple[float, float]
) -> None:
    subject = prepare("pytorch", workload(), device="cpu", precision=precision, threads=1, seed=0)
    timing_server.Server(subject, "inference", tuning={}).place(4)
    monkeypatch.setitem(equivalence.FORWARD_BOUNDS, precision, bounds)
    with pytest.raises(timing_server.WrongError, match="from the float64 reference"):
        timing_server.Server(subject, "inference", tuning={}).place(4)


@pytest.mark.parametrize(
    ("call_ns", "calls"),
    [
        (2_000_000, 1 + WARM_UP_ROUNDS),  # longer than the whole warm-up may take: one call in a round
        (500_000, 1 + WARM_UP_ROUNDS * LEAST_CALLS),
        (1_000, 1 + WARM_UP_ROUNDS * WARM_UP_CALLS),
    ],
)
def test_the_warm_up_of_a_service_has_as_many_calls_as_fit_into_its_limit(
    monkeypatch: pytest.MonkeyPatch, call_ns: int, calls: int
) -> None:
    server = timing_server.Server(
        prepare("pytorch", workload(), device="cpu", precision="fp32", threads=1, seed=0), "training", tuning={}
    )
    server.place(4)
    made: list[int] = []

    def timed(_: Work, number: int) -> int:
        made.append(number)
        return number * call_ns

    monkeypatch.setattr(block, "timed", timed)
    assert server.warm_up(1_000_000) == {"call_ns": call_ns, "together": 1}
    assert made == [1] * calls


def test_a_finished_service_frees_its_fork_server(pytorch: WorkerClient, tmp_path: Path) -> None:
    for _ in range(2):
        service = pytorch.serve(asked(tmp_path), limit_s=LIMIT_S)
        assert pytorch._child is not None
        assert len(service.time(2)) == 2
        pytorch.finish()
        assert pytorch._child is None


def test_a_service_that_cannot_begin_reports_the_error_and_frees_its_fork_server(
    pytorch: WorkerClient, tmp_path: Path
) -> None:
    with pytest.raises(WorkerError, match="pytorch: the job did not begin: KeyError: 'batch_size'"):
        pytorch.serve({name: value for name, value in asked(tmp_path).items() if name != "batch_size"}, limit_s=LIMIT_S)
    assert len(pytorch.serve(asked(tmp_path), limit_s=LIMIT_S).time(1)) == 1
    pytorch.finish()


def test_a_failed_service_raises_its_error_instead_of_an_answer(pytorch: WorkerClient, tmp_path: Path) -> None:
    service = pytorch.serve(asked(tmp_path), limit_s=LIMIT_S)
    with pytest.raises(WorkerError, match="pytorch: no answer to a request: TypeError"):
        service.time("many")  # type: ignore[arg-type]
    pytorch.finish()
