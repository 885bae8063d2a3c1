"""A network in every framework takes the canonical weights, exports them again, and computes the reference."""

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

from bench.adapters.base import Adapter
from bench.analysis.deviations import FLOAT32_LIMIT, FORWARD_LIMIT, relative_deviation
from bench.worker.prepared_workload import forms, load_adapter
from bench.workload import model_families
from bench.workload.recipe import Recipe
from bench.workload.update_rules import Sgd
from models.layers.spec import Weights, without_dropout
from models.lstm.spec import LstmLayer, LstmSpec
from tests.models.networks import NETWORKS, RICHEST, family_of, random_inputs, random_weights, reference

OTHER_FORMS = [f"cnn-{name}" for name in ("valid-no-dense-layer", "same-with-an-even-kernel", "residual-blocks")]
WITH_BRANCHES = (*RICHEST, "cnn-residual-blocks")  # Keras makes the network with shortcuts in another way
BOTH_WAYS = "lstm-bidirectional-layers-with-batch-norm-and-dropout"
RECIPE = Recipe(optimizer=Sgd(name="sgd", learning_rate=0.1), loss="mean_squared_error", batch_size=6, epochs=1)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]


def configured(contender: str, precision: str = "fp64") -> Adapter:
    adapter = load_adapter(contender.partition("/")[0])
    adapter.configure(device="cpu", precision=precision, threads=1)
    return adapter


def module_of(spec: model_families.Spec, contender: str) -> ModuleType:
    return importlib.import_module(f"models.{family_of(spec)}.{contender.partition('/')[0]}")


class Seen(NamedTuple):
    """The weights that a new model exports, and its logits for the random inputs."""

    weights: Weights
    logits: np.ndarray


def see(contender: str, spec: model_families.Spec, weights: Weights, *, precision: str = "fp64") -> Seen:
    adapter, module = configured(contender, precision), module_of(spec, contender)
    model = module.build(spec, weights)
    exported = module.export(model)
    adapter.prepare(model, RECIPE)
    inputs = random_inputs(spec)
    if np.issubdtype(inputs.dtype, np.floating):
        inputs = inputs.astype(weights["head.bias"].dtype)
    return Seen(exported, adapter.to_numpy(adapter.predict(adapter.put(inputs))))


@cache  # several tests look at the same model
def seen(contender: str, network: str) -> Seen:
    return see(contender, NETWORKS[network], random_weights(NETWORKS[network]))


@pytest.mark.parametrize("network", NETWORKS)
def test_the_network_computes_the_reference(contender: str, network: str) -> None:
    spec = NETWORKS[network]
    found = seen(contender, network).logits
    assert found.dtype == np.float64
    assert relative_deviation(found, reference(spec, random_weights(spec), random_inputs(spec))) <= FORWARD_LIMIT


def swapped_gates(weights: Weights) -> Weights:
    """Exchange the input gate and the forget gate."""
    wrong = dict(weights)
    for part in ("kernel", "recurrent", "bias"):
        i, f, g, o = np.split(weights[f"layer0.{part}"], 4, axis=-1)
        wrong[f"layer0.{part}"] = np.concatenate([f, i, g, o], axis=-1)
    return wrong


def swapped_backward_gates(weights: Weights) -> Weights:
    """Exchange the input gate and the forget gate of a backward recurrence."""
    backward = {name: value for name, value in weights.items() if name.startswith("backward0.")}
    swapped = swapped_gates({name.replace("backward0", "layer0"): value for name, value in backward.items()})
    return weights | {name.replace("layer0", "backward0"): value for name, value in swapped.items()}


def exchanged_directions(weights: Weights) -> Weights:
    """Exchange the forward and the backward recurrence of the last layer."""
    names = {"layer1": "backward1", "backward1": "layer1"}
    parts = ("kernel", "recurrent", "bias")
    return weights | {f"{name}.{part}": weights[f"{other}.{part}"] for name, other in names.items() for part in parts}


def transposed_recurrence(weights: Weights) -> Weights:
    """Transpose a recurrent kernel."""
    return weights | {"layer0.recurrent": weights["layer0.recurrent"].T}


def transposed_kernel(weights: Weights) -> Weights:
    """Transpose a square kernel."""
    return weights | {"hidden1.kernel": weights["hidden1.kernel"].T}


def transposed_image(weights: Weights) -> Weights:
    """Exchange rows and columns of the kernel of a convolution."""
    return weights | {"conv0.kernel": weights["conv0.kernel"].transpose(1, 0, 2, 3)}


def channels_first(weights: Weights) -> Weights:
    """Flatten an image of 2 × 2 × 4 in C·H·W order."""
    kernel = weights["dense0.kernel"]
    return weights | {"dense0.kernel": kernel.reshape(2, 2, 4, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)}


def exchanged_statistics(weights: Weights) -> Weights:
    """Exchange mean and offset of a batch norm."""
    return weights | {"hidden0.mean": weights["hidden0.offset"], "hidden0.offset": weights["hidden0.mean"]}


def exchanged_rows(weights: Weights) -> Weights:
    """Exchange the rows of a table of integers."""
    return weights | {"embedding.table": weights["embedding.table"][::-1]}


def exchanged_scale(weights: Weights) -> Weights:
    """Exchange scale and offset of a layer norm."""
    return weights | {"layer0.scale": weights["layer0.offset"], "layer0.offset": weights["layer0.scale"]}


def other_norm_of_pixels(weights: Weights) -> Weights:
    """Exchange scale and offset of the layer norm of a convolution."""
    return weights | {"conv0.scale": weights["conv0.offset"], "conv0.offset": weights["conv0.scale"]}


