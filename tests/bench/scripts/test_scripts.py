"""A generated script runs stand-alone in its framework, and uses the chosen options."""

import itertools
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bench.scripts import Task, unwritten, write
from bench.workload import model_families
from bench.workload.axes import Scenario
from bench.workload.recipe import Clipping, Recipe
from bench.workload.schedules import CosineSchedule
from bench.workload.update_rules import Adam, AdamW, RmsProp, Sgd, UpdateRule
from models.cnn.convolution import ConvLayer
from models.cnn.script import CONVOLVE


def is_a_list(family: str, spec: model_families.Spec) -> bool:
    """Whether a script lists the layers of this network, unless its family has no `script.py` at all."""
    module = model_families.script_module(family)
    return module is None or module.network(spec) is not None


EXAMPLES = {
    family: list(model_families.spec_module(family).EXAMPLES.values()) for family in model_families.family_names()
}
SPECS: dict[str, Any] = {
    family: [spec for spec in specs if is_a_list(family, spec)][-1] for family, specs in EXAMPLES.items()
}
RECIPE = Recipe(optimizer=Adam(name="adam"), batch_size=8, epochs=1)
NUMBERS = replace(RECIPE, loss="mean_squared_error")
CONTENDERS = ("pytorch", "keras/tensorflow", "keras/jax", "keras/torch", "flax")
# Importing these takes ten seconds: one test trains in each of them, and their other tests are marked slow.
SLOW_TO_START = {
    name: pytest.param(name, marks=pytest.mark.slow) for name in ("keras/tensorflow", "keras/jax", "keras/torch")
}
MANY = [pytest.param(name, marks=pytest.mark.slow) if name == "flax" else name for name in CONTENDERS]
LOOP_OF_8, SCAN, ON_CUBLAS = "custom loop of 8 steps", "lax.scan of 8 steps", ", products by cuBLAS"
CALLS: dict[str, dict[str, tuple[str, ...]]] = {
    "pytorch": {
        "compile": ("whole step", "off"),
        "memory_format": ("contiguous", "channels_last"),
        "optimizer": ("default", "fused"),
    },
    "keras/tensorflow": {
        "call": ("train_on_batch", "custom loop", LOOP_OF_8),
        "jit_compile": ("auto", "off", "on"),
    },
    "keras/jax": {
        "call": ("train_on_batch", "custom loop", "custom loop, ahead of time", f"{LOOP_OF_8}{ON_CUBLAS}", LOOP_OF_8)
    },
    "keras/torch": {"call": ("train_on_batch", "custom loop"), "onednn": ("on", "off")},
    "flax": {
        "call": (
            "nnx.jit",
            "nnx.cached_partial",
            "nnx.jit_partial",
            "jax.jit",
            "ahead of time",
            f"ahead of time{ON_CUBLAS}",
            f"{SCAN}{ON_CUBLAS}",
            SCAN,
        ),
        "convolution": ("direct", "patches"),
        "pooling": ("reduce_window", "reshape"),
    },
}

USUAL = {
    "train_on_batch",
    "predict_on_batch",
    "nnx.jit",
    "default",
    "auto",
    "contiguous",
    "direct",
    "reduce_window",
}


def task(contender: str, family: str, options: Mapping[str, str], *, scenario: Scenario = "training") -> Task:
    framework, _, backend = contender.partition("/")
    return Task(
        workload="tiny",
        framework=framework,
        backend=backend or None,
        device="cpu",
        precision="fp32",
        threads=1,
        scenario=scenario,
        batch_size=8,
        family=family,
        spec=SPECS[family],
        recipe=RECIPE if SPECS[family].outputs > 1 else NUMBERS,
        options={name: value for name, value in options.items() if value not in USUAL},
    )


def run(text: str) -> str:
    """The output of the script, in a process that cannot import this project."""
    result = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", text],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.mark.parametrize("contender", MANY)
