"""Every framework follows the written rules of optimizers, rates, penalties and losses, in each way of training."""

import importlib
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bench.adapters.base import IDIOMATIC, NO_FACTS, Adapter, Facts
from bench.errors import UnavailableError
from bench.worker.prepared_workload import load_adapter
from bench.workload import schedules
from bench.workload.axes import FrameworkOptions
from bench.workload.recipe import Clipping, Recipe
from bench.workload.schedules import CosineSchedule, StepSchedule
from bench.workload.update_rules import Adam, AdamW, RmsProp, Sgd
from models.layers.spec import Weights
from tests.bench.adapters import written_rules
from tests.bench.adapters.written_rules import INPUTS, SAMPLES, STEPS, Plant, largest_deviation, written

LIMIT, VISIBLE = 1e-12, 1e-4

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

SGD = Sgd(name="sgd", learning_rate=0.1)
MOMENTUM = Sgd(name="sgd", learning_rate=0.1, momentum=0.9)
COSINE = CosineSchedule(name="cosine", final=0.1, warm_up=3, by="step")
STEP = StepSchedule(name="step", every=1, factor=0.5)


@dataclass(frozen=True)
class Case:
    """A recipe, the fault that must not go unnoticed, and the contenders that cannot follow the recipe."""

    recipe: Recipe
    plant: Plant
    without: tuple[str, ...] = ()
    class_weights: tuple[float, ...] | None = None
    tuning: dict[str, Any] = field(default_factory=dict)

    @property
    def rates(self) -> np.ndarray | None:
        """The rate of each step; with two epochs, so that the last rate has to stay."""
        schedule, rule = self.recipe.schedule, self.recipe.optimizer
        if schedule is None:
            return None
        return schedules.rates(schedule, rule.learning_rate, epochs=2, steps_per_epoch=STEPS // 2 - 1)

    def facts(self, network: Any = None) -> Facts:  # noqa: ANN401 (a module)
        """The facts of the recipe, with the kernels of a network."""
        return Facts(
            rates=self.rates,
            class_weights=None if self.class_weights is None else np.array(self.class_weights),
            kernels=network.kernels if network and self.recipe.l2 else None,
        )


def recipe(rule: Any, **options: Any) -> Recipe:  # noqa: ANN401 (an update rule and the keys of a recipe)
    return Recipe(optimizer=rule, batch_size=SAMPLES, epochs=2, **options)


ADAM = Adam(name="adam", learning_rate=0.1, beta_1=0.5, beta_2=0.7, epsilon=0.1)
RMS = RmsProp(name="rmsprop", learning_rate=0.05, alpha=0.7, epsilon=0.1)
CASES = {
    "nesterov": Case(recipe(replace(MOMENTUM, nesterov=True)), Plant(place="nesterov off")),
    "coupled-sgd": Case(recipe(replace(MOMENTUM, weight_decay=0.3)), Plant(decay="decoupled")),
    "coupled-sgd-clipped": Case(
        recipe(replace(SGD, weight_decay=0.3), clipping=Clipping(norm=0.2, scope="global")), Plant(decay="clipped")
    ),
    "coupled-adam": Case(recipe(replace(ADAM, weight_decay=0.3)), Plant(decay="decoupled")),
    "kernels-sgd": Case(recipe(replace(SGD, weight_decay=0.3, decay="kernels")), Plant(biases_decay=True)),
    "kernels-adam": Case(recipe(replace(ADAM, weight_decay=0.3, decay="kernels")), Plant(biases_decay=True)),
    "kernels-adamw": Case(
        recipe(AdamW(name="adamw", learning_rate=0.1, epsilon=0.1, weight_decay=0.3, decay="kernels")),
        Plant(biases_decay=True),
    ),
    "rmsprop-outside": Case(
        recipe(RMS), Plant(place="inside"), without=("keras/tensorflow", "keras/jax", "keras/torch")
    ),
    "rmsprop-inside": Case(recipe(replace(RMS, epsilon_place="inside")), Plant(place="outside"), without=("pytorch",)),
    "cosine-adamw": Case(
        recipe(AdamW(name="adamw", learning_rate=0.1, epsilon=0.1, weight_decay=0.3), schedule=COSINE), Plant(late=1)
    ),
    "step-momentum": Case(recipe(MOMENTUM, schedule=STEP), Plant(rate_in_buffer=True)),
    "cosine-nesterov-decay": Case(
        recipe(replace(MOMENTUM, nesterov=True, weight_decay=0.1, decay="kernels"), schedule=COSINE), Plant(late=1)
    ),
    "l2-of-one-layer": Case(recipe(SGD, l2={"hidden0": 0.2}), Plant(l2=0.5)),
    "l2-of-all-layers": Case(recipe(ADAM, l2={"all": 0.2, "head": 0.05}), Plant(l2=0.5)),
    "class-weights": Case(
        recipe(SGD, class_weights=(0.5, 3.0, 1.0)), Plant(by_sum_of_weights=True), class_weights=(0.5, 3.0, 1.0)
    ),
    "class-weights-of-two-classes": Case(
        recipe(SGD, loss="binary_cross_entropy", class_weights=(0.5, 3.0)),
        Plant(by_sum_of_weights=True),
        class_weights=(0.5, 3.0),
    ),
    "class-weights-of-squares": Case(
        recipe(SGD, loss="sigmoid_mean_squared_error", class_weights=(0.5, 3.0, 1.0)),
        Plant(by_sum_of_weights=True),
        class_weights=(0.5, 3.0, 1.0),
    ),
    "smoothing": Case(recipe(SGD, label_smoothing=0.3), Plant(smoothed_over=2)),
    "smoothing-of-two-classes": Case(
        recipe(SGD, loss="binary_cross_entropy", label_smoothing=0.3), Plant(place="not smoothed")
    ),
    "accumulation": Case(recipe(MOMENTUM, accumulation=3), Plant(parts="sum")),
    "accumulation-adam-schedule": Case(recipe(ADAM, accumulation=2, schedule=COSINE, l2={"all": 0.1}), Plant(late=1)),
}


def started(
    contender: str, case: Case, *, tuning: FrameworkOptions = IDIOMATIC, network: ModuleType | None = None
) -> tuple[Adapter, Any, Any]:
    framework = contender.partition("/")[0]
    adapter = load_adapter(framework)
    network = network or importlib.import_module(f"models.dnn.{framework}")
    adapter.configure(device="cpu", precision="fp64", threads=1)
    outputs = written_rules.outputs(case.recipe)
    model = network.build(written_rules.spec(outputs), written_rules.first_weights(outputs))
    adapter.prepare(model, case.recipe, tuning=tuning, facts=case.facts(network))
    return adapter, network, model


def computed(
    contender: str, case: Case, *, tuning: FrameworkOptions = IDIOMATIC, network: ModuleType | None = None
) -> list[Weights]:
    """The weights after each step, half of them by `train`; the last half by `train_epoch`, of which the end counts."""
    adapter, network, model = started(contender, case, tuning=tuning, network=network)
    batches = list(zip(INPUTS, written_rules.targets(case.recipe), strict=True))
    found = []
    for batch in batches[: STEPS // 2]:
        adapter.wait(adapter.train([adapter.put(*batch)]))
        adapter.settle()
        found.append(network.export(model))
    adapter.wait([loss for loss, _ in adapter.train_epoch(batches[STEPS // 2 :])])
    adapter.settle()
    return [*found, network.export(model)]


def seen(steps: list[Weights]) -> list[Weights]:
    """The steps after which `computed` looks at the weights."""
    return [*steps[: STEPS // 2], steps[-1]]


@pytest.mark.parametrize("name", CASES)
def test_each_step_follows_the_written_rule(contender: str, name: str) -> None:
    case = CASES[name]
    if contender in case.without:
        with pytest.raises(UnavailableError, match="adds epsilon"):
            started(contender, case)
        return
    expected = seen(written(case.recipe, case.facts()))
    assert largest_deviation(computed(contender, case), expected) <= LIMIT


@pytest.mark.parametrize("name", CASES)
def test_a_slightly_different_rule_would_be_noticed(name: str) -> None:
    """The fault of each case: a rule that a framework has by default, or a typical mistake."""
    case = CASES[name]
    changed, plant = case.recipe, case.plant
    if plant.place == "nesterov off":
        changed = replace(changed, optimizer=MOMENTUM)
    elif plant.place == "not smoothed":
        changed = replace(changed, label_smoothing=0.0)
    elif plant.decay == "clipped":  # as a penalty in the loss would be
        changed = replace(changed, optimizer=SGD, l2={"all": 0.15})
    found = written(changed, case.facts(), plant)
    assert largest_deviation(found, written(case.recipe, case.facts())) > VISIBLE


def test_an_l2_penalty_decays_twice_as_fast_as_a_weight_decay_of_the_same_number() -> None:
    names = ("hidden0.kernel", "head.kernel")
    penalty = written(recipe(SGD, l2={"all": 0.1}))
    same, double = (written(recipe(replace(SGD, weight_decay=size, decay="kernels"))) for size in (0.1, 0.2))
    assert largest_deviation(penalty, double, names=names) <= LIMIT
    assert largest_deviation(penalty, same, names=names) > VISIBLE


def test_a_recipe_whose_facts_are_missing_is_refused(contender: str) -> None:
    framework = contender.partition("/")[0]
    adapter, network = load_adapter(framework), importlib.import_module(f"models.dnn.{framework}")
    adapter.configure(device="cpu", precision="fp64", threads=1)
    model = network.build(written_rules.spec(3), written_rules.first_weights(3))
    for changes in ({"schedule": STEP}, {"l2": {"all": 0.1}}, {"class_weights": "balanced"}):
        with pytest.raises(ValueError, match="which the recipe needs"):
            adapter.prepare(model, recipe(SGD, **changes), facts=NO_FACTS)


def test_a_batch_that_has_no_equal_parts_is_refused(contender: str) -> None:
    case = Case(recipe(SGD, accumulation=3), Plant())
    adapter, _, _ = started(contender, case)
    with pytest.raises(UnavailableError, match=r"a batch of 4 samples cannot be split into 3 equal parts"):
        adapter.train([adapter.put(INPUTS[0][:4], written_rules.LABELS[0][:4])])
