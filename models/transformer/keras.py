"""The Transformer encoder in Keras."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers as keras_layers

from models.layers import keras as layers
from models.layers.spec import Weights
from models.transformer.spec import Block, TransformerSpec, flat, has_last_norm, input_shape

Tensor = Any  # of the backend


@keras.saving.register_keras_serializable("levelfield")
class Positions(keras_layers.Layer):  # type: ignore[misc] # Keras has no types
    """Adds a row of a trained table to each step."""

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the table."""
        self.table = self.add_weight(shape=tuple(input_shape[1:]), name="table")

    def call(self, steps: Tensor) -> Tensor:
        """The steps with the rows added."""
        return steps + self.table


class ExactAttention(keras_layers.MultiHeadAttention):  # type: ignore[misc] # Keras has no types
    """Attention whose softmax stays in float64, for the proof alone; TensorFlow's and JAX' own has it in float32."""

    def _compute_attention(
        self, query: Tensor, key: Tensor, value: Tensor, *_masks: object, **_options: object
    ) -> tuple[Tensor, None]:
        scores = keras.ops.einsum("btnh,bsnh->bnts", query, key) / np.sqrt(query.shape[-1])
        return keras.ops.einsum("bnts,bsnh->btnh", keras.ops.softmax(scores), value), None


def add_block(steps: Tensor, width: int, block: Block, *, seed: int, number: int, dtype: str) -> Tensor:
    """The outputs of a block for these steps."""
    is_before = block.layer_norm.position == "before"
    attention_norm = layers.normalisation(block.layer_norm, name=f"attention{number}", dtype=dtype)
    kind = ExactAttention if dtype == "float64" else keras_layers.MultiHeadAttention
    attention = kind(block.heads, width // block.heads, name=f"attention{number}", dtype=dtype)
    dense_norm = layers.normalisation(block.layer_norm, name=f"dense{number}", dtype=dtype)
    expand = keras_layers.Dense(block.units, name=f"expand{number}", dtype=dtype)
    activation = layers.activated(block.activation, dtype=dtype)
    contract = keras_layers.Dense(width, name=f"contract{number}", dtype=dtype)
    dropouts = [keras_layers.Dropout(block.dropout, seed=seed + 2 * number + half, dtype=dtype) for half in range(2)]

    def attend(steps: Tensor) -> Tensor:
        return dropouts[0](attention(steps, steps))

    def transform(steps: Tensor) -> Tensor:
        return dropouts[1](contract(activation(expand(steps))))

    if is_before:
        steps = keras_layers.add([steps, attend(attention_norm(steps))], dtype=dtype)
        return keras_layers.add([steps, transform(dense_norm(steps))], dtype=dtype)
    steps = attention_norm(keras_layers.add([steps, attend(steps)], dtype=dtype))
    return dense_norm(keras_layers.add([steps, transform(steps)], dtype=dtype))


def build(spec: TransformerSpec, weights: Weights, *, seed: int = 0, compute_dtype: str | None = None) -> keras.Model:
    """The model with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    dtype, width = layers.dtype_of(weights, compute_dtype), spec.width
    given = "int32" if spec.vocabulary else weights["head.bias"].dtype.name
    inputs = keras.Input(input_shape(spec), dtype=given)
    if spec.vocabulary:
        steps = keras_layers.Embedding(spec.vocabulary, width, name="embedding", dtype=dtype)(inputs)
    else:
        steps = keras_layers.Dense(width, name="embedding", dtype=dtype)(inputs)
    steps = Positions(name="position", dtype=dtype)(steps)
    for number, block in enumerate(spec.blocks):
        steps = add_block(steps, width, block, seed=seed, number=number, dtype=dtype)
    if has_last_norm(spec):
        steps = layers.normalisation(spec.blocks[-1].layer_norm, name="last", dtype=dtype)(steps)
    means = keras_layers.GlobalAveragePooling1D(dtype=dtype)(steps)
    model = keras.Model(inputs, keras_layers.Dense(spec.outputs, name="head", dtype=dtype)(means))
    for name, part in variables(model).items():
        part.assign(weights[name].reshape(part.shape))
    return model


def export(model: keras.Model) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return {name: flat(name, keras.ops.convert_to_numpy(part)) for name, part in variables(model).items()}


def variables(model: keras.Model) -> dict[str, keras.Variable]:
    """All weights by their canonical names; those of an attention have an axis for the heads."""
    found: dict[str, keras.Variable] = {}
    for layer in model.layers:
        if isinstance(layer, keras_layers.MultiHeadAttention):
            found |= _of_attention(layer, layer.name.removeprefix("attention"))
        else:
            found |= {f"{layer.name}.{PARTS[part.name]}": part for part in layer.weights if part.name in PARTS}
    return found


def kernels(model: keras.Model) -> dict[str, keras.Variable]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    found = variables(model).items()
    return {name.removesuffix(".kernel"): value for name, value in found if name.endswith(".kernel")}


def _of_attention(attention: keras_layers.MultiHeadAttention, number: str) -> dict[str, keras.Variable]:
    dense = {
        f"query{number}": attention.query_dense,
        f"key{number}": attention.key_dense,
        f"value{number}": attention.value_dense,
        f"attention{number}": attention.output_dense,
    }
    return {f"{name}.{part.name}": part for name, layer in dense.items() for part in layer.weights}


PARTS = {**layers.PARTS, "embeddings": "table", "table": "table"}