def test_a_script_is_written_for_every_combination_of_options(contender: str) -> None:
    scenarios: tuple[Scenario, ...] = ("training", "inference")
    for family, scenario in itertools.product(SPECS, scenarios):
        for values in itertools.product(*CALLS[contender].values()):
            options = dict(zip(CALLS[contender], values, strict=True))
            if scenario == "training" or " steps" not in options.get("call", ""):
                text = write(task(contender, family, options, scenario=scenario))
                compile(text, contender, "exec")
                call = options.get("call", "")
                for bound in ("nnx.cached_partial", "nnx.jit_partial"):
                    assert (call == bound) == (f"{bound}(" in text)
                is_whole = options.get("compile") == "whole step" and scenario == "training"
                assert is_whole == ("@torch.compile(dynamic=False)\ndef learn(" in text)
                assert call.endswith(ON_CUBLAS) == ("xla_gpu_enable_triton_gemm" in text)
                assert ("ahead of time" in call) == (".compile()" in text)
                assert (options.get("onednn") == "off") == ("mkldnn.enabled = False" in text)
                assert (options.get("onednn") == "off") == ("force_disable_caches" in text)
                in_patches = family == "cnn" and "patches" in values
                assert in_patches == ("conv_general_dilated=convolve" in text)
                is_reshaped = family == "cnn" and "reshape" in values
                assert is_reshaped == ("pool(images, 2)" in text) == ("def pool(" in text)
                assert ("range(10)" in text) == (scenario == "training"), "rounds of steps, as in the search"
        compile(write(task(contender, family, {}, scenario=scenario)), contender, "exec")


@pytest.mark.parametrize("contender", MANY)
def test_a_script_trains_and_prints_the_time_of_a_step(contender: str) -> None:
    fastest = {name: values[-1] for name, values in CALLS[contender].items()}
    printed = run(write(task(contender, "cnn", fastest))).split()
    assert printed[1:] == ["ms", "a", "step"]
    assert float(printed[0]) > 0


@pytest.mark.parametrize(
    ("contender", "call"),
    [("flax", "ahead of time"), ("keras/jax", "custom loop, ahead of time")],
)
@pytest.mark.slow
def test_a_script_compiled_ahead_of_time_trains_and_predicts(contender: str, call: str) -> None:
    scenarios: tuple[Scenario, ...] = ("training", "inference")
    for scenario in scenarios:
        options = {"call": f"{call}{ON_CUBLAS}"}  # an XLA option for GPUs, which a CPU accepts and ignores
        assert float(run(write(task(contender, "dnn", options, scenario=scenario))).split()[0]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("call", ["nnx.cached_partial", "nnx.jit_partial"])
def test_a_script_that_binds_the_module_trains_and_predicts(call: str) -> None:
    scenarios: tuple[Scenario, ...] = ("training", "inference")
    for scenario in scenarios:
        assert float(run(write(task("flax", "cnn", {"call": call}, scenario=scenario))).split()[0]) > 0


# Torch's compiler takes minutes for a network of many layers on a busy machine.
SMALL: dict[str, Any] = {
    "dnn": model_families.spec_module("dnn").Spec(features=5, outputs=3),
    "cnn": model_families.spec_module("cnn").Spec(
        height=6, width=6, channels=1, convolutions=(ConvLayer(filters=2),), outputs=3
    ),
}
COMPILED_PROGRAMS = """
print(torch._dynamo.utils.counters["stats"]["unique_graphs"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("family", ["dnn", "cnn"])
def test_a_script_that_compiles_the_whole_step_trains(family: str) -> None:
    whole = replace(task("pytorch", family, {"compile": "whole step"}), spec=SMALL[family])
    *printed, programs = run(write(whole) + COMPILED_PROGRAMS).split()
    assert printed[1:] == ["ms", "a", "step"]
    assert int(programs) >= 2, "the model, and the optimizer after the backward pass"


def test_a_script_with_default_options_compiles_nothing() -> None:
    eager = replace(task("pytorch", "dnn", {}), spec=SMALL["dnn"])
    assert int(run("import torch._dynamo\n" + write(eager) + COMPILED_PROGRAMS).split()[-1]) == 0


def test_a_script_uses_the_gpu_of_the_search() -> None:
    for contender in ("keras/tensorflow", "keras/jax", "flax"):
        first, second, none = (replace(task(contender, "dnn", {}), device=name) for name in ("cuda", "cuda:1", "cpu"))
        assert 'os.environ["CUDA_VISIBLE_DEVICES"] = "1"' in write(second)
        assert 'os.environ["CUDA_VISIBLE_DEVICES"] = ""' in write(none)
        assert "CUDA_VISIBLE_DEVICES" not in write(first)
    assert 'torch.device("cuda:1")' in write(replace(task("pytorch", "dnn", {}), device="cuda:1"))


def in_bfloat16(family: str) -> str:
    """A script of Keras on JAX in bfloat16, which JAX' interface to cuDNN does not support."""
    return write(replace(task("keras/jax", family, {}), precision="bf16"))


def test_only_an_lstm_has_the_argument_use_cudnn() -> None:
    assert "use_cudnn" in in_bfloat16("lstm")
    assert "use_cudnn" not in in_bfloat16("rnn")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["lstm", "rnn"])
