"""The shared layers in PyTorch."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.layers.activations import LEAK, Activation
from models.layers.sequence import SequenceSpec
from models.layers.spec import BatchNorm, DenseLayer, Norm, RecurrentLayer, Weights

ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "leaky_relu": partial(nn.LeakyReLU, LEAK),
    "softplus": partial(nn.Softplus, threshold=40),  # from 20 on, PyTorch's default returns x, which is 2e-9 off
}
BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}

State = dict[str, Any]  # tensors; PyTorch's stubs do not give the type of a module's attributes


class Dense(nn.Module):
    def __init__(self, inputs: int, layer: DenseLayer) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, layer.units)
        self.tail = tail(layer.units, layer.activation, layer.norm, layer.dropout)

    def forward(self, features: Tensor) -> Tensor:
        return self.tail(self.linear(features))


class BiasedBatchNorm(nn.Module):
    """Batch norm whose running variance is biased, as in the other frameworks.

    PyTorch adds the unbiased variance, which is n/(n-1) times the biased one, where n is the number of values per
    channel. So the buffer is scaled by n/(n-1) for training, and scaled back for inference. This is exact for any batch
    size, and costs nothing while the batch size stays the same.
    """

    def __init__(self, channels: int, batch_norm: BatchNorm, *, axes: int) -> None:
        super().__init__()
        self.norm = BATCH_NORMS[axes](channels, eps=batch_norm.epsilon, momentum=1 - batch_norm.momentum)
        self.excess = 1.0

    def forward(self, values: Tensor) -> Tensor:
        count = values.numel() // values.shape[1]
        self.scale_to(count / (count - 1) if self.training and count > 1 else 1.0)
        return self.norm(values)

    def scale_to(self, excess: float) -> None:
        if excess != self.excess:
            self.norm.running_var.mul_(excess / self.excess)
            self.excess = excess


class Recurrent(nn.Module):
    def __init__(self, recurrence: nn.RNNBase, layer: RecurrentLayer, *, return_sequences: bool) -> None:
        super().__init__()
        self.return_sequences = return_sequences
        self.recurrence = recurrence
        self.tail = tail(layer.units, "linear", layer.batch_norm, layer.dropout)

    def forward(self, sequence: Tensor) -> Tensor:
        states, _ = self.recurrence(sequence)
        if self.return_sequences:
            return self.tail(states.mT).mT  # batch norm expects (batch, channels, steps)
        return self.tail(states[:, -1])


class SequenceNetwork(nn.Module):
    def __init__(self, spec: SequenceSpec, *, recurrence: Callable[[int, Any], nn.RNNBase]) -> None:
        super().__init__()
        widths = (spec.features, *(layer.units for layer in spec.layers))
        last = len(spec.layers) - 1
        self.layers = nn.ModuleList(
            Recurrent(recurrence(widths[number], layer), layer, return_sequences=number != last)
            for number, layer in enumerate(spec.layers)
        )
        self.head = nn.Linear(widths[-1], spec.outputs)

    def forward(self, sequence: Float[Tensor, "batch time features"]) -> Float[Tensor, "batch outputs"]:
        for layer in self.layers:
            sequence = layer(sequence)
        return self.head(sequence)


def tail(channels: int, activation: Activation, norm: Norm | None, dropout: float, *, axes: int = 1) -> nn.Sequential:
    """What follows a linear operation: a norm before or after the activation, then dropout."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if norm and norm.position == "before":
        parts["norm"] = normalisation(channels, norm, axes=axes)
    parts["activation"] = ACTIVATIONS[activation]()
    if norm and norm.position == "after":
        parts["norm"] = normalisation(channels, norm, axes=axes)
    if dropout:
        parts["dropout"] = nn.Dropout(dropout)
    return nn.Sequential(parts)


def normalisation(channels: int, norm: Norm, *, axes: int) -> nn.Module:
    """The batch norm of values with this number of axes besides samples and channels, or the layer norm."""
    if isinstance(norm, BatchNorm):
        return BiasedBatchNorm(channels, norm, axes=axes)
    return nn.LayerNorm(channels, eps=norm.epsilon)


def load(module: nn.Module, kernel: str, *, name: str, weights: Weights, order: tuple[int, ...] = (1, 0)) -> None:
    """Copy the weights of layer `name` into a module; `order` permutes the canonical kernel's axes into PyTorch's."""
    layer = module.get_submodule(kernel)
    layer.weight = nn.Parameter(torch.tensor(weights[f"{name}.kernel"].transpose(order)).contiguous())
    layer.bias = nn.Parameter(torch.tensor(weights[f"{name}.bias"]))
    load_batch_norm(module, name=name, weights=weights)


