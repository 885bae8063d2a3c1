"""The U-Net in Keras. One file serves Keras on TensorFlow, JAX and torch."""

import math

import keras
from keras import KerasTensor
from keras import layers as keras_layers

from models.named_layers import keras as named

from .spec import EPSILON, MOMENTUM, Spec, blocks


def gelu(values: KerasTensor) -> KerasTensor:
    """The exact GELU. TensorFlow's own rounds √2 to float32, and the proof in float64 would find it."""
    return values * (1 + keras.ops.erf(values / math.sqrt(2))) / 2


def block(name: str, filters: int, images: KerasTensor, *, dtype: str) -> KerasTensor:
    """A block that takes and returns images of shape (batch, height, width, channels)."""
    conv = keras_layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv", dtype=dtype)
    norm = keras_layers.BatchNormalization(epsilon=EPSILON, momentum=MOMENTUM, name=f"{name}_norm", dtype=dtype)
    return keras_layers.Activation(gelu, dtype=dtype)(norm(conv(images)))


def network(spec: Spec, *, seed: int, dtype: str) -> keras.Model:
    """The network; it takes images of shape (batch, height, width, channels) and returns logits (batch, outputs)."""
    filters = {name: sizes[1] for name, sizes in blocks(spec).items()}
    inputs = keras.Input((spec.height, spec.width, spec.channels))
    values, skips = inputs, []
    for level in range(spec.depth):
        values = block(f"down{level}", filters[f"down{level}"], values, dtype=dtype)
        skips.append(values)
        values = keras_layers.MaxPooling2D(2, dtype=dtype)(values)
    values = block("bottom", filters["bottom"], values, dtype=dtype)
    for level in reversed(range(spec.depth)):
        values = keras_layers.UpSampling2D(2, dtype=dtype)(values)
        values = keras_layers.Concatenate(dtype=dtype)([values, skips[level]])
        values = block(f"up{level}", filters[f"up{level}"], values, dtype=dtype)
    values = keras_layers.GlobalAveragePooling2D(dtype=dtype)(values)
    values = keras_layers.Dropout(spec.dropout, seed=seed, dtype=dtype)(values)
    return keras.Model(inputs, keras_layers.Dense(spec.outputs, name="head", dtype=dtype)(values))


def layers(model: keras.Model) -> named.Layers:
    """Which layer of Keras has the weights of which layer."""
    return {layer.name: layer for layer in model.layers if layer.name.endswith(("_conv", "_norm", "head"))}


def build(spec: Spec, weights: named.Weights, *, seed: int = 0, compute_dtype: str | None = None) -> keras.Model:
    """The network with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    model = network(spec, seed=seed, dtype=named.dtype_of(weights, compute_dtype))
    named.load(model, layers(model), weights)
    return model


def export(model: keras.Model) -> named.Weights:
    """A copy of the current weights."""
    return named.export(layers(model))
