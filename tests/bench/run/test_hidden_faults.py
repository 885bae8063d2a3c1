"""Faults that the first training from initial weights cannot show are caught, and the tensor at fault is named.

Biases start at zero, batch norm at mean 0 and variance 1, optimizers without moments. Dropout is off in the proof
of the weights. Each fault here leaves all other checks intact.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bench.adapters.base import IDIOMATIC
from bench.analysis import dropout_masks
from bench.analysis.second_network import AGAIN_CHECK as AGAIN
from bench.analysis.second_network import LOADED_CHECK as LOADED
from bench.workload.axes import FrameworkOptions
from bench.workload.recipe import Recipe
from models.layers.spec import Weights
from tests.bench.run.planted_faults import WEIGHTS, Plant, certificate, chosen, traced

RANDOM = "float64 forward with random weights"
UNDROPPED, DROPPED, MASKS = dropout_masks.FORWARD, dropout_masks.LOSS_CHECK, dropout_masks.MASKS_CHECK

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def loaded(module: str, change: Callable[[Weights], Weights]) -> Plant:
    """Change the weights in `build` alone, in a way that leaves initial weights as they are."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        target = importlib.import_module(module)
        build = target.build
        monkeypatch.setattr(target, "build", lambda spec, weights, **options: build(spec, change(weights), **options))

    return plant


def remembered(module: str, change: Callable[[Weights], Weights]) -> Plant:
    """Change the weights in `build`, and change them back in the first export, as an export that remembers them."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        target = importlib.import_module(module)
        build, export = target.build, target.export
        given: dict[int, Weights] = {}

        def changed(spec: Any, weights: Weights, **options: Any) -> Any:  # noqa: ANN401 (as `build`)
            model = build(spec, change(weights), **options)
            given[id(model)] = weights
            return model

        def kept(model: Any) -> Weights:  # noqa: ANN401 (as `export`)
            return given.pop(id(model)) if id(model) in given else export(model)

        monkeypatch.setattr(target, "build", changed)
        monkeypatch.setattr(target, "export", kept)

    return plant


def without(*parts: str) -> Callable[[Weights], Weights]:
    """Weights in which these parts have the values with which they start."""
    return lambda weights: {
        name: np.full_like(value, name.endswith((".scale", ".variance"))) if name.endswith(parts) else value
        for name, value in weights.items()
    }


def exchanged(one: str, other: str) -> Callable[[Weights], Weights]:
    """Weights in which two tensors of the same shape have changed places; probe networks do not have them."""
    return lambda weights: weights | {one: weights[other], other: weights[one]} if one in weights else weights


def gates_exchanged(name: str, gates: int) -> Callable[[Weights], Weights]:
    """Weights in which the first two gates of a bias have changed places."""

    def change(weights: Weights) -> Weights:
        if name not in weights:
            return weights
        first, second, *rest = np.split(weights[name], gates)
        return weights | {name: np.concatenate([second, first, *rest])}

    return change


def carried_over(*, moments: bool) -> Plant:
    """Let PyTorch's optimizer begin with the state of the last training, or only with its step counter."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        adapter = importlib.import_module("bench.adapters.pytorch").PyTorchAdapter
        prepare = adapter.prepare

        def prepared(self: Any, model: Any, recipe: Recipe, *, tuning: FrameworkOptions = IDIOMATIC) -> None:  # noqa: ANN401 (an adapter and a model)
            last = getattr(self, "optimizer", None)
            prepare(self, model, recipe, tuning=tuning)
            if last is not None and _shapes(last) == _shapes(self.optimizer) and last.state:
                kept = last.state_dict()
                for state in () if moments else kept["state"].values():
                    state["exp_avg"], state["exp_avg_sq"] = state["exp_avg"] * 0, state["exp_avg_sq"] * 0
                self.optimizer.load_state_dict(kept)

        monkeypatch.setattr(adapter, "prepare", prepared)

    return plant


def _shapes(optimizer: Any) -> tuple[Any, ...]:  # noqa: ANN401 (of PyTorch)
    return type(optimizer), [value.shape for group in optimizer.param_groups for value in group["params"]]


def moments_carried_over_in_flax(monkeypatch: pytest.MonkeyPatch) -> None:
    nnx, jax = importlib.import_module("flax.nnx"), importlib.import_module("jax")
    adapter = importlib.import_module("bench.adapters.flax").FlaxAdapter
    prepare = adapter.prepare

    def prepared(self: Any, model: Any, recipe: Recipe, *, tuning: FrameworkOptions = IDIOMATIC) -> None:  # noqa: ANN401 (an adapter and a model)
        last = nnx.state(self.optimizer) if hasattr(self, "optimizer") else None
        prepare(self, model, recipe, tuning=tuning)
        shapes = [jax.tree.map(np.shape, state) for state in (last, nnx.state(self.optimizer))]
        if shapes[0] == shapes[1]:
            nnx.update(self.optimizer, last)

    monkeypatch.setattr(adapter, "prepare", prepared)


