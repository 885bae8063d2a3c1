"""A recipe whose loss or learning rate does not fit the data or the network is refused, with one clear error."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import UsageError
from bench.workload import training_checks
from bench.workload.workload import Workload, parse_workload, shortened

SGD = {"name": "sgd", "learning_rate": 0.1}
REGRESSION = {"name": "synthetic", "shape": [6], "outputs": 2, "train": 96, "test": 20}
COSINE = {"name": "cosine", "warm_up": 1}


def parsed(dataset: dict[str, Any] | None = None, **recipe: Any) -> Workload:  # noqa: ANN401 (keys of a recipe)
    content = {
        "name": "tiny",
        "dataset": dataset or {"name": "synthetic", "shape": [6], "classes": 3, "train": 97, "test": 20},
        "model": {"family": "dnn", "hidden": [{"units": 5, **recipe.pop("layer", {})}]},
        "recipe": {"optimizer": SGD, "batch_size": 32, "epochs": 2, **recipe},
    }
    return parse_workload(content, source=Path("tiny.toml"))


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"optimizer": SGD | {"nesterov": True}}, "recipe.optimizer: found nesterov = true and momentum = 0, expected a"),
    (
        {"schedule": {"name": "cosine", "warm_up": 2}},
        "recipe.schedule.warm_up: found 2, expected fewer than 2: the tr",
    ),
    (
        {"schedule": {"name": "cosine", "warm_up": 8, "by": "step"}},
        "recipe.schedule.warm_up: found 8, expected fewer than 8: the training has 8 steps",
    ),
    (
        {"schedule": {"name": "step", "every": 1, "factor": 1e200}, "epochs": 4},
        "recipe.schedule.factor: found 1e+200, expected a smaller one: the learning rate would be infinite",
    ),
    ({"schedule": {"name": "linear"}}, "recipe.schedule.name: found 'linear', expected one of 'step', 'cosine'"),
    (
        {"l2": {"hiden0": 0.1}},
        "recipe.l2: found 'hiden0' (did you mean hidden0?), expected one of the layers",
    ),
    ({"l2": {"head": -1.0}}, "recipe.l2.head: found -1.0, expected a number of at least 0"),
    (
        {"class_weights": "equal"},
        "recipe.class_weights: found 'equal', expected \"balanced\" or a list with a",
    ),
    ({"class_weights": [1.0, 0.0, 1.0]}, 'recipe.class_weights: found [1.0, 0.0, 1.0], expected "balanced" or a list'),
    ({"class_weights": [1.0, 1.0, np.inf]}, 'recipe.class_weights: found [1.0, 1.0, inf], expected "balanced" or a'),
    ({"class_weights": [1.0, 2.0]}, "recipe.class_weights: found 2 numbers, expected 3: one for each class"),
    (
        {"class_weights": "balanced", "label_smoothing": 0.1},
        "recipe.class_weights: found class_weights and label_smoothing, expected one of them",
    ),
    (
        {"dataset": REGRESSION, "class_weights": "balanced"},
        "recipe.class_weights: found 'balanced', expected no such key: the task is regression",
    ),
    (
        {"loss": "sigmoid_mean_squared_error", "label_smoothing": 0.1},
        "recipe.label_smoothing: found loss 'sigmoid_mean_squared_error', expected 'cross_entropy' or",
    ),
    ({"accumulation": 5}, "recipe.accumulation: found 5 for batch_size = 32, expected a number that divides it"),
    (
        {"accumulation": 2},
        (
            "recipe.accumulation: found 2, and a last batch of 1 samples, which cannot be split into 2 equal parts; "
            'set last_batch = "drop"'
        ),
    ),
    (
        {"accumulation": 32, "last_batch": "drop", "layer": {"batch_norm": {}}},
        "recipe.accumulation: found 32, which splits a batch of 32 samples into parts of one sample",
    ),
    ({"early_stopping": {"patience": 1, "min_delta": -1.0}}, "recipe.early_stopping.min_delta: found -1.0, expected a"),
]


@pytest.mark.parametrize(("recipe", "line"), MISTAKES, ids=[line[:60] for _, line in MISTAKES])
def test_a_mistake_is_refused_with_key_found_and_expected(recipe: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(**recipe)
    assert str(caught.value).startswith(f"tiny.toml: {line}"), str(caught.value)
    assert "; recipe" not in str(caught.value), "one error"


def test_batch_sizes_of_their_own_have_to_be_multiples_of_the_parts() -> None:
    content = dict(parsed(accumulation=4, last_batch="drop").content) | {"timing": {"batch_sizes": [4, 10]}}
    with pytest.raises(UsageError, match=r"timing\.batch_sizes: found 10, expected multiples of 4"):
        parse_workload(content, source=Path("tiny.toml"))


def test_the_rates_of_a_recipe_come_from_its_batches_and_its_training_data() -> None:
    assert training_checks.rates(parsed().recipe, parsed().description) is None
    for options, steps in (({}, 4), ({"last_batch": "drop"}, 3), ({"validation_fraction": 0.5}, 2)):
        made = parsed(schedule=COSINE, **options)
        found = training_checks.rates(made.recipe, made.description)
        assert found is not None
        np.testing.assert_array_equal(found, np.repeat([0.05, 0.1], steps))


@pytest.mark.parametrize("key", [{"schedule": COSINE}, {"class_weights": "balanced"}])
def test_a_proof_depends_on_the_length_of_the_training_only_if_its_steps_do(key: dict[str, Any]) -> None:
    plain = [parsed(epochs=epochs).proof_digest for epochs in (2, 3)]
    assert plain[0] == plain[1]
    changed = [parsed(**key, epochs=epochs).proof_digest for epochs in (2, 3)]
    assert changed[0] != changed[1]


def test_a_training_that_is_cut_short_has_a_shorter_warm_up() -> None:
    long = parsed(schedule={"name": "cosine", "warm_up": 3}, epochs=8)
    for epochs, warm_up in ((4, 3), (2, 1), (1, 0)):
        found = shortened(long, epochs=epochs).recipe
        assert found.schedule is not None
        assert (found.epochs, found.schedule.warm_up) == (epochs, warm_up)
    assert shortened(long, epochs=8) is long