@pytest.mark.parametrize(
    ("network", "mistake"),
    [
        ("cnn-layer-norm-of-each-pixel", other_norm_of_pixels),
        ("lstm-embedded-integers-with-layer-norm", exchanged_rows),
        ("gru-embedded-integers-with-layer-norm", exchanged_scale),
        ("lstm-one-layer", swapped_gates),
        (BOTH_WAYS, swapped_backward_gates),
        (BOTH_WAYS, exchanged_directions),
        ("rnn-one-layer", transposed_recurrence),
        ("dnn-every-activation", transposed_kernel),
        ("cnn-valid-no-dense-layer", transposed_image),
        ("cnn-same-with-pools-that-drop-a-remainder", channels_first),
        ("dnn-batch-norm-and-dropout", exchanged_statistics),
    ],
)
def test_a_mistake_in_the_layout_gives_a_large_deviation(
    contender: str, network: str, mistake: Callable[[Weights], Weights]
) -> None:
    spec = NETWORKS[network]
    wrong = reference(spec, mistake(random_weights(spec)), random_inputs(spec))
    assert relative_deviation(seen(contender, network).logits, wrong) > 1e-2


@pytest.mark.parametrize("network", NETWORKS)
def test_export_returns_the_weights_given_to_build(contender: str, network: str) -> None:
    weights, found = random_weights(NETWORKS[network]), seen(contender, network).weights
    assert sorted(found) == sorted(weights)
    for name, value in weights.items():
        assert found[name].dtype == np.float64, name
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("network", WITH_BRANCHES)
def test_a_model_in_its_own_format_has_all_weights_that_were_saved(
    contender: str, network: str, tmp_path: Path
) -> None:
    adapter, spec = configured(contender, "fp32"), NETWORKS[network]
    module = module_of(spec, contender)
    weights, others = (
        {name: value.astype(np.float32) for name, value in random_weights(spec, seed=seed).items()} for seed in (0, 1)
    )
    adapter.save(module.build(spec, weights), tmp_path)
    found = module.export(adapter.load(module.build(spec, others), tmp_path))
    assert sorted(found) == sorted(weights)
    for name, value in weights.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
        assert not np.array_equal(others[name], value), "the model into which it was loaded had other weights"


@pytest.mark.parametrize("network", WITH_BRANCHES)
def test_build_and_export_copy_the_weights(contender: str, network: str) -> None:
    adapter, spec = configured(contender), NETWORKS[network]
    module, given = module_of(spec, contender), random_weights(spec)
    model = module.build(spec, given)
    adapter.prepare(model, RECIPE)
    before = module.export(model)
    inputs = random_inputs(spec)
    adapter.wait(adapter.train([adapter.put(inputs, np.ones((len(inputs), spec.outputs)))]))
    after = module.export(model)
    for name, value in random_weights(spec).items():
        np.testing.assert_array_equal(given[name], value, err_msg=f"training changed the given weights: {name}")
        np.testing.assert_array_equal(before[name], value, err_msg=f"training changed the exported weights: {name}")
    kernels = [name for name in given if name.endswith(("kernel", "recurrent"))]
    assert not any(np.array_equal(before[name], after[name]) for name in kernels), "training changed nothing"
    after["head.kernel"][:] = 7.0
    assert not np.any(module.export(model)["head.kernel"] == 7.0)


@pytest.mark.parametrize("network", WITH_BRANCHES)
def test_a_model_has_the_precision_of_its_weights(contender: str, network: str) -> None:
    spec = NETWORKS[network]
    weights = {name: value.astype(np.float32) for name, value in random_weights(spec).items()}
    found = see(contender, spec, weights, precision="fp32")
    assert {value.dtype for value in (found.logits, *found.weights.values())} == {np.dtype(np.float32)}
    deviation = relative_deviation(found.logits, reference(spec, random_weights(spec), random_inputs(spec)))
    assert FORWARD_LIMIT < deviation < FLOAT32_LIMIT


def test_an_lstm_with_relu_is_computed_or_refused(contender: str) -> None:
    spec = LstmSpec(steps=4, features=3, layers=(LstmLayer(units=4, activation="relu"),), outputs=2)
    weights = random_weights(spec)
    if contender == "pytorch":
        with pytest.raises(NotImplementedError, match="tanh"):
            module_of(spec, contender).build(spec, weights)
    else:
        expected = reference(spec, weights, random_inputs(spec))
        assert relative_deviation(see(contender, spec, weights).logits, expected) <= FORWARD_LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("network", dict.fromkeys([*RICHEST, *OTHER_FORMS]))
def test_every_option_of_a_model_predicts_and_trains_the_same(contender: str, network: str) -> None:
    spec = NETWORKS[network]
    usual = trained(contender, spec, {})
    for name, values in forms(module_of(spec, contender)).items():
        for value in values:
            found = trained(contender, spec, {name: value})
            for weight, expected in usual.items():
                np.testing.assert_allclose(found[weight], expected, rtol=0, atol=1e-12, err_msg=f"{name} {value}")


def trained(contender: str, spec: model_families.Spec, form: dict[str, str]) -> Weights:
    """The weights after one step, of a model with this option."""
    adapter, module = configured(contender), module_of(spec, contender)
    model = module.build(without_dropout(spec), random_weights(spec), **form)
    adapter.prepare(model, RECIPE)
    inputs = random_inputs(spec)
    adapter.wait(adapter.train([adapter.put(inputs, np.ones((len(inputs), spec.outputs)))]))
    found: Weights = module.export(model)
    return found
