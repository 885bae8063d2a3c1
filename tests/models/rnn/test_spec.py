"""The spec of the plain recurrent network: shapes, initial weights, reference."""

from math import tanh
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models.layers.spec import BatchNorm, Initializer, RecurrentLayer
from models.rnn.spec import RnnSpec, forward, initial_weights, input_shape, parameter_shapes, parts, sizes

AFTER = BatchNorm(position="after")
SPEC = RnnSpec(
    steps=8, features=3, layers=(RecurrentLayer(units=64, batch_norm=AFTER), RecurrentLayer(units=16)), outputs=10
)


def test_shapes() -> None:
    shapes = parameter_shapes(SPEC)
    assert shapes["layer0.kernel"] == (3, 64)
    assert shapes["layer0.recurrent"] == (64, 64)
    assert shapes["layer0.mean"] == (64,)
    assert shapes["layer1.kernel"] == (64, 16)
    first, second = 64 * (3 + 64 + 1) + 4 * 64, 16 * (64 + 16 + 1)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == first + second + 170
    assert input_shape(SPEC) == (8, 3)
    assert sizes((8, 3)) == {"steps": 8, "features": 3}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"units": 4, "batch_norm": {"position": "before"}}, "batch norm can only come after a recurrent layer"),
        ({"units": 4, "activation": "sigmoid"}, "'tanh' or 'relu'"),
        ({"units": 4, "unit_forget_bias": True}, "Unexpected keyword argument"),
    ],
)
def test_a_wrong_layer_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RecurrentLayer(**wrong)


def test_flops_by_hand() -> None:
    assert sum(part.flops for part in parts(SPEC)) == 8 * 2 * (64 * (3 + 64) + 16 * (64 + 16)) + 2 * 16 * 10


def test_initial_weights_follow_from_the_seed_and_recurrent_kernels_are_orthogonal() -> None:
    first, again, other = (initial_weights(SPEC, seed=seed) for seed in (0, 0, 1))
    assert {name: value.shape for name, value in first.items()} == parameter_shapes(SPEC)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        assert np.array_equal(value, other[name]) == (not name.endswith(("kernel", "recurrent"))), name
    np.testing.assert_allclose(first["layer0.recurrent"].T @ first["layer0.recurrent"], np.eye(64), atol=1e-12)


def test_a_layer_and_the_head_have_their_own_initializers() -> None:
    wide = Initializer(name="normal", deviation=5.0)
    spec = RnnSpec(steps=2, features=50, layers=(RecurrentLayer(units=40, initializer=wide),), outputs=30)
    weights = initial_weights(spec, seed=0)
    assert 4.5 < weights["layer0.kernel"].std() < 5.5
    assert weights["head.kernel"].std() < 0.5


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_reference_is_the_textbooks_recurrence(activation: str) -> None:
    """One unit, computed in scalars."""
    spec = RnnSpec(steps=3, features=1, layers=(RecurrentLayer(units=1, activation=activation),), outputs=1)  # type: ignore[arg-type]
    weights = {
        "layer0.kernel": np.array([[0.5]]),
        "layer0.recurrent": np.array([[-0.7]]),
        "layer0.bias": np.array([0.1]),
        "head.kernel": np.array([[2.0]]),
        "head.bias": np.array([0.3]),
    }
    hidden = 0.0
    for value in (1.0, -2.0, 3.0):
        before = 0.5 * value - 0.7 * hidden + 0.1
        hidden = tanh(before) if activation == "tanh" else max(0.0, before)
    found = forward(spec, weights, np.array([[[1.0], [-2.0], [3.0]]]))
    np.testing.assert_allclose(found, [[2 * hidden + 0.3]], rtol=1e-14)


def test_the_order_of_the_steps_matters() -> None:
    spec = RnnSpec(steps=4, features=2, layers=(RecurrentLayer(units=3),), outputs=2)
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(size=shape) for name, shape in parameter_shapes(spec).items()}
    inputs = generator.normal(size=(5, 4, 2))
    assert np.abs(forward(spec, weights, inputs) - forward(spec, weights, inputs[:, ::-1])).max() > 1e-2
