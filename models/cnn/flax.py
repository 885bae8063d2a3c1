"""The convolutional network in Flax."""

from functools import reduce
from typing import Any, Literal, TypedDict, Unpack

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array, lax
from jaxtyping import Float

from models.cnn.spec import CnnSpec, ConvLayer, feature_maps
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
        self, channels: int, layer: ConvLayer, *, dtypes: layers.Dtypes, rngs: nnx.Rngs, **forms: Unpack[Forms]
    ) -> None:
        kernel, padding = (layer.kernel, layer.kernel), layer.padding.upper()
        form = CONVOLUTIONS[forms["convolution"]]
        self.convolution = nnx.Conv(
            channels, layer.filters, kernel, padding=padding, conv_general_dilated=form, **dtypes, rngs=rngs
        )
        self.tail = layers.Tail(layer.filters, layer.activation, layer.batch_norm, 0.0, dtypes=dtypes, rngs=rngs)
        self.pool, self.pooling = layer.pool, POOLING[forms["pooling"]]
        self.dropout = nnx.Dropout(layer.dropout, rngs=rngs) if layer.dropout else None

    def __call__(self, images: Array) -> Array:
        images = self.tail(self.convolution(images))
        if self.pool > 1:
            images = self.pooling(images, self.pool)
        return self.dropout(images) if self.dropout is not None else images


class Cnn(nnx.Module):
    def __init__(self, spec: CnnSpec, *, dtypes: layers.Dtypes, rngs: nnx.Rngs, **forms: Unpack[Forms]) -> None:
        channels = (spec.channels, *(layer.filters for layer in spec.convolutions))
        widths = (int(np.prod(feature_maps(spec)[-1])), *(layer.units for layer in spec.dense))
        self.convolutions = nnx.List(
            Convolution(inputs, layer, dtypes=dtypes, rngs=rngs, **forms)
            for inputs, layer in zip(channels, spec.convolutions, strict=False)
        )
        self.dense = nnx.List(
            layers.Dense(inputs, layer, dtypes=dtypes, rngs=rngs)
            for inputs, layer in zip(widths, spec.dense, strict=False)
        )
        self.head = nnx.Linear(widths[-1], spec.outputs, **dtypes, rngs=rngs)

    def __call__(self, images: Float[Array, "batch height width channels"]) -> Float[Array, "batch outputs"]:
        for convolution in self.convolutions:
            images = convolution(images)
        features = images.reshape(len(images), -1)
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
    for number, block in enumerate(model.convolutions):
        layers.load(block.convolution, name=f"conv{number}", weights=weights)
        layers.load_batch_norm(block.tail, name=f"conv{number}", weights=weights)
    for number, layer in enumerate(model.dense):
        layers.load(layer.linear, name=f"dense{number}", weights=weights)
        layers.load_batch_norm(layer.tail, name=f"dense{number}", weights=weights)
    layers.load(model.head, name="head", weights=weights)
    return model


def export(model: Cnn) -> Weights:
    """A copy of the current weights, by their canonical names."""
    state: layers.State = {}
    for number, convolution in enumerate(model.convolutions):
        state |= layers.read(convolution.convolution, name=f"conv{number}")
        state |= layers.read_batch_norm(convolution.tail, name=f"conv{number}")
    for number, layer in enumerate(model.dense):
        state |= layers.read(layer.linear, name=f"dense{number}")
        state |= layers.read_batch_norm(layer.tail, name=f"dense{number}")
    state |= layers.read(model.head, name="head")
    return layers.to_numpy(state)


def _patches(images: Array, kernel: Array, _strides: object, padding: str, **options: Any) -> Array:  # noqa: ANN401 (what `lax.conv_general_dilated` takes)
    """A convolution of stride 1 as one matrix multiplication of image patches and kernel.

    On a CPU XLA is faster in this than in the gradient of a convolution.
    """
    size = len(kernel)
    spare = size - 1 if padding == "SAME" else 0
    ends = (spare // 2, spare - spare // 2)
    images = jnp.pad(images, ((0, 0), ends, ends, (0, 0)))
    height, width = (length - size + 1 for length in images.shape[1:3])
    seen = [images[:, y : y + height, x : x + width] for y in range(size) for x in range(size)]
    return jnp.matmul(
        jnp.concatenate(seen, axis=-1), kernel.reshape(-1, kernel.shape[-1]), precision=options["precision"]
    )


def _pool_windows(images: Array, size: int) -> Array:
    return nnx.max_pool(images, (size, size), strides=(size, size))


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
POOLING = {"reduce_window": _pool_windows, "reshape": _pool_blocks}


def kernels(model: Cnn) -> dict[str, nnx.Param[Array]]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    found = {f"conv{number}": layer.convolution.kernel for number, layer in enumerate(model.convolutions)}
    found |= {f"dense{number}": layer.linear.kernel for number, layer in enumerate(model.dense)}
    return found | {"head": model.head.kernel}
