"""The GRU in Keras."""

from functools import partial
from typing import Literal

import keras
import numpy as np
from keras import layers as keras_layers

from models.gru.spec import GATES, GruLayer, GruSpec
from models.layers import keras as layers
from models.layers.spec import Weights

Unroll = Literal["no", "yes"]  # the loop over time
Cudnn = Literal["auto", "off"]  # on a GPU

GATED = ("kernel", "recurrent", "bias")


def recurrence(
    layer: GruLayer,
    *,
    return_sequences: bool,
    go_backwards: bool,
    unroll: Unroll,
    use_cudnn: Cudnn,
    seed: int,
    name: str,
    dtype: str,
) -> keras_layers.GRU:
    """One direction of a layer; Keras stacks the gates z r h, and has both biases in one array."""
    return keras_layers.GRU(
        layer.units,
        reset_after=True,
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
    spec: GruSpec,
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
    return layers.sequence_network(spec, in_keras(weights), recurrence=made, seed=seed, dtype=dtype)


def export(model: keras.Sequential) -> Weights:
    """A copy of the current weights, by their canonical names."""
    weights = layers.export(model)
    for name in _recurrent_layers(weights):
        for part in GATED:
            weights[f"{name}.{part}"] = exchanged(weights[f"{name}.{part}"])
        weights[f"{name}.bias"], weights[f"{name}.recurrent_bias"] = weights[f"{name}.bias"]
    return weights


def in_keras(weights: Weights) -> Weights:
    """The same weights with the gates in Keras' order, and both biases of a layer in one array."""
    found = dict(weights)
    for name in _recurrent_layers(weights):
        found[f"{name}.bias"] = np.stack([found[f"{name}.bias"], found.pop(f"{name}.recurrent_bias")])
        for part in GATED:
            found[f"{name}.{part}"] = exchanged(found[f"{name}.{part}"])
    return found


def exchanged(value: np.ndarray) -> np.ndarray:
    """The array with its first two gates exchanged: r z n becomes z r n, and back."""
    first, second, third = np.split(value, GATES, axis=-1)
    return np.concatenate([second, first, third], axis=-1)


def _recurrent_layers(weights: Weights) -> list[str]:
    return [name.removesuffix(".recurrent") for name in weights if name.endswith(".recurrent")]


def kernels(model: keras.Sequential) -> dict[str, keras.Variable]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    return layers.kernels(model)
