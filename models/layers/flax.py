"""The shared layers in Flax."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypedDict, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jaxtyping import Float, Int

from models.layers.activations import LEAK, Activation
from models.layers.sequence import SequenceSpec
from models.layers.spec import BatchNorm, DenseLayer, Norm, RecurrentLayer, Weights, recurrences

ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {
    "linear": lambda values: values,
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "gelu": partial(jax.nn.gelu, approximate=False),
    "silu": jax.nn.silu,
    "elu": jax.nn.elu,
    "leaky_relu": partial(jax.nn.leaky_relu, negative_slope=LEAK),
    "softplus": jax.nn.softplus,
}

Unroll = Literal["1", "4", "16"]  # time steps in one iteration of the loop

BIASES = ("bias", "recurrent_bias")

State = dict[str, Array]
AnyModel = TypeVar("AnyModel", bound=nnx.Module)


class Dtypes(TypedDict):
    """The dtypes in which a layer computes and stores its parameters, as arguments of every Flax layer."""

    dtype: jnp.dtype
    param_dtype: jnp.dtype


class Dense(nnx.Module):
    def __init__(self, inputs: int, layer: DenseLayer, *, dtypes: Dtypes, rngs: nnx.Rngs) -> None:
        self.linear = nnx.Linear(inputs, layer.units, **dtypes, rngs=rngs)
        self.tail = Tail(layer.units, layer.activation, layer.norm, layer.dropout, dtypes=dtypes, rngs=rngs)

    def __call__(self, features: Array) -> Array:
        return self.tail(self.linear(features))


class Tail(nnx.Module):
    """What follows a linear operation: a norm before or after the activation, then dropout.

    A shortcut is added in front of the activation.
    """

    def __init__(
        self,
        channels: int,
        activation: Activation,
        norm: Norm | None,
        dropout: float,
        *,
        dtypes: Dtypes,
        rngs: nnx.Rngs,
    ) -> None:
        self.position = norm.position if norm else None
        self.activation = activation
        self.norm = normalisation(channels, norm, dtypes=dtypes, rngs=rngs) if norm else None
        self.dropout = nnx.Dropout(dropout, rngs=rngs) if dropout else None

    def __call__(self, values: Array, shortcut: Array | None = None) -> Array:
        if self.norm is not None and self.position == "before":
            values = self.norm(values)
        if shortcut is not None:
            values = values + shortcut
        values = ACTIVATIONS[self.activation](values)
        if self.norm is not None and self.position == "after":
            values = self.norm(values)
        return self.dropout(values) if self.dropout is not None else values


class Recurrent(nnx.Module):
    def __init__(
        self,
        cells: Sequence[nnx.RNNCellBase],
        layer: RecurrentLayer,
        *,
        return_sequences: bool,
        unroll: Unroll,
        dtypes: Dtypes,
        rngs: nnx.Rngs,
    ) -> None:
        self.spec, self.return_sequences, self.dtype = layer, return_sequences, dtypes["dtype"]
        directions = [nnx.RNN(cell, unroll=int(unroll)) for cell in cells]
        self.recurrence = nnx.Bidirectional(*directions) if layer.bidirectional else directions[0]
        self.tail = Tail(layer.width, "linear", layer.norm, layer.dropout, dtypes=dtypes, rngs=rngs)

    def __call__(self, sequence: Array) -> Array:
        # By default Flax creates the initial state in the dtype of the parameters, not in that of the computation.
        state = jnp.zeros((len(sequence), self.spec.units), self.dtype)
        is_lstm = isinstance(self.cells[0], nnx.OptimizedLSTMCell)  # its carry is (cell state, hidden state)
        carry = (state, state) if is_lstm else state
        states = self.recurrence(sequence, initial_carry=(carry, carry) if self.spec.bidirectional else carry)
        if self.return_sequences:
            return self.tail(states)
        return self.tail(last_states(states, both=self.spec.bidirectional))

    @property
    def cells(self) -> tuple[Any, ...]:
        """The cell of each direction."""
        if isinstance(self.recurrence, nnx.RNN):
            return (self.recurrence.cell,)
        return (self.recurrence.forward_rnn.cell, self.recurrence.backward_rnn.cell)


class SequenceNetwork(nnx.Module):
    """Recurrent layers and a linear head; `recurrence` makes the cell of a layer from its input width and its spec."""

    def __init__(
        self,
        spec: SequenceSpec,
        *,
        recurrence: Callable[..., nnx.RNNCellBase],
        unroll: Unroll,
        dtypes: Dtypes,
        rngs: nnx.Rngs,
    ) -> None:
        if any(layer.recurrent_dropout for layer in spec.layers):
            raise NotImplementedError("Flax' recurrent layers have no recurrent dropout: set recurrent_dropout to 0")
        rows = spec.vocabulary
        self.embedding = nnx.Embed(rows, spec.embedded, **dtypes, rngs=rngs) if rows else None
        widths = (spec.embedded, *(layer.width for layer in spec.layers))
        last = len(spec.layers) - 1
        self.layers = nnx.List(
            Recurrent(
                [recurrence(widths[number], layer, dtypes=dtypes, rngs=rngs) for _ in recurrences(number, layer)],
                layer,
                return_sequences=number != last,
                unroll=unroll,
                dtypes=dtypes,
                rngs=rngs,
            )
            for number, layer in enumerate(spec.layers)
        )
        self.head = nnx.Linear(widths[-1], spec.outputs, **dtypes, rngs=rngs)

    def __call__(
        self, sequence: Float[Array, "batch time features"] | Int[Array, "batch time"]
    ) -> Float[Array, "batch outputs"]:
        values = sequence if self.embedding is None else self.embedding(sequence)
        for layer in self.layers:
            values = layer(values)
        return self.head(values)


def gru_cell(inputs: int, units: int, *, dtypes: Dtypes, rngs: nnx.Rngs) -> nnx.GRUCell:
    """The cell of a GRU with both biases, as in PyTorch and Keras; Flax' own cell lacks the recurrent one."""
    cell = nnx.GRUCell(inputs, units, **dtypes, rngs=rngs)
    cell.dense_h = nnx.Linear(units, cell.dense_i.out_features, **dtypes, rngs=rngs)
    return cell


