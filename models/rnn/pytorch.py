"""The plain recurrent network in PyTorch."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.layers import pytorch as layers
from models.layers.spec import RecurrentLayer, Weights
from models.rnn.spec import RnnSpec


class Recurrent(nn.Module):
    def __init__(self, inputs: int, layer: RecurrentLayer, *, return_sequences: bool) -> None:
        super().__init__()
        self.return_sequences = return_sequences
        self.rnn = nn.RNN(inputs, layer.units, nonlinearity=layer.activation, batch_first=True)
        self.tail = layers.tail(layer.units, "linear", layer.batch_norm, layer.dropout)

    def forward(self, sequence: Tensor) -> Tensor:
        states, _ = self.rnn(sequence)
        if self.return_sequences:
            return self.tail(states.mT).mT  # batch norm takes the channels second
        return self.tail(states[:, -1])


class Rnn(nn.Module):
    def __init__(self, spec: RnnSpec) -> None:
        super().__init__()
        widths = (spec.features, *(layer.units for layer in spec.layers))
        last = len(spec.layers) - 1
        self.layers = nn.ModuleList(
            Recurrent(widths[number], layer, return_sequences=number != last)
            for number, layer in enumerate(spec.layers)
        )
        self.head = nn.Linear(widths[-1], spec.outputs)

    def forward(self, sequence: Float[Tensor, "batch time features"]) -> Float[Tensor, "batch outputs"]:
        for layer in self.layers:
            sequence = layer(sequence)
        return self.head(sequence)


def build(spec: RnnSpec, weights: Weights, *, seed: int = 0) -> Rnn:
    """The model with these weights, in their precision; the seed is that of its dropout."""
    torch.manual_seed(seed)
    model = Rnn(spec)
    for number, layer in enumerate(model.layers):
        bias = torch.tensor(weights[f"layer{number}.bias"])
        layer.rnn.weight_ih_l0 = nn.Parameter(torch.tensor(weights[f"layer{number}.kernel"].T).contiguous())
        layer.rnn.weight_hh_l0 = nn.Parameter(torch.tensor(weights[f"layer{number}.recurrent"].T).contiguous())
        layer.rnn.bias_ih_l0 = nn.Parameter(bias)
        # Two trainable biases would move twice as fast as one.
        layer.rnn.bias_hh_l0 = nn.Parameter(torch.zeros_like(bias), requires_grad=False)
        layers.load_batch_norm(layer, name=f"layer{number}", weights=weights)
    layers.load(model, "head", name="head", weights=weights)
    return model


def export(model: Rnn) -> Weights:
    """A copy of the weights as they are now, by their canonical names."""
    state: layers.State = {}
    for number, layer in enumerate(model.layers):
        state[f"layer{number}.kernel"] = layer.rnn.weight_ih_l0.T
        state[f"layer{number}.recurrent"] = layer.rnn.weight_hh_l0.T
        state[f"layer{number}.bias"] = layer.rnn.bias_ih_l0
        state |= layers.read_batch_norm(layer, name=f"layer{number}")
    state["head.kernel"], state["head.bias"] = model.head.weight.T, model.head.bias
    return layers.to_numpy(state)
