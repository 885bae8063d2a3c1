"""The weights of a PyTorch network by the canonical names of its layers."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from models.layers.pytorch import BiasedBatchNorm, to_numpy
from models.layers.spec import BatchNorm, Weights
from models.named_layers import names

__all__ = ["Layers", "Weights", "batch_norm", "export", "load"]

KNOWN = "Linear, Conv, ConvTranspose (1d, 2d), BatchNorm, LayerNorm, GroupNorm, Embedding, LSTM, GRU, RNN"
Layers = Mapping[str, nn.Module]


def batch_norm(channels: int, *, axes: int = 2, epsilon: float = 1e-5, momentum: float = 0.9) -> BiasedBatchNorm:
    """A batch norm whose running variance is biased, as in Keras and Flax; `momentum` weighs the old value.

    `axes` is 2 for images, and 1 for features or sequences.
    """
    return BiasedBatchNorm(channels, BatchNorm(epsilon=epsilon, momentum=momentum), axes=axes)


class Place(NamedTuple):
    """Where a weight is in a module, and the order of the canonical axes there."""

    module: Any
    attribute: str
    order: tuple[int, ...] = ()


NORM = {"scale": "weight", "offset": "bias", "mean": "running_mean", "variance": "running_var"}
GATED = {"kernel": "weight_ih_l0", "recurrent": "weight_hh_l0", "bias": "bias_ih_l0", "recurrent_bias": "bias_hh_l0"}
# The order of the canonical axes in the kernel of each type of module.
ORDERS = {
    nn.Linear: (1, 0),
    nn.Conv1d: (2, 1, 0),
    nn.Conv2d: (3, 2, 0, 1),
    nn.ConvTranspose1d: (1, 2, 0),
    nn.ConvTranspose2d: (2, 3, 0, 1),
}
CHANNELS_FIRST = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.BatchNorm1d, nn.BatchNorm2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


def load(model: nn.Module, layers: Layers, weights: Weights) -> None:
    """Copy the weights into the layers of the model, in the precision of the weights.

    Raises ValueError if names or shapes do not fit, or if a trainable parameter of the model belongs to no layer.
    """
    places = {name: place for layer, module in layers.items() for name, place in _places(layer, module)}
    _freeze_second_biases(layers)
    known = {id(getattr(place.module, place.attribute)) for place in places.values()}
    names.check(
        {name: value.shape for name, value in weights.items()},
        {name: tuple(_canonical(place).shape) for name, place in places.items()},
        unnamed=[name for name, value in model.named_parameters() if value.requires_grad and id(value) not in known],
    )
    for name, place in places.items():
        _set(place, weights[name])


def export(layers: Layers) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return to_numpy(
        {
            name: _canonical(place) / _excess(module, name)
            for layer, module in layers.items()
            for name, place in _places(layer, module)
        }
    )


def _places(layer: str, module: nn.Module) -> Iterator[tuple[str, Place]]:
    """The weights of a module by their canonical names; raises TypeError for a module without a rule."""
    if type(module) in ORDERS:
        yield f"{layer}.kernel", Place(module, "weight", ORDERS[type(module)])
        if module.bias is not None:
            yield f"{layer}.bias", Place(module, "bias")
    elif isinstance(module, nn.Embedding):
        yield f"{layer}.table", Place(module, "weight")
    elif isinstance(module, (*NORMS, BiasedBatchNorm)):
        norm = module.norm if isinstance(module, BiasedBatchNorm) else module
        for part, attribute in NORM.items():
            if getattr(norm, attribute, None) is not None:
                yield f"{layer}.{part}", Place(norm, attribute)
    elif isinstance(module, nn.RNNBase) and module.num_layers == 1 and not module.bidirectional:
        for part, attribute in GATED.items():
            if part != "recurrent_bias" or isinstance(module, nn.GRU):
                yield f"{layer}.{part}", Place(module, attribute, (1, 0) if attribute.startswith("weight") else ())
    else:
        raise TypeError(f"{layer}: found {type(module).__name__}, expected a layer with weights: {KNOWN}")


def _canonical(place: Place) -> torch.Tensor:
    value: torch.Tensor = getattr(place.module, place.attribute)
    return value.permute(tuple(np.argsort(place.order))) if place.order else value


def _set(place: Place, value: np.ndarray) -> None:
    ordered = torch.tensor(value.transpose(place.order) if place.order else value).contiguous()
    is_parameter = isinstance(getattr(place.module, place.attribute), nn.Parameter)
    setattr(place.module, place.attribute, nn.Parameter(ordered) if is_parameter else ordered)


def _freeze_second_biases(layers: Layers) -> None:
    """Two trainable biases would learn twice as fast as one, so the second of an LSTM or RNN is a constant 0."""
    for module in layers.values():
        if isinstance(module, nn.RNNBase) and not isinstance(module, nn.GRU):
            zeros: Any = torch.zeros_like(module.bias_hh_l0)
            module.bias_hh_l0 = nn.Parameter(zeros, requires_grad=False)


def _excess(module: nn.Module, name: str) -> float:
    """By how much the stored variance of a batch norm is too large while it is trained: see BiasedBatchNorm."""
    return module.excess if isinstance(module, BiasedBatchNorm) and name.endswith(".variance") else 1.0


def outputs(model: nn.Module, layers: Layers, inputs: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 (a tensor)
    """The outputs of each named layer at inference, in the order of their computation, with the channels last."""
    found: dict[str, np.ndarray] = {}

    def keep(name: str, made: Any) -> None:  # noqa: ANN401 (a tensor, or a tuple with the states of a recurrent layer)
        value = (made[0] if isinstance(made, tuple) else made).detach().cpu()
        if isinstance(layers[name], (*CHANNELS_FIRST, BiasedBatchNorm)):
            value = value.movedim(1, -1)
        found[name] = value.numpy().copy()

    hooks = [
        module.register_forward_hook(lambda _module, _inputs, made, name=name: keep(name, made))
        for name, module in layers.items()
    ]
    was_training = model.training
    try:
        model.eval()
        with torch.no_grad():
            model(inputs)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return found


def kernels(layers: Layers) -> dict[str, Any]:
    """The kernel of each named layer that has one, for an L2 penalty."""
    places = (item for layer, module in layers.items() for item in _places(layer, module))
    return {
        name.removesuffix(".kernel"): getattr(place.module, place.attribute)
        for name, place in places
        if name.endswith(".kernel")
    }