def last_states(states: Array, *, both: bool) -> Array:
    """The last state of each direction: the backward recurrence ends at the first time step."""
    if not both:
        return states[:, -1]
    forward, backward = jnp.split(states, 2, axis=-1)
    return jnp.concatenate([forward[:, -1], backward[:, 0]], axis=-1)


def dtypes_of(weights: Weights, compute_dtype: str | None) -> Dtypes:
    """Parameters have the dtype of the weights; computations too, or `compute_dtype`."""
    kept = weights["head.bias"].dtype
    return {"dtype": jnp.dtype(compute_dtype or kept), "param_dtype": kept}


def blank(make: Callable[[nnx.Rngs], AnyModel], *, seed: int) -> AnyModel:
    """A model with shapes but without values, except for its random streams, which are seeded.

    Else Flax would compile an initializer for each shape of weights, although the weights are replaced afterwards.
    """
    model = nnx.eval_shape(lambda: make(nnx.Rngs(seed)))
    key = jax.random.key(seed)
    for number, (_, variable) in enumerate(nnx.iter_graph(model)):
        if isinstance(variable, nnx.RngKey):
            variable.set_value(jax.random.fold_in(key, number))
        elif isinstance(variable, nnx.RngCount):
            variable.set_value(jnp.zeros((), jnp.uint32))
    return model


def load(layer: nnx.Linear | nnx.Conv, *, name: str, weights: Weights) -> None:
    """Copy kernel and bias of layer `name` into a layer."""
    fill(layer.kernel, weights[f"{name}.kernel"])
    if layer.bias is not None:
        fill(layer.bias, weights[f"{name}.bias"])


def load_sequence(model: SequenceNetwork, weights: Weights) -> None:
    """Copy the weights of all layers and of the head; Flax stacks the gates as in the canonical weights."""
    if model.embedding is not None:
        fill(model.embedding.embedding, weights["embedding.table"])
    for number, layer in enumerate(model.layers):
        for name, cell in zip(recurrences(number, layer.spec), layer.cells, strict=True):
            fill(cell.dense_i.kernel, weights[f"{name}.kernel"])
            fill(cell.dense_h.kernel, weights[f"{name}.recurrent"])
            for part, bias in zip(BIASES, _biases(cell), strict=False):
                fill(bias, weights[f"{name}.{part}"])
        load_batch_norm(layer.tail, name=f"layer{number}", weights=weights)
    load(model.head, name="head", weights=weights)


