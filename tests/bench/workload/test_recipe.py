"""A recipe knows the update rules, which metric stands for a task, and which way each is better."""

import math

import pytest
from pydantic import ValidationError

from bench.workload.recipe import Band, Sgd, is_better, primary
from tests.bench.workloads import workload as tiny


def test_sgd_has_a_rule_of_its_own() -> None:
    found = tiny(('{ name = "adam", learning_rate = 1e-2 }', '{ name = "sgd", learning_rate = 1 }'))
    assert found.recipe.optimizer == Sgd(name="sgd", learning_rate=1.0)


@pytest.mark.parametrize(("task", "metric"), [("classification", "accuracy"), ("regression", "r2")])
def test_the_first_metric_stands_for_the_task(task: str, metric: str) -> None:
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
def test_a_value_is_better_on_the_side_of_its_metric(metric: str, found: float, than: float, *, better: bool) -> None:
    assert is_better(metric, found, than) == better


def test_a_band_that_nothing_can_meet_is_refused() -> None:
    assert Band(metric="r2", lowest=0.8, highest=0.8, source="plain PyTorch").lowest == 0.8
    with pytest.raises(ValidationError, match=r"found lowest 0\.9 above highest 0\.8, expected the other way round"):
        Band(metric="r2", lowest=0.9, highest=0.8, source="plain PyTorch")
