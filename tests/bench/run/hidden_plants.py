"""Ways to plant faults that initial weights, or the first training of a process, do not show."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.workload.recipe import Recipe
from models.layers.spec import Weights
from tests.bench.run.planted_faults import Plant


def loaded(module: str, change: Callable[[Weights], Weights]) -> Plant:
    """Change the weights in `build` alone, in a way that leaves initial weights as they are."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        target = importlib.import_module(module)
        build = target.build
        monkeypatch.setattr(target, "build", lambda spec, weights, **options: build(spec, change(weights), **options))

    return plant


def remembered(module: str, change: Callable[[Weights], Weights]) -> Plant:
    """Change the weights in `build`, and change them back in the first export, as an export that remembers them."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        target = importlib.import_module(module)
        build, export = target.build, target.export
        given: dict[int, Weights] = {}

        def changed(spec: Any, weights: Weights, **options: Any) -> Any:  # noqa: ANN401 (as `build`)
            model = build(spec, change(weights), **options)
            given[id(model)] = weights
            return model

        def kept(model: Any) -> Weights:  # noqa: ANN401 (as `export`)
            return given.pop(id(model)) if id(model) in given else export(model)

        monkeypatch.setattr(target, "build", changed)
        monkeypatch.setattr(target, "export", kept)

    return plant


def without(*parts: str) -> Callable[[Weights], Weights]:
    """Weights in which these parts have the values with which they start."""
    return lambda weights: {
        name: np.full_like(value, name.endswith((".scale", ".variance"))) if name.endswith(parts) else value
        for name, value in weights.items()
    }


def exchanged(one: str, other: str) -> Callable[[Weights], Weights]:
    """Weights in which two tensors of the same shape have changed places; probe networks do not have them."""
    return lambda weights: weights | {one: weights[other], other: weights[one]} if one in weights else weights


def gates_exchanged(name: str, gates: int) -> Callable[[Weights], Weights]:
    """Weights in which the first two gates of a bias have changed places."""

    def change(weights: Weights) -> Weights:
        if name not in weights:
            return weights
        first, second, *rest = np.split(weights[name], gates)
        return weights | {name: np.concatenate([second, first, *rest])}

    return change


def carried_over(*, moments: bool) -> Plant:
    """Let PyTorch's optimizer begin with the state of the last training, or only with its step counter."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        adapter = importlib.import_module("bench.adapters.pytorch").PyTorchAdapter
        prepare = adapter.prepare

        def prepared(self: Any, model: Any, recipe: Recipe, **options: Any) -> None:  # noqa: ANN401 (an adapter and a model)
            last = getattr(self, "optimizer", None)
            prepare(self, model, recipe, **options)
            if last is not None and _shapes(last) == _shapes(self.optimizer) and last.state:
                kept = last.state_dict()
                for state in () if moments else kept["state"].values():
                    state["exp_avg"], state["exp_avg_sq"] = state["exp_avg"] * 0, state["exp_avg_sq"] * 0
                self.optimizer.load_state_dict(kept)

        monkeypatch.setattr(adapter, "prepare", prepared)

    return plant


def _shapes(optimizer: Any) -> tuple[Any, ...]:  # noqa: ANN401 (of PyTorch)
    return type(optimizer), [value.shape for group in optimizer.param_groups for value in group["params"]]


def moments_carried_over_in_flax(monkeypatch: pytest.MonkeyPatch) -> None:
    nnx, jax = importlib.import_module("flax.nnx"), importlib.import_module("jax")
    adapter = importlib.import_module("bench.adapters.flax").FlaxAdapter
    prepare = adapter.prepare

    def prepared(self: Any, model: Any, recipe: Recipe, **options: Any) -> None:  # noqa: ANN401 (an adapter and a model)
        last = nnx.state(self.optimizer) if hasattr(self, "optimizer") else None
        prepare(self, model, recipe, **options)
        shapes = [jax.tree.map(np.shape, state) for state in (last, nnx.state(self.optimizer))]
        if shapes[0] == shapes[1]:
            nnx.update(self.optimizer, last)

    monkeypatch.setattr(adapter, "prepare", prepared)


def moments_carried_over_in_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = importlib.import_module("bench.adapters.keras").KerasAdapter
    prepare = adapter.prepare

    def prepared(self: Any, model: Any, recipe: Recipe, **options: Any) -> None:  # noqa: ANN401 (an adapter and a model)
        last = self.model.optimizer if hasattr(self, "model") else None
        prepare(self, model, recipe, **options)
        if last is not None and last.built:
            self.model.optimizer.build(self.parameters)
            pairs = list(zip(last.variables, self.model.optimizer.variables, strict=False))
            if all(old.shape == new.shape for old, new in pairs):
                for old, new in pairs:
                    new.assign(old)

    monkeypatch.setattr(adapter, "prepare", prepared)


def dropout(forward: Callable[[Any, Any], Any]) -> Plant:
    """Replace the forward pass of PyTorch's dropout; it gets the layer and the values."""
    return lambda monkeypatch: monkeypatch.setattr("torch.nn.Dropout.forward", forward)


def functional(values: Any, rate: float, *, training: bool) -> Any:  # noqa: ANN401 (tensors)
    return importlib.import_module("torch").nn.functional.dropout(values, rate, training)


def same_mask(layer: Any, values: Any) -> Any:  # noqa: ANN401 (of PyTorch)
    importlib.import_module("torch").manual_seed(0)
    return functional(values, layer.p, training=layer.training)


def always(layer: Any, values: Any) -> Any:  # noqa: ANN401 (of PyTorch)
    return functional(values, layer.p, training=True)


def kept_share(layer: Any, values: Any) -> Any:  # noqa: ANN401 (of PyTorch)
    return functional(values, 1 - layer.p, training=layer.training)


def same_mask_in_flax(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = importlib.import_module("flax.nnx").Dropout
    call = layer.__call__

    def again(self: Any, values: Any) -> Any:  # noqa: ANN401 (of Flax)
        self.rngs.count.set_value(self.rngs.count[...] * 0)
        return call(self, values)

    monkeypatch.setattr(layer, "__call__", again)


def same_mask_in_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = importlib.import_module("keras")

    def again(self: Any, inputs: Any, training: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 (as Keras calls it)
        return keras.random.dropout(inputs, self.rate, seed=1) if training else inputs

    monkeypatch.setattr(keras.layers.Dropout, "call", again)


def no_dropout_in_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = importlib.import_module("bench.adapters.pytorch").PyTorchAdapter
    train_epoch, layer = adapter.train_epoch, importlib.import_module("torch").nn.Dropout

    def still(self: Any, batches: Any) -> Any:  # noqa: ANN401 (an adapter and its batches)
        with pytest.MonkeyPatch.context() as inside:
            inside.setattr(layer, "forward", lambda _, values: values)
            return train_epoch(self, batches)

    monkeypatch.setattr(adapter, "train_epoch", still)
