"""The GRU in PyTorch."""

import torch
from torch import nn

from models.gru.spec import GruLayer, GruSpec
from models.layers import pytorch as layers
from models.layers.spec import Weights


def recurrence(inputs: int, layer: GruLayer) -> nn.GRU:
    """One layer; PyTorch stacks the gates r z n, as in the canonical weights."""
    return nn.GRU(inputs, layer.units, batch_first=True, bidirectional=layer.bidirectional)


def build(spec: GruSpec, weights: Weights, *, seed: int = 0) -> layers.SequenceNetwork:
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
