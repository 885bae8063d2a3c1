"""The plain recurrent network in PyTorch."""

import torch
from torch import nn

from models.layers import pytorch as layers
from models.layers.spec import RecurrentLayer, Weights
from models.rnn.spec import RnnSpec


def recurrence(inputs: int, layer: RecurrentLayer) -> nn.RNN:
    """One layer."""
    return nn.RNN(
        inputs, layer.units, nonlinearity=layer.activation, batch_first=True, bidirectional=layer.bidirectional
    )


def build(spec: RnnSpec, weights: Weights, *, seed: int = 0) -> layers.SequenceNetwork:
    """The model with these weights, in their precision; `seed` is for dropout."""
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
