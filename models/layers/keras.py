"""The shared layers in Keras."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np
from keras import layers

from models.layers.activations import LEAK, Activation
from models.layers.sequence import SequenceSpec, input_shape
from models.layers.spec import BatchNorm, DenseLayer, Norm, RecurrentLayer, Weights, recurrences

BACKWARD = 1000  # added to the seed of a forward recurrence; a network has fewer layers

Tensor = Any  # of the backend


@runtime_checkable  # the shape checks in the tests need it
class Stack(Protocol):
    """What layers are added to: `keras.Sequential`, or a network with shortcuts in the making."""

    layers: list[keras.Layer]

    def add(self, layer: keras.Layer) -> None:
        """Add a layer behind the others."""


def dtype_of(weights: Weights, compute_dtype: str | None) -> str:
    """The dtype policy of every layer: that of the weights, or mixed if there is a `compute_dtype`."""
    return f"mixed_{compute_dtype}" if compute_dtype else weights["head.bias"].dtype.name


def add_dense(model: Stack, layer: DenseLayer, *, seed: int, name: str, dtype: str) -> None:
    """Add a hidden dense layer, its batch norm, activation and dropout."""
    model.add(layers.Dense(layer.units, name=name, dtype=dtype))
    add_tail(model, layer.activation, layer.norm, name=name, dtype=dtype)
    add_dropout(model, layer.dropout, seed=seed, dtype=dtype)


def sequence_network(
    spec: SequenceSpec, weights: Weights, *, recurrence: Callable[..., layers.RNN], seed: int, dtype: str
) -> keras.Sequential:
    """The model: the table of integers, recurrent layers, each with its norm and its dropout, and the linear head.

    `recurrence` makes one direction of a layer. It gets the layer's spec, and by keyword `return_sequences`,
    `go_backwards`, `seed`, `name` and `dtype`.
    """
    given = "int32" if spec.vocabulary else weights["head.bias"].dtype.name
    model = keras.Sequential([keras.Input(input_shape(spec), dtype=given)])
    if spec.vocabulary:
        model.add(layers.Embedding(spec.vocabulary, spec.embedded, name="embedding", dtype=dtype))
    for number, layer in enumerate(spec.layers):
        name, last = f"layer{number}", number == len(spec.layers) - 1
        made = partial(recurrence, layer, return_sequences=not last, dtype=dtype)
        _add_recurrent(model, layer, recurrences(number, layer), made=made, seed=seed, dtype=dtype)
        add_tail(model, "linear", layer.norm, name=name, dtype=dtype)
        add_dropout(model, layer.dropout, seed=seed, dtype=dtype)
    model.add(layers.Dense(spec.outputs, name="head", dtype=dtype))
    load(model, weights)
    return model


def _add_recurrent(
    model: keras.Sequential,
    layer: RecurrentLayer,
    names: tuple[str, ...],
    *,
    made: Callable[..., layers.RNN],
    seed: int,
    dtype: str,
) -> None:
    """Add a recurrent layer; each direction has a seed of its own for its recurrent dropout."""
    seeds = (seed + len(model.layers), seed + len(model.layers) + BACKWARD)
    directions = [
        made(go_backwards=number == 1, seed=own, name=name)
        for number, (name, own) in enumerate(zip(names, seeds, strict=False))
    ]
    if not layer.bidirectional:
        model.add(directions[0])
        return
    both = layers.Bidirectional(directions[0], backward_layer=directions[1], name=names[0], dtype=dtype)
    if layer.recurrent_dropout:  # Keras copies the forward layer from its configuration, where SimpleRNN has no seed
        both.forward_layer.cell.seed_generator = keras.random.SeedGenerator(seeds[0])
    model.add(both)


def cudnn(use_cudnn: str, *, dtype: str) -> bool | str:
    """The argument `use_cudnn` of a recurrent layer.

    JAX' interface to cuDNN accepts only float32, and Keras does not check this before it uses it
    (jax.experimental.rnn).
    """
    has_cudnn = use_cudnn == "auto" and (dtype == "float32" or keras.backend.backend() != "jax")
    return "auto" if has_cudnn else False


def add_tail(model: Stack, activation: Activation, norm: Norm | None, *, name: str, dtype: str) -> None:
    """Add what follows a linear operation: a norm before or after the activation."""
    if norm and norm.position == "before":
        model.add(normalisation(norm, name=name, dtype=dtype))
    if activation != "linear":
        model.add(activated(activation, dtype=dtype))
    if norm and norm.position == "after":
        model.add(normalisation(norm, name=name, dtype=dtype))


def activated(activation: Activation, *, dtype: str) -> layers.Layer:
    """The layer of an activation."""
    if dtype == "float64" and activation in EXACT:
        return layers.Activation(EXACT[activation], dtype=dtype)
    if activation == "leaky_relu":  # the function of this name has another slope
        return layers.LeakyReLU(LEAK, dtype=dtype)
    return layers.Activation(activation, dtype=dtype)


def exact_gelu(values: Tensor) -> Tensor:
    """GELU with a constant in float64: TensorFlow's own function has √½ in float32, which is 1e-8 off."""
    return values * (1 + keras.ops.erf(values * np.float64(0.5**0.5))) * 0.5


