"""The convolutional network in PyTorch."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.cnn.convolution import ConvLayer, Map, borders, pair
from models.cnn.spec import CnnSpec, convolutions, last_map, starts
from models.layers import pytorch as layers
from models.layers.spec import Weights

OIHW = (3, 2, 0, 1)  # the axes of a canonical HWIO kernel in PyTorch's order
HWIO = (2, 3, 1, 0)


class Convolution(nn.Module):
    def __init__(self, image: Map, layer: ConvLayer) -> None:
        super().__init__()
        self.border, padding = _padding(layer, image)
        self.convolution = nn.Conv2d(
            image[2],
            layer.filters,
            pair(layer.kernel),
            stride=pair(layer.strides),
            padding=padding,
            dilation=pair(layer.dilation),
            groups=image[2] if layer.depthwise else 1,
            bias=layer.bias,
        )
        self.tail = layers.tail(layer.filters, layer.activation, layer.norm, 0.0, axes=2)
        self.pool = POOLING[layer.pooling](layer.pool) if layer.pool > 1 else nn.Identity()
        self.dropout = nn.Dropout(layer.dropout) if layer.dropout else nn.Identity()

    def forward(self, images: Tensor, shortcut: Tensor | None = None) -> Tensor:
        if self.border:
            images = nn.functional.pad(images, self.border)
        images = self.convolution(images)
        images = self.tail(images) if shortcut is None else self.added(images, shortcut)
        return self.dropout(self.pool(images))

    def added(self, images: Tensor, shortcut: Tensor) -> Tensor:
        """The tail of the layer, with the shortcut added in front of the activation."""
        for name, part in self.tail.named_children():
            images = part(images + shortcut if name == "activation" else images)
        return images


class Cnn(nn.Module):
    def __init__(self, spec: CnnSpec) -> None:
        super().__init__()
        self.last_map, self.starts, self.global_pooling = last_map(spec), starts(spec), spec.global_pooling
        widths = (int(np.prod(self.last_map)), *(layer.units for layer in spec.dense))
        found = {name: Convolution(image, layer) for name, layer, image in convolutions(spec)}
        self.convolutions = nn.ModuleList(layer for name, layer in found.items() if name.startswith("conv"))
        self.dense = nn.ModuleList(
            layers.Dense(inputs, layer) for inputs, layer in zip(widths, spec.dense, strict=False)
        )
        self.head = nn.Linear(widths[-1], spec.outputs)
        self.shortcuts = nn.ModuleDict({name: layer for name, layer in found.items() if name.startswith("shortcut")})

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch outputs"]:
        around: dict[int, Tensor] = {}  # by the layer to which it is added
        for number, convolution in enumerate(self.convolutions):
            around |= dict.fromkeys(self.starts[number], images)
            shortcut, name = around.pop(number, None), f"shortcut{number}"
            if name in self.shortcuts:
                shortcut = self.shortcuts[name](shortcut)
            images = convolution(images, shortcut)
        features = FEATURES[self.global_pooling](images)
        for layer in self.dense:
            features = layer(features)
        return self.head(features)


def build(spec: CnnSpec, weights: Weights, *, seed: int = 0) -> Cnn:
    """The model with these weights, in their precision; `seed` is for dropout."""
    torch.manual_seed(seed)
    model = Cnn(spec)
    flat = "dense0.kernel" if spec.dense else "head.kernel"
    weights = weights | {flat: _channels_first(weights[flat], model.last_map)}
    for name, convolution in _named(model):
        layers.load(convolution, "convolution", name=name, weights=weights, order=OIHW)
    for number, layer in enumerate(model.dense):
        layers.load(layer, "linear", name=f"dense{number}", weights=weights)
    layers.load(model, "head", name="head", weights=weights)
    return model


def export(model: Cnn) -> Weights:
    """A copy of the current weights, by their canonical names."""
    state: layers.State = {}
    for name, convolution in _named(model):
        state |= layers.read(convolution, "convolution", name=name, order=HWIO)
    for number, layer in enumerate(model.dense):
        state |= layers.read(layer, "linear", name=f"dense{number}")
    state["head.kernel"], state["head.bias"] = model.head.weight.T, model.head.bias
    weights = layers.to_numpy(state)
    flat = "dense0.kernel" if len(model.dense) else "head.kernel"
    return weights | {flat: _channels_last(weights[flat], model.last_map)}


def _named(model: Cnn) -> Iterator[tuple[str, nn.Module]]:
    """All convolutions with their canonical names."""
    yield from ((f"conv{number}", convolution) for number, convolution in enumerate(model.convolutions))
    yield from model.shortcuts.items()


def _padding(layer: ConvLayer, image: Map) -> tuple[tuple[int, ...], str | tuple[int, int]]:
    """The border that is added by itself, and the argument `padding`, which knows no stride and no uneven border."""
    (above, below), (left, right) = borders(layer, image)
    if max(pair(layer.strides)) == 1:
        return (), layer.padding
    if (above, left) == (below, right):
        return (), (above, left)
    return (left, right, above, below), "valid"


def _channels_first(kernel: np.ndarray, last_map: tuple[int, int, int]) -> np.ndarray:
    """The first kernel after flattening, with its rows moved from H·W·C order to PyTorch's C·H·W order."""
    return kernel.reshape(*last_map, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)


def _channels_last(kernel: np.ndarray, last_map: tuple[int, int, int]) -> np.ndarray:
    """The inverse of `_channels_first`: rows moved from C·H·W order to H·W·C order."""
    height, width, channels = last_map
    return kernel.reshape(channels, height, width, -1).transpose(1, 2, 0, 3).reshape(kernel.shape)


POOLING = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
FEATURES: dict[str | None, Callable[[Tensor], Tensor]] = {
    None: lambda images: images.flatten(1),
    "average": lambda images: images.mean((2, 3)),
    "max": lambda images: images.amax((2, 3)),
}


def kernels(model: Cnn) -> layers.State:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    found: layers.State = {name: layer.convolution.weight for name, layer in _named(model)}
    found |= {f"dense{number}": layer.linear.weight for number, layer in enumerate(model.dense)}
    return found | {"head": model.head.weight}
