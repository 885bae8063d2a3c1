"""The LSTM in Flax."""

from functools import partial

from flax import nnx
from jax import Array

from models.layers import flax as layers
from models.layers.spec import Weights
from models.lstm.spec import LstmLayer, LstmSpec


def recurrence(inputs: int, layer: LstmLayer, *, dtypes: layers.Dtypes, rngs: nnx.Rngs) -> nnx.OptimizedLSTMCell:
    """The cell of one layer; its two dense layers stack the gates i f g o, as in the canonical weights."""
    return nnx.OptimizedLSTMCell(
        inputs,
        layer.units,
        activation_fn=layers.ACTIVATIONS[layer.activation],
        **dtypes,
        rngs=rngs,
    )


def build(
    spec: LstmSpec,
    weights: Weights,
    *,
    seed: int = 0,
    compute_dtype: str | None = None,
    unroll: layers.Unroll = "1",
) -> layers.SequenceNetwork:
    """The model with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    dtypes = layers.dtypes_of(weights, compute_dtype)
    network = partial(layers.SequenceNetwork, spec, recurrence=recurrence, unroll=unroll, dtypes=dtypes)
    model = layers.blank(lambda rngs: network(rngs=rngs), seed=seed)
    layers.load_sequence(model, weights)
    return model


def export(model: layers.SequenceNetwork) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return layers.to_numpy(layers.read_sequence(model))


def kernels(model: layers.SequenceNetwork) -> dict[str, nnx.Param[Array]]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    return layers.sequence_kernels(model)
