"""Describes one convolutional layer: its options, the sizes of its images, and its reference in NumPy."""

from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError, WrapValidator
from pydantic.dataclasses import dataclass

from models.layers import spec as layers
from models.layers.activations import Activation
from models.layers.spec import GLOROT, BatchNorm, Fraction, Initializer, LayerNorm, Norm, Size, Weights, type_checked

Map = tuple[int, int, int]  # height, width and channels of an image


def _in_plain_words(value: object, check: Callable[[object], object]) -> object:
    try:
        return check(value)
    except ValidationError:
        expected = "a whole number greater than 0, or two of them as [height, width]"
        raise ValueError(f"found {value!r}, expected {expected}") from None


Pair = Annotated[Size | tuple[Size, Size], WrapValidator(_in_plain_words)]


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class ConvLayer:
    """A convolution: a norm before or after the activation, pooling, then dropout.

    A pointwise convolution has `kernel = 1`.

    Attributes:
        filters: The number of output channels.
        kernel: The height and width of the kernel: one number for both, or `[height, width]`.
        strides: The step from one pixel of the output to the next: one number, or `[down, right]`.
        dilation: The distance between two neighbouring pixels of the kernel on the image: one number, or
            `[down, right]`. Strides and dilation cannot both be above 1.
        padding: `"valid"` adds no border. `"same"` adds a border of zeros, so that the output is as large as the input.
            With strides the output is as large as the input divided by the stride, rounded up. If the zeros are an odd
            number, the additional one comes after the image, at the bottom and at the right, as in TensorFlow.
        depthwise: Whether each input channel has kernels of its own. `filters` is then a multiple of the input
            channels. With a multiple of m, the outputs of the first channel are the first m, and so on.
        bias: Whether a number for each output channel is added. In front of a batch norm it has no effect: leave it
            out there, since its gradient is nothing but rounding errors.
        activation: The activation function.
        batch_norm: The batch norm. Without this table there is none.
        layer_norm: The layer norm over the channels of each pixel (Liu et al. 2022). Without this table there is none.
            A layer has at most one norm.
        shortcut: How many layers a residual connection goes around (He et al. 2015). This layer is the last of them. 0
            is no residual connection. The input of the first of these layers is added in front of the activation of
            this one. If the shapes differ, the input goes through a convolution of 1×1, with a norm if this layer has
            one. Inside, padding is `"same"` and only this layer may have pooling.
        pool: The height, width and stride of pooling. 1 is no pooling.
        pooling: Whether pooling takes the largest value of each window, or the average.
        dropout: The share of outputs that dropout sets to zero in training.
        initializer: How the kernel is initialized.
    """

    filters: Size
    kernel: Pair = 3
    strides: Pair = 1
    dilation: Pair = 1
    padding: Literal["same", "valid"] = "valid"
    depthwise: Annotated[bool, Field(strict=True)] = False
    bias: Annotated[bool, Field(strict=True)] = True
    activation: Activation = "relu"
    batch_norm: BatchNorm | None = None
    layer_norm: LayerNorm | None = None
    shortcut: Annotated[int, Field(ge=0, strict=True)] = 0
    pool: Size = 1
    pooling: Literal["max", "average"] = "max"
    dropout: Fraction = 0.0
    initializer: Initializer = GLOROT

    def __post_init__(self) -> None:
        """Raise ValueError for two norms, or if both strides and dilation are above 1: TensorFlow has no such layer."""
        layers.one_norm(self.batch_norm, self.layer_norm)
        if max(pair(self.strides)) > 1 and max(pair(self.dilation)) > 1:
            raise ValueError(
                f"found strides {self.strides!r} and dilation {self.dilation!r}, expected one of them to be 1: "
                "Keras has no convolution with both; use two layers"
            )

    @property
    def norm(self) -> Norm | None:
        """The norm of the layer, of either kind."""
        return self.batch_norm or self.layer_norm


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """The value for height and width."""
    return value if isinstance(value, tuple) else (value, value)


