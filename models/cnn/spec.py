"""Describes a convolutional network for images: its sizes, its initial weights, and its reference in NumPy."""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass

from models.layers import probes
from models.layers import spec as layers
from models.layers.activations import Activation
from models.layers.examples import AFTER, BEFORE
from models.layers.spec import (
    GLOROT,
    BatchNorm,
    DenseLayer,
    Fraction,
    Initializer,
    Part,
    Size,
    Weights,
    type_checked,
)


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class ConvLayer:
    """A convolution of stride 1: batch norm before or after the activation, max-pooling, then dropout.

    Attributes:
        filters: The number of output channels.
        kernel: The height and width of the kernel.
        padding: `"valid"` adds no border. `"same"` adds a border of zeros, so that the output is as large as the input.
        activation: The activation function.
        batch_norm: The batch norm. Without this table there is none.
        pool: The height, width and stride of max-pooling. 1 is no pooling.
        dropout: The share of outputs that dropout sets to zero in training.
        initializer: How the kernel is initialized.
    """

    filters: Size
    kernel: Size = 3
    padding: Literal["same", "valid"] = "valid"
    activation: Activation = "relu"
    batch_norm: BatchNorm | None = None
    pool: Size = 1
    dropout: Fraction = 0.0
    initializer: Initializer = GLOROT


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class CnnSpec:
    """A convolutional network: convolutions, hidden dense layers and a linear head.

    Attributes:
        height: The height of an image. The data set decides it.
        width: The width of an image. The data set decides it.
        channels: The channels of an image. The data set decides it.
        convolutions: The convolutional layers.
        dense: The hidden dense layers between the convolutions and the head. There may be none.
        outputs: The outputs of the head. The data set decides it.
        head_initializer: How the kernel of the linear head is initialized.
    """

    height: Size
    width: Size
    channels: Size
    convolutions: Annotated[tuple[ConvLayer, ...], Field(min_length=1)]
    dense: tuple[DenseLayer, ...] = ()
    outputs: Size
    head_initializer: Initializer = GLOROT

    def __post_init__(self) -> None:
        """Raise ValueError if a feature map has no pixels left."""
        if min(feature_maps(self)[-1]) < 1:
            found = " -> ".join(f"{height}x{width}" for height, width, _ in feature_maps(self))
            raise ValueError(f"the image shrinks to nothing: {found}; use fewer layers, less pooling or padding 'same'")


