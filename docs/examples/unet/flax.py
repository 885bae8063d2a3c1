"""The U-Net in Flax."""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from models.named_layers import flax as named

from .spec import EPSILON, MOMENTUM, Spec, blocks


class Block(nnx.Module):
    """A convolution, a batch norm and GELU."""

    def __init__(self, inputs: int, filters: int, *, dtypes: named.Dtypes, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(inputs, filters, (3, 3), use_bias=False, **dtypes, rngs=rngs)
        # By default Flax computes the variance by a formula that loses digits.
        self.norm = nnx.BatchNorm(
            filters, epsilon=EPSILON, momentum=MOMENTUM, use_fast_variance=False, **dtypes, rngs=rngs
        )

    def __call__(self, images: Array) -> Array:
        """Take and return images of shape (batch, height, width, channels)."""
        return nnx.gelu(self.norm(self.conv(images)), approximate=False)


class Unet(nnx.Module):
    """Blocks on the way down and up again, and a dense layer."""

    def __init__(self, spec: Spec, *, dtypes: named.Dtypes, rngs: nnx.Rngs) -> None:
        self.depth = spec.depth
        made = {name: Block(*sizes, dtypes=dtypes, rngs=rngs) for name, sizes in blocks(spec).items()}
        self.blocks = nnx.Dict(made)
        self.dropout = nnx.Dropout(spec.dropout, rngs=rngs)
        self.head = nnx.Linear(spec.filters, spec.outputs, **dtypes, rngs=rngs)

    def __call__(self, images: Array) -> Array:
        """Take images of shape (batch, height, width, channels); return logits of shape (batch, outputs)."""
        values, skips = images, []
        for level in range(self.depth):
            values = self.blocks[f"down{level}"](values)
            skips.append(values)
            values = nnx.max_pool(values, (2, 2), (2, 2))
        values = self.blocks["bottom"](values)
        for level in reversed(range(self.depth)):
            values = values.repeat(2, axis=1).repeat(2, axis=2)
            values = self.blocks[f"up{level}"](jnp.concatenate([values, skips[level]], -1))
        return self.head(self.dropout(values.mean((1, 2))))


def layers(model: Unet) -> named.Layers:
    """Which module has the weights of which layer."""
    convolutions = {f"{name}_conv": block.conv for name, block in model.blocks.items()}
    norms = {f"{name}_norm": block.norm for name, block in model.blocks.items()}
    return {**convolutions, **norms, "head": model.head}


def build(spec: Spec, weights: named.Weights, *, seed: int = 0, compute_dtype: str | None = None) -> Unet:
    """The network with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    dtypes = named.dtypes_of(weights, compute_dtype)
    model = named.blank(lambda rngs: Unet(spec, dtypes=dtypes, rngs=rngs), seed=seed)
    named.load(model, layers(model), weights)
    return model


def export(model: Unet) -> named.Weights:
    """A copy of the current weights."""
    return named.export(layers(model))
