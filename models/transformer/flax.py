"""The Transformer encoder in Flax."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jaxtyping import Float, Int

from models.layers import flax as layers
from models.layers.spec import Weights
from models.transformer.spec import Block, TransformerSpec, flat, has_last_norm, input_shape

Variables = dict[str, Any]  # variables of Flax, whose layers may lack a bias or a scale


class EncoderBlock(nnx.Module):
    def __init__(self, width: int, block: Block, *, dtypes: layers.Dtypes, rngs: nnx.Rngs) -> None:
        self.is_before = block.layer_norm.position == "before"
        self.attention_norm = layers.normalisation(width, block.layer_norm, dtypes=dtypes, rngs=rngs)
        exact = {"attention_fn": exact_attention} if dtypes["dtype"] == jnp.float64 else {}
        self.attention = nnx.MultiHeadAttention(block.heads, width, decode=False, **exact, **dtypes, rngs=rngs)
        self.dense_norm = layers.normalisation(width, block.layer_norm, dtypes=dtypes, rngs=rngs)
        self.expand = nnx.Linear(width, block.units, **dtypes, rngs=rngs)
        self.activation = layers.ACTIVATIONS[block.activation]
        self.contract = nnx.Linear(block.units, width, **dtypes, rngs=rngs)
        self.dropout = nnx.Dropout(block.dropout, rngs=rngs)

    def __call__(self, steps: Array) -> Array:
        if self.is_before:
            steps = steps + self.dropout(self.attention(self.attention_norm(steps)))
            return steps + self.dropout(self.transform(self.dense_norm(steps)))
        steps = self.attention_norm(steps + self.dropout(self.attention(steps)))
        return self.dense_norm(steps + self.dropout(self.transform(steps)))

    def transform(self, steps: Array) -> Array:
        return self.contract(self.activation(self.expand(steps)))


def exact_attention(query: Array, key: Array, value: Array, **_options: object) -> Array:
    """Attention whose softmax stays in float64, for the proof alone; JAX' own has it in float32 for any inputs."""
    scores = jnp.einsum("btnh,bsnh->bnts", query, key) / np.sqrt(query.shape[-1])
    return jnp.einsum("bnts,bsnh->btnh", jax.nn.softmax(scores), value)


class Transformer(nnx.Module):
    def __init__(self, spec: TransformerSpec, *, dtypes: layers.Dtypes, rngs: nnx.Rngs) -> None:
        rows, width = spec.vocabulary, spec.width
        embedding = nnx.Embed if rows else nnx.Linear
        self.embedding = embedding(rows or spec.features, width, **dtypes, rngs=rngs)
        self.position = nnx.Param(jnp.zeros((input_shape(spec)[0], width), dtypes["param_dtype"]))
        self.blocks = nnx.List(EncoderBlock(width, block, dtypes=dtypes, rngs=rngs) for block in spec.blocks)
        norm = spec.blocks[-1].layer_norm
        self.last_norm = layers.normalisation(width, norm, dtypes=dtypes, rngs=rngs) if has_last_norm(spec) else None
        self.head = nnx.Linear(width, spec.outputs, **dtypes, rngs=rngs)

    def __call__(
        self, sequence: Float[Array, "batch time features"] | Int[Array, "batch time"]
    ) -> Float[Array, "batch outputs"]:
        steps = self.embedding(sequence)
        steps = steps + self.position[...].astype(steps.dtype)
        for block in self.blocks:
            steps = block(steps)
        if self.last_norm is not None:
            steps = self.last_norm(steps)
        return self.head(steps.mean(1))


def build(spec: TransformerSpec, weights: Weights, *, seed: int = 0, compute_dtype: str | None = None) -> Transformer:
    """The model with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    dtypes = layers.dtypes_of(weights, compute_dtype)
    model = layers.blank(lambda rngs: Transformer(spec, dtypes=dtypes, rngs=rngs), seed=seed)
    for name, part in variables(model).items():
        layers.fill(part, weights[name].reshape(part.shape))
    return model


def export(model: Transformer) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return {name: flat(name, np.array(part[...])) for name, part in variables(model).items()}


def variables(model: Transformer) -> Variables:
    """All weights by their canonical names; those of an attention have an axis for the heads."""
    found = {"position.table": model.position} | _dense("head", model.head)
    if isinstance(model.embedding, nnx.Embed):
        found["embedding.table"] = model.embedding.embedding
    else:
        found |= _dense("embedding", model.embedding)
    for number, block in enumerate(model.blocks):
        found |= _of_block(block, number)
    if model.last_norm is not None:
        found |= _norm("last_norm", model.last_norm)
    return found


def kernels(model: Transformer) -> Variables:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    found = variables(model).items()
    return {name.removesuffix(".kernel"): value for name, value in found if name.endswith(".kernel")}


def _of_block(block: EncoderBlock, number: int) -> Variables:
    found = _norm(f"attention{number}_norm", block.attention_norm)
    attention = block.attention
    heads = {"query": attention.query, "key": attention.key, "value": attention.value, "attention": attention.out}
    for part, layer in heads.items():
        found |= _dense(f"{part}{number}", layer)
    found |= _dense(f"expand{number}", block.expand) | _dense(f"contract{number}", block.contract)
    return found | _norm(f"dense{number}_norm", block.dense_norm)


def _dense(name: str, layer: nnx.Linear | nnx.LinearGeneral) -> Variables:
    return {f"{name}.kernel": layer.kernel, f"{name}.bias": layer.bias}


def _norm(name: str, norm: nnx.LayerNorm) -> Variables:
    return {f"{name}.scale": norm.scale, f"{name}.offset": norm.bias}
