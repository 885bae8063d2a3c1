"""Describes the layers that several families share: their options, initial weights, and reference in NumPy.

Weights are named `<layer>.<part>` and have one canonical layout: dense kernels (in, out), convolutions HWIO, flattened
images in H·W·C order. A batch norm adds `scale`, `offset` and the running `mean` and `variance`.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from models.layers.activations import ACTIVATIONS, Activation

type_checked = ConfigDict(extra="forbid", allow_inf_nan=False)

Weights = dict[str, np.ndarray]
Size = Annotated[int, Field(gt=0, strict=True)]
Fraction = Annotated[float, Field(ge=0, lt=1, strict=True)]
AnySpec = TypeVar("AnySpec")


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class BatchNorm:
    """Batch normalisation. The running variance is biased.

    Attributes:
        position: Whether it comes before or after the activation.
        epsilon: The number that is added to the variance.
        momentum: The weight of the old running value, as Keras and Flax define it. PyTorch's momentum is 1 minus this.
    """

    position: Literal["before", "after"] = "before"
    epsilon: Annotated[float, Field(gt=0, strict=True)] = 1e-5
    momentum: Fraction = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class LayerNorm:
    """Layer normalisation over the features of each sample (Ba et al. 2016). The variance is biased.

    Attributes:
        position: Whether it comes before or after the activation.
        epsilon: The number that is added to the variance.
    """

    position: Literal["before", "after"] = "before"
    epsilon: Annotated[float, Field(gt=0, strict=True)] = 1e-5


Norm = BatchNorm | LayerNorm


def one_norm(batch_norm: BatchNorm | None, layer_norm: LayerNorm | None) -> None:
    """Raise ValueError for two norms in one layer."""
    if batch_norm and layer_norm:
        raise ValueError("found batch_norm and layer_norm, expected at most one norm in a layer")


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class Initializer:
    """How a kernel is initialized. Biases start at zero. No normal distribution is truncated.

    A kernel has i inputs and o outputs. `glorot_uniform` is uniform within ±√(6/(i+o)). `glorot_normal` is normal with
    deviation √(2/(i+o)) (Glorot and Bengio 2010). `he_uniform` is uniform within ±√(6/i). `he_normal` is normal with
    deviation √(2/i) (He et al. 2015). `normal` is normal with your own deviation. `orthogonal` is a random orthogonal
    matrix (Saxe et al. 2014).

    Attributes:
        name: The distribution.
        deviation: The standard deviation. Required for `normal`, and not allowed for the others.
    """

    name: Literal["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "normal", "orthogonal"]
    deviation: Annotated[float, Field(gt=0, strict=True)] | None = None

    def __post_init__(self) -> None:
        """Raise ValueError if `normal` has no deviation, or another initializer has one."""
        if (self.deviation is None) == (self.name == "normal"):
            expected = "a value" if self.name == "normal" else "no such key"
            raise ValueError(f"found deviation {self.deviation!r}, expected {expected} for {self.name!r}")


GLOROT = Initializer(name="glorot_uniform")
TABLE = Initializer(name="normal", deviation=0.02)  # of a table of integers or of positions


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class DenseLayer:
    """A hidden dense layer: dense, then a norm before or after the activation, then dropout.

    Attributes:
        units: The number of outputs.
        activation: The activation function. `gelu` is the exact form, without tanh. `leaky_relu` has the slope 0.01
            below 0, and the factor of `elu` is 1.
        batch_norm: The batch norm. Without this table there is none.
        layer_norm: The layer norm. Without this table there is none. A layer has at most one norm.
        dropout: The share of outputs that dropout sets to zero in training.
        initializer: How the kernel is initialized.
    """

    units: Size
    activation: Activation = "relu"
    batch_norm: BatchNorm | None = None
    layer_norm: LayerNorm | None = None
    dropout: Fraction = 0.0
    initializer: Initializer = GLOROT

    def __post_init__(self) -> None:
        """Raise ValueError for two norms in one layer."""
        one_norm(self.batch_norm, self.layer_norm)

    @property
    def norm(self) -> Norm | None:
        """The norm of the layer, of either kind."""
        return self.batch_norm or self.layer_norm


@dataclass(frozen=True, slots=True, kw_only=True, config=type_checked)
class RecurrentLayer:
    """One recurrent layer. It returns the whole sequence, or only the last state if it is the last layer.

    A norm and dropout follow the layer.

    Attributes:
        units: The number of units of each direction.
        activation: The activation inside the recurrence.
        batch_norm: The batch norm. Without this table there is none. Its position has to be `"after"`.
        layer_norm: The layer norm over the outputs of each time step. Without this table there is none. Its position
            has to be `"after"`. A layer has at most one norm.
        dropout: The share of outputs that dropout sets to zero in training.
        initializer: How the input kernel is initialized. The recurrent kernel is always initialized orthogonal.
        bidirectional: Whether a second recurrence with its own weights reads the sequence from its end to its start.
            Its outputs follow those of the first one, so the layer has twice as many outputs.
        recurrent_dropout: The share of the previous state that is set to zero in training, in front of the recurrent
            kernel. A sequence has the same mask in all its time steps. Only Keras has such layers.
    """

    units: Size
    activation: Literal["tanh", "relu"] = "tanh"
    batch_norm: BatchNorm | None = None
    layer_norm: LayerNorm | None = None
    dropout: Fraction = 0.0
    initializer: Initializer = GLOROT
    bidirectional: Annotated[bool, Field(strict=True)] = False
    recurrent_dropout: Fraction = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError for two norms, or for one before the activation, which is inside the recurrence."""
        one_norm(self.batch_norm, self.layer_norm)
        if self.norm and self.norm.position == "before":
            kind = "batch" if self.batch_norm else "layer"
            raise ValueError(f"{kind} norm can only come after a recurrent layer: position must be 'after'")

    @property
    def norm(self) -> Norm | None:
        """The norm of the layer, of either kind."""
        return self.batch_norm or self.layer_norm

    @property
    def width(self) -> int:
        """The number of outputs for each time step."""
        return 2 * self.units if self.bidirectional else self.units


