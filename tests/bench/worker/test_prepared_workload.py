"""A prepared workload has data in the network's shape and precision, and builds models with canonical weights."""

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bench.adapters.engines.jax import JaxEngine
from bench.adapters.engines.torch import TorchEngine
from bench.adapters.pytorch import PyTorchAdapter
from bench.errors import DataError
from bench.worker.prepared_workload import PreparedWorkload, forms, load_adapter, prepare
from bench.workload.workload import parse_workload
from models.dnn.spec import initial_weights
from models.layers.spec import without_dropout


def subject(
    *,
    precision: str = "fp32",
    model: dict[str, Any] | None = None,
    task: dict[str, int] | None = None,
    framework: str = "pytorch",
    seed: int = 0,
) -> PreparedWorkload:
    model = model or {"family": "dnn", "hidden": [{"units": 5, "dropout": 0.5}]}
    task = task or {"classes": 3}
    content = {
        "name": "tiny",
        "dataset": {"name": "synthetic", "shape": [6, 4], "train": 20, "test": 8, **task},
        "model": model,
        "recipe": {
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "batch_size": 4,
            "epochs": 1,
            "loss": "cross_entropy" if "classes" in task else "mean_squared_error",
        },
    }
    workload = parse_workload(content, source=Path("tiny.toml"))
    return prepare(framework, workload, device="cpu", precision=precision, threads=1, seed=seed)


CNN = {"family": "cnn", "convolutions": [{"filters": 2}]}
LSTM = {"family": "lstm", "layers": [{"units": 3}]}


@pytest.mark.parametrize(("model", "shape"), [(None, (24,)), (CNN, (6, 4, 1)), (LSTM, (6, 4))])
@pytest.mark.parametrize(("precision", "dtype"), [("fp32", np.float32), ("fp64", np.float64)])
def test_samples_come_in_the_shape_and_precision_of_the_network(
    model: dict[str, Any] | None, shape: tuple[int, ...], precision: str, dtype: type
) -> None:
    made = subject(precision=precision, model=model)
    train, test = made.split("train"), made.split("test")
    assert train.inputs.shape == (20, *shape)
    assert test.inputs.shape == (8, *shape)
    assert train.inputs.dtype == dtype
    np.testing.assert_array_equal(train.inputs.ravel(), made.dataset.train.inputs.ravel())


def test_labels_stay_integers_and_float_targets_take_the_precision() -> None:
    assert subject(precision="fp64").split("train").targets.dtype == np.int64
    numbers = subject(precision="fp64", task={"outputs": 2}).split("train").targets
    assert numbers.dtype == np.float64
    assert numbers.shape == (20, 2)


def test_in_float32_nothing_is_copied() -> None:
    made = subject()
    assert np.shares_memory(made.split("train").inputs, made.dataset.train.inputs)
    assert not np.shares_memory(subject(precision="fp64").split("train").inputs, made.dataset.train.inputs)


def test_a_split_that_nobody_checks_held_out_rows_without_a_class_stop_every_proof() -> None:
    ready = subject()
    assert len(ready.split("train")) == 20
    labels = np.sort(ready.dataset.train.targets)
    ready.dataset.__dict__["train"] = replace(ready.dataset.train, targets=labels)
    assert len(ready.split("train")) == 20
    holding_out = replace(ready.workload, recipe=replace(ready.workload.recipe, validation_fraction=0.1))
    with pytest.raises(DataError, match=r"2 rows in the validation part.*recipe\.validation_fraction"):
        replace(ready, workload=holding_out).split("train")


def test_data_is_read_on_first_use() -> None:
    made = subject()
    assert "train" not in vars(made.dataset)
    made.split("train")
    assert "train" in vars(made.dataset)
    assert "test" not in vars(made.dataset)


