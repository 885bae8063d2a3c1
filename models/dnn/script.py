"""Writes a fully connected network in a script of `tune`; it has no layer kinds of its own."""

from collections.abc import Iterator

from models.dnn.spec import DnnSpec
from models.layers import script as layers

WORDS: layers.Words = {}


def network(spec: DnnSpec) -> Iterator[layers.Layer]:
    """The layers of the network, in order."""
    yield from layers.dense(spec.features, spec.hidden, spec.outputs)
