"""The convolutional network in Flax."""

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any, Literal, TypedDict, Unpack

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array, lax
from jaxtyping import Float

from models.cnn.convolution import ConvLayer, Map, pair
from models.cnn.spec import CnnSpec, convolutions, last_map, starts
from models.layers import flax as layers
from models.layers.spec import Weights

Form = Literal["direct", "patches"]
Pooling = Literal["reduce_window", "reshape"]


class Forms(TypedDict):
    """Which of several equivalent implementations the network uses for its operations."""

    convolution: Form
    pooling: Pooling


class Convolution(nnx.Module):
    def __init__(
        self, image: Map, layer: ConvLayer, *, dtypes: layers.Dtypes, rngs: nnx.Rngs, **forms: Unpack[Forms]
    ) -> None:
        self.convolution = nnx.Conv(
            image[2],
            layer.filters,
            pair(layer.kernel),
            strides=layer.strides,
            padding=layer.padding.upper(),
            kernel_dilation=layer.dilation,
            feature_group_count=image[2] if layer.depthwise else 1,
            use_bias=layer.bias,
            conv_general_dilated=CONVOLUTIONS[forms["convolution"]],
            **dtypes,
            rngs=rngs,
        )
        self.tail = layers.Tail(layer.filters, layer.activation, layer.norm, 0.0, dtypes=dtypes, rngs=rngs)
        self.pool, self.pooling = layer.pool, POOLING[layer.pooling][forms["pooling"]]
        self.dropout = nnx.Dropout(layer.dropout, rngs=rngs) if layer.dropout else None

    def __call__(self, images: Array, shortcut: Array | None = None) -> Array:
        images = self.tail(self.convolution(images), shortcut)
        if self.pool > 1:
            images = self.pooling(images, self.pool)
        return self.dropout(images) if self.dropout is not None else images


class Cnn(nnx.Module):
    def __init__(self, spec: CnnSpec, *, dtypes: layers.Dtypes, rngs: nnx.Rngs, **forms: Unpack[Forms]) -> None:
        self.starts, self.features = starts(spec), FEATURES[spec.global_pooling]
        widths = (int(np.prod(last_map(spec))), *(layer.units for layer in spec.dense))
        found = {
            name: Convolution(image, layer, dtypes=dtypes, rngs=rngs, **forms)
            for name, layer, image in convolutions(spec)
        }
        self.convolutions = nnx.List(layer for name, layer in found.items() if name.startswith("conv"))
        self.dense = nnx.List(
            layers.Dense(inputs, layer, dtypes=dtypes, rngs=rngs)
            for inputs, layer in zip(widths, spec.dense, strict=False)
        )
        self.head = nnx.Linear(widths[-1], spec.outputs, **dtypes, rngs=rngs)
        self.shortcuts = nnx.Dict({name: layer for name, layer in found.items() if name.startswith("shortcut")})

    def __call__(self, images: Float[Array, "batch height width channels"]) -> Float[Array, "batch outputs"]:
        around: dict[int, Array] = {}  # by the layer to which it is added
        for number, convolution in enumerate(self.convolutions):
            around |= dict.fromkeys(self.starts[number], images)
            shortcut, name = around.pop(number, None), f"shortcut{number}"
            if name in self.shortcuts:
                shortcut = self.shortcuts[name](shortcut)
            images = convolution(images, shortcut)
        features = self.features(images)
        for layer in self.dense:
            features = layer(features)
        return self.head(features)


