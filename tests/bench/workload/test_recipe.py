"""A recipe has an optimizer; each task has a primary metric; each metric has a better direction."""

import math

import pytest
from pydantic import ValidationError

from bench.workload.recipe import Band, is_better, primary
from bench.workload.update_rules import Sgd
from tests.bench.workloads import workload as tiny


def test_a_recipe_can_name_sgd_as_its_optimizer() -> None:
    found = tiny(('{ name = "adam", learning_rate = 1e-2 }', '{ name = "sgd", learning_rate = 1 }'))
    assert found.recipe.optimizer == Sgd(name="sgd", learning_rate=1.0)


@pytest.mark.parametrize(("task", "metric"), [("classification", "accuracy"), ("regression", "r2")])
def test_the_primary_metric_is_accuracy_or_r2(task: str, metric: str) -> None:
    assert primary(task) == metric


@pytest.mark.parametrize(
    ("metric", "found", "than", "better"),
    [
        ("accuracy", 0.9, 0.8, True),
        ("accuracy", 0.8, 0.9, False),
        ("accuracy", 0.9, 0.9, False),
        ("rmse", 0.8, 0.9, True),
        ("rmse", 0.9, 0.8, False),
        ("loss", 0.9, math.nan, True),
        ("loss", math.nan, 0.9, False),
        ("loss", math.nan, math.nan, False),
    ],
)
def test_each_metric_has_a_better_direction_and_nan_is_worst(
    metric: str, found: float, than: float, *, better: bool
) -> None:
    assert is_better(metric, found, than) == better


def test_a_band_whose_lower_end_is_above_its_upper_end_is_refused() -> None:
    assert Band(metric="r2", lowest=0.8, highest=0.8, source="plain PyTorch").lowest == 0.8
    with pytest.raises(ValidationError, match=r"found lowest = 0\.9 and highest = 0\.8, expected lowest <= highest"):
        Band(metric="r2", lowest=0.9, highest=0.8, source="plain PyTorch")
