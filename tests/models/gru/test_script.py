"""The GRU has no `script.py`: a script of `tune` holds the source of its files, and runs stand-alone."""

import os
import subprocess
import sys
from typing import Any

import pytest

from bench.scripts import Task, write
from bench.workload.axes import Scenario
from bench.workload.frameworks import every_contender
from bench.workload.recipe import Clipping, Recipe
from bench.workload.update_rules import Adam
from models.gru.spec import EXAMPLES

# What a search may choose besides the default, in each framework.
CHOSEN: dict[str, dict[str, str]] = {
    "pytorch": {"optimizer": "fused"},
    "keras/tensorflow": {"unroll": "yes", "use_cudnn": "off"},
    "keras/jax": {"call": "custom loop of 8 steps"},
    "keras/torch": {"call": "custom loop"},
    "flax": {"unroll": "4", "call": "jax.jit"},
}


def script(contender: str, scenario: Scenario = "training", **changes: Any) -> str:  # noqa: ANN401 (fields of a task)
    framework, _, backend = contender.partition("/")
    fields: dict[str, Any] = {
        "workload": "tiny",
        "framework": framework,
        "backend": backend or None,
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
        "scenario": scenario,
        "batch_size": 8,
        "family": "gru",
        "spec": EXAMPLES["two-layers-with-batch-norm-and-dropout"],
        "recipe": Recipe(
            optimizer=Adam(name="adam"), clipping=Clipping(norm=0.5, scope="global"), batch_size=8, epochs=1
        ),
        "options": CHOSEN[contender],
    }
    return write(Task(**fields | changes))


def slow_but_in_pytorch(name: str) -> Any:  # noqa: ANN401 (a parameter)
    """Mark scripts of other frameworks as slow: they take ten seconds on a busy machine."""
    return name if name == "pytorch" else pytest.param(name, marks=pytest.mark.slow)


@pytest.mark.parametrize("name", [slow_but_in_pytorch(str(item)) for item in every_contender()])
def test_a_script_of_the_familys_own_files_trains_by_itself(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", script(name)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[1:] == ["ms", "a", "step"]
    assert float(done.stdout.split()[0]) > 0


def test_a_script_builds_the_network_with_the_chosen_options() -> None:
    assert 'network.build(spec, weights, seed=0, unroll="4")' in script("flax")
    assert "network.build(spec, weights, seed=0)" in script("flax", options={"call": "jax.jit"})
    assert 'compute_dtype="bfloat16", unroll="4")' in script("flax", precision="bf16")
    assert 'unroll="yes", use_cudnn="off")' in script("keras/tensorflow")
    assert "network.build(spec, weights, seed=0)" in script("pytorch", "inference")
