"""A small network with batch norm and dropout, and functions with which tests train it in every framework."""

import importlib
from functools import cache
from types import ModuleType

import numpy as np

from bench.adapters.base import Adapter, Batch, Model
from bench.worker.prepared_workload import load_adapter
from bench.workload.recipe import Recipe
from bench.workload.update_rules import Sgd
from models.dnn.spec import DnnSpec, initial_weights
from models.layers.spec import BatchNorm, DenseLayer, Weights

SPEC = DnnSpec(
    features=4,
    hidden=(DenseLayer(units=8, batch_norm=BatchNorm(momentum=0.5), dropout=0.5),),
    outputs=3,
)
RECIPE = Recipe(optimizer=Sgd(name="sgd", learning_rate=0.1, momentum=0.5), batch_size=6, epochs=1)
GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(6, 4)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def adapter_of(contender: str) -> Adapter:
    """A new adapter, configured for float32."""
    found = load_adapter(contender.partition("/")[0])
    found.configure(device="cpu", precision="fp32", threads=1)
    return found


def network_of(contender: str) -> ModuleType:
    """The module that builds the network."""
    return importlib.import_module(f"models.dnn.{contender.partition('/')[0]}")


@cache
def trained(contender: str) -> tuple[Adapter, Model]:
    """An adapter and a model after one step; tests share them, and may train further, since compiling takes long."""
    adapter = adapter_of(contender)
    model = prepare(adapter, network_of(contender))
    adapter.wait(adapter.train([batch(adapter)]))
    return adapter, model


def prepare(adapter: Adapter, network: ModuleType, *, spec: DnnSpec = SPEC, recipe: Recipe = RECIPE) -> Model:
    """A new model with the initial weights of seed 0, prepared in the adapter."""
    model = network.build(spec, first_weights(spec), seed=0)
    adapter.prepare(model, recipe)
    return model


def first_weights(spec: DnnSpec) -> Weights:
    """The initial weights of seed 0, in float32."""
    return {name: value.astype(np.float32) for name, value in initial_weights(spec, seed=0).items()}


def batch(adapter: Adapter) -> Batch:
    """All samples and their labels on the device."""
    placed: Batch = adapter.put(INPUTS, LABELS)
    return placed


def predict(adapter: Adapter) -> np.ndarray:
    """The logits of all samples."""
    return adapter.to_numpy(adapter.predict(adapter.put(INPUTS)))
