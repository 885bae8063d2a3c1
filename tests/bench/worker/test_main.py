"""Every job has one result, whatever happens; here the worker runs in the process of the tests."""

import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from bench.errors import DataError, UnavailableError
from bench.records.measurement import Learning, Measurement
from bench.records.trace_files import read_trace
from bench.worker import main
from bench.worker.measure import memory
from bench.worker.measure.training import DivergedError
from tests.bench.sample_records import learning
from tests.bench.workloads import CANNOT_BE_DONE_IN_PYTORCH, DIVERGES, NEEDS_TOO_MUCH_MEMORY, Change, job, workload

Message = dict[str, Any]


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """The cores of this process, restored after a test; the allocator stays as it is, since it cannot be restored."""
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: None)
    before = os.sched_getaffinity(0)
    yield before
    os.sched_setaffinity(0, before)


def worked(asked: Message, requests: list[Message] | None = None) -> list[Message]:
    """All messages of the worker, in order."""
    emitted: list[Message] = []
    waiting = list(requests or [])
    main.run(asked, emit=emitted.append, receive=lambda: waiting.pop(0) if waiting else None)
    return emitted


def tiny(*changes: Change, **more: Any) -> Message:  # noqa: ANN401 (fields of a case)
    return job(workload(*changes), Path(os.devnull), **more)


def test_a_measured_case_emits_configured_progress_and_result() -> None:
    configured, *progress, result = worked(tiny(batch_sizes=(4, 8)))
    assert configured == {"event": "configured"}
    assert [item["batch_size"] for item in progress] == [4, 8]
    assert (result["event"], result["outcome"], result["error"]) == ("result", "ok", None)
    assert result["versions"]["torch"] == torch.__version__
    assert result["settings"]["threads"] == "1"
    found = TypeAdapter(Measurement).validate_python(json.loads(json.dumps(result["measurement"])))
    assert [block.batch_size for block in found.blocks] == [4, 8]


@pytest.mark.parametrize("purpose", ["learning", "memory"])
def test_a_case_that_was_not_compiled_fails_and_says_so(purpose: str) -> None:
    with jax.disable_jit():
        result = worked(tiny(framework="flax", purpose=purpose))[-1]
    assert (result["outcome"], result["settings"]["execution"]) == ("failed", "nnx.jit, not compiled (JAX_DISABLE_JIT)")
    assert result["error"] == (
        "training steps ran without being compiled by nnx.jit (JAX_DISABLE_JIT): unset what disables it"
    )
    assert result["measurement"], "the raw results are kept"


def test_a_case_that_was_compiled_says_so() -> None:
    result = worked(tiny(framework="flax"))[-1]
    assert (result["outcome"], result["settings"]["execution"]) == ("ok", "nnx.jit (XLA)")


def test_a_case_trains_with_its_own_seed() -> None:
    losses = {seed: worked(tiny(purpose="learning", seed=seed))[-1]["measurement"] for seed in (0, 1)}
    assert losses[0]["learning"]["epochs"][-1]["train_loss"] != losses[1]["learning"]["epochs"][-1]["train_loss"]
    assert losses[1]["learning"]["seed"] == 1


def test_a_process_has_as_many_cores_as_threads(cores: set[int]) -> None:
    worked(tiny())
    assert os.sched_getaffinity(0) == {min(cores)}


def test_a_process_can_start_at_a_given_core(cores: set[int]) -> None:
    worked(tiny() | {"first_core": len(cores) - 1})
    assert os.sched_getaffinity(0) == {max(cores)}


def test_cores_are_shared_if_there_are_too_few(cores: set[int]) -> None:
    worked(tiny() | {"first_core": len(cores) - 1, "threads": len(cores)})
    assert os.sched_getaffinity(0) == cores


def test_a_diverged_training_keeps_its_curve() -> None:
    result = worked(tiny(DIVERGES, purpose="learning"))[-1]
    assert result["outcome"] == "diverged"
    found = TypeAdapter(Measurement).validate_python(result["measurement"])
    assert found.learning is not None
    assert len(found.learning.epochs) == 1


def test_a_trace_is_a_file_of_named_arrays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "trace.npz"
    asked = tiny(kind="trace") | {"precision": "fp64", "seed": 0, "path": str(path)}
    assert worked(asked) == [{"event": "result", "outcome": "ok", "error": None}]
    trace = read_trace(path)
    assert trace is not None
    assert trace["logits"].dtype == np.float64
    assert np.allclose(trace["logits"], trace["reference"], rtol=0, atol=1e-14)
    assert not np.allclose(trace["logits"], trace["trained_logits"], rtol=0, atol=1e-3), "training has changed them"


@pytest.mark.parametrize("scenario", ["training", "inference"])
def test_a_service_times_calls_on_request_until_an_empty_request(scenario: str) -> None:
    asked = tiny(kind="serve") | {"scenario": scenario, "batch_size": 4}
    singly, pipelined = ({"do": "time", "calls": 3, "pipelined": item} for item in (False, True))
    requests: list[Message] = [
        singly,
        pipelined,
        {"do": "place", "batch_size": 8},
        {"do": "warm_up", "limit_ns": 1},
        {},
    ]
    *begun, single, together, placed, warm, result = worked(asked, [*requests, singly])
    assert [item["event"] for item in begun] == ["configured", "serving"]
    assert [len(item["elapsed_ns"]) for item in (single, together)] == [3, 1]
    assert begun[1]["together"] == placed["together"] == warm["together"] == 1
    assert min(item["call_ns"] for item in (begun[1], placed, warm)) > 0
    assert result["outcome"] == "ok"


