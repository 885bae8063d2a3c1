"""A recipe that one framework cannot follow is refused before anything starts, with the key and two remedies."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.errors import UsageError
from bench.workload import model_families, recipe_checks
from bench.workload.recipe import METRICS, RANGES, impossible
from bench.workload.workload import Workload, parse_workload, variants
from models.layers.examples import AFTER, BEFORE
from tests.bench.workloads import workload

NORM = ("units = 5", "units = 5, batch_norm = {}")


def table(**changes: dict[str, Any]) -> dict[str, Any]:
    """A workload with 97 training samples and a batch norm; `changes` are made in its tables."""
    tables: dict[str, dict[str, Any]] = {
        "dataset": {"name": "synthetic", "shape": [6], "classes": 3, "train": 97, "test": 20},
        "model": {"family": "dnn", "hidden": [{"units": 5, "batch_norm": {}}]},
        "recipe": {"optimizer": {"name": "adam"}, "batch_size": 32, "epochs": 2},
    }
    return {"name": "tiny"} | {key: value | changes.pop(key, {}) for key, value in tables.items()} | changes


def parsed(**changes: dict[str, Any]) -> Workload:
    return parse_workload(table(**changes), source=Path("tiny.toml"))


def refused(**changes: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        parsed(**changes)
    return str(caught.value)


def test_a_recipe_that_one_framework_cannot_follow_has_a_last_batch_of_one_sample() -> None:
    assert refused() == (
        "tiny.toml: recipe.batch_size: found 32 for 97 training samples, which leaves a last batch of one sample, "
        "expected none: the batch norm of hidden0 needs two values or more of each feature, and PyTorch refuses such a "
        'batch; set batch_size = 31, or last_batch = "drop"'
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": {"batch_size": 31}},
        {"recipe": {"last_batch": "drop"}},
        {"recipe": {"batch_size": 97}},
        {"dataset": {"train": 98}},
        {"model": {"hidden": [{"units": 5}]}},
    ],
)
def test_each_remedy_is_accepted(changes: dict[str, Any]) -> None:
    assert parsed(**changes).recipe.batch_size


def test_the_training_samples_are_counted_without_those_that_are_held_out() -> None:
    assert "for 33 training samples" in refused(dataset={"train": 44}, recipe={"validation_fraction": 0.25})
    assert parsed(dataset={"train": 44}).recipe.batch_size == 32


def test_a_batch_of_one_sample_is_refused_in_the_recipe_and_among_the_timed_sizes() -> None:
    assert "recipe.batch_size: found 1, expected at least 2" in refused(recipe={"batch_size": 1})
    assert parsed(recipe={"batch_size": 1}, model={"hidden": []}).recipe.batch_size == 1
    found = refused(dataset={"train": 98}, timing={"batch_sizes": [1, 8]})
    assert "timing.batch_sizes: found 1, expected at least 2" in found
    assert parsed(dataset={"train": 98}, timing={"batch_sizes": [2, 8]}).batch_sizes == (2, 8)


def test_a_grid_is_refused_by_the_value_that_leaves_a_last_batch_of_one_sample() -> None:
    made = parsed(dataset={"train": 98}, grid={"batch_size": [32, 97]})
    with pytest.raises(UsageError, match=r"tiny\.toml: grid\.batch_size: found 97 for 98 training samples"):
        variants(made)
    assert len(variants(parsed(dataset={"train": 98}, grid={"batch_size": [32, 96]}))) == 2


def test_every_fold_is_checked() -> None:
    rows = {"name": "generated-classification", "rows": 98, "folds": 3}  # 65, 65 and 66 are for training
    made = parse_workload(table(recipe={"batch_size": 65}) | {"dataset": rows}, source=Path("tiny.toml"))
    with pytest.raises(UsageError, match=r"found 65 for 66 training samples, which leaves a last batch of one sample"):
        variants(made)
    other = parse_workload(table(recipe={"batch_size": 63}) | {"dataset": rows}, source=Path("tiny.toml"))
    assert len(variants(other)) == 3


def raises(family: str, spec: model_families.Spec) -> bool:
    """Whether PyTorch refuses to train this network on a batch of one sample."""
    module = model_families.spec_module(family)
    twin = __import__(f"models.{family}.pytorch", fromlist=["build"])
    model = twin.build(spec, module.initial_weights(spec, seed=0)).double().train()
    dtype = torch.int32 if model_families.vocabulary(spec) else torch.float64
    sample = torch.zeros(1, *module.input_shape(spec), dtype=dtype)
    try:
        model(sample.permute(0, 3, 1, 2) if family == "cnn" else sample)
    except ValueError as error:
        assert "more than 1 value per channel" in str(error)  # noqa: PT017 (not raising is right too)
        return True
    return False


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("family", model_families.family_names())
def test_pytorch_refuses_a_batch_of_one_sample_exactly_where_it_is_said(family: str) -> None:
    for name, spec in model_families.spec_module(family).EXAMPLES.items():
        assert raises(family, spec) == bool(recipe_checks.norms_over_one_value(family, spec)), name


@pytest.mark.parametrize(("size", "pool", "layers"), [(3, 1, ["conv0"]), (4, 1, []), (4, 2, []), (5, 3, [])])
def test_a_batch_norm_over_images_of_one_pixel_has_one_value_of_each_channel(
    size: int, pool: int, layers: list[str]
) -> None:
    module = model_families.spec_module("cnn")
    convolution = {"filters": 2, "kernel": 3, "batch_norm": BEFORE, "pool": pool}
    spec = module.Spec(height=size, width=size, channels=1, convolutions=[convolution], outputs=2)
    assert recipe_checks.norms_over_one_value("cnn", spec) == layers
    assert raises("cnn", spec) == bool(layers)


@pytest.mark.parametrize(("size", "norms"), [(1, ["conv0", "conv1"]), (2, ["conv1"]), (4, [])])
def test_a_shortcut_or_global_pooling_is_no_layer_of_the_list(size: int, norms: list[str]) -> None:
    """The stride of the second layer makes one pixel of two; its shortcut has a convolution and a batch norm."""
    first = {"filters": 2, "padding": "same", "batch_norm": BEFORE}
    spec = model_families.spec_module("cnn").Spec(
        height=size,
        width=size,
        channels=2,
        convolutions=[first, {**first, "filters": 3, "strides": 2, "shortcut": 2}],
        global_pooling="average",
        dense=[{"units": 3, "activation": "linear"}],
        outputs=2,
    )
    assert recipe_checks.norms_over_one_value("cnn", spec) == norms
    assert raises("cnn", spec) == bool(norms)


@pytest.mark.parametrize("family", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("steps", "expected"), [(1, ["layer0", "layer1"]), (3, ["layer1"])])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_batch_norm_over_several_time_steps_has_several_values(
    family: str, steps: int, expected: list[str], *, bidirectional: bool
) -> None:
    layer = {"units": 3, "batch_norm": AFTER, "bidirectional": bidirectional}
    spec = model_families.spec_module(family).Spec(steps=steps, features=2, layers=[layer, layer], outputs=2)
    assert recipe_checks.norms_over_one_value(family, spec) == expected


@pytest.mark.parametrize("family", ["rnn", "lstm", "gru"])
def test_a_table_of_integers_is_no_layer_of_the_list(family: str) -> None:
    layer = {"units": 3, "batch_norm": AFTER}
    spec = model_families.spec_module(family).Spec(
        steps=4, features=1, vocabulary=5, width=2, layers=[layer, layer], outputs=2
    )
    assert recipe_checks.norms_over_one_value(family, spec) == ["layer1"]
    assert raises(family, spec)


@pytest.mark.parametrize(
    ("metric", "value", "found"),
    [
        ("accuracy", 95, "found 95, expected 0 to 1: write 0.95 for 95 %"),
        ("f1", -0.1, "found -0.1, expected 0 to 1"),
        ("roc_auc", 101, "found 101, expected 0 to 1"),
        ("r2", 1.5, "found 1.5, expected at most 1: write 0.015 for 1.5 %"),
        ("rmse", -1, "found -1, expected at least 0: rmse is never negative"),
    ],
)
def test_a_value_that_a_metric_cannot_have_is_refused(metric: str, value: float, found: str) -> None:
    assert impossible(metric, value) == found


@pytest.mark.parametrize(("metric", "value"), [("accuracy", 0), ("accuracy", 1), ("r2", -3), ("rmse", 95), ("loss", 0)])
def test_a_value_that_a_metric_can_have_is_accepted(metric: str, value: float) -> None:
    assert impossible(metric, value) is None


def test_every_metric_has_a_range() -> None:
    assert {name for metrics in METRICS.values() for name in metrics} == set(RANGES)


def test_impossible_targets_and_bands_are_refused_by_their_keys() -> None:
    plain: dict[str, Any] = {"model": {"hidden": []}}
    assert "target.value: found 95, expected 0 to 1" in refused(**plain, target={"metric": "accuracy", "value": 95})
    band = {"metric": "accuracy", "lowest": 0.5, "highest": 95, "source": "here"}
    assert "band.highest: found 95, expected 0 to 1" in refused(**plain, band=band)
    assert parsed(**plain, target={"metric": "accuracy", "value": 0.95}).target


def test_all_problems_of_a_workload_are_told_at_once() -> None:
    found = refused(
        recipe={"batch_size": 98, "early_stopping": {"patience": 1, "metric": "r2"}},
        target={"metric": "accuracy", "value": 95},
    )
    for problem in (
        "recipe.batch_size: found 98, expected at most 97",
        "recipe.early_stopping: found no validation data",
        "recipe.early_stopping.metric: found 'r2'",
        "target.value: found 95",
    ):
        assert problem in found
    assert workload(NORM).recipe.batch_size == 8
