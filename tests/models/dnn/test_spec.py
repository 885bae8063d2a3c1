"""The spec of the fully connected network: shapes, initial weights, reference."""

import numpy as np
import pytest
from pydantic import ValidationError

from models.dnn.spec import DnnSpec, forward, initial_weights, input_shape, parameter_shapes, parts, sizes
from models.layers.spec import BatchNorm, DenseLayer

SPEC = DnnSpec(features=784, hidden=(DenseLayer(units=100, batch_norm=BatchNorm()), DenseLayer(units=50)), outputs=10)


def test_shapes() -> None:
    assert parameter_shapes(SPEC) == {
        "hidden0.kernel": (784, 100),
        "hidden0.bias": (100,),
        "hidden0.scale": (100,),
        "hidden0.offset": (100,),
        "hidden0.mean": (100,),
        "hidden0.variance": (100,),
        "hidden1.kernel": (100, 50),
        "hidden1.bias": (50,),
        "head.kernel": (50, 10),
        "head.bias": (10,),
    }
    assert input_shape(SPEC) == (784,)


def test_a_network_without_hidden_layers_is_its_head() -> None:
    assert parameter_shapes(DnnSpec(features=4, outputs=3)) == {"head.kernel": (4, 3), "head.bias": (3,)}


def test_any_sample_is_read_as_a_flat_vector() -> None:
    assert sizes((8, 8)) == {"features": 64}
    assert sizes((28, 28, 3)) == {"features": 2352}


def test_flops_by_hand() -> None:
    assert sum(part.flops for part in parts(SPEC)) == 2 * (784 * 100 + 100 * 50 + 50 * 10)
    assert [part.flops for part in parts(DnnSpec(features=4, outputs=3))] == [24]


def test_initial_weights_have_the_right_shapes_and_follow_from_the_seed() -> None:
    first, again, other = (initial_weights(SPEC, seed=seed) for seed in (0, 0, 1))
    assert {name: value.shape for name, value in first.items()} == parameter_shapes(SPEC)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        assert np.array_equal(value, other[name]) == (not name.endswith("kernel")), name
    assert not np.array_equal(first["hidden1.kernel"][:50, :10], first["head.kernel"]), "kernels differ"


def test_the_reference_by_hand() -> None:
    spec = DnnSpec(features=2, hidden=(DenseLayer(units=2),), outputs=1)
    weights = {
        "hidden0.kernel": np.array([[1.0, -1.0], [2.0, 0.0]]),
        "hidden0.bias": np.array([0.0, 0.5]),
        "head.kernel": np.array([[10.0], [100.0]]),
        "head.bias": np.array([1.0]),
    }
    # relu(1 + 4, -1 + 0.5) = (5, 0); 5 · 10 + 1
    np.testing.assert_array_equal(forward(spec, weights, np.array([[1.0, 2.0]])), [[51.0]])


def test_a_transposed_kernel_gives_another_output() -> None:
    spec = DnnSpec(features=2, outputs=2)
    weights = {"head.kernel": np.array([[1.0, 2.0], [3.0, 4.0]]), "head.bias": np.zeros(2)}
    inputs = np.array([[1.0, 10.0]])
    np.testing.assert_array_equal(forward(spec, weights, inputs), [[31.0, 42.0]])
    assert not np.array_equal(
        forward(spec, weights | {"head.kernel": weights["head.kernel"].T}, inputs), [[31.0, 42.0]]
    )


@pytest.mark.parametrize(("features", "outputs"), [(0, 3), (4, -1)])
def test_sizes_of_zero_are_refused(features: int, outputs: int) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        DnnSpec(features=features, outputs=outputs)
