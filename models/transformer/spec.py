"""Describes a Transformer encoder for sequences: its sizes, its initial weights, and its reference in NumPy."""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass

from models.layers import probes
from models.layers import spec as layers
from models.layers.activations import ACTIVATIONS, Activation
from models.layers.spec import GLOROT, TABLE, Fraction, Initializer, LayerNorm, Part, Size, Weights, type_checked


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class Block:
    """Self-attention with several heads, then two dense layers for each step (Vaswani et al. 2017).

    Both halves add their outputs to their inputs. Dropout acts on what is added.

    Attributes:
        heads: The number of heads. It divides the width of the network.
        units: The number of outputs of the first dense layer. The second one returns to the width of the network.
        activation: The activation between the two dense layers.
        layer_norm: The layer norms of both halves. `"before"` normalises what a half gets, `"after"` the sum.
        dropout: The share of what is added that dropout sets to zero in training.
        initializer: How the kernels of the block are initialized.
    """

    heads: Size
    units: Size
    activation: Activation = "gelu"
    layer_norm: LayerNorm = LayerNorm()
    dropout: Fraction = 0.0
    initializer: Initializer = GLOROT


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class TransformerSpec:
    """A Transformer encoder: an embedding of each step and its position, blocks, the mean over steps, a linear head.

    A last layer norm follows the last block if that has its norms `"before"`, with the same epsilon.

    Attributes:
        steps: The length of a sequence. The data set decides it.
        features: The numbers of one time step. The data set decides it.
        vocabulary: The inputs are whole numbers from 0 to below this one, and each gets a row of a table. A sample of
            several features has one step for each of its numbers. Without this key, a dense layer embeds the features
            of a step.
        width: The number of features of each step between the blocks.
        blocks: The blocks, from the input to the head.
        outputs: The outputs of the head. The data set decides it.
        table_initializer: How the tables of integers and of positions are initialized.
        embedding_initializer: How the kernel of the dense embedding is initialized.
        head_initializer: How the kernel of the linear head is initialized.
    """

    steps: Size
    features: Size
    vocabulary: Size | None = None
    width: Size
    blocks: Annotated[tuple[Block, ...], Field(min_length=1)]
    outputs: Size
    table_initializer: Initializer = TABLE
    embedding_initializer: Initializer = GLOROT
    head_initializer: Initializer = GLOROT

    def __post_init__(self) -> None:
        """Raise ValueError if the heads do not divide the width."""
        for number, block in enumerate(self.blocks):
            if self.width % block.heads:
                raise ValueError(
                    f"blocks[{number}].heads: found {block.heads} for a width of {self.width}, expected a divisor of it"
                )


Spec = TransformerSpec
PROBES = probes.DENSE

sizes = layers.sequence_sizes


def input_shape(spec: TransformerSpec) -> tuple[int, ...]:
    """The shape of one sample as the network takes it: (steps,) of integers, or (steps, features)."""
    return (spec.steps * spec.features,) if spec.vocabulary else (spec.steps, spec.features)


def has_last_norm(spec: TransformerSpec) -> bool:
    """Whether a layer norm follows the last block."""
    return spec.blocks[-1].layer_norm.position == "before"


def parameter_shapes(spec: TransformerSpec) -> dict[str, tuple[int, ...]]:
    """The canonical names and shapes of all weights; the heads of an attention lie side by side."""
    steps, width = input_shape(spec)[0], spec.width
    shapes = (
        {"embedding.table": (spec.vocabulary, width)} if spec.vocabulary else _dense("embedding", spec.features, width)
    )
    shapes["position.table"] = (steps, width)
    for number, block in enumerate(spec.blocks):
        shapes |= layers.norm_shapes(f"attention{number}_norm", width, block.layer_norm)
        for part in ("query", "key", "value", "attention"):
            shapes |= _dense(f"{part}{number}", width, width)
        shapes |= layers.norm_shapes(f"dense{number}_norm", width, block.layer_norm)
        shapes |= _dense(f"expand{number}", width, block.units) | _dense(f"contract{number}", block.units, width)
    if has_last_norm(spec):
        shapes |= layers.norm_shapes("last_norm", width, spec.blocks[-1].layer_norm)
    return shapes | _dense("head", width, spec.outputs)


def flat(name: str, value: np.ndarray) -> np.ndarray:
    """A copy of a weight in the canonical layout; Keras and Flax have an axis for the heads of an attention."""
    if name.endswith(".bias"):
        return value.reshape(-1).copy()
    shape = (-1, value.shape[-1]) if name.startswith("attention") and name.endswith(".kernel") else (len(value), -1)
    return (value if value.ndim == 1 else value.reshape(shape)).copy()