def test_a_script_of_a_recurrent_network_trains_in_bfloat16(family: str) -> None:
    assert run(in_bfloat16(family)).split()[1:] == ["ms", "a", "step"]


def test_a_script_switches_cudnn_off_if_that_was_chosen() -> None:
    text = write(replace(task("keras/torch", "lstm", {}), options={"use_cudnn": "off"}))
    assert text.count("use_cudnn=False") == 2
    assert "use_cudnn" not in write(task("keras/torch", "lstm", {}))


@pytest.mark.parametrize("contender", [SLOW_TO_START.get(name, name) for name in CONTENDERS])
def test_a_script_of_a_sequence_model_prints_the_time_of_a_query(contender: str) -> None:
    call = {"keras": {"call": "custom loop"}, "flax": {"call": "jax.jit"}}.get(contender.partition("/")[0], {})
    printed = run(write(task(contender, "lstm", call, scenario="inference"))).split()
    assert printed[1:] == ["ms", "a", "query"]


# PyTorch and Flax have no recurrent dropout.
NOT_A_LIST: dict[str, dict[str, Any]] = {
    "two directions": {"bidirectional": True},
    "recurrent dropout": {"recurrent_dropout": 0.5},
}


@pytest.mark.parametrize("family", ["rnn", "lstm"])
@pytest.mark.parametrize("change", NOT_A_LIST)
@pytest.mark.parametrize("contender", CONTENDERS)
def test_a_layer_that_no_list_describes_is_written_by_the_familys_own_files(
    contender: str, change: str, family: str
) -> None:
    usual = task(contender, family, {})
    layers = tuple(replace(layer, **NOT_A_LIST[change]) for layer in usual.spec.layers)
    text = write(replace(usual, spec=replace(usual.spec, layers=layers)))
    compile(text, contender, "exec")
    assert "network.build(spec, weights, seed=0)" in text
    assert "network.build(" not in write(usual)


@pytest.mark.study
@pytest.mark.parametrize("contender", CONTENDERS)
def test_a_script_of_a_network_with_two_directions_trains(contender: str) -> None:
    both_ways = replace(task(contender, "lstm", {}), spec=EXAMPLES["lstm"][-1])
    assert run(write(both_ways)).split()[1:] == ["ms", "a", "step"]


def test_optimizer_loss_and_precision_are_in_the_script() -> None:
    base = task("pytorch", "dnn", {"optimizer": "fused"})
    decayed = replace(base, recipe=replace(RECIPE, optimizer=AdamW(name="adamw", weight_decay=0.25)))
    assert "torch.optim.AdamW(" in write(decayed)
    assert "weight_decay=0.25, fused=True)" in write(decayed)
    plain = replace(base, recipe=replace(RECIPE, optimizer=Sgd(name="sgd", learning_rate=0.5, momentum=0.9)))
    assert "torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9, fused=True)" in write(plain)
    assert "autocast" not in write(base)
    assert 'torch.autocast("cpu", torch.bfloat16)' in write(replace(base, precision="bf16"))


