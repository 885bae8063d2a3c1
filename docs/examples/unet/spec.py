"""A small U-Net that classifies images: its sizes, its weights, its layers, and its reference in NumPy.

Images go down through blocks and pooling, and up again through upsampling. On the way up, each block also gets the
output of the block of the same size on the way down. The mean over all pixels of the last map goes to a dense layer.
"""

from dataclasses import dataclass

import numpy as np

from models.layers.spec import Part

EPSILON, MOMENTUM = 1e-5, 0.9  # of every batch norm, in every framework
Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Spec:
    """What the network is built from. The data set fills height, width, channels and outputs."""

    height: int
    width: int
    channels: int
    outputs: int
    filters: int = 8  # of the first block; each level below has twice as many
    depth: int = 2  # how often the image is halved
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError if the image cannot be halved so often."""
        if self.height % 2**self.depth or self.width % 2**self.depth:
            raise ValueError(f"found depth {self.depth} for {self.height}x{self.width} pixels, expected a smaller one")


def blocks(spec: Spec) -> dict[str, tuple[int, int]]:
    """The name of each block in the order of computation, with its input channels and its filters."""
    at = [spec.filters * 2**level for level in range(spec.depth + 1)]
    down = {f"down{level}": (at[level - 1] if level else spec.channels, at[level]) for level in range(spec.depth)}
    bottom = {"bottom": (at[-2] if spec.depth else spec.channels, at[-1])}
    up = {f"up{level}": (at[level + 1] + at[level], at[level]) for level in reversed(range(spec.depth))}
    return down | bottom | up


def parameter_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """The name and the shape of every weight. A block has a convolution without a bias, and a batch norm."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (inputs, filters) in blocks(spec).items():
        shapes[f"{name}_conv.kernel"] = (3, 3, inputs, filters)
        shapes |= {f"{name}_norm.{part}": (filters,) for part in ("scale", "offset", "mean", "variance")}
    return shapes | {"head.kernel": (spec.filters, spec.outputs), "head.bias": (spec.outputs,)}


def parts(spec: Spec) -> list[Part]:
    """The layers with their shapes and FLOPs: a convolution needs 2 for each pixel and number in its kernel."""
    found = []
    for name, (inputs, filters) in blocks(spec).items():
        level = spec.depth if name == "bottom" else int(name.removeprefix("down").removeprefix("up"))
        shape = (spec.height // 2**level, spec.width // 2**level, filters)
        found.append(Part(f"{name}_conv", "convolution 3×3", shape, 2 * shape[0] * shape[1] * 9 * inputs * filters))
        found.append(Part(f"{name}_norm", "batch norm, GELU", shape, 0))
    return [*found, Part("head", "mean over pixels, dense", (spec.outputs,), 2 * spec.filters * spec.outputs)]


def forward(spec: Spec, weights: Weights, inputs: np.ndarray) -> np.ndarray:
    """The outputs at inference in NumPy, which every framework has to match."""
    values, skips = inputs, []
    for level in range(spec.depth):
        values = _block(f"down{level}", weights, values)
        skips.append(values)
        count, height, width, channels = values.shape
        values = values.reshape(count, height // 2, 2, width // 2, 2, channels).max((2, 4))
    values = _block("bottom", weights, values)
    for level in reversed(range(spec.depth)):
        values = values.repeat(2, axis=1).repeat(2, axis=2)
        values = _block(f"up{level}", weights, np.concatenate([values, skips[level]], axis=-1))
    outputs: np.ndarray = values.mean((1, 2)) @ weights["head.kernel"] + weights["head.bias"]
    return outputs


def _block(name: str, weights: Weights, images: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    kernel = weights[f"{name}_conv.kernel"]
    height, width = images.shape[1:3]
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    windows = [(y, x) for y in range(3) for x in range(3)]
    values = sum((padded[:, y : y + height, x : x + width] @ kernel[y, x] for y, x in windows), np.zeros(1))
    scale, offset, mean, variance = (weights[f"{name}_norm.{part}"] for part in ("scale", "offset", "mean", "variance"))
    values = (values - mean) / np.sqrt(variance + EPSILON) * scale + offset
    result: np.ndarray = values * (1 + erf(values / np.sqrt(2))) / 2  # the exact GELU
    return result