def initial_weights(spec: TransformerSpec, *, seed: int) -> Weights:
    """Initial weights in float64: kernels and tables by their initializers, zero biases."""
    initializers = {"position": spec.table_initializer, "head": spec.head_initializer}
    initializers["embedding"] = spec.table_initializer if spec.vocabulary else spec.embedding_initializer
    for number, block in enumerate(spec.blocks):
        for part in ("query", "key", "value", "attention", "expand", "contract"):
            initializers[f"{part}{number}"] = block.initializer
    return layers.initial_weights(parameter_shapes(spec), initializers, seed=seed)


def parts(spec: TransformerSpec) -> list[Part]:
    """The layers of the network, in order. The products of an attention belong to the dense layer that follows them."""
    steps, width = input_shape(spec)[0], spec.width
    shape, dense = (steps, width), 2 * steps * width
    kind = f"rows of a table of {spec.vocabulary}" if spec.vocabulary else "dense, linear"
    found = [Part("embedding", kind, shape, 0 if spec.vocabulary else dense * spec.features)]
    found.append(Part("position", "a row of a table for each step, added", shape, 0))
    for number, block in enumerate(spec.blocks):
        norm, drop = f"layer norm {block.layer_norm.position}", f", dropout {block.dropout:g}" if block.dropout else ""
        found.append(Part(f"attention{number}_norm", norm, shape, 0))
        found += [Part(f"{part}{number}", "dense, linear", shape, dense * width) for part in ("query", "key", "value")]
        kept = block.heads * steps**2 + steps * width  # the weights of the heads, and their outputs
        of_heads = f"attention of {block.heads} heads, dense, linear{drop}, added"
        found.append(Part(f"attention{number}", of_heads, shape, dense * width + 2 * dense * steps, kept))
        found.append(Part(f"dense{number}_norm", norm, shape, 0))
        words = layers.tail_words(block.activation, None, 0.0)
        found.append(Part(f"expand{number}", f"dense, {words}", (steps, block.units), dense * block.units))
        found.append(Part(f"contract{number}", f"dense, linear{drop}, added", shape, dense * block.units))
    if has_last_norm(spec):
        found.append(Part("last_norm", "layer norm, mean over steps", (width,), 0, steps * width))
    return [*found, layers.head_part(width, spec.outputs)]


def forward(
    spec: TransformerSpec,
    weights: Weights,
    inputs: Float[np.ndarray, "batch time features"] | Int[np.ndarray, "batch time"] | Float[np.ndarray, "batch time"],
) -> Float[np.ndarray, "batch outputs"]:
    """The logits at inference, in NumPy: the reference that every framework must match."""
    if spec.vocabulary:
        steps = weights["embedding.table"][inputs.astype(int)]
    else:
        steps = _through(weights, "embedding", inputs)
    steps = steps + weights["position.table"]
    for number, block in enumerate(spec.blocks):
        norm, is_before = block.layer_norm, block.layer_norm.position == "before"
        for half, name in ((_attend, f"attention{number}_norm"), (_expand, f"dense{number}_norm")):
            given = layers.normalise(steps, norm, weights, name) if is_before else steps
            steps = steps + half(block, weights, number, given)
            steps = steps if is_before else layers.normalise(steps, norm, weights, name)
    if has_last_norm(spec):
        steps = layers.normalise(steps, spec.blocks[-1].layer_norm, weights, "last_norm")
    return _through(weights, "head", steps.mean(axis=1))


def _attend(block: Block, weights: Weights, number: int, steps: np.ndarray) -> np.ndarray:
    """Softmax(q·kᵀ/√d)·v for each head, where d is the width of a head; then a dense layer over all heads."""
    batch, length, width = steps.shape
    split = (batch, length, block.heads, width // block.heads)
    query, key, value = (
        _through(weights, f"{part}{number}", steps).reshape(split).transpose(0, 2, 1, 3)
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(split[-1])
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return _through(weights, f"attention{number}", (shares @ value).transpose(0, 2, 1, 3).reshape(steps.shape))


def _expand(block: Block, weights: Weights, number: int, steps: np.ndarray) -> np.ndarray:
    """Two dense layers for each step, with an activation between them."""
    hidden = ACTIVATIONS[block.activation](_through(weights, f"expand{number}", steps))
    return _through(weights, f"contract{number}", hidden)


def _through(weights: Weights, name: str, values: np.ndarray) -> np.ndarray:
    return values @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]


def _dense(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.kernel": (inputs, outputs), f"{name}.bias": (outputs,)}


EXAMPLES = {
    "one-block-of-numbers": TransformerSpec(
        steps=5, features=3, width=6, blocks=(Block(heads=2, units=7, activation="relu"),), outputs=2
    ),
    "integers-with-norms-after-and-dropout": TransformerSpec(
        steps=3,
        features=2,
        vocabulary=11,
        width=10,
        blocks=(
            Block(heads=2, units=8, layer_norm=LayerNorm(position="after", epsilon=1e-2), dropout=0.3),
            Block(heads=5, units=12, layer_norm=LayerNorm(epsilon=1e-3)),
        ),
        outputs=3,
    ),
}
