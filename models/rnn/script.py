"""Writes a plain recurrent network in a script of `tune`."""

from collections.abc import Iterator

from models.layers import script as layers
from models.rnn.spec import RnnSpec

WORDS: layers.Words = {
    "pytorch": {
        "rnn": lambda of: layers.pytorch_recurrent(
            f'nn.RNN({of["inputs"]}, {of["units"]}, nonlinearity="{of["activation"]}", batch_first=True)', of
        ),
    },
    "keras": {"rnn": lambda of: layers.keras_recurrent("SimpleRNN", of)},
    "flax": {"rnn": lambda of: layers.flax_recurrent("SimpleCell", of)},
}


def network(spec: RnnSpec) -> Iterator[layers.Layer] | None:
    """The layers of the network, in order; None if a list of layers does not describe it."""
    return layers.recurrent("rnn", spec)
