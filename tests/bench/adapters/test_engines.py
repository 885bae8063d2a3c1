"""The engine of torch: time of compiling, recompilations, the cache without oneDNN, memory by pass."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch._dynamo.config

from bench.adapters.engines.base import Engine
from bench.adapters.engines.torch import APART, BACKWARD, CACHE, FORWARD, HELD, OPTIMIZER, WORKSPACE, accounted, create


@pytest.fixture
def engine() -> Iterator[Engine]:
    """The engine of torch, after a reset of Dynamo, so that nothing is compiled yet."""
    torch._dynamo.reset()
    with torch._dynamo.config.patch(recompile_limit=8, fail_on_recompile_limit_hit=False):
        found = create()
        found.configure(device="cpu", precision="fp32", threads=1)
        yield found
    torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.jit")  # Inductor uses a deprecated function of torch
def test_torch_reports_the_time_of_its_compiler(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path))  # an empty cache, else Inductor would reuse compiled code
    model, values = torch.nn.Linear(4, 3, bias=False), torch.ones(2, 4)  # a matmul alone needs no C++ compiler
    before = engine.compiled()
    model(values).sum().backward()
    assert engine.compiled() == before, "an eager step compiles nothing"
    torch.compile(model)(values).sum().backward()
    after = engine.compiled()
    assert after.trace_ns > before.trace_ns
    assert after.compile_ns
    assert before.compile_ns is not None
    assert after.compile_ns > before.compile_ns


def call_with_ten_shapes() -> int:
    """The number of compiled programs after a compiled function was called with ten shapes."""
    torch._dynamo.utils.counters.clear()
    compiled = torch.compile(lambda values: values + 1, dynamic=False, backend="eager")
    for size in range(2, 12):
        compiled(torch.ones(size))
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


@pytest.mark.usefixtures("engine")
def test_every_input_shape_is_compiled() -> None:
    assert call_with_ten_shapes() == 10


@pytest.mark.usefixtures("engine")
def test_a_shape_beyond_the_recompile_limit_is_an_error() -> None:
    with (
        torch._dynamo.config.patch(recompile_limit=4),
        pytest.raises(torch._dynamo.exc.FailOnRecompileLimitHit),
    ):
        call_with_ten_shapes()


def test_torch_by_default_silently_leaves_the_ninth_shape_uncompiled() -> None:
    torch._dynamo.reset()
    with torch._dynamo.config.patch(recompile_limit=8, fail_on_recompile_limit_hit=False):
        assert call_with_ten_shapes() == 8


def test_code_compiled_without_onednn_has_its_own_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE, "shared")
    engine, kept = create(), []
    enabled = torch.backends.mkldnn.enabled
    try:
        for choice in ("on", "off", "off", "on", "off"):
            engine.choose({"onednn": choice})
            kept.append(os.environ[CACHE])
    finally:
        torch.backends.mkldnn.enabled = enabled
    assert kept == ["shared", f"shared/{APART}", f"shared/{APART}", "shared", f"shared/{APART}"]


STRIDES = """
import torch
from bench.adapters.engines.torch import create

engine = create()
engine.configure(device="cpu", precision="fp32", threads=1)
{choice}
model = torch.compile(torch.nn.Sequential(torch.nn.Conv2d(1, 32, 3), torch.nn.ReLU()), dynamic=False)
print(model(torch.ones(32, 1, 28, 28)).sum().item() > 0)
"""


@pytest.mark.study
def test_code_compiled_with_onednn_is_not_reused_without_it(tmp_path: Path) -> None:
    """By default torch reuses code that was compiled with oneDNN, whose strides are wrong without it."""

    def done(choice: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", STRIDES.format(choice=choice)],
            env={**os.environ, CACHE: str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )

    with_onednn = done('engine.choose({"onednn": "on"})')
    assert with_onednn.returncode == 0, with_onednn.stderr[-2000:]
    assert "expected size 32==32" in done("torch.backends.mkldnn.enabled = False").stderr
    without = done('engine.choose({"onednn": "off"})')
    assert without.returncode == 0, without.stderr[-2000:]


def event(action: str, address: int, size: int, *names: str) -> dict[str, object]:
    return {
        "action": action,
        "addr": address,
        "size": size,
        "frames": [{"name": name, "filename": f"/site-packages/torch/{name}/it.py"} for name in names],
    }


def test_the_peak_of_a_call_is_divided_by_the_pass_that_allocated() -> None:
    events = [
        event("free_completed", 1, 30),  # gradients of the previous step
        event("alloc", 2, 50, "linear", "train"),
        event("alloc", 3, 20, "relu", "train"),
        event("free_completed", 2, 50),
        event("alloc", 4, 60),  # by a C++ thread
        event("alloc", 5, 1, "ones_like", "backward"),
        event("free_completed", 3, 20),
        event("alloc", 6, 10, "optim", "step"),
    ]
    found = accounted(events, held=100, workspace=40)
    assert found == {HELD: 30, WORKSPACE: 40, FORWARD: 20, BACKWARD: 61}, (
        "bytes after each event: 70, 120, 140, 90, 150, 151, 131, 141"
    )
    assert sum(found.values()) == 151
    more = accounted([*events, event("alloc", 7, 100, "optim", "step")], held=100, workspace=40)
    assert more == {HELD: 30, WORKSPACE: 40, BACKWARD: 61, OPTIMIZER: 110}


def test_a_call_that_only_frees_memory_has_its_peak_at_its_start() -> None:
    assert accounted([event("free_completed", 1, 30)], held=100, workspace=40) == {HELD: 60, WORKSPACE: 40}
