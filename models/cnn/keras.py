"""The convolutional network in Keras."""

import keras
import numpy as np
from keras import layers as keras_layers

from models.cnn.convolution import ConvLayer, Map, norm, pair
from models.cnn.spec import CnnSpec, Named, convolutions, starts
from models.layers import keras as layers
from models.layers.spec import Weights

POOLING = {"max": keras_layers.MaxPooling2D, "average": keras_layers.AveragePooling2D}
SAFE_CHANNELS = 8  # seen with 1 to 7 channels, in float32
FEATURES = {
    None: keras_layers.Flatten,
    "average": keras_layers.GlobalAveragePooling2D,
    "max": keras_layers.GlobalMaxPooling2D,
}


class Branching:
    """Layers that are applied one after another, as in `keras.Sequential`, but shortcuts may leave and join them."""

    def __init__(self, images: keras.KerasTensor) -> None:
        self.layers: list[keras.Layer] = []
        self.output = images

    def add(self, layer: keras.Layer) -> None:
        """Add a layer behind the others."""
        self.output = layer(self.output)
        self.layers.append(layer)

    def join(self, shortcut: keras.KerasTensor, *, dtype: str) -> None:
        """Add a shortcut to the output."""
        self.output = keras_layers.Add(dtype=dtype)([self.output, shortcut])


def convolution(named: Named, *, dtype: str) -> keras.Layer:
    """The layer of Keras; the outputs of a depthwise one are in the order of the input channels, as in all twins."""
    name, layer, (_, _, channels) = named
    strides, dilation = pair(layer.strides), pair(layer.dilation)
    options = {
        "strides": strides,
        "padding": layer.padding,
        "dilation_rate": dilation,
        "use_bias": layer.bias,
        "name": name,
    }
    options["dtype"] = dtype
    if keras.backend.backend() == "torch":
        _check_memory(layer, channels)
    if not layer.depthwise:
        return keras_layers.Conv2D(layer.filters, pair(layer.kernel), **options)
    if strides[0] != strides[1] and keras.backend.backend() == "tensorflow":
        raise NotImplementedError("TensorFlow's depthwise convolution has only equal strides in both directions")
    return keras_layers.DepthwiseConv2D(pair(layer.kernel), depth_multiplier=layer.filters // channels, **options)


def _check_memory(layer: ConvLayer, channels: int) -> None:
    """Raise NotImplementedError for a convolution whose gradient PyTorch 2.13 writes outside its memory, on a CPU."""
    is_pointwise = pair(layer.kernel) == (1, 1) and not layer.depthwise
    if is_pointwise and max(pair(layer.strides)) > 1 and channels < SAFE_CHANNELS:
        raise NotImplementedError(
            f"on a CPU, PyTorch damages its memory in a convolution of 1x1 with strides and {channels} channels, if "
            f"channels come last as in Keras; it needs {SAFE_CHANNELS} channels, no strides, or a larger kernel"
        )


def add_convolution(
    model: layers.Stack, named: Named, *, seed: int, dtype: str, shortcut: keras.KerasTensor | None = None
) -> None:
    """Add a convolution, then its norm, its shortcut and its activation, pooling and dropout."""
    name, layer, _ = named
    model.add(convolution(named, dtype=dtype))
    if shortcut is None:
        layers.add_tail(model, layer.activation, layer.norm, name=name, dtype=dtype)
    else:
        layers.add_tail(model, "linear", norm(layer, "before"), name=name, dtype=dtype)
        model.join(shortcut, dtype=dtype)
        layers.add_tail(model, layer.activation, norm(layer, "after"), name=name, dtype=dtype)
    if layer.pool > 1:
        model.add(POOLING[layer.pooling](layer.pool, dtype=dtype))
    layers.add_dropout(model, layer.dropout, seed=seed, dtype=dtype)


def add_convolutions(model: layers.Stack, spec: CnnSpec, *, seed: int, dtype: str) -> None:
    """Add all convolutions with their shortcuts."""
    found, around = {named.name: named for named in convolutions(spec)}, {}
    for number, lasts in enumerate(starts(spec)):
        for last in lasts:
            around[last] = model.output
        shortcut, name = around.pop(number, None), f"shortcut{number}"
        if name in found:
            branch = Branching(shortcut)
            add_convolution(branch, found[name], seed=seed, dtype=dtype)
            shortcut = branch.output
        add_convolution(model, found[f"conv{number}"], seed=seed, dtype=dtype, shortcut=shortcut)


def build(spec: CnnSpec, weights: Weights, *, seed: int = 0, compute_dtype: str | None = None) -> keras.Model:
    """The model with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    dtype = layers.dtype_of(weights, compute_dtype)
    images = keras.Input((spec.height, spec.width, spec.channels), dtype=weights["head.bias"].dtype.name)
    has_shortcuts = any(starts(spec))
    model = Branching(images) if has_shortcuts else keras.Sequential([images])
    add_convolutions(model, spec, seed=seed, dtype=dtype)
    model.add(FEATURES[spec.global_pooling](dtype=dtype))
    for number, dense in enumerate(spec.dense):
        layers.add_dense(model, dense, seed=seed, name=f"dense{number}", dtype=dtype)
    model.add(keras_layers.Dense(spec.outputs, name="head", dtype=dtype))
    model = keras.Model(images, model.output) if has_shortcuts else model
    depthwise = {f"{name}.kernel": image for name, layer, image in convolutions(spec) if layer.depthwise}
    layers.load(model, weights | {name: _by_channel(weights[name], image) for name, image in depthwise.items()})
    return model


def export(model: keras.Model) -> Weights:
    """A copy of the current weights, by their canonical names."""
    weights = layers.export(model)
    depthwise = [layer for layer in model.layers if isinstance(layer, keras_layers.DepthwiseConv2D)]
    kernels = {f"{layer.name}.kernel": weights[f"{layer.name}.kernel"] for layer in depthwise}
    return weights | {name: kernel.reshape(*kernel.shape[:2], 1, -1) for name, kernel in kernels.items()}


def _by_channel(kernel: np.ndarray, image: Map) -> np.ndarray:
    """A canonical depthwise kernel as Keras has it, of shape (height, width, input channels, multiplier)."""
    return kernel.reshape(*kernel.shape[:2], image[2], -1)


def kernels(model: keras.Model) -> dict[str, keras.Variable]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    return layers.kernels(model)