def moments_carried_over_in_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = importlib.import_module("bench.adapters.keras").KerasAdapter
    prepare = adapter.prepare

    def prepared(self: Any, model: Any, recipe: Recipe, *, tuning: FrameworkOptions = IDIOMATIC) -> None:  # noqa: ANN401 (an adapter and a model)
        last = self.model.optimizer if hasattr(self, "model") else None
        prepare(self, model, recipe, tuning=tuning)
        if last is not None and last.built:
            self.model.optimizer.build(self.parameters)
            pairs = list(zip(last.variables, self.model.optimizer.variables, strict=False))
            if all(old.shape == new.shape for old, new in pairs):
                for old, new in pairs:
                    new.assign(old)

    monkeypatch.setattr(adapter, "prepare", prepared)


def dropout(forward: Callable[[Any, Any], Any]) -> Plant:
    """Replace the forward pass of PyTorch's dropout; it gets the layer and the values."""
    return lambda monkeypatch: monkeypatch.setattr("torch.nn.Dropout.forward", forward)


def functional(values: Any, rate: float, *, training: bool) -> Any:  # noqa: ANN401 (tensors)
    return importlib.import_module("torch").nn.functional.dropout(values, rate, training)


def same_mask(layer: Any, values: Any) -> Any:  # noqa: ANN401 (of PyTorch)
    importlib.import_module("torch").manual_seed(0)
    return functional(values, layer.p, training=layer.training)


def always(layer: Any, values: Any) -> Any:  # noqa: ANN401 (of PyTorch)
    return functional(values, layer.p, training=True)


def kept_share(layer: Any, values: Any) -> Any:  # noqa: ANN401 (of PyTorch)
    return functional(values, 1 - layer.p, training=layer.training)


def same_mask_in_flax(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = importlib.import_module("flax.nnx").Dropout
    call = layer.__call__

    def again(self: Any, values: Any) -> Any:  # noqa: ANN401 (of Flax)
        self.rngs.count.set_value(self.rngs.count[...] * 0)
        return call(self, values)

    monkeypatch.setattr(layer, "__call__", again)


def same_mask_in_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = importlib.import_module("keras")

    def again(self: Any, inputs: Any, training: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 (as Keras calls it)
        return keras.random.dropout(inputs, self.rate, seed=1) if training else inputs

    monkeypatch.setattr(keras.layers.Dropout, "call", again)


def no_dropout_in_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = importlib.import_module("bench.adapters.pytorch").PyTorchAdapter
    train_epoch, layer = adapter.train_epoch, importlib.import_module("torch").nn.Dropout

    def still(self: Any, batches: Any) -> Any:  # noqa: ANN401 (an adapter and its batches)
        with pytest.MonkeyPatch.context() as inside:
            inside.setattr(layer, "forward", lambda _, values: values)
            return train_epoch(self, batches)

    monkeypatch.setattr(adapter, "train_epoch", still)


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """A fault of one framework and network, the checks that fail with it, and the tensor that they name."""

    name: str
    contender: str
    family: str
    plant: Plant
    failing: set[str]
    tensor: str = ""  # or the end of its name


START = {RANDOM, LOADED, AGAIN}  # a network that starts elsewhere also trains differently
STATISTICS = {RANDOM, LOADED}  # training does not use the running statistics of batch norm

# Faults of loading, by framework and family: what happens to the weights, and the tensor that is named.
BIASES = ("biases forgotten", without(".bias"), "bias")
OF_LOAD = {
    ("pytorch", "dnn"): [
        BIASES,
        ("biases exchanged", exchanged("hidden0.bias", "hidden1.bias"), "bias"),
        ("mean and offset exchanged", exchanged("hidden0.mean", "hidden0.offset"), ""),
    ],
    ("pytorch", "cnn"): [BIASES, ("scales forgotten", without(".scale"), "conv0.scale")],
    ("pytorch", "lstm"): [BIASES, ("gates of a bias exchanged", gates_exchanged("layer1.bias", 4), "layer1.bias")],
    ("pytorch", "gru"): [BIASES, ("second bias forgotten", without(".recurrent_bias"), "layer0.recurrent_bias")],
    ("pytorch", "rnn"): [BIASES],
    ("flax", "dnn"): [BIASES],
    ("flax", "cnn"): [("offsets forgotten", without(".offset"), "conv0.offset")],
    ("flax", "gru"): [
        ("gates of a bias exchanged", gates_exchanged("layer0.bias", 3), "layer0.bias"),
        ("biases exchanged", exchanged("layer0.bias", "layer0.recurrent_bias"), "bias"),
    ],
    ("keras/tensorflow", "gru"): [BIASES],
}
OF_STATISTICS = [("pytorch", "dnn"), ("flax", "lstm"), ("keras/tensorflow", "cnn")]


def module_of(contender: str, family: str) -> str:
    return f"models.{family}.{contender.partition('/')[0]}"


FAULTS = [
    *(
        Hidden(
            name=name,
            contender=contender,
            family=family,
            plant=loaded(module_of(contender, family), change),
            failing=START,
            tensor=tensor,
        )
        for (contender, family), faults in OF_LOAD.items()
        for name, change, tensor in faults
    ),
    *(
        Hidden(
            name="statistics forgotten",
            contender=contender,
            family=family,
            plant=loaded(module_of(contender, family), without(".mean", ".variance")),
            failing=STATISTICS,
        )
        for contender, family in OF_STATISTICS
    ),
    Hidden(
        name="biases forgotten, and exported from memory",
        contender="pytorch",
        family="dnn",
        plant=remembered("models.dnn.pytorch", without(".bias")),
        failing={RANDOM, AGAIN},
    ),
    *(
        Hidden(name=name, contender=contender, family=family, plant=plant, failing={AGAIN})
        for name, contender, family, plant in (
            ("moments carried over", "pytorch", "lstm", carried_over(moments=True)),
            ("step counter carried over", "pytorch", "lstm", carried_over(moments=False)),
            ("moments carried over", "flax", "lstm", moments_carried_over_in_flax),
            ("moments carried over", "keras/tensorflow", "lstm", moments_carried_over_in_keras),
        )
    ),
    *(
        Hidden(name=name, contender=contender, family="dnn", plant=plant, failing=failing)
        for name, contender, plant, failing in (
            ("the same mask in each step", "pytorch", dropout(same_mask), {MASKS}),
            ("the same mask in each step", "flax", same_mask_in_flax, {MASKS}),
            ("the same mask in each step", "keras/tensorflow", same_mask_in_keras, {MASKS}),
            ("no dropout in training", "pytorch", dropout(lambda _, values: values), {MASKS}),
            ("no dropout in the loop of epochs", "pytorch", no_dropout_in_epochs, {MASKS}),
            ("dropout at inference", "pytorch", dropout(always), {UNDROPPED}),
            ("share kept and share dropped exchanged", "pytorch", dropout(kept_share), {DROPPED}),
        )
    ),
]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=f"{fault.contender}-{fault.family}-{fault.name}", marks=chosen(fault.contender))
        for fault in FAULTS
    ],
)
def test_a_fault_that_initial_weights_hide_is_caught(fault: Hidden, monkeypatch: pytest.MonkeyPatch) -> None:
    assert certificate(fault.contender, fault.family).passed
    fault.plant(monkeypatch)
    faulty = traced(fault.contender.partition("/")[0], fault.family, "fp64")
    wrong = [line for line in certificate(fault.contender, fault.family, double=faulty).deviations if not line.holds]
    found = {line.check for line in wrong}
    assert fault.failing <= found
    assert found <= fault.failing | {DROPPED, UNDROPPED}, "all checks from initial weights hold"
    named = [line.tensor for line in wrong if line.tensor]
    assert len(named) == (LOADED in fault.failing)
    assert all(name.endswith(fault.tensor) for name in named)


