"""Faults that the first training from initial weights cannot show are caught, and the tensor at fault is named.

Biases start at zero, batch norm at mean 0 and variance 1, optimizers without moments. Dropout is off in the proof
of the weights. Each fault here leaves all other checks intact.
"""

import importlib
from dataclasses import dataclass
from functools import wraps
from typing import Any

import pytest

from bench.analysis import dropout_masks
from bench.analysis.second_network import AGAIN_CHECK as AGAIN
from bench.analysis.second_network import LOADED_CHECK as LOADED
from models.layers.spec import Weights
from tests.bench.run.hidden_plants import (
    always,
    carried_over,
    dropout,
    exchanged,
    gates_exchanged,
    kept_share,
    loaded,
    moments_carried_over_in_flax,
    moments_carried_over_in_keras,
    no_dropout_in_epochs,
    remembered,
    same_mask,
    same_mask_in_flax,
    same_mask_in_keras,
    without,
)
from tests.bench.run.planted_faults import WEIGHTS, Plant, certificate, chosen, traced

RANDOM = "float64 forward with random weights"
UNDROPPED, DROPPED, MASKS = dropout_masks.FORWARD, dropout_masks.LOSS_CHECK, dropout_masks.MASKS_CHECK

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


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
    ("contender", "fault"),
    [
        pytest.param(
            fault.contender, fault, id=f"{fault.contender}-{fault.family}-{fault.name}", marks=chosen(fault.contender)
        )
        for fault in FAULTS
    ],
)
def test_a_fault_that_initial_weights_hide_is_caught(
    contender: str, fault: Hidden, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert certificate(contender, fault.family).passed
    fault.plant(monkeypatch)
    faulty = traced(contender.partition("/")[0], fault.family, "fp64")
    wrong = [line for line in certificate(contender, fault.family, double=faulty).deviations if not line.holds]
    found = {line.check for line in wrong}
    assert fault.failing <= found
    assert found <= fault.failing | {DROPPED, UNDROPPED}, "all checks from initial weights hold"
    named = [line.tensor for line in wrong if line.tensor]
    assert len(named) == (LOADED in fault.failing)
    assert all(name.endswith(fault.tensor) for name in named)


def test_statistics_that_are_not_exported_are_caught_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert certificate("pytorch", "lstm").passed
    export = importlib.import_module("models.lstm.pytorch").export
    monkeypatch.setattr("models.lstm.pytorch.export", lambda model: without(".mean", ".variance")(export(model)))
    found = certificate("pytorch", "lstm", double=traced("pytorch", "lstm", "fp64"))
    names = {line.check: line.tensor for line in found.deviations if not line.holds}
    assert names[LOADED] in {"layer0.mean", "layer0.variance"}
    assert names[WEIGHTS] in {"layer0.mean", "layer0.variance"}


def test_a_step_counter_that_is_late_by_one_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert certificate("pytorch", "gru").passed
    torch = importlib.import_module("torch")
    make = importlib.import_module("bench.adapters.optimizers.pytorch").optimizer

    def late(rule: Any, parameters: Any, **options: Any) -> Any:  # noqa: ANN401 (as the original)
        made = make(rule, parameters, **options)
        for value in parameters:
            zeros = torch.zeros_like(value)
            made.state[value] = {"step": torch.tensor(1.0), "exp_avg": zeros, "exp_avg_sq": zeros.clone()}
        return made

    monkeypatch.setattr("bench.adapters.optimizers.pytorch.optimizer", late)
    found = certificate("pytorch", "gru", double=traced("pytorch", "gru", "fp64"))
    assert {line.check for line in found.deviations if not line.holds} == {WEIGHTS, AGAIN}


@pytest.mark.slow
def test_a_fault_in_a_form_that_only_a_search_uses_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    network = importlib.import_module("models.rnn.flax")
    build, tuning = network.build, {"unroll": "4"}

    @wraps(build)  # the options of a form are found in its annotations
    def forgetful(spec: Any, weights: Weights, **options: Any) -> Any:  # noqa: ANN401 (as `build`)
        return build(spec, without(".bias")(weights) if options.get("unroll") == "4" else weights, **options)

    assert certificate("flax", "rnn", double=traced("flax", "rnn", "fp64", tuning=tuning)).passed
    monkeypatch.setattr(network, "build", forgetful)
    assert certificate("flax", "rnn", double=traced("flax", "rnn", "fp64")).passed
    found = certificate("flax", "rnn", double=traced("flax", "rnn", "fp64", tuning=tuning))
    assert {line.check for line in found.deviations if not line.holds} == START
