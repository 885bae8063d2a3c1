"""What the layers share: first weights, the references of activation and batch norm, dropout switched off."""

import re
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models.layers.spec import (
    BatchNorm,
    DenseLayer,
    activate,
    dense,
    glorot_uniform,
    initial,
    without_dropout,
)
from tests.models.networks import NETWORKS

WEIGHTS = {
    "layer.scale": np.array([2.0]),
    "layer.offset": np.array([0.5]),
    "layer.mean": np.array([1.0]),
    "layer.variance": np.array([3.0]),
}
BEFORE = BatchNorm(position="before", epsilon=1.0)
AFTER = BatchNorm(position="after", epsilon=1.0)


@pytest.mark.parametrize(
    ("shape", "limit"),
    [((300, 500), np.sqrt(6 / 800)), ((3, 3, 64, 128), np.sqrt(6 / (9 * 192)))],
)
def test_kernels_are_uniform_within_glorots_limit(shape: tuple[int, ...], limit: float) -> None:
    kernel = glorot_uniform(shape, np.random.default_rng(0))
    assert kernel.shape == shape
    assert kernel.dtype == np.float64
    assert 0.999 * limit < np.abs(kernel).max() <= limit
    assert abs(kernel.mean()) < 4 * limit / np.sqrt(3 * kernel.size)
    np.testing.assert_allclose(kernel.var(), limit**2 / 3, rtol=0.01)


def test_a_normal_distribution_would_not_pass_for_it() -> None:
    limit = np.sqrt(6 / 800)
    kernel = np.random.default_rng(0).normal(0, limit / np.sqrt(3), (300, 500))
    assert np.abs(kernel).max() > limit


def test_a_batch_norm_starts_at_rest() -> None:
    parts = {part: initial(f"layer.{part}", (3,), np.random.default_rng(0)) for part in ("scale", "variance")}
    assert all((value == 1.0).all() for value in parts.values())
    parts = {part: initial(f"layer.{part}", (3,), np.random.default_rng(0)) for part in ("offset", "mean", "bias")}
    assert all((value == 0.0).all() for value in parts.values())


@pytest.mark.parametrize(
    ("batch_norm", "expected"),
    [
        (None, 0.0),
        (BEFORE, 0.0),  # relu((-2 - 1) / 2 * 2 + 0.5) = relu(-2.5)
        (AFTER, -0.5),  # (relu(-2) - 1) / 2 * 2 + 0.5
    ],
)
def test_batch_norm_comes_before_or_after_the_activation(batch_norm: BatchNorm | None, expected: float) -> None:
    found = activate(np.array([[-2.0]]), "relu", batch_norm, WEIGHTS, "layer")
    np.testing.assert_array_equal(found, [[expected]])


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("linear", -1.0), ("relu", 0.0), ("tanh", -0.7615941559557649), ("sigmoid", 0.2689414213699951)],
)
def test_activations(activation: Any, expected: float) -> None:  # noqa: ANN401 (the literal of the spec)
    found = activate(np.array([[-1.0]]), activation, None, {}, "layer")
    np.testing.assert_allclose(found, [[expected]], rtol=1e-15)


def test_a_dense_layer_by_hand() -> None:
    weights = {"layer.kernel": np.array([[1.0, 2.0], [3.0, 4.0]]), "layer.bias": np.array([0.5, -20.0])}
    found = dense(DenseLayer(units=2), weights, "layer", np.array([[1.0, 2.0]]))
    np.testing.assert_array_equal(found, [[7.5, 0.0]])


def rates(spec: object) -> list[float]:
    """Every dropout rate in a spec."""
    found = []
    for field in fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, field.name)
        if field.name == "dropout":
            found.append(value)
        elif isinstance(value, tuple):
            found += [rate for item in value if is_dataclass(item) for rate in rates(item)]
    return found


@pytest.mark.parametrize("network", NETWORKS)
def test_without_dropout_every_rate_is_zero_and_the_rest_is_the_same(network: str) -> None:
    spec = NETWORKS[network]
    found = without_dropout(spec)
    assert not any(rates(found))
    assert (found == spec) == (not any(rates(spec)))
    assert without_dropout(found) == found
    assert repr(found) == re.sub(r"dropout=[\d.]+", "dropout=0.0", repr(spec))


def test_there_is_dropout_to_switch_off() -> None:
    assert rates(NETWORKS["dnn-batch-norm-and-dropout"]) == [0.5, 0.2]
    assert rates(NETWORKS["cnn-same-with-pools-that-drop-a-remainder"]) == [0.3, 0.0, 0.3, 0.0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"units": 0}, "greater than 0"),
        ({"units": 3, "activation": "gelu"}, "'linear', 'relu', 'tanh' or 'sigmoid'"),
        ({"units": 3, "dropout": 1.0}, "less than 1"),
        ({"units": 3, "dropout": float("nan")}, "finite number|greater than or equal to 0"),
        ({"units": 3, "kernel": 3}, "Unexpected keyword argument"),
        ({"units": 3, "batch_norm": {"epsilon": 0.0}}, "greater than 0"),
        ({"units": 3, "batch_norm": {"momentum": 1.0}}, "less than 1"),
        ({"units": 3, "batch_norm": {"position": "around"}}, "'before' or 'after'"),
    ],
)
def test_a_wrong_layer_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DenseLayer(**wrong)
