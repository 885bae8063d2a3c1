"""One convolutional layer: the border of padding, sizes, and the reference in NumPy."""

from itertools import product
from typing import Any, Literal

import numpy as np
import pytest
from jax import lax
from pydantic import ValidationError
from scipy.signal import correlate

from models.cnn.convolution import ConvLayer, borders, convolve, convolved, pool


def layer_of(kernel: np.ndarray, **options: Any) -> ConvLayer:  # noqa: ANN401 (fields of a layer)
    """A layer for this kernel."""
    height, width = kernel.shape[:2]
    return ConvLayer(filters=kernel.shape[3], kernel=(height, width), **options)


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
    found = convolve(images, kernel, layer_of(kernel))
    assert found.shape == (2, height - size + 1, width - size + 1, 2)
    np.testing.assert_allclose(found, slow_convolution(images, kernel), atol=1e-12)


@sizes_of_kernel_and_image
def test_same_padding_of_an_even_kernel_has_more_zeros_at_bottom_and_right(size: int, height: int, width: int) -> None:
    images, kernel = draw(size, height, width)
    around = ((size - 1) // 2, size - 1 - (size - 1) // 2)
    padded = np.pad(images, [(0, 0), around, around, (0, 0)])
    found = convolve(images, kernel, layer_of(kernel, padding="same"))
    assert found.shape == (2, height, width, 2)
    np.testing.assert_allclose(found, slow_convolution(padded, kernel), atol=1e-12)


@sizes_of_kernel_and_image
def test_the_reference_is_not_a_flipped_convolution(size: int, height: int, width: int) -> None:
    images, kernel = draw(size, height, width)
    turned = convolve(images, kernel[::-1, ::-1], layer_of(kernel))
    assert np.allclose(turned, slow_convolution(images, kernel)) == (size == 1)


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize(("size", "height", "width"), [(1, 3, 4), (2, 5, 4), (2, 7, 9), (3, 8, 11)])
def test_pooling_takes_each_window_to_one_number_and_drops_the_remainder(
    size: int, height: int, width: int, pooling: Literal["max", "average"]
) -> None:
    images = np.random.default_rng(0).normal(size=(2, height, width, 3))
    found = pool(images, ConvLayer(filters=3, pool=size, pooling=pooling))
    assert found.shape == (2, height // size, width // size, 3)
    for n, y, x, c in product(*map(range, found.shape)):
        window = images[n, y * size : (y + 1) * size, x * size : (x + 1) * size, c]
        assert found[n, y, x, c] == pytest.approx(window.max() if pooling == "max" else window.mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "dilation", "border"),
    [
        (8, 3, 2, 1, (0, 1)),
        (7, 3, 2, 1, (1, 1)),
        (8, 3, 1, 1, (1, 1)),
        (8, 4, 1, 1, (1, 2)),
        (8, 3, 1, 2, (2, 2)),
        (9, 2, 3, 1, (0, 0)),
        (10, 5, 3, 1, (2, 2)),
        (5, 1, 2, 1, (0, 0)),
    ],
)
def test_the_border_of_padding_same_is_that_of_tensorflow(
    length: int, kernel: int, stride: int, dilation: int, border: tuple[int, int]
) -> None:
    layer = ConvLayer(filters=1, kernel=(kernel, 1), strides=(stride, 1), dilation=(dilation, 1), padding="same")
    assert borders(layer, (length, 6, 1)) == (border, (0, 0))
    assert convolved(layer, (length, 6, 1)) == (-(-length // stride), 6, 1)
    # JAX has the same rule.
    assert lax.padtype_to_pads((length,), ((kernel - 1) * dilation + 1,), (stride,), "SAME") == [border]


def test_without_padding_there_is_no_border() -> None:
    layer = ConvLayer(filters=1, kernel=3, strides=2)
    assert borders(layer, (8, 8, 1)) == ((0, 0), (0, 0))
    assert convolved(layer, (8, 8, 1)) == (3, 3, 1)


def test_strides_take_every_second_row_and_every_third_column() -> None:
    images, kernel = draw(3, 8, 9)
    every = convolve(images, kernel, layer_of(kernel))
    found = convolve(images, kernel, layer_of(kernel, strides=(2, 3)))
    np.testing.assert_array_equal(found, every[:, ::2, ::3])


def test_dilation_puts_zeros_between_the_pixels_of_the_kernel() -> None:
    images, kernel = draw(2, 8, 9)
    wide = np.zeros((3, 4, 3, 2))
    wide[::2, ::3] = kernel
    found = convolve(images, kernel, layer_of(kernel, dilation=(2, 3)))
    np.testing.assert_allclose(found, slow_convolution(images, wide), atol=1e-12)
    assert found.shape != convolve(images, kernel, layer_of(kernel)).shape


def test_a_depthwise_output_reads_one_channel_only() -> None:
    images = draw(3, 6, 7)[0]
    kernel = np.random.default_rng(1).normal(size=(3, 3, 1, 6))
    found = convolve(images, kernel, layer_of(kernel, depthwise=True))
    for output in range(6):
        channel = output // 2
        alone = slow_convolution(images[..., channel : channel + 1], kernel[..., output : output + 1])
        np.testing.assert_allclose(found[..., output : output + 1], alone, atol=1e-12)


def test_strides_and_dilation_together_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"found strides 2 and dilation \(1, 2\), expected one of them to be 1"):
        ConvLayer(filters=1, strides=2, dilation=(1, 2))


@pytest.mark.parametrize("value", [0, "3", 2.5, True, [3], [3, 0], [1, 2, 3]])
def test_a_size_that_is_neither_a_number_nor_a_pair_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="expected a whole number greater than 0, or two of them as") as caught:
        ConvLayer(filters=1, kernel=value)  # type: ignore[arg-type]
    assert [item["loc"] for item in caught.value.errors()] == [("kernel",)]


def test_a_list_of_two_numbers_is_height_and_width() -> None:
    assert ConvLayer(filters=1, kernel=[3, 2]).kernel == (3, 2)  # type: ignore[arg-type]
