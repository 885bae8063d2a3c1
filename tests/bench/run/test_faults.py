"""Each fault that is planted in one framework makes its certificate fail; without the fault the same proof passes.

The faults are differences between frameworks and typical mistakes: gates, layouts, biases, statistics, rates, epsilons,
batches. The exported weights keep their canonical layout, so that only the computation can show the fault. Flax's fast
variance, E[x²] - E[x]², is not among them: on centred samples it differs only by rounding.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest

from bench.datasets import base as datasets
from bench.workload.update_rules import Adam
from models.layers.spec import BatchNorm, Weights
from tests.bench.run.planted_faults import (
    FORWARD,
    WEIGHTS,
    WORKLOADS,
    Fault,
    Plant,
    certificate,
    chosen,
    seen_through,
    traced,
)
from tests.contenders import CONTENDERS

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


@pytest.mark.parametrize("contender", [pytest.param(name, marks=chosen(name)) for name in CONTENDERS])
@pytest.mark.parametrize("family", [pytest.param(name, marks=chosen("", name)) for name in WORKLOADS])
def test_without_a_fault_every_framework_passes(contender: str, family: str) -> None:
    found = certificate(contender, family)
    assert found.passed, [item for item in found.deviations if not item.holds]


def swapped_gates(weights: Weights, *, name: str = "layer0") -> Weights:
    """Exchange the input gate and the forget gate of the first layer."""
    found = dict(weights)
    for part in ("kernel", "recurrent", "bias"):
        i, f, g, o = np.split(weights[f"{name}.{part}"], 4, axis=-1)
        found[f"{name}.{part}"] = np.concatenate([f, i, g, o], axis=-1)
    return found


def exchanged_directions(weights: Weights) -> Weights:
    """Exchange the forward and the backward recurrence of each layer."""
    names = {name: name.replace("layer", "backward") for name in weights if name.startswith("layer")}
    both = names | {backward: name for name, backward in names.items()}
    return weights | {name: weights[other].copy() for name, other in both.items()}


def backward_state_of_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the last time step of both directions, as `output[:, -1]` does in PyTorch."""
    for framework in ("pytorch", "flax"):
        monkeypatch.setattr(f"models.layers.{framework}.last_states", lambda states, **_: states[:, -1])


