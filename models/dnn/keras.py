"""The fully connected network in Keras."""

import keras
from keras import layers as keras_layers

from models.dnn.spec import DnnSpec
from models.layers import keras as layers
from models.layers.spec import Weights


def build(spec: DnnSpec, weights: Weights, *, seed: int = 0, compute_dtype: str | None = None) -> keras.Sequential:
    """The model with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    dtype = layers.dtype_of(weights, compute_dtype)
    model = keras.Sequential([keras.Input((spec.features,), dtype=weights["head.bias"].dtype.name)])
    for number, layer in enumerate(spec.hidden):
        layers.add_dense(model, layer, seed=seed, name=f"hidden{number}", dtype=dtype)
    model.add(keras_layers.Dense(spec.outputs, name="head", dtype=dtype))
    layers.load(model, weights)
    return model


def export(model: keras.Sequential) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return layers.export(model)


def kernels(model: keras.Sequential) -> dict[str, keras.Variable]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    return layers.kernels(model)
