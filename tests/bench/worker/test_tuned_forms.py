"""The forms that bind or compile a whole step train the same weights as the default, in float64."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flax import nnx

from bench.adapters import flax
from bench.analysis.deviations import FORWARD_LIMIT, relative_deviation, weights_deviation
from bench.analysis.equivalence import WEIGHTS_LIMIT
from bench.run.worker_client import ROOT
from bench.worker.prepared_workload import prepare
from bench.worker.proof_trace import trace
from bench.workload.axes import FrameworkOptions
from bench.workload.workload import Workload, parse_workload
from models.layers.spec import Weights

IMAGES = {"name": "synthetic", "shape": [8, 8, 1], "outputs": 3, "train": 40, "test": 4}
MODELS: dict[str, dict[str, Any]] = {
    "dnn": {"family": "dnn", "hidden": [{"units": 6}]},
    "cnn": {"family": "cnn", "convolutions": [{"filters": 3, "pool": 2}], "dense": [{"units": 5}]},
}
RECIPE = {
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "batch_size": 16,  # of 40 samples, so that the last batch is smaller
    "epochs": 1,
    "loss": "mean_squared_error",
}


def workload(family: str) -> Workload:
    content = {"name": "tiny", "dataset": IMAGES, "model": MODELS[family], "recipe": RECIPE}
    return parse_workload(content, source=Path("tiny.toml"))


def traced(framework: str, family: str, tuning: FrameworkOptions) -> dict[str, np.ndarray]:
    subject = prepare(framework, workload(family), device="cpu", precision="fp64", threads=1, seed=0)
    return trace(subject, tuning=tuning)


def deviations(found: Weights, expected: Weights) -> tuple[float, float]:
    """The deviations of the weights after all steps, and of the logits before the first."""
    return weights_deviation(found, expected), relative_deviation(found["logits"], expected["logits"])


@pytest.mark.parametrize("family", ["dnn", pytest.param("cnn", marks=pytest.mark.slow)])
def test_a_bound_module_trains_the_same_weights(family: str) -> None:
    usual = traced("flax", family, {})
    for call in ("nnx.cached_partial", "nnx.jit_partial"):
        weights, logits = deviations(traced("flax", family, {"call": call}), usual)
        assert weights <= WEIGHTS_LIMIT, call
        assert logits <= FORWARD_LIMIT, call


@pytest.mark.parametrize("call", ["nnx.cached_partial", "nnx.jit_partial"])
def test_a_bound_module_that_does_not_share_its_variables_is_detected(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps then train a copy, and the module keeps its first weights."""
    bound: Callable[..., Any] = flax._bound

    def of_a_copy(form: str, function: Any, *arguments: Any) -> Any:  # noqa: ANN401 (Flax' own)
        return bound(form, function, *(nnx.clone(argument) for argument in arguments))

    usual = traced("flax", "dnn", {})
    monkeypatch.setattr(flax, "_bound", of_a_copy)
    weights, _ = deviations(traced("flax", "dnn", {"call": call}), usual)
    assert weights > 1e3 * WEIGHTS_LIMIT


# torch cannot trace through the checks of types in these tests, so it runs in a process of its own.
WHOLE_STEP = """
import sys
import torch
from bench.analysis.equivalence import relative_deviation, weights_deviation
from tests.bench.worker.test_tuned_forms import traced
{change}
usual, found = (traced("pytorch", sys.argv[1], tuning) for tuning in ({{}}, {{"compile": "whole step"}}))
print(weights_deviation(found, usual), relative_deviation(found["logits"], usual["logits"]))
print(torch._dynamo.utils.counters["stats"]["unique_graphs"])
"""


def whole_step(family: str, *, change: str = "") -> tuple[float, float, int]:
    """The deviations of a whole step under `torch.compile` from the default, and the number of its programs."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WHOLE_STEP.format(change=change), family],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    weights, logits, programs = ended.stdout.split()
    return float(weights), float(logits), int(programs)


@pytest.mark.slow
@pytest.mark.parametrize("family", MODELS)
def test_a_whole_step_under_torch_compile_trains_the_same_weights(family: str) -> None:
    weights, logits, programs = whole_step(family)
    assert weights <= WEIGHTS_LIMIT
    assert logits <= FORWARD_LIMIT
    assert programs > 1, "the model, and the optimizer after the backward pass"


# Adam's bias correction in float32, as torch computes it in a compiled step by default.
ROUNDED = "torch.set_default_dtype = lambda _: None"


@pytest.mark.slow
def test_a_compiled_adam_that_rounds_to_float32_is_detected() -> None:
    weights, _, _ = whole_step("dnn", change=ROUNDED)
    assert weights > 100 * WEIGHTS_LIMIT
