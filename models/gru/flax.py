"""The GRU in Flax."""

from functools import partial

from flax import nnx
from jax import Array

from models.gru.spec import GruLayer, GruSpec
from models.layers import flax as layers
from models.layers.spec import Weights


def recurrence(inputs: int, layer: GruLayer, *, dtypes: layers.Dtypes, rngs: nnx.Rngs) -> nnx.GRUCell:
    """The cell of one layer; its two dense layers stack the gates r z n, as in the canonical weights."""
    return layers.gru_cell(inputs, layer.units, dtypes=dtypes, rngs=rngs)


def build(
    spec: GruSpec,
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