@pytest.mark.parametrize(
    ("changes", "outcome", "error"),
    [
        ([NEEDS_TOO_MUCH_MEMORY], "oom", "MemoryError: Unable to allocate"),
        ([CANNOT_BE_DONE_IN_PYTORCH], "unavailable", "PyTorch's nn.LSTM has tanh built in and no other activation"),
        ([DIVERGES], "diverged", "an output or a loss is not a finite number"),
    ],
)
def test_a_failed_job_has_an_outcome_and_a_reason(changes: list[Change], outcome: str, error: str) -> None:
    result = worked(tiny(*changes))[-1]
    assert result["outcome"] == outcome
    assert error in result["error"]


def test_an_unknown_framework_kind_or_workload_fails(capfd: pytest.CaptureFixture[str]) -> None:
    results = [
        worked(tiny() | {"framework": "theano"})[-1],
        worked(tiny() | {"kind": "sing"})[-1],
        worked(tiny() | {"workload": {}})[-1],
    ]
    assert [result["outcome"] for result in results] == ["failed"] * 3
    assert results[0]["error"] == "ModuleNotFoundError: No module named 'bench.adapters.theano'"
    assert results[1]["error"] == "KeyError: 'sing'"
    assert results[2]["error"].startswith("tiny.toml: "), "our own errors have no type name in front"
    assert capfd.readouterr().err.count("bench/worker/main.py") >= 3, "the log has the tracebacks"


def of_torch() -> object:
    return torch.empty(10**15)


def of_jax() -> object:
    return jax.numpy.zeros(10**14, "float32").block_until_ready()


def of_numpy() -> object:
    return np.ones(10**15)


@pytest.mark.parametrize("allocate", [of_torch, of_jax, of_numpy])
def test_the_memory_errors_of_all_frameworks_are_oom(allocate: Any) -> None:  # noqa: ANN401 (a function)
    with pytest.raises((RuntimeError, MemoryError, jax.errors.JaxRuntimeError)) as caught:
        allocate()
    assert main._outcome(caught.value) == "oom"


NOTHING: Learning = learning()


@pytest.mark.parametrize(
    ("error", "outcome", "line"),
    [
        (MemoryError(), "oom", "MemoryError: "),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "oom", "RuntimeError: CUDA out of memory. Tri"),
        (RuntimeError("OOM when allocating tensor"), "oom", "RuntimeError: OOM when allocating tensor"),
        (RuntimeError("RESOURCE_EXHAUSTED: no"), "oom", "RuntimeError: RESOURCE_EXHAUSTED: no"),
        (
            RuntimeError("could not create a primitive descriptor for the LSTM forward propagation primitive"),
            "unavailable",
            "RuntimeError: could not create a primitive descriptor for the LSTM",
        ),
        (RuntimeError("a room too small"), "failed", "RuntimeError: a room too small"),
        (NotImplementedError("no such\n  layer"), "unavailable", "no such layer"),
        (UnavailableError("no such mode"), "unavailable", "no such mode"),
        (DivergedError("not finite", NOTHING), "diverged", "not finite"),
        (DataError("a file is missing"), "failed", "a file is missing"),
        (ValueError("x" * 9999), "failed", "ValueError: xxx"),
    ],
)
def test_an_error_is_an_outcome_and_one_line(error: Exception, outcome: str, line: str) -> None:
    assert main._outcome(error) == outcome
    assert main._one_line(error).startswith(line)
    assert main._one_line(error).endswith(" …") == (len(str(error)) > 500), "which says that it was cut"
    assert len(main._one_line(error)) <= 500
    assert "\n" not in main._one_line(error)


@pytest.mark.parametrize(("precision", "low", "high"), [("fp32", 0.0, 1e-6), ("bf16", 1e-4, 0.1)])
def test_the_deviation_of_timed_outputs_fits_their_precision(precision: str, low: float, high: float) -> None:
    result = worked(tiny(scenario="inference", precision=precision))[-1]
    assert result["outcome"] == "ok", result["error"]
    assert low <= result["measurement"]["forward_deviation"] <= high


def test_outputs_in_another_precision_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.autocast", lambda *_: nullcontext())
    result = worked(tiny(scenario="inference", precision="bf16"))[-1]
    assert result["outcome"] == "failed"
    assert "expected 2e-04 to 1e-01 in bf16: something was computed in another precision" in result["error"]
    assert result["measurement"]["blocks"], "the timings are kept"


@pytest.mark.parametrize("kind", ["measure", "roof"])
def test_a_cpu_has_no_tf32(kind: str) -> None:
    result = worked(tiny(precision="tf32") | {"kind": kind})[-1]
    assert (result["outcome"], result["error"]) == (
        "unavailable",
        "TF32 is a mode of NVIDIA GPUs; a CPU has fp32 and bf16",
    )