def test_nesterov_weight_decay_and_rmsprop_are_in_the_script() -> None:
    nesterov = Sgd(name="sgd", learning_rate=0.5, momentum=0.9, nesterov=True)
    decayed = Sgd(name="sgd", learning_rate=0.5, weight_decay=0.25)
    rules: tuple[UpdateRule, ...] = (nesterov, decayed, RmsProp(name="rmsprop", epsilon_place="inside"))
    expected = {
        "pytorch": ("nesterov=True", "weight_decay=0.25", "torch.optim.RMSprop("),
        "keras/jax": ("nesterov=True", None, "keras.optimizers.RMSprop("),
        "flax": ("nesterov=True", "optax.add_decayed_weights(0.25)", "eps_in_sqrt=True"),
    }
    for contender, words in expected.items():
        for rule, word in zip(rules, words, strict=True):
            text = write(replace(task(contender, "dnn", {}), recipe=replace(RECIPE, optimizer=rule)))
            assert word is None or word in text, (contender, word)


def test_keys_that_a_script_would_leave_out_are_named() -> None:
    decayed = Sgd(name="sgd", learning_rate=0.5, weight_decay=0.25)
    kernels = replace(decayed, decay="kernels")
    assert unwritten("pytorch", RECIPE) == unwritten("pytorch", replace(RECIPE, optimizer=decayed)) == ()
    assert unwritten("keras", replace(RECIPE, optimizer=decayed)) == ("optimizer.weight_decay",)
    assert unwritten("flax", replace(RECIPE, optimizer=kernels)) == ("optimizer.decay",)
    every = replace(
        RECIPE,
        schedule=CosineSchedule(name="cosine"),
        l2={"all": 0.1},
        class_weights="balanced",
        label_smoothing=0.1,
        accumulation=2,
    )
    assert unwritten("flax", every) == ("schedule", "l2", "class_weights", "label_smoothing", "accumulation")


def that_clips(contender: str, scope: Literal["global", "variable"]) -> str:
    """A script whose recipe clips gradients to a norm of 0.5."""
    return write(replace(task(contender, "dnn", {}), recipe=replace(RECIPE, clipping=Clipping(norm=0.5, scope=scope))))


@pytest.mark.parametrize("scope", ["global", "variable"])
@pytest.mark.parametrize("contender", ["pytorch", "keras/jax", "flax"])
def test_a_script_clips_gradients_if_the_recipe_does(contender: str, scope: Literal["global", "variable"]) -> None:
    clipped = that_clips(contender, scope)
    assert "clip" in clipped or "linalg.norm" in clipped
    assert "0.5" in clipped
    assert "clip" not in write(task(contender, "dnn", {}))


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["global", "variable"])
@pytest.mark.parametrize("contender", ["pytorch", "keras/jax", "flax"])
def test_a_script_that_clips_gradients_trains(contender: str, scope: Literal["global", "variable"]) -> None:
    assert run(that_clips(contender, scope)).split()[1:] == ["ms", "a", "step"]


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("size", [(2, 2), (3, 3), (3, 2), (1, 4)])
def test_the_convolution_of_a_script_equals_that_of_jax(size: tuple[int, int], padding: str) -> None:
    names: dict[str, Any] = {"jax": jax, "jnp": jnp}
    exec(CONVOLVE, names)  # noqa: S102 (our own text)
    generator = np.random.default_rng(0)
    images, kernel = (jnp.asarray(generator.normal(size=shape), jnp.float32) for shape in ((2, 5, 6, 3), (*size, 3, 4)))
    layout = ("NHWC", "HWIO", "NHWC")
    expected = jax.lax.conv_general_dilated(
        images, kernel, (1, 1), padding, dimension_numbers=layout, precision="highest"
    )
    found = names["convolve"](images, kernel, (1, 1), padding, precision="highest")
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not np.allclose(
        names["convolve"](images[:, :, ::-1], kernel, (1, 1), padding, precision="highest"), expected
    )
