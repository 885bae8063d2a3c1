"""Every way of training follows the same written rules, with all keys of a recipe that go together."""

import importlib
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bench.adapters.base import Adapter
from bench.errors import UnavailableError
from bench.workload.axes import FrameworkOptions
from models.layers.spec import Weights
from tests.bench.adapters.test_recipe_rules import (
    ADAM,
    COSINE,
    LIMIT,
    MOMENTUM,
    VISIBLE,
    Case,
    computed,
    recipe,
    seen,
    started,
)
from tests.bench.adapters.written_rules import INPUTS, LABELS, Plant, largest_deviation, written

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Dynamo detected:UserWarning", "ignore::DeprecationWarning:torch.jit"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),  # torch's own, while it traces
]

ALL_TOGETHER = {
    "schedule": COSINE,
    "l2": {"hidden0": 0.1, "head": 0.02},
    "label_smoothing": 0.2,
    "accumulation": 2,
}
CASES = {
    "adam": Case(recipe(replace(ADAM, weight_decay=0.3, decay="kernels"), **ALL_TOGETHER), Plant(late=1)),
    "nesterov": Case(
        recipe(replace(MOMENTUM, learning_rate=0.05, nesterov=True, weight_decay=0.1), **ALL_TOGETHER), Plant(l2=0.5)
    ),
}
WHOLE = {"compile": "whole step"}
COMPILED = ({"compile": "default"}, WHOLE, {"jit_compile": "on"})


def ways(adapter: Adapter) -> list[FrameworkOptions]:
    """Each value of each option for training, one at a time."""
    choices = adapter.choices("training", input_shape=(4,), forms=())
    return [{name: value} for name, values in choices.items() for value in values[1:] if name != "onednn"]


def plain_network() -> Any:  # noqa: ANN401 (as a module)
    """The network in layers of torch alone, since `torch.compile` cannot look through checks of array shapes."""
    torch = importlib.import_module("torch")
    places = {"hidden0": 0, "head": 2}

    def build(_: object, weights: Weights) -> Any:  # noqa: ANN401 (of torch)
        sizes = weights["hidden0.kernel"].shape, weights["head.kernel"].shape
        model = torch.nn.Sequential(torch.nn.Linear(*sizes[0]), torch.nn.Tanh(), torch.nn.Linear(*sizes[1])).double()
        for name, number in places.items():
            model[number].weight.data = torch.tensor(weights[f"{name}.kernel"].T).contiguous()
            model[number].bias.data = torch.tensor(weights[f"{name}.bias"])
        return model

    def export(model: Any) -> Weights:  # noqa: ANN401 (of torch)
        found: Weights = {}
        for name, number in places.items():
            found[f"{name}.kernel"] = model[number].weight.detach().numpy().T.copy()
            found[f"{name}.bias"] = model[number].bias.detach().numpy().copy()
        return found

    def kernels(model: Any) -> dict[str, Any]:  # noqa: ANN401 (of torch)
        return {name: model[number].weight for name, number in places.items()}

    return SimpleNamespace(build=build, export=export, kernels=kernels)


def check(contender: str, name: str, *, compiled: bool) -> None:
    network = plain_network() if contender == "pytorch" else None
    adapter, _, _ = started(contender, CASES[name], network=network)
    for way in ways(adapter):
        case = CASES[name] if way != WHOLE else replace(CASES[name], recipe=replace(CASES[name].recipe, accumulation=1))
        expected = seen(written(case.recipe, case.facts()))
        if (way in COMPILED and contender != "keras/tensorflow") == compiled:
            assert largest_deviation(computed(contender, case, tuning=way, network=network), expected) <= LIMIT, way


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_way_of_training_follows_the_written_rules(contender: str, name: str) -> None:
    check(contender, name, compiled=False)


def test_a_step_of_several_parts_is_not_compiled_whole() -> None:
    with pytest.raises(UnavailableError, match="several backward passes"):
        started("pytorch", CASES["adam"], tuning=WHOLE)


@pytest.mark.timeout(900)  # it compiles a dozen programs
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "contender",
    [pytest.param("pytorch", marks=pytest.mark.slow), pytest.param("keras/torch", marks=pytest.mark.study)],
)
def test_every_step_compiled_by_torch_follows_the_written_rules(contender: str, name: str) -> None:
    check(contender, name, compiled=True)


@pytest.mark.parametrize("name", CASES)
def test_a_fault_in_the_combined_recipe_would_be_noticed(name: str) -> None:
    case = CASES[name]
    assert (
        largest_deviation(written(case.recipe, case.facts(), case.plant), written(case.recipe, case.facts())) > VISIBLE
    )


def programs() -> int:
    """How many programs `torch.compile` has made in this process."""
    return int(importlib.import_module("torch._dynamo").utils.counters["stats"]["unique_graphs"])


def made_by(case: Case, *, rate: Any = None) -> list[int]:  # noqa: ANN401 (a rate for each step, or None)
    """The number of programs after each of five steps that are compiled whole in PyTorch."""
    if dynamo := sys.modules.get("torch._dynamo"):
        dynamo.reset()
        dynamo.utils.counters.clear()
    adapter, _, _ = started("pytorch", case, tuning=WHOLE, network=plain_network())
    found = []
    for number in range(5):
        if rate is not None:
            for group in adapter.optimizer.param_groups:  # type: ignore[attr-defined] # of PyTorch
                group["lr"] = rate / (number + 1)
        adapter.train([adapter.put(INPUTS[number], LABELS[number])])
        found.append(programs())
    return found


@pytest.mark.slow
def test_a_rate_that_changes_compiles_no_new_program_in_pytorch() -> None:
    found = made_by(Case(recipe(ADAM, schedule=COSINE), Plant()))
    assert found[-1] == found[1] > 0, "the second step is compiled again, since the optimizer has its state"


@pytest.mark.slow
def test_a_rate_that_is_a_number_would_compile_a_new_program() -> None:
    found = made_by(Case(recipe(ADAM), Plant()), rate=0.1)
    assert found[-1] > found[1]
