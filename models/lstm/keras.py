"""The LSTM in Keras."""

from functools import partial
from typing import Literal

import keras
from keras import layers as keras_layers

from models.layers import keras as layers
from models.layers.spec import Weights
from models.lstm.spec import LstmLayer, LstmSpec

Unroll = Literal["no", "yes"]  # the loop over time
Cudnn = Literal["auto", "off"]  # on a GPU


def recurrence(
    layer: LstmLayer,
    *,
    return_sequences: bool,
    go_backwards: bool,
    unroll: Unroll,
    use_cudnn: Cudnn,
    seed: int,
    name: str,
    dtype: str,
) -> keras_layers.LSTM:
    """One direction of a layer; Keras stacks the gates i f c o, in the same order as the canonical weights."""
    return keras_layers.LSTM(
        layer.units,
        activation=layer.activation,
        recurrent_dropout=layer.recurrent_dropout,
        return_sequences=return_sequences,
        go_backwards=go_backwards,
        unroll=unroll == "yes",
        use_cudnn=layers.cudnn(use_cudnn, dtype=dtype),
        seed=seed,
        name=name,
        dtype=dtype,
    )


def build(
    spec: LstmSpec,
    weights: Weights,
    *,
    seed: int = 0,
    compute_dtype: str | None = None,
    unroll: Unroll = "no",
    use_cudnn: Cudnn = "auto",
) -> keras.Sequential:
    """The model with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    dtype = layers.dtype_of(weights, compute_dtype)
    made = partial(recurrence, unroll=unroll, use_cudnn=use_cudnn)
    return layers.sequence_network(spec, weights, recurrence=made, seed=seed, dtype=dtype)


def export(model: keras.Sequential) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return layers.export(model)


def kernels(model: keras.Sequential) -> dict[str, keras.Variable]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    return layers.kernels(model)
