"""What a record says of execution comes from what happened: nothing is called compiled that was not."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest

from bench.adapters.base import Adapter
from bench.workload.axes import FrameworkOptions
from tests.bench.adapters.small_network import RECIPE, SPEC, batch, first_weights, predict

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

# Options with which each framework compiles, and what disables its compiler.
COMPILES: dict[str, FrameworkOptions] = {
    "pytorch": {"compile": "default"},
    "keras/torch": {"jit_compile": "on"},
    "keras/tensorflow": {},
    "keras/jax": {},
    "flax": {},
}
DISABLED = {
    "pytorch": "TORCHDYNAMO_DISABLE",
    "keras/torch": "TORCHDYNAMO_DISABLE",
    "keras/tensorflow": "tf.config.run_functions_eagerly",
    "keras/jax": "JAX_DISABLE_JIT",
    "flax": "JAX_DISABLE_JIT",
}


@contextmanager
def without_compiler(contender: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The compiler of a framework is disabled, as by a variable of the shell."""
    if DISABLED[contender] == "JAX_DISABLE_JIT":
        with importlib.import_module("jax").disable_jit():
            yield
    elif contender == "keras/tensorflow":
        eagerly = importlib.import_module("tensorflow").config.run_functions_eagerly
        eagerly(run_eagerly=True)
        try:
            yield
        finally:
            eagerly(run_eagerly=False)
    else:
        monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
        yield


def forget_programs() -> None:
    """Torch counts programs for the whole process, so a test starts at zero."""
    if dynamo := sys.modules.get("torch._dynamo"):
        dynamo.reset()
        dynamo.utils.counters.clear()


def exercised(adapter: Adapter, model: object, tuning: FrameworkOptions) -> dict[str, str]:
    """The settings after a training step and a query."""
    forget_programs()
    adapter.prepare(model, RECIPE, tuning=tuning)
    adapter.wait(adapter.train([batch(adapter)]))
    predict(adapter)
    return adapter.settings()


def built(network: ModuleType) -> object:
    model: object = network.build(SPEC, first_weights(SPEC), seed=0)
    return model


def test_what_was_not_compiled_is_not_called_compiled(
    adapter: Adapter, network: ModuleType, contender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_compiler(contender, monkeypatch):
        settings = exercised(adapter, built(network), COMPILES[contender])
        problem = adapter.uncompiled()
    for name in ("execution", "inference"):
        assert settings[name].endswith(f", not compiled ({DISABLED[contender]})"), settings
        assert "XLA" not in settings[name]
    assert problem is not None
    assert problem.startswith("training steps ran without being compiled by ")
    assert DISABLED[contender] in problem


@pytest.mark.filterwarnings("ignore")  # torch warns about itself while it traces
def test_what_was_compiled_is_called_compiled(
    adapter: Adapter, network: ModuleType, contender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = built(network)
    if contender in {"pytorch", "keras/torch"}:
        torch = importlib.import_module("torch")
        monkeypatch.setattr(torch, "compile", fast(torch))
    if contender == "pytorch":  # torch cannot trace through the checks of types in these tests
        model = torch.nn.Linear(4, 3)
    settings = exercised(adapter, model, COMPILES[contender])
    assert adapter.uncompiled() is None
    expected = {
        "pytorch": ("torch.compile", "torch.compile, inference_mode"),
        "keras/torch": ("torch.compile", "predict_on_batch, torch.compile"),
        "keras/tensorflow": ("tf.function (XLA off)", "predict_on_batch, tf.function (XLA off)"),
        "keras/jax": ("jax.jit (XLA)", "predict_on_batch, jax.jit (XLA)"),
        "flax": ("nnx.jit (XLA)", "nnx.jit (XLA)"),
    }
    assert (settings["execution"], settings["inference"]) == expected[contender]


def fast(torch: ModuleType) -> object:
    """`torch.compile` without Inductor: tracing is enough, and fast."""
    compiled = torch.compile

    def traced_only(function: object, *, dynamic: bool | None = None, mode: str | None = None) -> object:  # noqa: ARG001 (Inductor's)
        return compiled(function, dynamic=dynamic, backend="eager")

    return traced_only


def test_settings_are_silent_about_calls_that_were_not_made(adapter: Adapter, network: ModuleType) -> None:
    adapter.prepare(built(network), RECIPE)
    assert not {"execution", "inference"} & set(adapter.settings())
    assert adapter.uncompiled() is None
    predict(adapter)
    assert {"execution", "inference"} & set(adapter.settings()) == {"inference"}


@pytest.mark.parametrize("contender", ["pytorch", "keras/torch"])
def test_an_eager_step_promises_no_compilation(adapter: Adapter, network: ModuleType, contender: str) -> None:
    settings = exercised(adapter, built(network), {})
    assert settings["execution"] == "eager"
    assert settings["inference"].startswith("eager" if contender == "pytorch" else "predict_on_batch, eager")
    assert adapter.uncompiled() is None


@pytest.mark.filterwarnings("ignore")  # torch warns about itself while it traces
@pytest.mark.parametrize("contender", ["pytorch"])
@pytest.mark.usefixtures("contender")
def test_the_whole_step_is_compiled_with_its_optimizer(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = importlib.import_module("torch")
    monkeypatch.setattr(torch, "compile", fast(torch))
    programs = {}
    for value in ("default", "whole step"):
        forget_programs()
        adapter.prepare(torch.nn.Linear(4, 3), RECIPE, tuning={"compile": value})
        adapter.wait(adapter.train([batch(adapter)] * 2))
        programs[value] = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert programs["default"] == 1
    assert programs["whole step"] > 1, "the model with its loss, and the optimizer"
    assert adapter.settings()["execution"] == "torch.compile of the whole step"
    predict(adapter)
    assert adapter.settings()["inference"] == "eager, inference_mode"


@pytest.mark.parametrize("contender", ["flax"])
@pytest.mark.parametrize("call", ["nnx.cached_partial", "nnx.jit_partial", "jax.jit", "lax.scan of 8 steps"])
def test_every_form_of_flax_notices_that_it_was_not_compiled(
    adapter: Adapter, network: ModuleType, contender: str, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exercised(adapter, built(network), {"call": call})["execution"] == f"{call} (XLA)"
    with without_compiler(contender, monkeypatch):
        found = exercised(adapter, built(network), {"call": call})
    assert found["execution"].startswith(f"{call}, not compiled")
