"""The spec of the GRU: shapes, initial weights, reference, and mistakes in gates and biases."""

from collections.abc import Callable
from math import exp, tanh

import numpy as np
import pytest
from pydantic import ValidationError

from bench.analysis.deviations import relative_deviation
from models.gru.spec import GruLayer, GruSpec, forward, initial_weights, input_shape, parameter_shapes, parts
from models.layers.spec import BatchNorm, Weights
from tests.models.networks import NETWORKS, random_inputs, random_weights, reference
from tests.models.test_twins import seen

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

SPEC = GruSpec(
    steps=8,
    features=3,
    layers=(GruLayer(units=64, batch_norm=BatchNorm(position="after")), GruLayer(units=16)),
    outputs=10,
)


def test_each_layer_has_two_biases_of_three_gates() -> None:
    shapes = parameter_shapes(SPEC)
    assert shapes["layer0.kernel"] == (3, 3 * 64)
    assert shapes["layer0.recurrent"] == (64, 3 * 64)
    assert shapes["layer0.bias"] == shapes["layer0.recurrent_bias"] == (3 * 64,)
    assert shapes["layer0.mean"] == (64,)
    first, second = 3 * 64 * (3 + 64 + 2) + 4 * 64, 3 * 16 * (64 + 16 + 2)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == first + second + 170
    assert input_shape(SPEC) == (8, 3)


def test_an_activation_other_than_tanh_is_refused() -> None:
    with pytest.raises(ValidationError, match="'tanh'"):
        GruLayer(units=4, activation="relu")  # type: ignore[arg-type]


def test_a_step_multiplies_by_both_kernels_of_all_gates() -> None:
    recurrent = 8 * 2 * 3 * (64 * (3 + 64) + 16 * (64 + 16))
    assert sum(part.flops for part in parts(SPEC)) == recurrent + 2 * 16 * 10


def test_each_gate_of_a_recurrent_kernel_is_orthogonal_and_biases_are_zero() -> None:
    first, again, other = (initial_weights(SPEC, seed=seed) for seed in (0, 0, 1))
    assert {name: value.shape for name, value in first.items()} == parameter_shapes(SPEC)
    for gate in np.split(first["layer0.recurrent"], 3, axis=-1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(64), atol=1e-12)
    assert not np.any(first["layer0.bias"])
    assert not np.any(first["layer0.recurrent_bias"])
    np.testing.assert_array_equal(first["layer1.kernel"], again["layer1.kernel"])
    assert not np.array_equal(first["layer1.kernel"], other["layer1.kernel"])


def test_the_reference_is_the_textbooks_recurrence() -> None:
    """One unit, computed in scalars: n = tanh(W x + b + r (U h + c))."""
    spec = GruSpec(steps=3, features=1, layers=(GruLayer(units=1),), outputs=1)
    weights = {
        "layer0.kernel": np.array([[0.5, -0.3, 0.8]]),
        "layer0.recurrent": np.array([[-0.7, 0.4, 0.9]]),
        "layer0.bias": np.array([0.1, 0.2, -0.1]),
        "layer0.recurrent_bias": np.array([0.3, -0.2, 0.6]),
        "head.kernel": np.array([[2.0]]),
        "head.bias": np.array([0.3]),
    }
    hidden = 0.0
    for value in (1.0, -2.0, 3.0):
        reset = 1 / (1 + exp(-(0.5 * value + 0.1 - 0.7 * hidden + 0.3)))
        update = 1 / (1 + exp(-(-0.3 * value + 0.2 + 0.4 * hidden - 0.2)))
        new = tanh(0.8 * value - 0.1 + reset * (0.9 * hidden + 0.6))
        hidden = (1 - update) * new + update * hidden
    found = forward(spec, weights, np.array([[[1.0], [-2.0], [3.0]]]))
    np.testing.assert_allclose(found, [[2 * hidden + 0.3]], rtol=1e-14)


def gates_in_the_order_of_keras(weights: Weights) -> Weights:
    """Exchange the reset gate and the update gate."""
    wrong = dict(weights)
    for part in ("kernel", "recurrent", "bias", "recurrent_bias"):
        reset, update, candidate = np.split(weights[f"layer0.{part}"], 3, axis=-1)
        wrong[f"layer0.{part}"] = np.concatenate([update, reset, candidate], axis=-1)
    return wrong


def biases_exchanged(weights: Weights) -> Weights:
    """Exchange the two biases, which differ only in their effect on the candidate."""
    return weights | {"layer0.bias": weights["layer0.recurrent_bias"], "layer0.recurrent_bias": weights["layer0.bias"]}


def one_bias(weights: Weights) -> Weights:
    """Add the recurrent bias to the input bias, as in a GRU with the reset gate before the matrix multiplication."""
    both = weights["layer0.bias"] + weights["layer0.recurrent_bias"]
    return weights | {"layer0.bias": both, "layer0.recurrent_bias": np.zeros_like(both)}


@pytest.mark.parametrize("mistake", [gates_in_the_order_of_keras, biases_exchanged, one_bias])
def test_a_mistake_in_gates_or_biases_gives_a_large_deviation(
    contender: str, mistake: Callable[[Weights], Weights]
) -> None:
    spec = NETWORKS["gru-one-layer"]
    found = seen(contender, "gru-one-layer").logits
    right, wrong = random_weights(spec), mistake(random_weights(spec))
    assert relative_deviation(found, reference(spec, right, random_inputs(spec))) < 1e-12
    assert relative_deviation(found, reference(spec, wrong, random_inputs(spec))) > 1e-2
