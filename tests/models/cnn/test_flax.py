"""The convolutional network in Flax: its dropout masks follow from the seed as in earlier versions."""

import jax
import numpy as np
from flax import nnx

from models.cnn.flax import Cnn, build
from models.cnn.spec import EXAMPLES, initial_weights


def keys(network: str) -> dict[str, list[int]]:
    """The random key of each dropout of a network, by its place."""
    spec = EXAMPLES[network]
    weights = {name: value.astype(np.float32) for name, value in initial_weights(spec, seed=0).items()}
    model: Cnn = build(spec, weights, seed=5)
    return {
        ".".join(map(str, path)): np.array(jax.random.key_data(variable.get_value())).tolist()
        for path, variable in nnx.iter_graph(model)
        if isinstance(variable, nnx.RngKey)
    }


def test_a_network_without_shortcuts_keeps_its_dropout_masks() -> None:
    """The key of a dropout depends on how many attributes the modules before it have: a new one changes the masks."""
    assert keys("same-with-pools-that-drop-a-remainder") == {
        "convolutions.0.dropout.rngs.key": [3592474319, 2790847629],
        "dense.0.tail.dropout.rngs.key": [3757270422, 4284795568],
    }


def test_each_dropout_of_a_network_with_shortcuts_has_a_key() -> None:
    assert list(keys("residual-blocks")) == ["convolutions.1.dropout.rngs.key"]