Spec = CnnSpec
PROBES: tuple[probes.Probe, ...] = (
    *probes.DENSE,
    (
        "cnn",
        {
            "height": 2,
            "width": 2,
            "channels": probes.FEATURES // 4,
            "convolutions": ({"filters": probes.FEATURES // 4, "kernel": 1, "activation": "linear"},),
            "outputs": probes.FEATURES,
        },
    ),
)


def sizes(sample_shape: tuple[int, ...]) -> dict[str, int]:
    """The fields of the spec that the shape of one sample gives: (height, width) or (height, width, channels)."""
    if len(sample_shape) not in {2, 3}:
        raise ValueError(
            f"samples have the shape {sample_shape}; a cnn takes (height, width) or (height, width, channels)"
        )
    height, width, channels = (*sample_shape, 1)[:3]
    return {"height": height, "width": width, "channels": channels}


def input_shape(spec: CnnSpec) -> tuple[int, ...]:
    """The shape of one sample as the network takes it."""
    return (spec.height, spec.width, spec.channels)


def feature_maps(spec: CnnSpec) -> list[tuple[int, int, int]]:
    """Height, width and channels of the image, and of the output of each convolution after its pooling."""
    maps = [(spec.height, spec.width, spec.channels)]
    for layer in spec.convolutions:
        lost = layer.kernel - 1 if layer.padding == "valid" else 0
        height, width, _ = maps[-1]
        maps.append(((height - lost) // layer.pool, (width - lost) // layer.pool, layer.filters))
    return maps


def parameter_shapes(spec: CnnSpec) -> dict[str, tuple[int, ...]]:
    """The canonical names and shapes of all weights."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, (layer, (_, _, channels)) in enumerate(zip(spec.convolutions, feature_maps(spec), strict=False)):
        shapes[f"conv{number}.kernel"] = (layer.kernel, layer.kernel, channels, layer.filters)
        shapes[f"conv{number}.bias"] = (layer.filters,)
        shapes |= layers.norm_shapes(f"conv{number}", layer.filters, layer.batch_norm)
    width = int(np.prod(feature_maps(spec)[-1]))
    for number, dense in enumerate(spec.dense):
        shapes |= layers.dense_shapes(f"dense{number}", width, dense)
        width = dense.units
    shapes["head.kernel"] = (width, spec.outputs)
    shapes["head.bias"] = (spec.outputs,)
    return shapes


def initial_weights(spec: CnnSpec, *, seed: int) -> Weights:
    """Initial weights in float64: kernels by their layers' initializers, zero biases."""
    initializers = {f"conv{number}": layer.initializer for number, layer in enumerate(spec.convolutions)}
    initializers |= {f"dense{number}": layer.initializer for number, layer in enumerate(spec.dense)}
    return layers.initial_weights(parameter_shapes(spec), initializers | {"head": spec.head_initializer}, seed=seed)


def parts(spec: CnnSpec) -> list[Part]:
    """The layers of the network, in order."""
    found, maps = [], feature_maps(spec)
    for number, (layer, (height, width, channels)) in enumerate(zip(spec.convolutions, maps, strict=False)):
        lost = layer.kernel - 1 if layer.padding == "valid" else 0
        flops = 2 * (height - lost) * (width - lost) * layer.kernel**2 * channels * layer.filters
        pool = f", max-pooling {layer.pool}×{layer.pool}" if layer.pool > 1 else ""
        words = layers.tail_words(layer.activation, layer.batch_norm, 0.0)
        dropout = f", dropout {layer.dropout:g}" if layer.dropout else ""
        kind = f"convolution {layer.kernel}×{layer.kernel} {layer.padding}, {words}{pool}{dropout}"
        found.append(Part(f"conv{number}", kind, maps[number + 1], flops))
    inputs = int(np.prod(maps[-1]))
    for number, dense in enumerate(spec.dense):
        found.append(layers.dense_part(f"dense{number}", inputs, dense))
        inputs = dense.units
    return [*found, layers.head_part(inputs, spec.outputs)]


def forward(
    spec: CnnSpec, weights: Weights, inputs: Float[np.ndarray, "batch height width channels"]
) -> Float[np.ndarray, "batch outputs"]:
    """The logits at inference, in NumPy: the reference that every framework must match."""
    images = inputs
    for number, layer in enumerate(spec.convolutions):
        name = f"conv{number}"
        images = _convolve(images, weights[f"{name}.kernel"], layer.padding) + weights[f"{name}.bias"]
        images = layers.activate(images, layer.activation, layer.batch_norm, weights, name)
        images = _max_pool(images, layer.pool)
    values = images.reshape(len(images), -1)
    for number, dense in enumerate(spec.dense):
        values = layers.dense(dense, weights, f"dense{number}", values)
    return values @ weights["head.kernel"] + weights["head.bias"]


def _convolve(images: np.ndarray, kernel: np.ndarray, padding: str) -> np.ndarray:
    """Cross-correlation: one matrix multiplication for each pixel of the kernel, on the image shifted to that pixel."""
    height, width = kernel.shape[:2]
    if padding == "same":
        around = [((size - 1) // 2, size // 2) for size in (height, width)]
        images = np.pad(images, [(0, 0), *around, (0, 0)])
    rows, columns = images.shape[1] - height + 1, images.shape[2] - width + 1
    return sum(images[:, y : y + rows, x : x + columns] @ kernel[y, x] for y, x in _pixels(height, width))


def _max_pool(images: np.ndarray, size: int) -> np.ndarray:
    """The largest value in each window of size × size; a remainder at the right and at the bottom is dropped."""
    rows, columns = images.shape[1] // size * size, images.shape[2] // size * size
    windows = [images[:, y:rows:size, x:columns:size] for y, x in _pixels(size, size)]
    return np.max(windows, axis=0)


def _pixels(height: int, width: int) -> Iterator[tuple[int, int]]:
    return ((y, x) for y in range(height) for x in range(width))


EXAMPLES = {
    "valid-no-dense-layer": CnnSpec(
        height=8,
        width=7,
        channels=1,
        convolutions=(ConvLayer(filters=3), ConvLayer(filters=4, kernel=2, activation="tanh")),
        outputs=3,
    ),
    "same-with-an-even-kernel": CnnSpec(
        height=5,
        width=4,
        channels=2,
        convolutions=(ConvLayer(filters=3, kernel=4, padding="same", activation="linear"),),
        dense=(DenseLayer(units=5, activation="tanh", batch_norm=AFTER),),
        outputs=2,
    ),
    "same-with-pools-that-drop-a-remainder": CnnSpec(
        height=11,
        width=9,
        channels=2,
        convolutions=(
            ConvLayer(filters=3, padding="same", batch_norm=BEFORE, pool=2, dropout=0.3),
            ConvLayer(filters=4, padding="same", activation="sigmoid", batch_norm=AFTER, pool=2),
        ),
        dense=(DenseLayer(units=5, batch_norm=BEFORE, dropout=0.3), DenseLayer(units=4, activation="linear")),
        outputs=3,
    ),
}