def exact_leaky_relu(values: Tensor) -> Tensor:
    """Leaky ReLU with a slope in float64: TensorFlow's own function keeps it in float32."""
    return keras.ops.where(values > 0, values, values * np.float64(LEAK))


def add_dropout(model: Stack, rate: float, *, seed: int, dtype: str) -> None:
    """Add dropout if the rate is above 0, with a seed of its own for each layer.

    `keras.utils.set_random_seed` would also import TensorFlow, whatever the backend, in order to seed it.
    """
    if rate:
        model.add(layers.Dropout(rate, seed=seed + len(model.layers), dtype=dtype))


def load(model: keras.Model, weights: Weights) -> None:
    """Copy all weights into the layers with their names."""
    for name, value in _variables(model).items():
        value.assign(weights[name])


def export(model: keras.Model) -> Weights:
    """A copy of the current weights, by their canonical names."""
    return {name: keras.ops.convert_to_numpy(value).copy() for name, value in _variables(model).items()}


def normalisation(norm: Norm, *, name: str, dtype: str) -> layers.Layer:
    """The batch norm or the layer norm of layer `name`."""
    if isinstance(norm, BatchNorm):
        momentum, epsilon = norm.momentum, norm.epsilon
        return layers.BatchNormalization(momentum=momentum, epsilon=epsilon, name=f"{name}_norm", dtype=dtype)
    return layers.LayerNormalization(epsilon=norm.epsilon, name=f"{name}_norm", dtype=dtype)


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Every variable by its canonical name; Keras' own names are such as `hidden0_norm` (layer) and `gamma`."""
    found = {}
    for name, layer in _named(model):
        for variable in layer.weights:
            if variable.name in PARTS:
                found[f"{name}.{PARTS[variable.name]}"] = variable
    return found


def _named(model: keras.Model) -> Iterator[tuple[str, layers.Layer]]:
    """Every layer by the prefix of its weights; a bidirectional layer is a forward and a backward one."""
    for layer in model.layers:
        if isinstance(layer, layers.Bidirectional):
            yield layer.name, layer.forward_layer
            yield layer.backward_layer.name, layer.backward_layer
        else:
            yield layer.name.removesuffix("_norm"), layer


# For the proof in float64 alone; in float32 it compares Keras' own functions.
EXACT = {"gelu": exact_gelu, "leaky_relu": exact_leaky_relu}

PARTS = {
    "kernel": "kernel",
    "recurrent_kernel": "recurrent",
    "bias": "bias",
    "embeddings": "table",
    "gamma": "scale",
    "beta": "offset",
    "moving_mean": "mean",
    "moving_variance": "variance",
}


def kernels(model: keras.Sequential) -> dict[str, keras.Variable]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    found = _variables(model).items()
    return {name.removesuffix(".kernel"): value for name, value in found if name.endswith(".kernel")}
