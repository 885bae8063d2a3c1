"""The LSTM in PyTorch."""

import torch
from torch import nn

from models.layers import pytorch as layers
from models.layers.spec import Weights
from models.lstm.spec import LstmLayer, LstmSpec


def recurrence(inputs: int, layer: LstmLayer) -> nn.LSTM:
    """One layer; PyTorch stacks the gates i f g o, as in the canonical weights."""
    return nn.LSTM(inputs, layer.units, batch_first=True, bidirectional=layer.bidirectional)


def build(spec: LstmSpec, weights: Weights, *, seed: int = 0) -> layers.SequenceNetwork:
    """The model with these weights, in their precision; `seed` is for dropout."""
    if any(layer.activation != "tanh" for layer in spec.layers):
        raise NotImplementedError("PyTorch's nn.LSTM has tanh built in and no other activation")
    torch.manual_seed(seed)
    model = layers.SequenceNetwork(spec, recurrence=recurrence)
    layers.load_sequence(model, weights)
    return model


def export(model: layers.SequenceNetwork) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return layers.to_numpy(layers.read_sequence(model))


def kernels(model: layers.SequenceNetwork) -> layers.State:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    return layers.sequence_kernels(model)