@pytest.mark.parametrize("framework", ["pytorch", "flax"])
@pytest.mark.parametrize(("precision", "dtype"), [("fp32", np.float32), ("fp64", np.float64)])
def test_a_model_is_built_with_the_canonical_weights_of_the_seed(framework: str, precision: str, dtype: type) -> None:
    made = subject(framework=framework, precision=precision, seed=3)
    found = made.module.export(made.build())
    expected = initial_weights(made.workload.spec, seed=3)
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        assert found[name].dtype == dtype
        np.testing.assert_array_equal(found[name], value.astype(dtype))
    assert not np.array_equal(found["head.kernel"], initial_weights(made.workload.spec, seed=0)["head.kernel"])


def test_the_adapter_drives_the_model_that_was_built() -> None:
    made = subject()
    logits = []
    for _ in range(2):
        model = made.build(spec=without_dropout(made.workload.spec))
        split = made.split("train")
        made.adapter.wait(made.adapter.train([made.adapter.put(split.inputs, split.targets)]))
        weights = made.module.export(model)
        assert not np.array_equal(weights["head.bias"], np.zeros(3))
        logits.append(made.adapter.to_numpy(made.adapter.predict(made.adapter.put(split.inputs))))
    np.testing.assert_array_equal(logits[0], logits[1], err_msg="a second build starts from the initial weights")


def test_the_module_is_that_of_the_family_and_the_framework() -> None:
    assert subject(model=LSTM, framework="flax").module is importlib.import_module("models.lstm.flax")


def test_adapters_are_loaded_by_name() -> None:
    assert isinstance(load_adapter("pytorch"), PyTorchAdapter)
    with pytest.raises(ModuleNotFoundError, match=r"bench\.adapters\.theano"):
        load_adapter("theano")


def test_an_engine_that_loops_in_python_has_no_unroll_option(monkeypatch: pytest.MonkeyPatch) -> None:
    found = subject(model=LSTM, framework="keras")
    monkeypatch.setattr(found.adapter.engine, "loops_in_python", False)
    assert "unroll" in found.choices("training")
    monkeypatch.setattr(found.adapter.engine, "loops_in_python", True)
    assert "unroll" not in found.choices("training")
    assert TorchEngine().loops_in_python
    assert not JaxEngine().loops_in_python


def test_options_for_gpus_are_not_offered_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    found = subject(model=LSTM, framework="keras")
    assert "use_cudnn" not in found.choices("training")
    monkeypatch.setattr(found.adapter.engine, "device", "cuda")
    assert found.choices("training")["use_cudnn"] == ("auto", "off")


def test_options_for_cpus_are_not_offered_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    found = subject(model=CNN, framework="flax")
    assert found.choices("training")["convolution"] == ("direct", "patches")
    monkeypatch.setattr(found.adapter.engine, "device", "cuda")
    assert "convolution" not in found.choices("training")
    assert "pooling" in found.choices("training")


def test_the_forms_of_a_network_are_its_named_options_and_other_annotations_are_not_looked_up() -> None:
    module = ModuleType("network")
    code = """
from __future__ import annotations
from typing import Literal
def build(spec: OnlyForTypeCheckers, weights, *, seed: int = 0, form: Literal["plain", "fused"] = "plain"): ...
"""
    exec(code, vars(module))  # noqa: S102 (the code above)
    assert forms(module) == {"form": ("plain", "fused")}


@pytest.mark.parametrize(("vocabulary", "kind"), [({"vocabulary": 17, "width": 2}, "i"), ({}, "f")])
def test_a_reference_gets_integers_as_integers_so_that_it_can_look_rows_up(
    monkeypatch: pytest.MonkeyPatch, vocabulary: dict[str, int], kind: str
) -> None:
    content = {
        "name": "tiny",
        "dataset": {"name": "digits", "integers": True},
        "model": {"family": "rnn", "layers": [{"units": 3}], **vocabulary},
        "recipe": {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 32, "epochs": 1},
    }
    workload = parse_workload(content, source=Path("tiny.toml"))
    made = prepare("pytorch", workload, device="cpu", precision="fp32", threads=1, seed=0)
    seen: list[str] = []
    monkeypatch.setattr("models.rnn.spec.forward", lambda *given: seen.append(given[2].dtype.kind))
    made.reference({}, made.split("test").inputs[:2])
    assert seen == [kind]