def backward_outputs_in_the_order_of_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand the backward outputs of a layer to the next one from the last time step to the first."""
    recurrence = importlib.import_module("flax.nnx").RNN
    call = recurrence.__call__
    monkeypatch.setattr(
        recurrence, "__call__", lambda *given, **options: call(*given, **options | {"keep_order": False})
    )


def transposed_kernel(weights: Weights) -> Weights:
    # The probe network that finds the precision has no such layer.
    return {name: value.T.copy() if name == "hidden1.kernel" else value for name, value in weights.items()}


def transposed_image(weights: Weights) -> Weights:
    return weights | {"conv0.kernel": weights["conv0.kernel"].transpose(1, 0, 2, 3).copy()}


def flattened_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    cnn = importlib.import_module("models.cnn.pytorch")
    for name in ("_channels_first", "_channels_last"):
        monkeypatch.setattr(cnn, name, lambda kernel, _: kernel)


def second_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train both of PyTorch's biases, and export their sum, as a careful conversion would."""
    lstm = importlib.import_module("models.lstm.pytorch")
    build, export = lstm.build, lstm.export

    def with_two(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (as `build`)
        model = build(*arguments, **options)
        for layer in model.layers:
            layer.recurrence.bias_hh_l0.requires_grad_()
        return model

    def summed(model: Any) -> Weights:  # noqa: ANN401 (as `export`)
        biases = {
            f"layer{n}.bias": layer.recurrence.bias_hh_l0.detach().numpy() for n, layer in enumerate(model.layers)
        }
        found = export(model)
        return {name: found[name] + biases.get(name, 0) for name in found if not name.endswith(".recurrent_bias")}

    monkeypatch.setattr(lstm, "build", with_two)
    monkeypatch.setattr(lstm, "export", summed)


def handed(target: str, change: Callable[[Any], Any], *, kind: type) -> Plant:
    """Change every argument of this type before it reaches a function or constructor."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        path, _, name = target.rpartition(".")
        holder = resolve_name(path)
        original = getattr(holder, name)

        def changed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (as the original)
            return original(*(change(item) if isinstance(item, kind) else item for item in arguments), **options)

        monkeypatch.setattr(holder, name, changed)

    return plant


def batch_norm(target: str, **change: Callable[[BatchNorm], float]) -> Plant:
    return handed(
        target, lambda norm: replace(norm, **{key: rule(norm) for key, rule in change.items()}), kind=BatchNorm
    )


def optimizer(target: str, **change: Callable[[Adam], float]) -> Plant:
    return handed(target, lambda rule: replace(rule, **{key: new(rule) for key, new in change.items()}), kind=Adam)


def unbiased_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep PyTorch's own running variance, which is unbiased."""
    monkeypatch.setattr("models.layers.pytorch.BiasedBatchNorm.scale_to", lambda _, __: None)


def late_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the first batch of each epoch to its end."""
    original = datasets.batches

    def late(*arguments: Any, **options: Any) -> Iterator[np.ndarray]:  # noqa: ANN401 (as `batches`)
        first, *rest = original(*arguments, **options)
        return iter([*rest, first])

    monkeypatch.setattr(datasets, "batches", late)


def dropout_left_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.worker.proof_trace.without_dropout", lambda spec: spec)


def sum_of_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sum the loss over samples; Adam hardly changes, since all gradients are larger by the same factor."""
    torch = importlib.import_module("torch")
    summed = partial(torch.nn.functional.cross_entropy, reduction="sum")
    monkeypatch.setitem(importlib.import_module("bench.adapters.losses.pytorch").LOSSES, "cross_entropy", summed)


def keras_own_adam(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use Keras' own Adam, which adds epsilon before bias correction."""
    keras = importlib.import_module("keras")

    def own(rule: Adam, **_: object) -> Any:  # noqa: ANN401 (an optimizer of Keras)
        return keras.optimizers.Adam(learning_rate=lambda: np.float64(rule.learning_rate), epsilon=rule.epsilon)

    monkeypatch.setattr("bench.adapters.optimizers.keras.adam", own)


PYTORCH_NORM, FLAX_NORM = "models.layers.pytorch.BiasedBatchNorm.__init__", "models.layers.flax.normalisation"
PYTORCH_RULE, FLAX_RULE = "bench.adapters.optimizers.pytorch.optimizer", "bench.adapters.optimizers.flax.optimizer"


def inverted(norm: BatchNorm) -> float:
    return 1 - norm.momentum


def like_keras(_: BatchNorm) -> float:
    return 1e-3


def a_millionth_more(rule: Adam) -> float:
    return rule.learning_rate * (1 + 1e-6)


FAULTS = [
    Fault("swapped gates", "pytorch", "lstm", seen_through("models.lstm.pytorch", swapped_gates), FORWARD),
    *(
        Fault(name, framework, "bidirectional-lstm", plant, FORWARD)
        for framework in ("pytorch", "flax")
        for name, plant in {
            "backward state of the last step": backward_state_of_the_last_step,
            "directions exchanged": seen_through(f"models.lstm.{framework}", exchanged_directions),
            "swapped backward gates": seen_through(
                f"models.lstm.{framework}", partial(swapped_gates, name="backward1")
            ),
        }.items()
    ),
    Fault(
        "backward outputs not reversed",
        "flax",
        "bidirectional-lstm",
        backward_outputs_in_the_order_of_reading,
        FORWARD,
    ),
    Fault("transposed kernel", "pytorch", "dnn", seen_through("models.dnn.pytorch", transposed_kernel), FORWARD),
    Fault("transposed image", "pytorch", "cnn", seen_through("models.cnn.pytorch", transposed_image), FORWARD),
    Fault("flattened in another order", "pytorch", "cnn", flattened_in_another_order, FORWARD),
    Fault("second trainable bias", "pytorch", "lstm", second_bias, WEIGHTS),
    Fault("momentum inverted", "pytorch", "dnn", batch_norm(PYTORCH_NORM, momentum=inverted), WEIGHTS),
    Fault("momentum inverted", "flax", "dnn", batch_norm(FLAX_NORM, momentum=inverted), WEIGHTS),
    Fault("another epsilon of batch norm", "pytorch", "dnn", batch_norm(PYTORCH_NORM, epsilon=like_keras), FORWARD),
    Fault("unbiased running variance", "pytorch", "dnn", unbiased_variance, WEIGHTS),
    Fault("unbiased running variance", "pytorch", "lstm", unbiased_variance, WEIGHTS),
    Fault("batches late by one", "pytorch", "cnn", late_by_one, WEIGHTS),
    Fault(
        "learning rate a millionth higher",
        "pytorch",
        "dnn",
        optimizer(PYTORCH_RULE, learning_rate=a_millionth_more),
        WEIGHTS,
    ),
    Fault(
        "learning rate a millionth higher", "flax", "dnn", optimizer(FLAX_RULE, learning_rate=a_millionth_more), WEIGHTS
    ),
    Fault("another epsilon of Adam", "pytorch", "lstm", optimizer(PYTORCH_RULE, epsilon=lambda _: 1e-7), WEIGHTS),
    Fault("dropout left on", "pytorch", "dnn", dropout_left_on, WEIGHTS),
    Fault("sum of losses", "pytorch", "dnn", sum_of_losses, WEIGHTS),
    Fault("epsilon before bias correction", "keras/tensorflow", "lstm", keras_own_adam, WEIGHTS),
]


@pytest.mark.parametrize(
    ("contender", "fault"),
    [
        pytest.param(
            fault.contender,
            fault,
            id=f"{fault.contender}-{fault.family}-{fault.name}",
            marks=chosen(fault.contender, fault.family),
        )
        for fault in FAULTS
    ],
)
def test_a_planted_fault_makes_the_certificate_fail(
    contender: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert certificate(contender, fault.family).passed
    fault.plant(monkeypatch)
    faulty = traced(contender.partition("/")[0], fault.family, "fp64")
    found = certificate(contender, fault.family, double=faulty)
    assert not found.passed
    assert fault.caught_by in {item.check for item in found.deviations if not item.holds}
