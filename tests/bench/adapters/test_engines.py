"""What engines count, where a test cannot do it in its own process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.adapters.engines.torch import APART, BACKWARD, CACHE, FORWARD, HELD, OPTIMIZER, WORKSPACE, accounted, create

ANEW = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}  # what an earlier test has compiled would be found on disk

COMPILED = """
import torch
from bench.adapters.engines.torch import create

engine = create()
engine.configure(device="cpu", precision="fp32", threads=1)
model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh())
before = engine.compiled()
torch.compile(model)(torch.ones(2, 4)).sum().backward()
after = engine.compiled()
print(before.trace_ns, before.compile_ns, after.trace_ns, after.compile_ns)
"""


def test_torch_counts_what_its_compiler_takes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPILED],
        env={**os.environ, **ANEW},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    no_trace, no_compile, trace, compiling = map(int, done.stdout.split())
    assert (no_trace, no_compile) == (0, 0)
    assert trace > 0
    assert compiling > 0


SHAPES = """
import torch
from bench.adapters.engines.torch import create

engine = create()
engine.configure(device="cpu", precision="fp32", threads=1)
{limit}
compiled = torch.compile(lambda values: values + 1, dynamic=False, backend="eager")
for size in range(2, 12):
    compiled(torch.ones(size))
print(torch._dynamo.utils.counters["stats"]["unique_graphs"])
"""


@pytest.mark.parametrize("limit", [None, 4])
def test_every_shape_has_a_program_or_there_is_an_error(limit: int | None) -> None:
    """Of its own accord torch would run the ninth shape of a function without compiling it, and say nothing."""
    line = "" if limit is None else f"torch._dynamo.config.recompile_limit = {limit}"
    done = subprocess.run(
        [sys.executable, "-c", SHAPES.format(limit=line)], capture_output=True, text=True, timeout=250, check=False
    )
    if limit is None:
        assert done.stdout.split() == ["10"], done.stderr[-2000:]
    else:
        assert "FailOnRecompileLimitHit" in done.stderr


def test_what_is_compiled_without_onednn_is_kept_apart_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("choice", ['engine.choose({"onednn": "off"})', "torch.backends.mkldnn.enabled = False"])
def test_what_is_compiled_without_onednn_is_kept_apart(tmp_path: Path, choice: str) -> None:
    """Of its own accord torch finds what was compiled with oneDNN, and the strides are wrong."""

    def done(choice: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", STRIDES.format(choice=choice)],
            env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )

    assert done('engine.choose({"onednn": "on"})').returncode == 0
    without = done(choice)
    if "engine" in choice:
        assert without.returncode == 0, without.stderr[-2000:]
    else:
        assert "expected size 32==32" in without.stderr


def event(action: str, address: int, size: int, *names: str) -> dict[str, object]:
    return {
        "action": action,
        "addr": address,
        "size": size,
        "frames": [{"name": name, "filename": f"/site-packages/torch/{name}/it.py"} for name in names],
    }


def test_the_peak_of_a_call_is_divided_by_the_pass_that_asked_for_memory() -> None:
    events = [
        event("free_completed", 1, 30),  # gradients of the step before
        event("alloc", 2, 50, "linear", "train"),
        event("alloc", 3, 20, "relu", "train"),
        event("free_completed", 2, 50),
        event("alloc", 4, 60),  # by a thread of C++
        event("alloc", 5, 1, "ones_like", "backward"),
        event("free_completed", 3, 20),
        event("alloc", 6, 10, "optim", "step"),
    ]
    found = accounted(events, held=100, workspace=40)
    assert found == {HELD: 30, WORKSPACE: 40, FORWARD: 20, BACKWARD: 61}, "70, 120, 140, 90, 150, 151, 131, 141"
    assert sum(found.values()) == 151
    more = accounted([*events, event("alloc", 7, 100, "optim", "step")], held=100, workspace=40)
    assert more == {HELD: 30, WORKSPACE: 40, BACKWARD: 61, OPTIMIZER: 110}


def test_a_call_that_needs_nothing_more_has_its_peak_before() -> None:
    assert accounted([event("free_completed", 1, 30)], held=100, workspace=40) == {HELD: 60, WORKSPACE: 40}
