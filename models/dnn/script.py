"""A fully connected network in a script of `tune`: nothing but layers that other families have too."""

from collections.abc import Iterator

from models.dnn.spec import DnnSpec
from models.layers import script as layers

WORDS: layers.Words = {}


def network(spec: DnnSpec) -> Iterator[layers.Layer]:
    """The layers in their order."""
    yield from layers.dense(spec.features, spec.hidden, spec.outputs)
