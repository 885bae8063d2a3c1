"""The weights of a Keras network by the canonical names of its layers."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers as keras_layers

from models.gru.keras import exchanged
from models.layers.keras import PARTS
from models.layers.spec import Weights
from models.named_layers import names

__all__ = ["Layers", "Weights", "dtype_of", "export", "load"]

KNOWN = "Dense, Conv, Conv2DTranspose, BatchNormalization, LayerNormalization, Embedding, LSTM, GRU, SimpleRNN"
Layers = Mapping[str, keras.layers.Layer]

TRANSPOSED = (keras_layers.Conv1DTranspose, keras_layers.Conv2DTranspose)
# Their activation follows all other arithmetic of the layer.
WITH_ACTIVATION = (
    keras_layers.Dense,
    keras_layers.Conv1D,
    keras_layers.Conv2D,
    keras_layers.DepthwiseConv2D,
    *TRANSPOSED,
)


def load(model: keras.Model, layers: Layers, weights: Weights) -> None:
    """Copy the weights into the layers of the model, which has to be built.

    Raises ValueError if names or shapes do not fit, or if a trainable variable of the model belongs to no layer.
    """
    variables = {layer: list(_variables(layer, of).values()) for layer, of in layers.items()}
    known = {id(item) for items in variables.values() for item in items}
    names.check(
        {name: value.shape for name, value in weights.items()},
        {name: value.shape for name, value in export(layers).items()},
        unnamed=[item.path for item in model.trainable_variables if id(item) not in known],
    )
    for name, layer in layers.items():
        _fill(name, layer, weights)


def export(layers: Layers) -> Weights:
    """A copy of the current weights, by their canonical names."""
    found: Weights = {}
    for name, layer in layers.items():
        values = {part: _canonical(layer, item) for part, item in _variables(name, layer).items()}
        if isinstance(layer, keras_layers.GRU) and "bias" in values:
            values["bias"], values["recurrent_bias"] = values["bias"]
        found |= {f"{name}.{part}": value for part, value in values.items()}
    return found


def _fill(name: str, layer: keras.layers.Layer, weights: Weights) -> None:
    """Copy the weights of a layer into its variables."""
    for part, item in _variables(name, layer).items():
        value = weights[f"{name}.{part}"]
        if isinstance(layer, keras_layers.GRU):
            both = np.stack([value, weights[f"{name}.recurrent_bias"]]) if part == "bias" else value
            value = exchanged(both)
        elif isinstance(layer, TRANSPOSED) and part == "kernel":
            value = value.swapaxes(-1, -2)
        item.assign(value.reshape(item.shape))


def _variables(name: str, layer: keras.layers.Layer) -> dict[str, keras.Variable]:
    """The variables of a layer by their canonical parts; raises TypeError for a layer without a rule."""
    found = {item.name: item for item in layer.weights if item.dtype.startswith(("float", "bfloat"))}
    unknown = sorted(found.keys() - PARTS.keys())
    if unknown or isinstance(layer, keras_layers.Bidirectional):
        what = f" with {', '.join(unknown)}" if unknown else ""
        kind = f"{type(layer).__name__}{what}"
        raise TypeError(f"{name}: found {kind}, expected a layer with weights: {KNOWN}")
    if isinstance(layer, keras_layers.GRU) and not layer.reset_after:
        raise TypeError(f"{name}: found a GRU with reset_after=False, expected reset_after=True, as PyTorch has it")
    return {PARTS[part]: item for part, item in found.items()}


def dtype_of(weights: Weights, compute_dtype: str | None) -> str:
    """The dtype policy of every layer: that of the weights, or mixed if there is a `compute_dtype`."""
    return f"mixed_{compute_dtype}" if compute_dtype else next(iter(weights.values())).dtype.name


def _canonical(layer: keras.layers.Layer, item: keras.Variable) -> np.ndarray:
    """A copy of the value in the canonical layout.

    The kernel of a depthwise convolution has one input for each output. That of a transposed convolution has the
    outputs in front of the inputs. The gates of a GRU are z r n.
    """
    value: np.ndarray = keras.ops.convert_to_numpy(item).copy()
    if isinstance(layer, keras_layers.GRU):
        return exchanged(value)
    if isinstance(layer, TRANSPOSED) and value.ndim > 1:
        return value.swapaxes(-1, -2).copy()
    if isinstance(layer, keras_layers.DepthwiseConv2D) and value.ndim > 1:
        return value.reshape(*value.shape[:2], 1, -1)
    return value


def outputs(model: keras.Model, layers: Layers, inputs: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 (a tensor)
    """The outputs of each named layer at inference, in the order of their computation.

    Those of a layer with an activation of its own are taken in front of it, since the layers of PyTorch and Flax have
    none.
    """
    ordered = [layer for layer in model.layers if layer in layers.values()]
    names_of = {id(layer): name for name, layer in layers.items()}
    given = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    whole = keras.Model(given, [layer.output for layer in ordered])
    before: dict[str, Any] = {}
    own = {layer: layer.activation for layer in ordered if isinstance(layer, WITH_ACTIVATION)}
    try:
        for layer, activation in own.items():
            layer.activation = _kept(activation, before, names_of[id(layer)])
        made = whole(inputs, training=False)
    finally:
        for layer, activation in own.items():
            layer.activation = activation
    values = made if isinstance(made, list) else [made]
    found = {names_of[id(layer)]: value for layer, value in zip(ordered, values, strict=True)} | before
    return {name: keras.ops.convert_to_numpy(value).copy() for name, value in found.items()}


def _kept(activation: Callable[[Any], Any], found: dict[str, Any], name: str) -> Callable[[Any], Any]:
    """The activation, which also keeps what it gets under this name."""

    def kept(values: Any) -> Any:  # noqa: ANN401 (a tensor)
        found[name] = values
        return activation(values)

    return kept


def kernels(layers: Layers) -> dict[str, keras.Variable]:
    """The kernel of each named layer that has one, for an L2 penalty."""
    found = {name: _variables(name, layer) for name, layer in layers.items()}
    return {name: parts["kernel"] for name, parts in found.items() if "kernel" in parts}
