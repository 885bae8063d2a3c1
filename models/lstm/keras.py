"""The LSTM in Keras."""

from typing import Literal

import keras
from keras import layers as keras_layers

from models.layers import keras as layers
from models.layers.spec import Weights
from models.lstm.spec import LstmLayer, LstmSpec

Unroll = Literal["no", "yes"]  # the loop over time
Cudnn = Literal["auto", "off"]  # on a GPU


def add_recurrent(
    model: keras.Sequential,
    layer: LstmLayer,
    *,
    return_sequences: bool,
    unroll: Unroll,
    use_cudnn: Cudnn,
    seed: int,
    name: str,
    dtype: str,
) -> None:
    """A recurrent layer, its batch norm, its dropout."""
    # JAX' binding of cuDNN takes float32 alone, and Keras does not look before it uses it (jax.experimental.rnn).
    has_cudnn = use_cudnn == "auto" and (dtype == "float32" or keras.backend.backend() != "jax")
    lstm = keras_layers.LSTM(
        layer.units,
        activation=layer.activation,
        return_sequences=return_sequences,
        unroll=unroll == "yes",
        use_cudnn="auto" if has_cudnn else False,
        name=name,
        dtype=dtype,
    )
    model.add(lstm)
    layers.add_tail(model, "linear", layer.batch_norm, name=name, dtype=dtype)
    layers.add_dropout(model, layer.dropout, seed=seed, dtype=dtype)


def build(
    spec: LstmSpec,
    weights: Weights,
    *,
    seed: int = 0,
    compute_dtype: str | None = None,
    unroll: Unroll = "no",
    use_cudnn: Cudnn = "auto",
) -> keras.Sequential:
    """The model with these weights, computing in their precision or in `compute_dtype`; the seed is its dropout's."""
    dtype = layers.dtype_of(weights, compute_dtype)
    model = keras.Sequential([keras.Input((spec.steps, spec.features), dtype=weights["head.bias"].dtype.name)])
    for number, layer in enumerate(spec.layers):
        last = number == len(spec.layers) - 1
        add_recurrent(
            model,
            layer,
            return_sequences=not last,
            unroll=unroll,
            use_cudnn=use_cudnn,
            seed=seed,
            name=f"layer{number}",
            dtype=dtype,
        )
    model.add(keras_layers.Dense(spec.outputs, name="head", dtype=dtype))
    layers.load(model, weights)
    return model


def export(model: keras.Sequential) -> Weights:
    """A copy of the weights as they are now, by their canonical names."""
    return layers.export(model)
