"""The spec of the convolutional network: shapes, initial weights, reference."""

from itertools import product

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.signal import correlate

from models.cnn.spec import (
    CnnSpec,
    ConvLayer,
    _convolve,
    _max_pool,
    feature_maps,
    forward,
    initial_weights,
    input_shape,
    parameter_shapes,
    parts,
    sizes,
)
from models.layers.spec import BatchNorm, DenseLayer

SPEC = CnnSpec(
    height=28,
    width=20,
    channels=3,
    convolutions=(
        ConvLayer(filters=8, padding="same", pool=2),
        ConvLayer(filters=16, kernel=4, pool=2, batch_norm=BatchNorm()),
    ),
    dense=(DenseLayer(units=50),),
    outputs=10,
)


def test_feature_maps_shrink_by_valid_padding_and_by_pools_that_drop_a_remainder() -> None:
    assert feature_maps(SPEC) == [(28, 20, 3), (14, 10, 8), (5, 3, 16)]


def test_shapes() -> None:
    shapes = parameter_shapes(SPEC)
    assert shapes["conv0.kernel"] == (3, 3, 3, 8)
    assert shapes["conv1.kernel"] == (4, 4, 8, 16)
    assert shapes["conv1.variance"] == (16,)
    assert shapes["dense0.kernel"] == (5 * 3 * 16, 50)
    assert shapes["head.kernel"] == (50, 10)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 224 + 2064 + 64 + 12050 + 510
    assert input_shape(SPEC) == (28, 20, 3)


def test_without_dense_layers_the_head_reads_the_last_map() -> None:
    spec = CnnSpec(height=4, width=5, channels=1, convolutions=(ConvLayer(filters=2),), outputs=3)
    assert parameter_shapes(spec)["head.kernel"] == (2 * 3 * 2, 3)


def test_a_sample_without_channels_has_one() -> None:
    assert sizes((8, 9)) == {"height": 8, "width": 9, "channels": 1}
    assert sizes((8, 9, 3)) == {"height": 8, "width": 9, "channels": 3}


@pytest.mark.parametrize("shape", [(8,), (8, 8, 3, 2)])
def test_a_sample_that_is_not_an_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"samples have the shape .* a cnn takes \(height, width\)"):
        sizes(shape)


def test_an_image_that_shrinks_to_nothing_is_refused() -> None:
    layers = (ConvLayer(filters=2, pool=2), ConvLayer(filters=2))
    with pytest.raises(ValidationError, match="shrinks to nothing: 6x6 -> 2x2 -> 0x0; use fewer layers"):
        CnnSpec(height=6, width=6, channels=1, convolutions=layers, outputs=2)


def test_a_network_without_convolutions_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        CnnSpec(height=6, width=6, channels=1, convolutions=(), outputs=2)


def test_flops_by_hand() -> None:
    first = 2 * 28 * 20 * 9 * 3 * 8
    second = 2 * 11 * 7 * 16 * 8 * 16
    assert sum(part.flops for part in parts(SPEC)) == first + second + 2 * (240 * 50 + 50 * 10)


def test_initial_weights_have_the_right_shapes_and_follow_from_the_seed() -> None:
    first, again, other = (initial_weights(SPEC, seed=seed) for seed in (0, 0, 1))
    assert {name: value.shape for name, value in first.items()} == parameter_shapes(SPEC)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        assert np.array_equal(value, other[name]) == (not name.endswith("kernel")), name
    assert np.abs(first["conv0.kernel"]).max() <= np.sqrt(6 / (9 * (3 + 8)))


