"""The shared layers in PyTorch."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.layers.activations import LEAK, Activation
from models.layers.sequence import SequenceSpec
from models.layers.spec import BatchNorm, DenseLayer, Norm, RecurrentLayer, Weights, recurrences

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
IMAGE = 2  # axes of an image besides samples and channels
BATCH_NORMS = {1: nn.BatchNorm1d, IMAGE: nn.BatchNorm2d}

ENDINGS = ("l0", "l0_reverse")  # of the parameters of a recurrent layer: forward, backward

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


class ImageNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel, which PyTorch has on the second axis."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.movedim(1, -1)).movedim(-1, 1)


class Recurrent(nn.Module):
    def __init__(self, recurrence: nn.RNNBase, layer: RecurrentLayer, *, return_sequences: bool) -> None:
        super().__init__()
        self.spec, self.return_sequences = layer, return_sequences
        self.recurrence = recurrence
        self.tail = tail(layer.width, "linear", layer.norm, layer.dropout)

    def forward(self, sequence: Tensor) -> Tensor:
        states, _ = self.recurrence(sequence)
        if self.return_sequences and self.spec.batch_norm:
            return self.tail(states.mT).mT  # batch norm expects (batch, channels, steps)
        if self.return_sequences:
            return self.tail(states)
        return self.tail(last_states(states, both=self.recurrence.bidirectional))


class SequenceNetwork(nn.Module):
    def __init__(self, spec: SequenceSpec, *, recurrence: Callable[[int, Any], nn.RNNBase]) -> None:
        super().__init__()
        if any(layer.recurrent_dropout for layer in spec.layers):
            raise NotImplementedError(
                "PyTorch's recurrent layers have no recurrent dropout: set recurrent_dropout to 0"
            )
        self.embedding = nn.Embedding(spec.vocabulary, spec.embedded) if spec.vocabulary else None
        widths = (spec.embedded, *(layer.width for layer in spec.layers))
        last = len(spec.layers) - 1
        self.layers = nn.ModuleList(
            Recurrent(recurrence(widths[number], layer), layer, return_sequences=number != last)
            for number, layer in enumerate(spec.layers)
        )
        self.head = nn.Linear(widths[-1], spec.outputs)

    def forward(
        self, sequence: Float[Tensor, "batch time features"] | Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch outputs"]:
        values = sequence if self.embedding is None else self.embedding(sequence)
        for layer in self.layers:
            values = layer(values)
        return self.head(values)


def last_states(states: Tensor, *, both: bool) -> Tensor:
    """The last state of each direction: the backward recurrence ends at the first time step."""
    if not both:
        return states[:, -1]
    forward, backward = states.chunk(2, dim=-1)
    return torch.cat([forward[:, -1], backward[:, 0]], dim=-1)


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
    return (ImageNorm if axes == IMAGE else nn.LayerNorm)(channels, eps=norm.epsilon)


def load(module: nn.Module, kernel: str, *, name: str, weights: Weights, order: tuple[int, ...] = (1, 0)) -> None:
    """Copy the weights of layer `name` into a module; `order` permutes the canonical kernel's axes into PyTorch's."""
    layer = module.get_submodule(kernel)
    layer.weight = nn.Parameter(torch.tensor(weights[f"{name}.kernel"].transpose(order)).contiguous())
    if layer.bias is not None:
        layer.bias = nn.Parameter(torch.tensor(weights[f"{name}.bias"]))
    load_batch_norm(module, name=name, weights=weights)


def load_sequence(model: SequenceNetwork, weights: Weights) -> None:
    """Copy the weights of all layers and of the head; PyTorch stacks the gates as in the canonical weights."""
    if model.embedding is not None:
        model.embedding.weight = nn.Parameter(torch.tensor(weights["embedding.table"]))
    for number, layer in enumerate(model.layers):
        for name, ending in zip(recurrences(number, layer.spec), ENDINGS, strict=False):
            _load_recurrence(layer.recurrence, ending, name=name, weights=weights)
        load_batch_norm(layer, name=f"layer{number}", weights=weights)
    load(model, "head", name="head", weights=weights)


def _load_recurrence(recurrence: nn.RNNBase, ending: str, *, name: str, weights: Weights) -> None:
    bias = torch.tensor(weights[f"{name}.bias"])
    setattr(recurrence, f"weight_ih_{ending}", nn.Parameter(torch.tensor(weights[f"{name}.kernel"].T).contiguous()))
    setattr(recurrence, f"weight_hh_{ending}", nn.Parameter(torch.tensor(weights[f"{name}.recurrent"].T).contiguous()))
    setattr(recurrence, f"bias_ih_{ending}", nn.Parameter(bias))
    if f"{name}.recurrent_bias" in weights:
        second = nn.Parameter(torch.tensor(weights[f"{name}.recurrent_bias"]))
    else:  # two trainable biases would learn twice as fast as one, so the second is a constant 0
        second = nn.Parameter(torch.zeros_like(bias), requires_grad=False)
    setattr(recurrence, f"bias_hh_{ending}", second)


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
    state = {f"{name}.kernel": layer.weight.permute(order)}
    state |= {} if layer.bias is None else {f"{name}.bias": layer.bias}
    return state | read_batch_norm(module, name=name)


def read_sequence(model: SequenceNetwork) -> State:
    """The weights of all layers and of the head."""
    state: State = {} if model.embedding is None else {"embedding.table": model.embedding.weight}
    for number, layer in enumerate(model.layers):
        for name, ending in zip(recurrences(number, layer.spec), ENDINGS, strict=False):
            state |= _read_recurrence(layer.recurrence, ending, name=name)
        state |= read_batch_norm(layer, name=f"layer{number}")
    return state | {"head.kernel": model.head.weight.T, "head.bias": model.head.bias}


def _read_recurrence(recurrence: nn.RNNBase, ending: str, *, name: str) -> State:
    state = {
        f"{name}.kernel": getattr(recurrence, f"weight_ih_{ending}").T,
        f"{name}.recurrent": getattr(recurrence, f"weight_hh_{ending}").T,
        f"{name}.bias": getattr(recurrence, f"bias_ih_{ending}"),
    }
    second = getattr(recurrence, f"bias_hh_{ending}")
    return state | {f"{name}.recurrent_bias": second} if second.requires_grad else state


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
    found: State = {
        name: getattr(layer.recurrence, f"weight_ih_{ending}")
        for number, layer in enumerate(model.layers)
        for name, ending in zip(recurrences(number, layer.spec), ENDINGS, strict=False)
    }
    return found | {"head": model.head.weight}