def borders(layer: ConvLayer, image: Map) -> tuple[tuple[int, int], tuple[int, int]]:
    """The rows of zeros above and below an image, and the columns left and right of it: TensorFlow's rule.

    `"same"` gives ⌈length / stride⌉ pixels. The zeros are those that the last kernel needs, the smaller half in front.
    """
    rows, columns = (
        max((-(-length // stride) - 1) * stride + (kernel - 1) * dilation + 1 - length, 0) * (layer.padding == "same")
        for length, kernel, stride, dilation in zip(image, *_window(layer), strict=False)
    )
    return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)


def convolved(layer: ConvLayer, image: Map) -> Map:
    """Height, width and channels after the convolution of an image, before its pooling."""
    height, width = (
        (length + sum(border) - (kernel - 1) * dilation - 1) // stride + 1
        for length, border, kernel, stride, dilation in zip(image, borders(layer, image), *_window(layer), strict=False)
    )
    return height, width, layer.filters


def norm(layer: ConvLayer, position: str) -> Norm | None:
    """The norm of a layer, if it has this position."""
    return layer.norm if layer.norm and layer.norm.position == position else None


def described(layer: ConvLayer) -> str:
    """The layer in words, with its size and in the order of its operations."""
    (height, width), strides, dilation = _window(layer)
    words = [f"{'depthwise ' * layer.depthwise}convolution {height}×{width} {layer.padding}"]
    words += [
        f"{name} {down}×{right}"
        for name, (down, right) in (("strides", strides), ("dilation", dilation))
        if (down, right) != (1, 1)
    ]
    words += [] if layer.bias else ["without bias"]
    words.append(layers.tail_words(layer.activation, layer.norm, 0.0))
    if layer.shortcut:
        words.append(f"shortcut around {layer.shortcut} layer{'s' * (layer.shortcut > 1)}")
    if layer.pool > 1:
        words.append(f"{layer.pooling}-pooling {layer.pool}×{layer.pool}")
    if layer.dropout:
        words.append(f"dropout {layer.dropout:g}")
    return ", ".join(words)


def convolution(images: np.ndarray, layer: ConvLayer, weights: Weights, name: str) -> np.ndarray:
    """A convolution with its bias if it has one, and its norm if that comes before the activation."""
    values = convolve(images, weights[f"{name}.kernel"], layer)
    values = values + weights[f"{name}.bias"] if layer.bias else values
    return layers.activate(values, "linear", norm(layer, "before"), weights, name)


def convolve(images: np.ndarray, kernel: np.ndarray, layer: ConvLayer) -> np.ndarray:
    """Cross-correlation: one multiplication for each pixel of the kernel, on the image shifted to that pixel."""
    _, height, width, channels = images.shape
    around = borders(layer, (height, width, channels))
    rows, columns, filters = convolved(layer, (height, width, channels))
    images = np.pad(images, [(0, 0), *around, (0, 0)])
    _, (down, right), (apart, aside) = _window(layer)
    tall, wide = (rows - 1) * down + 1, (columns - 1) * right + 1
    shifted = {
        (y, x): images[:, y * apart : y * apart + tall : down, x * aside : x * aside + wide : right]
        for y, x in _pixels(*kernel.shape[:2])
    }
    if layer.depthwise:
        return sum(np.repeat(seen, filters // channels, axis=-1) * kernel[pixel] for pixel, seen in shifted.items())
    return sum(seen @ kernel[pixel] for pixel, seen in shifted.items())


def pool(images: np.ndarray, layer: ConvLayer) -> np.ndarray:
    """The largest value or the average of each window; a remainder at the right and at the bottom is dropped."""
    size = layer.pool
    rows, columns = images.shape[1] // size * size, images.shape[2] // size * size
    windows = [images[:, y:rows:size, x:columns:size] for y, x in _pixels(size, size)]
    return POOLS[layer.pooling](windows, axis=0)


def _window(layer: ConvLayer) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    return pair(layer.kernel), pair(layer.strides), pair(layer.dilation)


def _pixels(height: int, width: int) -> Iterator[tuple[int, int]]:
    return ((y, x) for y in range(height) for x in range(width))


POOLS: dict[str, Callable[..., np.ndarray]] = {"max": np.max, "average": np.mean}