def load_sequence(model: SequenceNetwork, weights: Weights) -> None:
    """Copy the weights of all layers and of the head; PyTorch stacks the gates as in the canonical weights."""
    for number, layer in enumerate(model.layers):
        name, recurrence = f"layer{number}", layer.recurrence
        bias = torch.tensor(weights[f"{name}.bias"])
        recurrence.weight_ih_l0 = nn.Parameter(torch.tensor(weights[f"{name}.kernel"].T).contiguous())
        recurrence.weight_hh_l0 = nn.Parameter(torch.tensor(weights[f"{name}.recurrent"].T).contiguous())
        recurrence.bias_ih_l0 = nn.Parameter(bias)
        if f"{name}.recurrent_bias" in weights:
            recurrence.bias_hh_l0 = nn.Parameter(torch.tensor(weights[f"{name}.recurrent_bias"]))
        else:  # two trainable biases would learn twice as fast as one, so the second is a constant 0
            recurrence.bias_hh_l0 = nn.Parameter(torch.zeros_like(bias), requires_grad=False)
        load_batch_norm(layer, name=name, weights=weights)
    load(model, "head", name="head", weights=weights)


def load_batch_norm(module: nn.Module, *, name: str, weights: Weights) -> None:
    """Copy scale, offset and running statistics of layer `name`, if it has a norm."""
    if f"{name}.scale" in weights:
        load_norm(module.get_submodule("tail.norm"), name=name, weights=weights)


def load_norm(norm: nn.Module, *, name: str, weights: Weights) -> None:
    """Copy scale and offset of layer `name` into its norm, and the running statistics of a batch norm."""
    inner = norm.norm if isinstance(norm, BiasedBatchNorm) else norm
    inner.weight = nn.Parameter(torch.tensor(weights[f"{name}.scale"]))
    inner.bias = nn.Parameter(torch.tensor(weights[f"{name}.offset"]))
    if isinstance(norm, BiasedBatchNorm):
        inner.running_mean = torch.tensor(weights[f"{name}.mean"])
        inner.running_var = torch.tensor(weights[f"{name}.variance"])


def read(module: nn.Module, kernel: str, *, name: str, order: tuple[int, ...] = (1, 0)) -> State:
    """The weights of layer `name`, in the canonical layout."""
    layer: Any = module.get_submodule(kernel)
    state = {f"{name}.kernel": layer.weight.permute(order), f"{name}.bias": layer.bias}
    return state | read_batch_norm(module, name=name)


def read_sequence(model: SequenceNetwork) -> State:
    """The weights of all layers and of the head."""
    state: State = {}
    for number, layer in enumerate(model.layers):
        name, recurrence = f"layer{number}", layer.recurrence
        state[f"{name}.kernel"] = recurrence.weight_ih_l0.T
        state[f"{name}.recurrent"] = recurrence.weight_hh_l0.T
        state[f"{name}.bias"] = recurrence.bias_ih_l0
        if recurrence.bias_hh_l0.requires_grad:
            state[f"{name}.recurrent_bias"] = recurrence.bias_hh_l0
        state |= read_batch_norm(layer, name=name)
    return state | {"head.kernel": model.head.weight.T, "head.bias": model.head.bias}


def read_batch_norm(module: nn.Module, *, name: str) -> State:
    """Scale, offset and running statistics of layer `name`; empty if the module has no norm."""
    for part in module.modules():
        if isinstance(part, BiasedBatchNorm | nn.LayerNorm):
            return read_norm(part, name=name)
    return {}


def read_norm(norm: BiasedBatchNorm | nn.LayerNorm, *, name: str) -> State:
    """Scale and offset of layer `name`, and the running statistics of a batch norm."""
    if isinstance(norm, nn.LayerNorm):
        return {f"{name}.scale": norm.weight, f"{name}.offset": norm.bias}
    inner: Any = norm.norm
    values = (inner.weight, inner.bias, inner.running_mean, inner.running_var / norm.excess)
    return {f"{name}.{key}": value for key, value in zip(("scale", "offset", "mean", "variance"), values, strict=True)}


def to_numpy(state: State) -> Weights:
    """Copies in host memory, never views of live weights."""
    return {name: value.detach().cpu().numpy().copy() for name, value in state.items()}


def sequence_kernels(model: SequenceNetwork) -> State:
    """The kernel of each recurrent layer and of the head, by its canonical name, for an L2 penalty."""
    found: State = {f"layer{number}": layer.recurrence.weight_ih_l0 for number, layer in enumerate(model.layers)}
    return found | {"head": model.head.weight}
