"""Describes a convolutional network for images: its sizes, its initial weights, and its reference in NumPy."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from pydantic_core import InitErrorDetails, ValidationError

from models.cnn.convolution import POOLS, ConvLayer, Map, convolution, convolved, described, norm, pair, pool
from models.layers import probes
from models.layers import spec as layers
from models.layers.examples import AFTER, BEFORE, NORM_AFTER, NORM_BEFORE
from models.layers.spec import GLOROT, DenseLayer, Initializer, Part, Size, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class CnnSpec:
    """A convolutional network: convolutions, hidden dense layers and a linear head.

    Attributes:
        height: The height of an image. The data set decides it.
        width: The width of an image. The data set decides it.
        channels: The channels of an image. The data set decides it.
        convolutions: The convolutional layers.
        global_pooling: What takes each channel of the last convolution to one number: its average or its maximum.
            Without this key, all pixels are inputs of the next layer.
        dense: The hidden dense layers between the convolutions and the head. There may be none.
        outputs: The outputs of the head. The data set decides it.
        head_initializer: How the kernel of the linear head is initialized.
    """

    height: Size
    width: Size
    channels: Size
    convolutions: Annotated[tuple[ConvLayer, ...], Field(min_length=1)]
    global_pooling: Literal["average", "max"] | None = None
    dense: tuple[DenseLayer, ...] = ()
    outputs: Size
    head_initializer: Initializer = GLOROT

    def __post_init__(self) -> None:
        """Raise ValueError if a feature map has no pixels left, or if layers do not fit each other, with their keys."""
        if min(feature_maps(self)[-1]) < 1:
            found = " -> ".join(f"{height}x{width}" for height, width, _ in feature_maps(self))
            raise ValueError(f"the image shrinks to nothing: {found}; use fewer layers, less pooling or padding 'same'")
        if mistakes := [*_wrong_filters(self), *_wrong_blocks(self)]:
            raise ValidationError.from_exception_data("CnnSpec", mistakes)


class Named(NamedTuple):
    """A convolution with the name of its weights, and height, width and channels of its input."""

    name: str
    layer: ConvLayer
    image: Map


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


def feature_maps(spec: CnnSpec) -> list[Map]:
    """Height, width and channels of the image, and of the output of each convolution after its pooling."""
    maps = [(spec.height, spec.width, spec.channels)]
    for layer in spec.convolutions:
        height, width, channels = convolved(layer, maps[-1])
        maps.append((height // layer.pool, width // layer.pool, channels))
    return maps


def last_map(spec: CnnSpec) -> Map:
    """Height, width and channels of what is flattened: one pixel after global pooling."""
    height, width, channels = feature_maps(spec)[-1]
    return (1, 1, channels) if spec.global_pooling else (height, width, channels)


def starts(spec: CnnSpec) -> tuple[tuple[int, ...], ...]:
    """For each convolution the numbers of those whose shortcut starts at its input."""
    firsts = [number + 1 - layer.shortcut if layer.shortcut else None for number, layer in enumerate(spec.convolutions)]
    return tuple(tuple(last for last, first in enumerate(firsts) if first == number) for number in range(len(firsts)))


def convolutions(spec: CnnSpec) -> list[Named]:
    """All convolutions. That of a shortcut is named `shortcut<number>`, and comes before the layer of this number."""
    maps, found = feature_maps(spec), []
    for number, layer in enumerate(spec.convolutions):
        first = number + 1 - layer.shortcut
        if layer.shortcut and convolved(layer, maps[number]) != maps[first]:
            found.append(Named(f"shortcut{number}", _of_shortcut(spec.convolutions[first : number + 1]), maps[first]))
        found.append(Named(f"conv{number}", layer, maps[number]))
    return found


def parameter_shapes(spec: CnnSpec) -> dict[str, tuple[int, ...]]:
    """The canonical names and shapes of all weights."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer, (_, _, channels) in convolutions(spec):
        shapes[f"{name}.kernel"] = (*pair(layer.kernel), 1 if layer.depthwise else channels, layer.filters)
        shapes |= {f"{name}.bias": (layer.filters,)} if layer.bias else {}
        shapes |= layers.norm_shapes(name, layer.filters, layer.norm)
    width = int(np.prod(last_map(spec)))
    for number, dense in enumerate(spec.dense):
        shapes |= layers.dense_shapes(f"dense{number}", width, dense)
        width = dense.units
    shapes["head.kernel"] = (width, spec.outputs)
    shapes["head.bias"] = (spec.outputs,)
    return shapes


def initial_weights(spec: CnnSpec, *, seed: int) -> Weights:
    """Initial weights in float64: kernels by their layers' initializers, zero biases."""
    initializers = {name: layer.initializer for name, layer, _ in convolutions(spec)}
    initializers |= {f"dense{number}": layer.initializer for number, layer in enumerate(spec.dense)}
    return layers.initial_weights(parameter_shapes(spec), initializers | {"head": spec.head_initializer}, seed=seed)


