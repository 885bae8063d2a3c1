"""The spec of the LSTM: shapes, initial weights, reference."""

from math import exp, tanh
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models.layers.spec import BatchNorm
from models.lstm.spec import (
    GATES,
    LstmLayer,
    LstmSpec,
    forward,
    initial_weights,
    input_shape,
    parameter_shapes,
    parts,
    sizes,
)

AFTER = BatchNorm(position="after")
SPEC = LstmSpec(steps=8, features=3, layers=(LstmLayer(units=64, batch_norm=AFTER), LstmLayer(units=16)), outputs=10)


def test_shapes() -> None:
    shapes = parameter_shapes(SPEC)
    assert shapes["layer0.kernel"] == (3, 256)
    assert shapes["layer0.recurrent"] == (64, 256)
    assert shapes["layer0.bias"] == (256,)
    assert shapes["layer0.mean"] == (64,)
    assert shapes["layer1.kernel"] == (64, 64)
    assert shapes["head.kernel"] == (16, 10)
    first, second = 4 * 64 * (3 + 64 + 1) + 4 * 64, 4 * 16 * (64 + 16 + 1)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == first + second + 170
    assert input_shape(SPEC) == (8, 3)


def test_a_sample_without_features_has_one() -> None:
    assert sizes((8,)) == {"steps": 8, "features": 1}
    assert sizes((8, 3)) == {"steps": 8, "features": 3}


@pytest.mark.parametrize("shape", [(), (8, 8, 3)])
def test_a_sample_that_is_not_a_sequence_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"samples have the shape .* a recurrent network takes \(steps,\)"):
        sizes(shape)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"units": 4, "batch_norm": {"position": "before"}}, "batch norm can only come after a recurrent layer"),
        ({"units": 4, "activation": "sigmoid"}, "'tanh' or 'relu'"),
        ({"units": 0}, "greater than 0"),
    ],
)
def test_a_wrong_layer_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LstmLayer(**wrong)


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        LstmSpec(steps=8, features=3, layers=(), outputs=10)


def test_flops_by_hand() -> None:
    assert sum(part.flops for part in parts(SPEC)) == 8 * 2 * 4 * (64 * (3 + 64) + 16 * (64 + 16)) + 2 * 16 * 10


def gates(stacked: np.ndarray) -> list[np.ndarray]:
    return np.split(stacked, GATES, axis=1)


def test_each_recurrent_gate_is_a_separate_orthogonal_matrix() -> None:
    found = gates(initial_weights(SPEC, seed=0)["layer0.recurrent"])
    for gate in found:
        np.testing.assert_allclose(gate.T @ gate, np.eye(64), atol=1e-12)
    assert not np.allclose(found[0], found[1])


def test_an_input_kernel_is_not_orthogonal() -> None:
    gate = gates(initial_weights(SPEC, seed=0)["layer1.kernel"])[0]
    assert np.abs(gate.T @ gate - np.eye(16)).max() > 0.1


def test_each_gate_of_an_input_kernel_is_initialized_separately() -> None:
    for gate in gates(initial_weights(SPEC, seed=0)["layer1.kernel"]):
        limit = np.sqrt(6 / (64 + 16))
        assert 0.98 * limit < np.abs(gate).max() <= limit


def test_initial_weights_have_the_right_shapes_and_follow_from_the_seed() -> None:
    first, again, other = (initial_weights(SPEC, seed=seed) for seed in (0, 0, 1))
    assert {name: value.shape for name, value in first.items()} == parameter_shapes(SPEC)
    drawn = ("kernel", "recurrent")
    for name, value in first.items():
        assert value.dtype == np.float64
        np.testing.assert_array_equal(value, again[name])
        assert np.array_equal(value, other[name]) == (not name.endswith(drawn)), name
    assert not first["layer0.bias"].any(), "forget gates start at zero like the others"


def test_unit_forget_bias_starts_at_one() -> None:
    layers = (LstmLayer(units=2, unit_forget_bias=True), LstmLayer(units=2))
    weights = initial_weights(LstmSpec(steps=4, features=1, layers=layers, outputs=1), seed=0)
    assert weights["layer0.bias"].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert not weights["layer1.bias"].any()


def sigmoid(value: float) -> float:
    return 1 / (1 + exp(-value))


@pytest.mark.parametrize("units", [1, 2])
def test_the_reference_is_the_textbooks_recurrence(units: int) -> None:
    """Two layers of one or two units, computed in scalars."""
    layers = (LstmLayer(units=units), LstmLayer(units=units))
    spec = LstmSpec(steps=3, features=1, layers=layers, outputs=1)
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(size=shape) for name, shape in parameter_shapes(spec).items()}
    sequence = generator.normal(size=(3, 1))
    states = [list(map(float, step)) for step in sequence]
    for name in ("layer0", "layer1"):
        states = textbook(states, weights, name, units)
    expected = sum(
        state * float(weight) for state, weight in zip(states[-1], weights["head.kernel"][:, 0], strict=True)
    )
    found = forward(spec, weights, sequence[np.newaxis])
    np.testing.assert_allclose(found, [[expected + weights["head.bias"][0]]], rtol=1e-13)


def textbook(steps: list[list[float]], weights: dict[str, np.ndarray], name: str, units: int) -> list[list[float]]:
    """The hidden state of each time step."""
    from_input, recurrent, bias = (weights[f"{name}.{part}"] for part in ("kernel", "recurrent", "bias"))
    hidden, cell, found = [0.0] * units, [0.0] * units, []
    for step in steps:
        before = [
            sum(value * from_input[row, column] for row, value in enumerate(step))
            + sum(value * recurrent[row, column] for row, value in enumerate(hidden))
            + bias[column]
            for column in range(4 * units)
        ]
        i, f, g, o = (before[gate * units : (gate + 1) * units] for gate in range(4))
        cell = [sigmoid(f[u]) * cell[u] + sigmoid(i[u]) * tanh(g[u]) for u in range(units)]
        hidden = [sigmoid(o[u]) * tanh(cell[u]) for u in range(units)]
        found.append(hidden)
    return found


def test_one_step_by_hand() -> None:
    """All gates are 1 and the candidate is tanh(0.5), so that the output is tanh(tanh(0.5))."""
    spec = LstmSpec(steps=1, features=1, layers=(LstmLayer(units=1),), outputs=1)
    weights = {
        "layer0.kernel": np.array([[0.0, 0.0, 0.5, 0.0]]),
        "layer0.recurrent": np.zeros((1, 4)),
        "layer0.bias": np.array([50.0, 50.0, 0.0, 50.0]),
        "head.kernel": np.array([[1.0]]),
        "head.bias": np.array([0.0]),
    }
    found = forward(spec, weights, np.array([[[1.0]]]))
    np.testing.assert_allclose(found, [[tanh(tanh(0.5))]], rtol=1e-15)


def test_gates_in_another_order_give_another_output() -> None:
    spec = LstmSpec(steps=4, features=2, layers=(LstmLayer(units=3),), outputs=2)
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(size=shape) for name, shape in parameter_shapes(spec).items()}
    inputs = generator.normal(size=(5, 4, 2))
    i, f, g, o = gates(weights["layer0.recurrent"])
    swapped = forward(spec, weights | {"layer0.recurrent": np.concatenate([i, f, o, g], axis=1)}, inputs)
    assert np.abs(swapped - forward(spec, weights, inputs)).max() > 1e-2
