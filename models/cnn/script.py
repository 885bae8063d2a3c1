"""Writes a convolutional network in a script of `tune`."""

from collections.abc import Iterator

from models.cnn.spec import CnnSpec, feature_maps
from models.layers import script as layers

CONVOLVE = '''

def convolve(images: jax.Array, kernel: jax.Array, strides: object, padding: str, **options) -> jax.Array:
    """A convolution as one matrix multiplication of image patches and kernel, which XLA runs faster on a CPU."""
    size = len(kernel)
    spare = size - 1 if padding == "SAME" else 0
    ends = (spare // 2, spare - spare // 2)
    images = jnp.pad(images, ((0, 0), ends, ends, (0, 0)))
    height, width = (length - size + 1 for length in images.shape[1:3])
    seen = [images[:, y : y + height, x : x + width] for y in range(size) for x in range(size)]
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


def flax_convolution(of: layers.Of) -> str:
    """The code of a convolution, with `convolve` if the search chose it."""
    form = ", conv_general_dilated=convolve" if of["options"].get("convolution") == "patches" else ""
    kernel = of["kernel"]
    sizes = f'{of["inputs"]}, {of["outputs"]}, ({kernel}, {kernel}), padding="{of["padding"].upper()}"'
    return f"nnx.Conv({sizes}{form}{of['ending']}"


def flax_pool(of: layers.Of) -> str:
    """The code of max-pooling, with `pool` if the search chose it."""
    size = of["size"]
    if of["options"].get("pooling") == "reshape":
        return f"lambda images: pool(images, {size})"
    return f"lambda images: nnx.max_pool(images, ({size}, {size}), strides=({size}, {size}))"


WORDS: layers.Words = {
    "pytorch": {
        "convolution": lambda of: (
            f'nn.Conv2d({of["inputs"]}, {of["outputs"]}, {of["kernel"]}, padding="{of["padding"]}")'
        ),
        "pool": lambda of: f"nn.MaxPool2d({of['size']})",
        "flatten": lambda _: "nn.Flatten()",
    },
    "keras": {
        "convolution": lambda of: (
            f'keras.layers.Conv2D({of["outputs"]}, {of["kernel"]}, padding="{of["padding"]}", dtype=policy)'
        ),
        "pool": lambda of: f"keras.layers.MaxPooling2D({of['size']}, dtype=policy)",
        "flatten": lambda _: "keras.layers.Flatten(dtype=policy)",
    },
    "flax": {
        "convolution": flax_convolution,
        "pool": flax_pool,
        "flatten": lambda _: "lambda images: images.reshape(len(images), -1)",
    },
}


def network(spec: CnnSpec) -> Iterator[layers.Layer]:
    """The layers of the network, in order."""
    maps = feature_maps(spec)
    for layer, (_, _, channels) in zip(spec.convolutions, maps, strict=False):
        sizes = {"inputs": channels, "outputs": layer.filters, "kernel": layer.kernel, "padding": layer.padding}
        yield layers.Layer("convolution", sizes)
        yield from layers.tail(layer.filters, layer.activation, layer.batch_norm, axes=2)
        if layer.pool > 1:
            yield layers.Layer("pool", {"size": layer.pool})
        yield from layers.dropout(layer.dropout)
    yield layers.Layer("flatten", {})
    height, width, channels = maps[-1]
    yield from layers.dense(height * width * channels, spec.dense, spec.outputs)
