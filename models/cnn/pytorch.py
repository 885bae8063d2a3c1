"""The convolutional network in PyTorch."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.cnn.spec import CnnSpec, ConvLayer, feature_maps
from models.layers import pytorch as layers
from models.layers.spec import Weights

OIHW = (3, 2, 0, 1)  # the axes of a canonical HWIO kernel in PyTorch's order
HWIO = (2, 3, 1, 0)


class Convolution(nn.Module):
    def __init__(self, channels: int, layer: ConvLayer) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, layer.filters, layer.kernel, padding=layer.padding)
        self.tail = layers.tail(layer.filters, layer.activation, layer.batch_norm, 0.0, axes=2)
        self.pool = nn.MaxPool2d(layer.pool) if layer.pool > 1 else nn.Identity()
        self.dropout = nn.Dropout(layer.dropout) if layer.dropout else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.dropout(self.pool(self.tail(self.convolution(images))))


class Cnn(nn.Module):
    def __init__(self, spec: CnnSpec) -> None:
        super().__init__()
        self.last_map = feature_maps(spec)[-1]
        channels = (spec.channels, *(layer.filters for layer in spec.convolutions))
        widths = (int(np.prod(self.last_map)), *(layer.units for layer in spec.dense))
        self.convolutions = nn.ModuleList(
            Convolution(inputs, layer) for inputs, layer in zip(channels, spec.convolutions, strict=False)
        )
        self.dense = nn.ModuleList(
            layers.Dense(inputs, layer) for inputs, layer in zip(widths, spec.dense, strict=False)
        )
        self.head = nn.Linear(widths[-1], spec.outputs)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch outputs"]:
        for convolution in self.convolutions:
            images = convolution(images)
        features = images.flatten(1)
        for layer in self.dense:
            features = layer(features)
        return self.head(features)


def build(spec: CnnSpec, weights: Weights, *, seed: int = 0) -> Cnn:
    """The model with these weights, in their precision; `seed` is for dropout."""
    torch.manual_seed(seed)
    model = Cnn(spec)
    flat = "dense0.kernel" if spec.dense else "head.kernel"
    weights = weights | {flat: _channels_first(weights[flat], model.last_map)}
    for number, convolution in enumerate(model.convolutions):
        layers.load(convolution, "convolution", name=f"conv{number}", weights=weights, order=OIHW)
    for number, layer in enumerate(model.dense):
        layers.load(layer, "linear", name=f"dense{number}", weights=weights)
    layers.load(model, "head", name="head", weights=weights)
    return model


def export(model: Cnn) -> Weights:
    """A copy of the current weights, by their canonical names."""
    state: layers.State = {}
    for number, convolution in enumerate(model.convolutions):
        state |= layers.read(convolution, "convolution", name=f"conv{number}", order=HWIO)
    for number, layer in enumerate(model.dense):
        state |= layers.read(layer, "linear", name=f"dense{number}")
    state["head.kernel"], state["head.bias"] = model.head.weight.T, model.head.bias
    weights = layers.to_numpy(state)
    flat = "dense0.kernel" if len(model.dense) else "head.kernel"
    return weights | {flat: _channels_last(weights[flat], model.last_map)}


def _channels_first(kernel: np.ndarray, last_map: tuple[int, int, int]) -> np.ndarray:
    """The first kernel after flattening, with its rows moved from H·W·C order to PyTorch's C·H·W order."""
    return kernel.reshape(*last_map, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)


def _channels_last(kernel: np.ndarray, last_map: tuple[int, int, int]) -> np.ndarray:
    """The inverse of `_channels_first`: rows moved from C·H·W order to H·W·C order."""
    height, width, channels = last_map
    return kernel.reshape(channels, height, width, -1).transpose(1, 2, 0, 3).reshape(kernel.shape)


def kernels(model: Cnn) -> layers.State:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    found: layers.State = {f"conv{number}": layer.convolution.weight for number, layer in enumerate(model.convolutions)}
    found |= {f"dense{number}": layer.linear.weight for number, layer in enumerate(model.dense)}
    return found | {"head": model.head.weight}