def test_statistics_that_are_not_exported_are_caught_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    export = importlib.import_module("models.lstm.pytorch").export
    monkeypatch.setattr("models.lstm.pytorch.export", lambda model: without(".mean", ".variance")(export(model)))
    found = certificate("pytorch", "lstm", double=traced("pytorch", "lstm", "fp64"))
    names = {line.check: line.tensor for line in found.deviations if not line.holds}
    assert names[LOADED] in {"layer0.mean", "layer0.variance"}
    assert names[WEIGHTS] in {"layer0.mean", "layer0.variance"}


def test_a_step_counter_that_is_late_by_one_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = importlib.import_module("torch")
    make = importlib.import_module("bench.adapters.pytorch")._optimizer

    def late(rule: Any, parameters: Any, *, fused: Any) -> Any:  # noqa: ANN401 (as the original)
        made = make(rule, parameters, fused=fused)
        for value in parameters:
            zeros = torch.zeros_like(value)
            made.state[value] = {"step": torch.tensor(1.0), "exp_avg": zeros, "exp_avg_sq": zeros.clone()}
        return made

    monkeypatch.setattr("bench.adapters.pytorch._optimizer", late)
    found = certificate("pytorch", "gru", double=traced("pytorch", "gru", "fp64"))
    assert {line.check for line in found.deviations if not line.holds} == {WEIGHTS, AGAIN}


def test_a_fault_in_a_form_that_only_a_search_uses_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    network = importlib.import_module("models.rnn.flax")
    build, tuning = network.build, {"unroll": "4"}

    def forgetful(spec: Any, weights: Weights, **options: Any) -> Any:  # noqa: ANN401 (as `build`)
        return build(spec, without(".bias")(weights) if options.get("unroll") == "4" else weights, **options)

    assert certificate("flax", "rnn", double=traced("flax", "rnn", "fp64", tuning=tuning)).passed
    monkeypatch.setattr(network, "build", forgetful)
    assert certificate("flax", "rnn", double=traced("flax", "rnn", "fp64")).passed
    found = certificate("flax", "rnn", double=traced("flax", "rnn", "fp64", tuning=tuning))
    assert {line.check for line in found.deviations if not line.holds} == START
