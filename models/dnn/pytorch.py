"""The fully connected network in PyTorch."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.dnn.spec import DnnSpec
from models.layers import pytorch as layers
from models.layers.spec import Weights


class Dnn(nn.Module):
    def __init__(self, spec: DnnSpec) -> None:
        super().__init__()
        widths = (spec.features, *(layer.units for layer in spec.hidden))
        self.hidden = nn.ModuleList(
            layers.Dense(inputs, layer) for inputs, layer in zip(widths, spec.hidden, strict=False)
        )
        self.head = nn.Linear(widths[-1], spec.outputs)

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch outputs"]:
        for layer in self.hidden:
            features = layer(features)
        return self.head(features)


def build(spec: DnnSpec, weights: Weights, *, seed: int = 0) -> Dnn:
    """The model with these weights, in their precision; `seed` is for dropout."""
    torch.manual_seed(seed)
    model = Dnn(spec)
    for number, layer in enumerate(model.hidden):
        layers.load(layer, "linear", name=f"hidden{number}", weights=weights)
    layers.load(model, "head", name="head", weights=weights)
    return model


def export(model: Dnn) -> Weights:
    """A copy of the current weights, by their canonical names."""
    state: layers.State = {}
    for number, layer in enumerate(model.hidden):
        state |= layers.read(layer, "linear", name=f"hidden{number}")
    state["head.kernel"], state["head.bias"] = model.head.weight.T, model.head.bias
    return layers.to_numpy(state)


def kernels(model: Dnn) -> layers.State:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    found: layers.State = {f"hidden{number}": layer.linear.weight for number, layer in enumerate(model.hidden)}
    return found | {"head": model.head.weight}
