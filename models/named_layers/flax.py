"""The weights of a Flax network by the canonical names of its layers."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from models.layers.flax import BIASES, Dtypes, blank, fill, gru_cell, to_numpy
from models.layers.spec import Weights
from models.named_layers import names

__all__ = ["Dtypes", "Layers", "Weights", "blank", "dtypes_of", "export", "gru_cell", "load"]

KNOWN = "Linear, Conv, ConvTranspose, BatchNorm, LayerNorm, GroupNorm, Embed, RNN"
Layers = Mapping[str, nnx.Module]

KERNEL = {"kernel": "kernel", "bias": "bias"}
NORM = {"scale": "scale", "offset": "bias", "mean": "mean", "variance": "var"}
# The parts of the canonical names, each with the attribute of the layer.
TYPES: Mapping[type[nnx.Module], Mapping[str, str]] = {
    nnx.Linear: KERNEL,
    nnx.Conv: KERNEL,
    nnx.ConvTranspose: KERNEL,
    nnx.BatchNorm: NORM,
    nnx.LayerNorm: NORM,
    nnx.GroupNorm: NORM,
    nnx.Embed: {"table": "embedding"},
}
CELLS = (nnx.OptimizedLSTMCell, nnx.SimpleCell, nnx.GRUCell)


def load(model: nnx.Module, layers: Layers, weights: Weights) -> None:
    """Copy the weights into the layers of the model, in the precision of the weights.

    Raises ValueError if names or shapes do not fit, or if a trainable parameter of the model belongs to no layer.
    """
    variables = {name: item for layer, module in layers.items() for name, item in _variables(layer, module)}
    known = {id(item) for item in variables.values()}
    names.check(
        {name: value.shape for name, value in weights.items()},
        {name: tuple(item.shape) for name, item in variables.items()},
        unnamed=[
            ".".join(map(str, path))
            for path, item in nnx.iter_graph(model)
            if isinstance(item, nnx.Param) and id(item) not in known
        ],
    )
    for name, item in variables.items():
        fill(item, _turned(layers, name, weights[name]))


def export(layers: Layers) -> Weights:
    """A copy of the current weights, by their canonical names."""
    found = {name: item[...] for layer, module in layers.items() for name, item in _variables(layer, module)}
    return {name: _turned(layers, name, value).copy() for name, value in to_numpy(found).items()}


def dtypes_of(weights: Weights, compute_dtype: str | None) -> Dtypes:
    """Parameters have the dtype of the weights; computations too, or `compute_dtype`."""
    kept = next(iter(weights.values())).dtype
    return {"dtype": jnp.dtype(compute_dtype or kept), "param_dtype": kept}


def _variables(name: str, layer: nnx.Module) -> Iterator[tuple[str, nnx.Variable[Array]]]:
    """The variables of a layer by their canonical names; raises TypeError for a layer without a rule."""
    cell = layer.cell if isinstance(layer, nnx.RNN) else layer
    if isinstance(cell, CELLS):
        yield f"{name}.kernel", cell.dense_i.kernel
        yield f"{name}.recurrent", cell.dense_h.kernel
        biases = (part.bias for part in (cell.dense_i, cell.dense_h) if part.bias is not None)
        yield from ((f"{name}.{part}", bias) for part, bias in zip(BIASES, biases, strict=False))
        return
    if type(layer) not in TYPES:
        raise TypeError(f"{name}: found {type(layer).__name__}, expected a layer with weights: {KNOWN}")
    for part, attribute in TYPES[type(layer)].items():
        item = getattr(layer, attribute, None)
        if item is not None:
            yield f"{name}.{part}", item


def _turned(layers: Layers, name: str, value: np.ndarray) -> np.ndarray:
    """The kernel of a transposed convolution, turned by 180°; every other weight as it is.

    Flax multiplies the first output in reach of an input by the last row of the kernel, the others by the first one.
    """
    layer, _, part = name.partition(".")
    is_turned = part == "kernel" and isinstance(layers[layer], nnx.ConvTranspose)
    return np.flip(value, axis=tuple(range(value.ndim - 2))) if is_turned else value


def outputs(model: Any, layers: Layers, inputs: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 (a module, an array)
    """The outputs of each named layer at inference, in the order of their computation."""
    found: dict[str, np.ndarray] = {}
    names_of = {id(layer): name for name, layer in layers.items()}
    kinds = {type(layer): type(layer).__call__ for layer in layers.values()}

    def recorded(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(layer: nnx.Module, *given: Any, **named: Any) -> Any:  # noqa: ANN401 (what the layer takes and returns)
            made = call(layer, *given, **named)
            if id(layer) in names_of:
                found[names_of[id(layer)]] = np.array(made)
            return made

        return called

    try:
        for kind, call in kinds.items():
            kind.__call__ = recorded(call)  # type: ignore[method-assign] # for this call alone
        model.eval()
        model(inputs)
    finally:
        model.train()
        for kind, call in kinds.items():
            kind.__call__ = call  # type: ignore[method-assign]
    return found


def kernels(layers: Layers) -> dict[str, nnx.Variable[Array]]:
    """The kernel of each named layer that has one, for an L2 penalty."""
    found = (item for layer, of in layers.items() for item in _variables(layer, of))
    return {name.removesuffix(".kernel"): item for name, item in found if name.endswith(".kernel")}
