"""Writes an LSTM in a script of `tune`."""

from collections.abc import Iterator

from models.layers import script as layers
from models.lstm.spec import LstmSpec


def keras_lstm(of: layers.Of) -> str:
    """The code of the layer, without cuDNN if that was chosen or cuDNN cannot run it (`models.layers.keras.cudnn`)."""
    without_cudnn = of["options"].get("use_cudnn") == "off" or (of["backend"] == "jax" and of["precision"] == "bf16")
    return layers.keras_recurrent("LSTM", of, ending=", use_cudnn=False" if without_cudnn else "")


WORDS: layers.Words = {
    "pytorch": {
        "lstm": lambda of: layers.pytorch_recurrent(f"nn.LSTM({of['inputs']}, {of['units']}, batch_first=True)", of),
    },
    "keras": {"lstm": keras_lstm},
    "flax": {"lstm": lambda of: layers.flax_recurrent("OptimizedLSTMCell", of)},
}


def network(spec: LstmSpec) -> Iterator[layers.Layer] | None:
    """The layers of the network, in order; None if a list of layers does not describe it."""
    return layers.recurrent("lstm", spec)
