"""The weights of a Keras network by the canonical names of its layers."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers as keras_layers

from models.layers.keras import PARTS
from models.layers.spec import Weights
from models.named_layers import names

__all__ = ["Layers", "Weights", "dtype_of", "export", "load"]

KNOWN = "Dense, Conv, BatchNormalization, LayerNormalization, Embedding, LSTM, SimpleRNN"
Layers = Mapping[str, keras.layers.Layer]

NAMES = {**PARTS, "embeddings": "table"}


def load(model: keras.Model, layers: Layers, weights: Weights) -> None:
    """Copy the weights into the layers of the model, which has to be built.

    Raises ValueError if names or shapes do not fit, or if a trainable variable of the model belongs to no layer.
    """
    variables = {name: item for layer, of in layers.items() for name, item in _variables(layer, of)}
    known = {id(item) for item in variables.values()}
    names.check(
        {name: value.shape for name, value in weights.items()},
        {name: _canonical(layers[name.partition(".")[0]], item).shape for name, item in variables.items()},
        unnamed=[item.path for item in model.trainable_variables if id(item) not in known],
    )
    for name, item in variables.items():
        item.assign(weights[name].reshape(item.shape))


def export(layers: Layers) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return {name: _canonical(of, item) for layer, of in layers.items() for name, item in _variables(layer, of)}


def _variables(name: str, layer: keras.layers.Layer) -> Iterator[tuple[str, keras.Variable]]:
    """The variables of a layer by their canonical names; raises TypeError for a layer without a rule."""
    found = {item.name: item for item in layer.weights if item.dtype.startswith(("float", "bfloat"))}
    unknown = sorted(found.keys() - NAMES.keys())
    if unknown or isinstance(layer, keras_layers.GRU | keras_layers.Bidirectional):
        what = f" with {', '.join(unknown)}" if unknown else ""
        kind = f"{type(layer).__name__}{what}"
        raise TypeError(f"{name}: found {kind}, expected a layer with weights: {KNOWN}")
    for part, item in found.items():
        yield f"{name}.{NAMES[part]}", item


def dtype_of(weights: Weights, compute_dtype: str | None) -> str:
    """The dtype policy of every layer: that of the weights, or mixed if there is a `compute_dtype`."""
    return f"mixed_{compute_dtype}" if compute_dtype else next(iter(weights.values())).dtype.name


def _canonical(layer: keras.layers.Layer, item: keras.Variable) -> np.ndarray:
    """A copy of the value; the kernel of a depthwise convolution has one input for each output."""
    value: np.ndarray = keras.ops.convert_to_numpy(item).copy()
    if isinstance(layer, keras_layers.DepthwiseConv2D) and value.ndim > 1:
        return value.reshape(*value.shape[:2], 1, -1)
    return value


def outputs(model: keras.Model, layers: Layers, inputs: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 (a tensor)
    """The outputs of each named layer at inference, in the order of their computation."""
    ordered = [layer for layer in model.layers if layer in layers.values()]
    names_of = {id(layer): name for name, layer in layers.items()}
    given = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    whole = keras.Model(given, [layer.output for layer in ordered])
    made = whole(inputs, training=False)
    values = made if isinstance(made, list) else [made]
    return {
        names_of[id(layer)]: keras.ops.convert_to_numpy(value).copy()
        for layer, value in zip(ordered, values, strict=True)
    }


def kernels(layers: Layers) -> dict[str, keras.Variable]:
    """The kernel of each named layer that has one, for an L2 penalty."""
    found = (item for layer, of in layers.items() for item in _variables(layer, of))
    return {name.removesuffix(".kernel"): item for name, item in found if name.endswith(".kernel")}
