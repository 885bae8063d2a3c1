"""Writes a convolutional network in a script of `tune`."""

from collections.abc import Iterator
from typing import Any

from models.cnn.convolution import ConvLayer, Map, borders, pair
from models.cnn.spec import CnnSpec, convolutions, last_map, starts
from models.layers import script as layers

CONVOLVE = '''

def convolve(images: jax.Array, kernel: jax.Array, strides: object, padding: str, **options) -> jax.Array:
    """A convolution as one matrix multiplication of image patches and kernel, which XLA runs faster on a CPU."""
    rows, columns = kernel.shape[:2]
    spare = [size - 1 if padding == "SAME" else 0 for size in (rows, columns)]
    images = jnp.pad(images, ((0, 0), *((size // 2, size - size // 2) for size in spare), (0, 0)))
    height, width = images.shape[1] - rows + 1, images.shape[2] - columns + 1
    seen = [images[:, y : y + height, x : x + width] for y in range(rows) for x in range(columns)]
    return jnp.matmul(
        jnp.concatenate(seen, axis=-1), kernel.reshape(-1, kernel.shape[-1]), precision=options["precision"]
    )
'''

POOL = '''

def pool(images: jax.Array, size: int) -> jax.Array:
    """Max-pooling by comparisons of the pixels of a block: on a CPU XLA's gradient is faster than that of a window."""
    batch, height, width, channels = images.shape
    rows, columns = height // size, width // size
    blocks = images[:, : rows * size, : columns * size].reshape(batch, rows, size, columns, size, channels)
    largest, *others = [blocks[:, :, y, :, x] for y in range(size) for x in range(size)]
    for pixels in others:
        largest = jnp.where(largest >= pixels, largest, pixels)
    return largest
'''

HELPERS = {"flax": {("convolution", "patches"): CONVOLVE, ("pooling", "reshape"): POOL}}


def named(of: layers.Of, *, strides: str, dilation: str) -> str:
    """The arguments for strides and dilation under the names of a framework, if they are not 1."""
    given = ((strides, of["strides"]), (dilation, of["dilation"]))
    return "".join(f", {name}={value}" for name, value in given if value not in {1, (1, 1)})


def pytorch_convolution(of: layers.Of) -> str:
    """The code of a convolution of PyTorch, with a layer of zeros in front of it if its border is uneven."""
    (above, below), (left, right) = of["border"]
    is_strided = max(pair(of["strides"])) > 1
    is_uneven = is_strided and (above, left) != (below, right)
    zeros = f"nn.ZeroPad2d({(left, right, above, below)}),\n    " if is_uneven else ""
    padding = 0 if is_uneven else (above, left) if is_strided else f'"{of["padding"]}"'
    window = f"{of['kernel']}{named(of, strides='stride', dilation='dilation')}, padding={padding}"
    groups = f", groups={of['inputs']}" if of["depthwise"] else ""
    bias = "" if of["bias"] else ", bias=False"
    return f"{zeros}nn.Conv2d({of['inputs']}, {of['outputs']}, {window}{groups}{bias})"


def keras_convolution(of: layers.Of) -> str:
    """The code of a convolution of Keras."""
    bias = "" if of["bias"] else ", use_bias=False"
    window = named(of, strides="strides", dilation="dilation_rate")
    options = f'{window}, padding="{of["padding"]}"{bias}, dtype=policy'
    if of["depthwise"]:
        return (
            f"keras.layers.DepthwiseConv2D({of['kernel']}, depth_multiplier={of['outputs'] // of['inputs']}{options})"
        )
    return f"keras.layers.Conv2D({of['outputs']}, {of['kernel']}{options})"


def flax_convolution(of: layers.Of) -> str:
    """The code of a convolution of Flax, with `convolve` if the search chose it and the convolution allows it."""
    window = named(of, strides="strides", dilation="kernel_dilation")
    groups = f", feature_group_count={of['inputs']}" if of["depthwise"] else ""
    bias = "" if of["bias"] else ", use_bias=False"
    in_patches = of["options"].get("convolution") == "patches" and not window and not groups
    form = ", conv_general_dilated=convolve" if in_patches else ""
    sizes = f'{of["inputs"]}, {of["outputs"]}, {pair(of["kernel"])}{window}, padding="{of["padding"].upper()}"{groups}'
    return f"nnx.Conv({sizes}{bias}{form}{of['ending']}"


def flax_pool(of: layers.Of) -> str:
    """The code of pooling, with `pool` for max-pooling if the search chose it."""
    size = of["size"]
    if of["options"].get("pooling") == "reshape" and of["pooling"] == "max":
        return f"lambda images: pool(images, {size})"
    name = {"max": "max_pool", "average": "avg_pool"}[of["pooling"]]
    return f"lambda images: nnx.{name}(images, ({size}, {size}), strides=({size}, {size}))"


WORDS: layers.Words = {
    "pytorch": {
        "convolution": pytorch_convolution,
        "pool": lambda of: f"nn.{ {'max': 'MaxPool2d', 'average': 'AvgPool2d'}[of['pooling']] }({of['size']})",
        "flatten": lambda _: "nn.Flatten()",
        "global_pooling": lambda of: (
            f"nn.Adaptive{ {'max': 'Max', 'average': 'Avg'}[of['pooling']] }Pool2d(1),\n    nn.Flatten()"
        ),
    },
    "keras": {
        "convolution": keras_convolution,
        "pool": lambda of: f"keras.layers.{of['pooling'].title()}Pooling2D({of['size']}, dtype=policy)",
        "flatten": lambda _: "keras.layers.Flatten(dtype=policy)",
        "global_pooling": lambda of: f"keras.layers.Global{of['pooling'].title()}Pooling2D(dtype=policy)",
    },
    "flax": {
        "convolution": flax_convolution,
        "pool": flax_pool,
        "flatten": lambda _: "lambda images: images.reshape(len(images), -1)",
        "global_pooling": lambda of: (
            f"lambda images: images.{ {'max': 'max', 'average': 'mean'}[of['pooling']] }((1, 2))"
        ),
    },
}


def network(spec: CnnSpec) -> Iterator[layers.Layer] | None:
    """The layers of the network, in order; None for one with shortcuts, or with a layer norm of pixels."""
    return None if any(starts(spec)) or any(layer.layer_norm for layer in spec.convolutions) else _layers(spec)


def _layers(spec: CnnSpec) -> Iterator[layers.Layer]:
    for _, layer, image in convolutions(spec):
        yield layers.Layer("convolution", _sizes(layer, image))
        yield from layers.tail(layer.filters, layer.activation, layer.norm, axes=2)
        if layer.pool > 1:
            yield layers.Layer("pool", {"size": layer.pool, "pooling": layer.pooling})
        yield from layers.dropout(layer.dropout)
    pooling = {"pooling": spec.global_pooling}
    yield layers.Layer("global_pooling", pooling) if spec.global_pooling else layers.Layer("flatten", {})
    height, width, channels = last_map(spec)
    yield from layers.dense(height * width * channels, spec.dense, spec.outputs)


def _sizes(layer: ConvLayer, image: Map) -> dict[str, Any]:
    return {
        "inputs": image[2],
        "outputs": layer.filters,
        "kernel": layer.kernel,
        "strides": layer.strides,
        "dilation": layer.dilation,
        "padding": layer.padding,
        "depthwise": layer.depthwise,
        "bias": layer.bias,
        "border": borders(layer, image),
    }