def build(
    spec: CnnSpec,
    weights: Weights,
    *,
    seed: int = 0,
    compute_dtype: str | None = None,
    convolution: Form = "direct",
    pooling: Pooling = "reduce_window",
) -> Cnn:
    """The model with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    dtypes = layers.dtypes_of(weights, compute_dtype)
    model = layers.blank(
        lambda rngs: Cnn(spec, convolution=convolution, pooling=pooling, dtypes=dtypes, rngs=rngs), seed=seed
    )
    for name, block in _named(model):
        layers.load(block.convolution, name=name, weights=weights)
        layers.load_batch_norm(block.tail, name=name, weights=weights)
    for number, layer in enumerate(model.dense):
        layers.load(layer.linear, name=f"dense{number}", weights=weights)
        layers.load_batch_norm(layer.tail, name=f"dense{number}", weights=weights)
    layers.load(model.head, name="head", weights=weights)
    return model


def export(model: Cnn) -> Weights:
    """A copy of the current weights, by their canonical names."""
    state: layers.State = {}
    for name, convolution in _named(model):
        state |= layers.read(convolution.convolution, name=name)
        state |= layers.read_batch_norm(convolution.tail, name=name)
    for number, layer in enumerate(model.dense):
        state |= layers.read(layer.linear, name=f"dense{number}")
        state |= layers.read_batch_norm(layer.tail, name=f"dense{number}")
    state |= layers.read(model.head, name="head")
    return layers.to_numpy(state)


def _named(model: Cnn) -> Iterator[tuple[str, Convolution]]:
    """All convolutions with their canonical names."""
    yield from ((f"conv{number}", convolution) for number, convolution in enumerate(model.convolutions))
    yield from model.shortcuts.items()


def _patches(images: Array, kernel: Array, strides: tuple[int, ...], padding: str, **options: Any) -> Array:  # noqa: ANN401 (what `lax.conv_general_dilated` takes)
    """A convolution of stride 1 as one matrix multiplication of image patches and kernel.

    On a CPU XLA is faster in this than in the gradient of a convolution. Those with strides, with dilation, and the
    depthwise ones are left to XLA.
    """
    if {*strides, *options["rhs_dilation"], options["feature_group_count"]} != {1}:
        return lax.conv_general_dilated(images, kernel, strides, padding, **options)
    rows, columns = kernel.shape[:2]
    spare = [size - 1 if padding == "SAME" else 0 for size in (rows, columns)]
    images = jnp.pad(images, ((0, 0), *((size // 2, size - size // 2) for size in spare), (0, 0)))
    height, width = images.shape[1] - rows + 1, images.shape[2] - columns + 1
    seen = [images[:, y : y + height, x : x + width] for y in range(rows) for x in range(columns)]
    return jnp.matmul(
        jnp.concatenate(seen, axis=-1), kernel.reshape(-1, kernel.shape[-1]), precision=options["precision"]
    )


def _pool_windows(images: Array, size: int) -> Array:
    return nnx.max_pool(images, (size, size), strides=(size, size))


def _average_windows(images: Array, size: int) -> Array:
    return nnx.avg_pool(images, (size, size), strides=(size, size))


def _pool_blocks(images: Array, size: int) -> Array:
    """The same by comparisons of the pixels of a block: on a CPU XLA's gradient of a window is ten times slower.

    The gradient of a maximum over the block would go to the pixel that equals the maximum. XLA may compute both again
    with different roundings, so that no pixel equals it. Here, as in a window, the first of equal pixels is chosen.
    """
    batch, height, width, channels = images.shape
    rows, columns = height // size, width // size
    blocks = images[:, : rows * size, : columns * size].reshape(batch, rows, size, columns, size, channels)
    pixels = [blocks[:, :, y, :, x] for y in range(size) for x in range(size)]
    return reduce(lambda first, other: jnp.where(first >= other, first, other), pixels)


CONVOLUTIONS = {"direct": lax.conv_general_dilated, "patches": _patches}
POOLING = {
    "max": {"reduce_window": _pool_windows, "reshape": _pool_blocks},
    "average": {"reduce_window": _average_windows, "reshape": _average_windows},
}
FEATURES: dict[str | None, Callable[[Array], Array]] = {
    None: lambda images: images.reshape(len(images), -1),
    "average": lambda images: images.mean((1, 2)),
    "max": lambda images: images.max((1, 2)),
}


def kernels(model: Cnn) -> dict[str, nnx.Param[Array]]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    found = {name: layer.convolution.kernel for name, layer in _named(model)}
    found |= {f"dense{number}": layer.linear.kernel for number, layer in enumerate(model.dense)}
    return found | {"head": model.head.kernel}
