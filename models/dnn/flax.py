"""The fully connected network in Flax."""

from flax import nnx
from jax import Array
from jaxtyping import Float

from models.dnn.spec import DnnSpec
from models.layers import flax as layers
from models.layers.spec import Weights


class Dnn(nnx.Module):
    def __init__(self, spec: DnnSpec, *, dtypes: layers.Dtypes, rngs: nnx.Rngs) -> None:
        widths = (spec.features, *(layer.units for layer in spec.hidden))
        self.hidden = nnx.List(
            layers.Dense(inputs, layer, dtypes=dtypes, rngs=rngs)
            for inputs, layer in zip(widths, spec.hidden, strict=False)
        )
        self.head = nnx.Linear(widths[-1], spec.outputs, **dtypes, rngs=rngs)

    def __call__(self, features: Float[Array, "batch features"]) -> Float[Array, "batch outputs"]:
        for layer in self.hidden:
            features = layer(features)
        return self.head(features)


def build(spec: DnnSpec, weights: Weights, *, seed: int = 0, compute_dtype: str | None = None) -> Dnn:
    """The model with these weights; it computes in their precision or in `compute_dtype`. `seed` is for dropout."""
    dtypes = layers.dtypes_of(weights, compute_dtype)
    model = layers.blank(lambda rngs: Dnn(spec, dtypes=dtypes, rngs=rngs), seed=seed)
    for number, layer in enumerate(model.hidden):
        layers.load(layer.linear, name=f"hidden{number}", weights=weights)
        layers.load_batch_norm(layer.tail, name=f"hidden{number}", weights=weights)
    layers.load(model.head, name="head", weights=weights)
    return model


def export(model: Dnn) -> Weights:
    """A copy of the current weights, by their canonical names."""
    state: layers.State = {}
    for number, layer in enumerate(model.hidden):
        state |= layers.read(layer.linear, name=f"hidden{number}")
        state |= layers.read_batch_norm(layer.tail, name=f"hidden{number}")
    state |= layers.read(model.head, name="head")
    return layers.to_numpy(state)


def kernels(model: Dnn) -> dict[str, nnx.Param[Array]]:
    """The kernel of each layer, by its canonical name, for an L2 penalty."""
    found = {f"hidden{number}": layer.linear.kernel for number, layer in enumerate(model.hidden)}
    return found | {"head": model.head.kernel}
