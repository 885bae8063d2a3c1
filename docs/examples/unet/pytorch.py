"""The U-Net in PyTorch."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.named_layers import pytorch as named

from .spec import EPSILON, MOMENTUM, Spec, blocks


class Block(nn.Module):
    """A convolution, a batch norm and GELU."""

    def __init__(self, inputs: int, filters: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, filters, 3, padding="same", bias=False)
        self.norm = named.batch_norm(filters, epsilon=EPSILON, momentum=MOMENTUM)

    def forward(self, images: Tensor) -> Tensor:
        """Take and return images of shape (batch, channels, height, width)."""
        return functional.gelu(self.norm(self.conv(images)))


class Unet(nn.Module):
    """Blocks on the way down and up again, and a dense layer."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.depth = spec.depth
        self.blocks = nn.ModuleDict({name: Block(*sizes) for name, sizes in blocks(spec).items()})
        self.dropout = nn.Dropout(spec.dropout)
        self.head = nn.Linear(spec.filters, spec.outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Take images of shape (batch, channels, height, width); return logits of shape (batch, outputs)."""
        values, skips = images, []
        for level in range(self.depth):
            values = self.blocks[f"down{level}"](values)
            skips.append(values)
            values = functional.max_pool2d(values, 2)
        values = self.blocks["bottom"](values)
        for level in reversed(range(self.depth)):
            values = functional.interpolate(values, scale_factor=2, mode="nearest")
            values = self.blocks[f"up{level}"](torch.cat([values, skips[level]], 1))
        return self.head(self.dropout(values.mean((2, 3))))


def layers(model: Unet) -> named.Layers:
    """Which module has the weights of which layer."""
    convolutions = {f"{name}_conv": block.get_submodule("conv") for name, block in model.blocks.items()}
    norms = {f"{name}_norm": block.get_submodule("norm") for name, block in model.blocks.items()}
    return {**convolutions, **norms, "head": model.head}


def build(spec: Spec, weights: named.Weights, *, seed: int = 0) -> Unet:
    """The network with these weights; `seed` is for dropout."""
    torch.manual_seed(seed)
    model = Unet(spec)
    named.load(model, layers(model), weights)
    return model


def export(model: Unet) -> named.Weights:
    """A copy of the current weights."""
    return named.export(layers(model))
