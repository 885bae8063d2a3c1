"""Variables of the shell change neither the threads nor, without a word in the settings, the precision of an engine."""

import subprocess
import sys

import pytest

from bench.adapters.engines.base import FPMATH, TF32_OVERRIDE, Calls, resolved


def test_code_that_was_compiled_once_and_then_ran_by_itself_is_not_compiled() -> None:
    assert Calls(traced=2).uncompiled("") is None
    assert Calls(traced=2, direct=1).uncompiled("") == "reason unknown"
    assert Calls().uncompiled("JAX_DISABLE_JIT") == "JAX_DISABLE_JIT"


@pytest.mark.parametrize(
    ("device", "variables", "asked", "found"),
    [
        ("cuda", {}, "fp32", "fp32"),
        ("cuda", {}, "tf32", "tf32"),
        ("cuda", {TF32_OVERRIDE: "0"}, "tf32", "fp32"),
        ("cuda", {TF32_OVERRIDE: "1"}, "fp32", "tf32"),
        ("cuda", {TF32_OVERRIDE: "1"}, "fp64", "fp64"),
        ("cpu", {TF32_OVERRIDE: "1"}, "fp32", "fp32"),
        ("cpu", {FPMATH: "strict"}, "fp32", "fp32"),
        ("cpu", {FPMATH: "bf16"}, "fp32", f"fp32, in oneDNN BF16 ({FPMATH})"),
    ],
)
def test_the_precision_names_what_a_variable_of_the_shell_changes(
    device: str, variables: dict[str, str], asked: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (TF32_OVERRIDE, FPMATH):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert resolved(asked, device=device, allows_tf32=asked == "tf32") == found


THREADS = """
import os
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
{configure}
import jax
jax.config.update("jax_platforms", "cpu")
jax.jit(lambda values: values @ values)(jax.numpy.ones((64, 64))).block_until_ready()
names = [open(f"/proc/self/task/{{task}}/comm").read() for task in os.listdir("/proc/self/task")]
print(sum(name.startswith("tf_XLAEigen") for name in names))
"""
CONFIGURE = """
from bench.adapters.engines.jax import create
create().configure(device="cpu", precision="fp32", threads=2)
"""


@pytest.mark.parametrize(("configure", "threads"), [("", 1), (CONFIGURE, 2)], ids=["XLA alone", "configured"])
def test_a_variable_of_the_shell_does_not_change_the_threads_of_xla(
    configure: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPROC", "1")
    ended = subprocess.run(
        [sys.executable, "-c", THREADS.format(configure=configure)], check=True, capture_output=True, text=True
    )
    assert int(ended.stdout) == threads