def parts(spec: CnnSpec) -> list[Part]:
    """The layers of the network, in order."""
    maps, found = feature_maps(spec), []
    for name, layer, image in convolutions(spec):
        height, width, _ = convolved(layer, image)
        flops = 2 * height * width * math.prod(parameter_shapes(spec)[f"{name}.kernel"])
        pooled = (height // layer.pool, width // layer.pool, layer.filters)
        found.append(Part(name, described(layer), pooled, flops, beside=name.startswith("shortcut")))
    if spec.global_pooling:
        found.append(Part("pooling", f"global {spec.global_pooling} pooling", maps[-1][2:], 0, beside=True))
    inputs = int(np.prod(last_map(spec)))
    for number, dense in enumerate(spec.dense):
        found.append(layers.dense_part(f"dense{number}", inputs, dense))
        inputs = dense.units
    return [*found, layers.head_part(inputs, spec.outputs)]


def forward(
    spec: CnnSpec, weights: Weights, inputs: Float[np.ndarray, "batch height width channels"]
) -> Float[np.ndarray, "batch outputs"]:
    """The logits at inference, in NumPy: the reference that every framework must match."""
    images, named = [inputs], {name: layer for name, layer, _ in convolutions(spec)}
    for number, layer in enumerate(spec.convolutions):
        name, around = f"conv{number}", f"shortcut{number}"
        values = convolution(images[-1], layer, weights, name)
        if layer.shortcut:
            block = images[number + 1 - layer.shortcut]
            values = values + (convolution(block, named[around], weights, around) if around in named else block)
        values = layers.activate(values, layer.activation, norm(layer, "after"), weights, name)
        images.append(pool(values, layer))
    last = images[-1]
    values = POOLS[spec.global_pooling](last, axis=(1, 2)) if spec.global_pooling else last.reshape(len(last), -1)
    for number, dense in enumerate(spec.dense):
        values = layers.dense(dense, weights, f"dense{number}", values)
    return values @ weights["head.kernel"] + weights["head.bias"]


def _of_shortcut(block: tuple[ConvLayer, ...]) -> ConvLayer:
    """The convolution of 1×1 that gives the input of a block the shape of its output."""
    last = block[-1]
    down, right = (math.prod(steps) for steps in zip(*(pair(layer.strides) for layer in block), strict=True))
    before: dict[str, Any] = {
        kind: replace(given, position="before")
        for kind, given in (("batch_norm", last.batch_norm), ("layer_norm", last.layer_norm))
        if given
    }
    made = ConvLayer(
        filters=last.filters, kernel=1, strides=(down, right), padding="same", bias=last.bias, activation="linear"
    )
    return replace(made, **before, initializer=last.initializer)


def _wrong_filters(spec: CnnSpec) -> Iterator[InitErrorDetails]:
    for number, (layer, (_, _, channels)) in enumerate(zip(spec.convolutions, feature_maps(spec), strict=False)):
        if layer.depthwise and layer.filters % channels:
            multiple = f"a multiple of {channels}, the input channels of this depthwise layer"
            yield _mistake(number, "filters", found=layer.filters, expected=multiple)


def _wrong_blocks(spec: CnnSpec) -> Iterator[InitErrorDetails]:
    for last, end in enumerate(spec.convolutions):
        first = max(last + 1 - end.shortcut, 0)
        if end.shortcut > last + 1:
            most = f"at most {last + 1}, the number of layers up to this one"
            yield _mistake(last, "shortcut", found=end.shortcut, expected=most)
        for number, layer in enumerate(spec.convolutions[first : last + 1], first):
            inside = f"since the shortcut of convolutions[{last}] goes around this layer"
            if layer.padding != "same":
                yield _mistake(number, "padding", found=layer.padding, expected=f"'same', {inside}")
            if layer.pool > 1 and number < last:
                yield _mistake(number, "pool", found=layer.pool, expected=f"1, {inside}; use strides")


def _mistake(number: int, key: str, *, found: object, expected: str) -> InitErrorDetails:
    error = ValueError(f"found {found!r}, expected {expected}")
    return {"type": "value_error", "loc": ("convolutions", number, key), "input": found, "ctx": {"error": error}}


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
    "strides-dilation-and-rectangular-kernels": CnnSpec(
        height=10,
        width=14,
        channels=2,
        convolutions=(
            ConvLayer(filters=3, kernel=(3, 2), strides=(2, 3), padding="same"),
            ConvLayer(filters=4, kernel=(2, 3), dilation=(2, 1), padding="same", activation="tanh"),
            ConvLayer(filters=4, kernel=2, dilation=2),
            ConvLayer(filters=3, kernel=(2, 1), strides=2, activation="sigmoid"),
        ),
        outputs=3,
    ),
    "depthwise-and-pointwise-with-average-pooling": CnnSpec(
        height=9,
        width=8,
        channels=2,
        convolutions=(
            ConvLayer(filters=4, depthwise=True, strides=2, padding="same", bias=False, batch_norm=BEFORE),
            ConvLayer(filters=6, kernel=1, pool=2, pooling="average"),
            ConvLayer(filters=12, kernel=2, depthwise=True, padding="same", activation="tanh"),
        ),
        global_pooling="max",
        dense=(DenseLayer(units=5),),
        outputs=3,
    ),
    "layer-norm-of-each-pixel": CnnSpec(
        height=4,
        width=3,
        channels=2,
        convolutions=(
            ConvLayer(filters=3, padding="same", layer_norm=NORM_BEFORE, activation="gelu"),
            ConvLayer(filters=5, padding="same", layer_norm=NORM_AFTER, shortcut=1),
        ),
        outputs=2,
    ),
    "residual-blocks": CnnSpec(
        height=7,
        width=8,
        channels=2,
        convolutions=(
            ConvLayer(filters=8, padding="same"),
            ConvLayer(filters=8, padding="same", batch_norm=BEFORE, dropout=0.3),
            ConvLayer(filters=8, padding="same", bias=False, batch_norm=BEFORE, shortcut=2),
            ConvLayer(filters=6, strides=2, padding="same", activation="tanh"),
            ConvLayer(filters=6, padding="same", batch_norm=AFTER, shortcut=2, pool=2),
            ConvLayer(
                filters=5, kernel=1, padding="same", bias=False, batch_norm=BEFORE, shortcut=1, activation="sigmoid"
            ),
        ),
        global_pooling="average",
        outputs=3,
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
