"""An integer that a batch has several times moves its row of the table by the sum of its gradients."""

import importlib

import numpy as np
import pytest

from bench.worker.prepared_workload import load_adapter
from bench.workload.recipe import Recipe
from bench.workload.update_rules import Adam
from models.transformer.spec import Block, TransformerSpec
from tests.models.networks import random_weights

RATE = 1e-2
RECIPE = Recipe(
    optimizer=Adam(name="adam", learning_rate=RATE, epsilon=1e-20), loss="mean_squared_error", batch_size=6, epochs=1
)
SPEC = TransformerSpec(steps=5, features=1, vocabulary=3, width=4, blocks=(Block(heads=2, units=5),), outputs=2)

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def moves(contender: str) -> np.ndarray:
    """How far Adam moves each number of the table in its first step, in units of the learning rate."""
    framework = contender.partition("/")[0]
    adapter, network = load_adapter(framework), importlib.import_module(f"models.transformer.{framework}")
    adapter.configure(device="cpu", precision="fp64", threads=1)
    model = network.build(SPEC, random_weights(SPEC))
    adapter.prepare(model, RECIPE)
    inputs = np.random.default_rng(0).integers(3, size=(6, 5), dtype=np.int32)
    adapter.wait(adapter.train([adapter.put(inputs, np.ones((6, 2)))]))
    change = network.export(model)["embedding.table"] - random_weights(SPEC)["embedding.table"]
    found: np.ndarray = np.abs(change) / RATE
    return found


def test_the_first_step_of_adam_moves_each_number_of_a_table_by_the_learning_rate(contender: str) -> None:
    """Adam divides a gradient by its own size. So it has to be the sum over all places of an integer."""
    np.testing.assert_allclose(moves(contender), 1.0, rtol=1e-9)


def test_keras_alone_squares_the_gradient_of_each_place_on_tensorflow(
    contender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Keras does so no longer, the dense gradients in `optimizers.keras` are not needed."""
    if contender.startswith("keras/"):
        monkeypatch.setattr("bench.adapters.optimizers.keras.with_dense_gradients", lambda made, _: made)
    difference = np.abs(moves(contender) - 1.0).max()
    assert difference > 1e-2 if contender == "keras/tensorflow" else difference < 1e-9
