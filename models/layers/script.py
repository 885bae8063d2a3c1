"""Writes the network of a script of `tune`: its layers as a list, and the code of each layer in each framework.

A family may have a `script.py` with
- `network(spec)`: the layers in order, or None if this network is no list of layers;
- `WORDS`: for each framework, functions that write the kinds of layers that no other family has. A function gets a
  mapping with the sizes of the layer, the chosen `options`, `backend` and `precision`. For Flax it also gets `ending`,
  the last arguments of every layer;
- `HELPERS`, if this code calls functions that no library has: for each framework their source, by option and value.
For a family without `script.py`, and for a network that is no list, the script holds the source of the family's files.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from models.layers.sequence import SequenceSpec
from models.layers.spec import BatchNorm, DenseLayer, Norm

Of = Mapping[str, Any]
Words = dict[str, dict[str, Callable[[Of], str]]]  # by framework and kind


class Layer(NamedTuple):
    """One layer: its kind, as a key of `WORDS`, and its sizes."""

    kind: str
    sizes: dict[str, Any]


def dense(inputs: int, layers: Sequence[DenseLayer], outputs: int) -> Iterator[Layer]:
    """Hidden dense layers and the linear head."""
    for layer in layers:
        yield Layer("dense", {"inputs": inputs, "outputs": layer.units})
        yield from tail(layer.units, layer.activation, layer.norm, axes=0)
        yield from dropout(layer.dropout)
        inputs = layer.units
    yield Layer("dense", {"inputs": inputs, "outputs": outputs})


def recurrent(kind: str, spec: SequenceSpec) -> Iterator[Layer] | None:
    """The layers of a recurrent network; None if it has a table, both directions, or recurrent dropout."""
    if spec.vocabulary or any(layer.bidirectional or layer.recurrent_dropout for layer in spec.layers):
        return None
    return _recurrent(kind, spec)


def _recurrent(kind: str, spec: SequenceSpec) -> Iterator[Layer]:
    """Recurrent layers, each with its norm and its dropout, and the linear head."""
    inputs = spec.features
    for number, layer in enumerate(spec.layers):
        last = number == len(spec.layers) - 1
        sizes = {"inputs": inputs, "units": layer.units, "activation": layer.activation, "last": last}
        yield Layer(kind, sizes)
        yield from tail(layer.units, "linear", layer.norm, axes=0 if last else 1)
        yield from dropout(layer.dropout)
        inputs = layer.units
    yield Layer("dense", {"inputs": inputs, "outputs": spec.outputs})


def tail(channels: int, activation: str, norm: Norm | None, *, axes: int) -> Iterator[Layer]:
    """A norm before or after the activation; `axes` is the number of axes between samples and channels."""
    found = [Layer("activation", {"name": activation})] if activation != "linear" else []
    if norm:
        sizes = {"channels": channels, "axes": axes, "epsilon": norm.epsilon}
        kind = "batch_norm" if isinstance(norm, BatchNorm) else "layer_norm"
        momentum = {"momentum": norm.momentum} if isinstance(norm, BatchNorm) else {}
        found.insert(0 if norm.position == "before" else len(found), Layer(kind, sizes | momentum))
    yield from found


def dropout(rate: float) -> Iterator[Layer]:
    """Dropout, if the rate is above 0."""
    if rate:
        yield Layer("dropout", {"rate": rate})


def pytorch_recurrent(made: str, of: Of) -> str:
    """The code of a recurrent layer of PyTorch that returns all states, or only the last one."""
    return f"Recurrent({made}, last={of['last']})"


def keras_recurrent(layer: str, of: Of, *, ending: str = "") -> str:
    """The code of a recurrent layer of Keras."""
    unroll = of["options"].get("unroll") == "yes"
    sequences = f"return_sequences={not of['last']}, unroll={unroll}{ending}"
    return f'keras.layers.{layer}({of["units"]}, activation="{of["activation"]}", {sequences}, dtype=policy)'


def flax_recurrent(cell: str, of: Of) -> str:
    """The code of a recurrent layer of Flax; in bf16 with an initial state in the dtype of the computation."""
    begin = ", carry_init=lambda _, shape, __: jnp.zeros(shape, jnp.bfloat16)" if of["precision"] == "bf16" else ""
    made = f"nnx.{cell}({of['inputs']}, {of['units']}, activation_fn=nnx.{of['activation']}{begin}{of['ending']}"
    last = ",\n    lambda states: states[:, -1]" if of["last"] else ""
    return f"nnx.RNN({made}, unroll={of['options'].get('unroll', '1')}){last}"