def slow_convolution(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Cross-correlation without padding by SciPy, for one pair of channels at a time."""
    samples, _, _, inputs = images.shape
    return np.stack(
        [
            np.stack(
                [
                    sum(correlate(images[n, :, :, c], kernel[:, :, c, f], mode="valid") for c in range(inputs))
                    for f in range(kernel.shape[3])
                ],
                axis=-1,
            )
            for n in range(samples)
        ]
    )


# Odd and even kernels on odd and even images.
sizes_of_kernel_and_image = pytest.mark.parametrize(
    ("size", "height", "width"), [(1, 3, 4), (2, 5, 4), (3, 7, 6), (4, 4, 9), (5, 5, 5)]
)


def draw(size: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(size)
    return generator.normal(size=(2, height, width, 3)), generator.normal(size=(size, size, 3, 2))


@sizes_of_kernel_and_image
def test_valid_padding_equals_scipys_cross_correlation(size: int, height: int, width: int) -> None:
    images, kernel = draw(size, height, width)
    found = _convolve(images, kernel, "valid")
    assert found.shape == (2, height - size + 1, width - size + 1, 2)
    np.testing.assert_allclose(found, slow_convolution(images, kernel), atol=1e-12)


@sizes_of_kernel_and_image
def test_same_padding_of_an_even_kernel_has_more_zeros_at_bottom_and_right(size: int, height: int, width: int) -> None:
    images, kernel = draw(size, height, width)
    around = ((size - 1) // 2, size - 1 - (size - 1) // 2)
    padded = np.pad(images, [(0, 0), around, around, (0, 0)])
    found = _convolve(images, kernel, "same")
    assert found.shape == (2, height, width, 2)
    np.testing.assert_allclose(found, slow_convolution(padded, kernel), atol=1e-12)


@sizes_of_kernel_and_image
def test_the_reference_is_not_a_flipped_convolution(size: int, height: int, width: int) -> None:
    images, kernel = draw(size, height, width)
    turned = _convolve(images, kernel[::-1, ::-1], "valid")
    assert np.allclose(turned, slow_convolution(images, kernel)) == (size == 1)


@pytest.mark.parametrize(("pool", "height", "width"), [(1, 3, 4), (2, 5, 4), (2, 7, 9), (3, 8, 11)])
def test_pooling_takes_the_maximum_of_each_window_and_drops_the_remainder(pool: int, height: int, width: int) -> None:
    images = np.random.default_rng(0).normal(size=(2, height, width, 3))
    found = _max_pool(images, pool)
    assert found.shape == (2, height // pool, width // pool, 3)
    for n, y, x, c in product(*map(range, found.shape)):
        window = images[n, y * pool : (y + 1) * pool, x * pool : (x + 1) * pool, c]
        assert found[n, y, x, c] == window.max()


def test_the_reference_by_hand() -> None:
    layer = ConvLayer(filters=1, kernel=2, activation="linear", pool=2)
    spec = CnnSpec(height=3, width=4, channels=1, convolutions=(layer,), outputs=1)
    weights = {
        "conv0.kernel": np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(2, 2, 1, 1),
        "conv0.bias": np.array([0.5]),
        "head.kernel": np.array([[2.0]]),
        "head.bias": np.array([-1.0]),
    }
    image = np.array([[1, 0, 0, 9], [0, 2, 0, 9], [0, 0, 3, 9]], dtype=np.float64).reshape(1, 3, 4, 1)
    # The windows give 2001, 200, …; 3002, 320, …: the pool of 2 × 2 keeps 3002 and drops the third column.
    np.testing.assert_array_equal(forward(spec, weights, image), [[2 * 3002.5 - 1]])


def test_flattening_is_in_the_order_of_rows_columns_channels() -> None:
    layer = ConvLayer(filters=2, kernel=1, activation="linear")
    spec = CnnSpec(height=2, width=2, channels=2, convolutions=(layer,), outputs=8)
    weights = {
        "conv0.kernel": np.eye(2).reshape(1, 1, 2, 2),
        "conv0.bias": np.zeros(2),
        "head.kernel": np.eye(8),
        "head.bias": np.zeros(8),
    }
    image = np.arange(8.0).reshape(1, 2, 2, 2)
    np.testing.assert_array_equal(forward(spec, weights, image), [np.arange(8.0)])