class Part(NamedTuple):
    """One layer in the list of a network: its kind, the output shape of one sample, its FLOPs.

    `flops` are those of one forward pass of one sample: two for each multiplication with a kernel or of two arrays,
    padding included, and nothing else. `name` is the prefix of its weights, as in `dense.kernel`. `kept` is how many
    numbers of a sample its backward pass needs again, if these are more than its outputs. `beside` marks a part that is
    not a layer of the spec by itself, such as the convolution of a shortcut. `others` are further prefixes of its
    weights.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    flops: int
    kept: int = 0
    beside: bool = False
    others: tuple[str, ...] = ()


def tail_words(activation: str, norm: Norm | None, dropout: float) -> str:
    """What follows a linear operation, in words."""
    parts = [activation.replace("_", " ")]
    if norm:
        kind = "batch norm" if isinstance(norm, BatchNorm) else "layer norm"
        parts.insert(0 if norm.position == "before" else 1, kind)
    if dropout:
        parts.append(f"dropout {dropout:g}")
    return ", ".join(parts)


def dense_part(name: str, inputs: int, layer: DenseLayer) -> Part:
    """A hidden dense layer."""
    words = tail_words(layer.activation, layer.norm, layer.dropout)
    return Part(name, f"dense, {words}", (layer.units,), 2 * inputs * layer.units)


def head_part(inputs: int, outputs: int) -> Part:
    """The linear head."""
    return Part("head", "dense, linear", (outputs,), 2 * inputs * outputs)


def recurrences(number: int, layer: RecurrentLayer) -> tuple[str, ...]:
    """The prefixes of the weights of a recurrent layer: the forward one, and the backward one if it has both."""
    return (f"layer{number}", f"backward{number}")[: 1 + layer.bidirectional]


def without_dropout(spec: AnySpec) -> AnySpec:
    """The same spec with every dropout rate at zero, as a proof of equivalence needs it."""
    changes: dict[str, Any] = {}
    for field in fields(spec):
        value = getattr(spec, field.name)
        if field.name in {"dropout", "recurrent_dropout"}:
            changes[field.name] = 0.0
        elif is_dataclass(value):
            changes[field.name] = without_dropout(value)
        elif isinstance(value, tuple) and any(is_dataclass(item) for item in value):
            changes[field.name] = tuple(without_dropout(item) if is_dataclass(item) else item for item in value)
    return replace(spec, **changes)  # type: ignore[type-var]


def dense_shapes(name: str, inputs: int, layer: DenseLayer) -> dict[str, tuple[int, ...]]:
    """Canonical names and shapes of one hidden dense layer."""
    shapes: dict[str, tuple[int, ...]] = {f"{name}.kernel": (inputs, layer.units), f"{name}.bias": (layer.units,)}
    return shapes | norm_shapes(name, layer.units, layer.norm)


def norm_shapes(name: str, channels: int, norm: Norm | None) -> dict[str, tuple[int, ...]]:
    """Canonical names and shapes that a norm adds to its layer; empty if there is none."""
    running = ("mean", "variance") if isinstance(norm, BatchNorm) else ()
    parts = ("scale", "offset", *running) if norm else ()
    return {f"{name}.{part}": (channels,) for part in parts}


def sequence_sizes(sample_shape: tuple[int, ...]) -> dict[str, int]:
    """Steps and features of a sample of shape (steps,) or (steps, features); raises ValueError for any other."""
    if len(sample_shape) not in {1, 2}:
        raise ValueError(
            f"samples have the shape {sample_shape}; a recurrent network takes (steps,) or (steps, features)"
        )
    steps, features = (*sample_shape, 1)[:2]
    return {"steps": steps, "features": features}


def initial_weights(
    shapes: Mapping[str, tuple[int, ...]], initializers: Mapping[str, Initializer], *, seed: int, gates: int = 1
) -> Weights:
    """The initial value of every weight in float64, drawn in the order of `shapes`.

    `initializers` are those of the layers' kernels and tables. Recurrent kernels are orthogonal, biases zero; norms
    start with mean and offset 0, variance and scale 1. Each of the `gates` of a recurrent layer is drawn separately; a
    layer is recurrent if its recurrent kernel is in `shapes`.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes.items():
        layer, _, part = name.partition(".")
        if part not in DRAWN:
            weights[name] = np.ones(shape) if part in {"scale", "variance"} else np.zeros(shape)
            continue
        initializer = ORTHOGONAL if part == "recurrent" else initializers[layer]
        count = gates if f"{layer}.recurrent" in shapes else 1
        gate = (*shape[:-1], shape[-1] // count)
        weights[name] = np.concatenate([_initial(initializer, gate, generator) for _ in range(count)], axis=-1)
    return weights


def _initial(initializer: Initializer, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """One kernel; its last two axes are inputs and outputs, the axes before them are the receptive field."""
    receptive_field = int(np.prod(shape[:-2]))
    inputs, outputs = receptive_field * shape[-2], receptive_field * shape[-1]
    match initializer.name:
        case "glorot_uniform":
            return _uniform(np.sqrt(6 / (inputs + outputs)), shape, generator)
        case "glorot_normal":
            return generator.normal(0, np.sqrt(2 / (inputs + outputs)), shape)
        case "he_uniform":
            return _uniform(np.sqrt(6 / inputs), shape, generator)
        case "he_normal":
            return generator.normal(0, np.sqrt(2 / inputs), shape)
        case "normal":
            return generator.normal(0, initializer.deviation or 0.0, shape)
        case "orthogonal":
            return _orthogonal(shape, generator)


def _uniform(limit: float, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    return generator.uniform(-limit, limit, shape)


def _orthogonal(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """A random orthogonal matrix, so that signals neither vanish nor explode; part of one if it is not square."""
    flat = (int(np.prod(shape[:-1])), shape[-1])
    orthogonal, triangular = np.linalg.qr(generator.standard_normal((max(flat), min(flat))))
    rotation = orthogonal * np.sign(np.diag(triangular))
    return (rotation if flat[0] >= flat[1] else rotation.T).reshape(shape)


def dense(
    layer: DenseLayer, weights: Weights, name: str, inputs: Float[np.ndarray, "batch features"]
) -> Float[np.ndarray, "batch units"]:
    """One hidden dense layer at inference, without dropout: the reference for the frameworks."""
    values = inputs @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]
    return activate(values, layer.activation, layer.norm, weights, name)


def activate(
    values: Float[np.ndarray, "*batch channels"],
    activation: Activation,
    norm: Norm | None,
    weights: Weights,
    name: str,
) -> Float[np.ndarray, "*batch channels"]:
    """The activation of `values`, with the norm of layer `name` before or after it if there is one."""
    if norm and norm.position == "before":
        values = normalise(values, norm, weights, name)
    values = ACTIVATIONS[activation](values)
    if norm and norm.position == "after":
        values = normalise(values, norm, weights, name)
    return values


def normalise(values: np.ndarray, norm: Norm, weights: Weights, name: str) -> np.ndarray:
    """The normalised values: by the running statistics of a batch norm, or by those of the last axis (layer norm)."""
    if isinstance(norm, BatchNorm):
        mean, variance = weights[f"{name}.mean"], weights[f"{name}.variance"]
    else:
        mean, variance = values.mean(axis=-1, keepdims=True), values.var(axis=-1, keepdims=True)
    scale, offset = weights[f"{name}.scale"], weights[f"{name}.offset"]
    return (values - mean) / np.sqrt(variance + norm.epsilon) * scale + offset


ORTHOGONAL = Initializer(name="orthogonal")
DRAWN = ("kernel", "recurrent", "table")  # the parts that are drawn; a table has one row for each integer
