"""The LSTM in Flax."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Float

from models.layers import flax as layers
from models.layers.spec import Weights
from models.lstm.spec import LstmLayer, LstmSpec

Unroll = Literal["1", "4", "16"]  # steps of time in one turn of the loop

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}


class Recurrent(nnx.Module):
    def __init__(
        self,
        inputs: int,
        layer: LstmLayer,
        *,
        return_sequences: bool,
        unroll: Unroll,
        dtypes: layers.Dtypes,
        rngs: nnx.Rngs,
    ) -> None:
        self.return_sequences, self.units, self.dtype = return_sequences, layer.units, dtypes["dtype"]
        # Its two dense layers, with the gates stacked i f g o, are the canonical layout.
        cell = nnx.OptimizedLSTMCell(
            inputs,
            layer.units,
            activation_fn=ACTIVATIONS[layer.activation],
            **dtypes,
            rngs=rngs,
        )
        self.lstm = nnx.RNN(cell, unroll=int(unroll))
        self.tail = layers.Tail(layer.units, "linear", layer.batch_norm, layer.dropout, dtypes=dtypes, rngs=rngs)

    def __call__(self, sequence: Array) -> Array:
        # Flax would begin in the type of the parameters, whatever the cell computes in.
        carry = jnp.zeros((len(sequence), self.units), self.dtype)
        states = self.lstm(sequence, initial_carry=(carry, carry))
        if self.return_sequences:
            return self.tail(states)
        return self.tail(states[:, -1])


class Lstm(nnx.Module):
    def __init__(self, spec: LstmSpec, *, unroll: Unroll, dtypes: layers.Dtypes, rngs: nnx.Rngs) -> None:
        widths = (spec.features, *(layer.units for layer in spec.layers))
        last = len(spec.layers) - 1
        self.layers = nnx.List(
            Recurrent(widths[number], layer, return_sequences=number != last, unroll=unroll, dtypes=dtypes, rngs=rngs)
            for number, layer in enumerate(spec.layers)
        )
        self.head = nnx.Linear(widths[-1], spec.outputs, **dtypes, rngs=rngs)

    def __call__(self, sequence: Float[Array, "batch time features"]) -> Float[Array, "batch outputs"]:
        for layer in self.layers:
            sequence = layer(sequence)
        return self.head(sequence)


def build(
    spec: LstmSpec,
    weights: Weights,
    *,
    seed: int = 0,
    compute_dtype: str | None = None,
    unroll: Unroll = "1",
) -> Lstm:
    """The model with these weights, computing in their precision or in `compute_dtype`; the seed is its dropout's."""
    dtypes = layers.dtypes_of(weights, compute_dtype)
    model = layers.blank(lambda rngs: Lstm(spec, unroll=unroll, dtypes=dtypes, rngs=rngs), seed=seed)
    for number, layer in enumerate(model.layers):
        layers.fill(layer.lstm.cell.dense_i.kernel, weights[f"layer{number}.kernel"])
        layers.fill(layer.lstm.cell.dense_h.kernel, weights[f"layer{number}.recurrent"])
        layers.fill(layer.lstm.cell.dense_h.bias, weights[f"layer{number}.bias"])
        layers.load_batch_norm(layer.tail, name=f"layer{number}", weights=weights)
    layers.load(model.head, name="head", weights=weights)
    return model


def export(model: Lstm) -> Weights:
    """A copy of the weights as they are now, by their canonical names."""
    state: layers.State = {}
    for number, layer in enumerate(model.layers):
        state[f"layer{number}.kernel"] = layer.lstm.cell.dense_i.kernel[...]
        state[f"layer{number}.recurrent"] = layer.lstm.cell.dense_h.kernel[...]
        state[f"layer{number}.bias"] = layer.lstm.cell.dense_h.bias[...]
        state |= layers.read_batch_norm(layer.tail, name=f"layer{number}")
    state |= layers.read(model.head, name="head")
    return layers.to_numpy(state)
