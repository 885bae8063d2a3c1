"""The convolutional network in Keras."""

import keras
from keras import layers as keras_layers

from models.cnn.spec import CnnSpec, ConvLayer
from models.layers import keras as layers
from models.layers.spec import Weights


def add_convolution(model: keras.Sequential, layer: ConvLayer, *, seed: int, name: str, dtype: str) -> None:
    """Add a convolution, then its batch norm and activation, pooling and dropout."""
    model.add(keras_layers.Conv2D(layer.filters, layer.kernel, padding=layer.padding, name=name, dtype=dtype))
    layers.add_tail(model, layer.activation, layer.batch_norm, name=name, dtype=dtype)
    if layer.pool > 1:
        model.add(keras_layers.MaxPooling2D(layer.pool, dtype=dtype))
    layers.add_dropout(model, layer.dropout, seed=seed, dtype=dtype)


def build(spec: CnnSpec, weights: Weights, *, seed: int = 0, compute_dtype: str | None = None) -> keras.Sequential:
    """The model with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    dtype = layers.dtype_of(weights, compute_dtype)
    model = keras.Sequential(
        [keras.Input((spec.height, spec.width, spec.channels), dtype=weights["head.bias"].dtype.name)]
    )
    for number, layer in enumerate(spec.convolutions):
        add_convolution(model, layer, seed=seed, name=f"conv{number}", dtype=dtype)
    model.add(keras_layers.Flatten(dtype=dtype))
    for number, dense in enumerate(spec.dense):
        layers.add_dense(model, dense, seed=seed, name=f"dense{number}", dtype=dtype)
    model.add(keras_layers.Dense(spec.outputs, name="head", dtype=dtype))
    layers.load(model, weights)
    return model


def export(model: keras.Sequential) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return layers.export(model)


def kernels(model: keras.Sequential) -> dict[str, keras.Variable]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    return layers.kernels(model)