def load_batch_norm(tail: Tail, *, name: str, weights: Weights) -> None:
    """Copy scale, offset and running statistics of layer `name`, if it has a norm."""
    if tail.norm is not None:
        load_norm(tail.norm, name=name, weights=weights)


def load_norm(norm: nnx.BatchNorm | nnx.LayerNorm, *, name: str, weights: Weights) -> None:
    """Copy scale and offset of layer `name` into its norm, and the running statistics of a batch norm."""
    fill(norm.scale, weights[f"{name}.scale"])
    fill(norm.bias, weights[f"{name}.offset"])
    if isinstance(norm, nnx.BatchNorm):
        fill(norm.mean, weights[f"{name}.mean"])
        fill(norm.var, weights[f"{name}.variance"])


def fill(variable: nnx.Variable[Array], value: np.ndarray) -> None:
    """Set a variable to a value, in the precision of the value.

    Flax always creates running statistics in float32.
    """
    variable.set_value(jnp.asarray(value))


def read(layer: nnx.Linear | nnx.Conv, *, name: str) -> State:
    """Kernel and bias of layer `name`."""
    bias = {} if layer.bias is None else {f"{name}.bias": layer.bias[...]}
    return {f"{name}.kernel": layer.kernel[...]} | bias


def read_sequence(model: SequenceNetwork) -> State:
    """The weights of all layers and of the head."""
    state: State = {} if model.embedding is None else {"embedding.table": model.embedding.embedding[...]}
    for number, layer in enumerate(model.layers):
        for name, cell in zip(recurrences(number, layer.spec), layer.cells, strict=True):
            state[f"{name}.kernel"] = cell.dense_i.kernel[...]
            state[f"{name}.recurrent"] = cell.dense_h.kernel[...]
            state |= {f"{name}.{part}": bias[...] for part, bias in zip(BIASES, _biases(cell), strict=False)}
        state |= read_batch_norm(layer.tail, name=f"layer{number}")
    return state | read(model.head, name="head")


def read_batch_norm(tail: Tail, *, name: str) -> State:
    """Scale, offset and running statistics of layer `name`; empty if it has no norm."""
    return {} if tail.norm is None else read_norm(tail.norm, name=name)


def read_norm(norm: nnx.BatchNorm | nnx.LayerNorm, *, name: str) -> State:
    """Scale and offset of layer `name`, and the running statistics of a batch norm."""
    state = {f"{name}.scale": norm.scale[...], f"{name}.offset": norm.bias[...]}
    if isinstance(norm, nnx.BatchNorm):
        state |= {f"{name}.mean": norm.mean[...], f"{name}.variance": norm.var[...]}
    return state


def to_numpy(state: State) -> Weights:
    """Copies in host memory, never views of live weights."""
    return {name: np.array(value) for name, value in state.items()}


def _biases(cell: nnx.RNNCellBase) -> list[nnx.Param[Array]]:
    """The biases of a cell: one, of input or state, as Flax has it; or both."""
    return [part.bias for part in (cell.dense_i, cell.dense_h) if part.bias is not None]


def normalisation(channels: int, norm: Norm, *, dtypes: Dtypes, rngs: nnx.Rngs) -> nnx.BatchNorm | nnx.LayerNorm:
    """The batch norm or the layer norm; their variance is E[(x - E[x])²], as in the other frameworks.

    Flax' fast variance is E[x²] - E[x]², which loses digits.
    """
    options = {"epsilon": norm.epsilon, "use_fast_variance": False}
    if isinstance(norm, BatchNorm):
        return nnx.BatchNorm(channels, momentum=norm.momentum, **options, **dtypes, rngs=rngs)
    return nnx.LayerNorm(channels, **options, **dtypes, rngs=rngs)


def sequence_kernels(model: SequenceNetwork) -> dict[str, nnx.Param[Array]]:
    """The kernel of each recurrent layer and of the head, by its canonical name, for an L2 penalty."""
    found = {
        name: cell.dense_i.kernel
        for number, layer in enumerate(model.layers)
        for name, cell in zip(recurrences(number, layer.spec), layer.cells, strict=True)
    }
    return found | {"head": model.head.kernel}
