"""The shared layers: initial weights, references of activation and batch norm, specs without dropout."""

import re
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models.layers.spec import (
    GLOROT,
    BatchNorm,
    DenseLayer,
    Initializer,
    activate,
    dense,
    initial_weights,
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


DENSE, CONVOLUTION = (300, 500), (3, 3, 64, 128)


def kernel(initializer: Initializer, shape: tuple[int, ...]) -> np.ndarray:
    return initial_weights({"layer.kernel": shape}, {"layer": initializer}, seed=0)["layer.kernel"]


@pytest.mark.parametrize(
    ("name", "shape", "limit"),
    [
        ("glorot_uniform", DENSE, np.sqrt(6 / 800)),
        ("glorot_uniform", CONVOLUTION, np.sqrt(6 / (9 * 192))),
        ("he_uniform", DENSE, np.sqrt(6 / 300)),
        ("he_uniform", CONVOLUTION, np.sqrt(6 / (9 * 64))),
    ],
)
def test_uniform_kernels_reach_their_limit_and_do_not_exceed_it(
    name: str, shape: tuple[int, ...], limit: float
) -> None:
    found = kernel(Initializer(name=name), shape)  # type: ignore[arg-type]
    assert found.shape == shape
    assert found.dtype == np.float64
    assert 0.999 * limit < np.abs(found).max() <= limit
    assert abs(found.mean()) < 4 * limit / np.sqrt(3 * found.size)
    np.testing.assert_allclose(found.var(), limit**2 / 3, rtol=0.01)


@pytest.mark.parametrize(
    ("initializer", "shape", "deviation"),
    [
        (Initializer(name="glorot_normal"), DENSE, np.sqrt(2 / 800)),
        (Initializer(name="glorot_normal"), CONVOLUTION, np.sqrt(2 / (9 * 192))),
        (Initializer(name="he_normal"), DENSE, np.sqrt(2 / 300)),
        (Initializer(name="he_normal"), CONVOLUTION, np.sqrt(2 / (9 * 64))),
        (Initializer(name="normal", deviation=0.05), DENSE, 0.05),
    ],
)
def test_normal_kernels_have_their_deviation_and_are_not_truncated(
    initializer: Initializer, shape: tuple[int, ...], deviation: float
) -> None:
    found = kernel(initializer, shape)
    np.testing.assert_allclose(found.std(), deviation, rtol=0.01)
    assert np.abs(found).max() > 3.5 * deviation, "a uniform or a truncated distribution would not reach so far"


@pytest.mark.parametrize("shape", [(6, 6), (6, 4), (4, 6), (2, 2, 3, 8)])
def test_orthogonal_kernels_preserve_lengths(shape: tuple[int, ...]) -> None:
    flat = kernel(Initializer(name="orthogonal"), shape).reshape(-1, shape[-1])
    short = flat if flat.shape[0] >= flat.shape[1] else flat.T
    np.testing.assert_allclose(short.T @ short, np.eye(short.shape[1]), atol=1e-12)
    assert np.abs(kernel(GLOROT, (6, 6)).T @ kernel(GLOROT, (6, 6)) - np.eye(6)).max() > 0.1


@pytest.mark.parametrize(("name", "deviation"), [("normal", None), ("he_normal", 0.05), ("normal", 0.0)])
def test_only_the_normal_initializer_takes_a_deviation(name: str, deviation: float | None) -> None:
    with pytest.raises(ValidationError, match="deviation"):
        Initializer(name=name, deviation=deviation)  # type: ignore[arg-type]


def test_batch_norms_start_as_identity_and_biases_at_zero() -> None:
    shapes = {f"layer.{part}": (3,) for part in ("scale", "variance", "offset", "mean", "bias")}
    found = initial_weights(shapes, {}, seed=0)
    assert {name: value.tolist() for name, value in found.items()} == {
        name: [float(name.endswith(("scale", "variance")))] * 3 for name in shapes
    }


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
        if field.name in {"dropout", "recurrent_dropout"}:
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


def test_the_dropout_of_a_layer_inside_a_layer_is_zero_too() -> None:
    @dataclass(frozen=True)
    class Inner:
        dropout: float
        units: int

    @dataclass(frozen=True)
    class Outer:
        block: Inner
        blocks: tuple[Inner | int, ...]

    found = without_dropout(Outer(Inner(0.5, 3), (Inner(0.2, 4), 7)))
    assert found == Outer(Inner(0.0, 3), (Inner(0.0, 4), 7))


def test_the_examples_have_dropout() -> None:
    assert rates(NETWORKS["dnn-batch-norm-and-dropout"]) == [0.5, 0.2]
    assert rates(NETWORKS["cnn-same-with-pools-that-drop-a-remainder"]) == [0.3, 0.0, 0.3, 0.0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"units": 0}, "greater than 0"),
        ({"units": 3, "activation": "selu"}, "'linear', 'relu', .* or 'softplus'"),
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
