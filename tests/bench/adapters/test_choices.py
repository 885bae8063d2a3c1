"""Options of mode `tuned`: each value does the same work, and all frameworks on an engine offer its options."""

from collections.abc import Sequence
from types import ModuleType
from typing import get_args

import pytest

from bench.adapters.base import Adapter
from bench.workload.axes import FrameworkOptions, Scenario
from models.layers.spec import without_dropout
from tests.bench.adapters.small_network import INPUTS, LABELS, RECIPE, SPEC, first_weights, predict

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


SIZES = (6,) * 8 + (5,)  # of batches: eight that fit into one program of several steps, and a smaller one
TOLERANCE = 1e-5


def learnt(
    adapter: Adapter, network: ModuleType, tuning: FrameworkOptions, *, sizes: Sequence[int] = SIZES
) -> list[float]:
    """The logits, and the weights of the last layer, after an epoch of batches of these sizes."""
    spec = without_dropout(SPEC)
    model = network.build(spec, first_weights(spec), seed=0)
    adapter.prepare(model, RECIPE, tuning=tuning)
    losses = adapter.train_epoch([(INPUTS[:size], LABELS[:size]) for size in sizes])
    adapter.wait([loss for loss, _ in losses])
    answers = predict(adapter)
    adapter.settle()
    head = network.export(model)["head.kernel"]
    return [*answers.ravel().tolist(), *head.ravel().tolist()]


def usual(adapter: Adapter, scenario: Scenario) -> FrameworkOptions:
    """The default of each option, which is its first value."""
    return {name: first for name, (first, *_) in adapter.choices(scenario, input_shape=(6,), forms=()).items()}


def others(adapter: Adapter) -> set[tuple[str, str]]:
    """All other values, with the names of their options, in training or inference."""
    return {
        (name, value)
        for scenario in get_args(Scenario)
        for name, (_, *rest) in adapter.choices(scenario, input_shape=(6,), forms=()).items()
        for value in rest
    }


def is_for_inductor(contender: str, choice: tuple[str, str]) -> bool:
    """Whether this option uses torch's compiler, which takes half a minute."""
    return choice[0] == "compile" or (contender == "keras/torch" and choice == ("jit_compile", "on"))


def test_the_first_value_of_every_option_is_the_default(adapter: Adapter, network: ModuleType) -> None:
    found = learnt(adapter, network, {}, sizes=(6, 6))
    for scenario in get_args(Scenario):
        assert learnt(adapter, network, usual(adapter, scenario), sizes=(6, 6)) == pytest.approx(found, abs=0)
    assert learnt(adapter, network, {}, sizes=(6,)) != pytest.approx(found, abs=TOLERANCE), "one step less"


@pytest.mark.slow
def test_every_option_value_trains_and_predicts_the_same(adapter: Adapter, network: ModuleType, contender: str) -> None:
    found = learnt(adapter, network, {})
    tried = [choice for choice in sorted(others(adapter)) if not is_for_inductor(contender, choice)]
    assert tried
    for choice in tried:
        assert learnt(adapter, network, dict([choice])) == pytest.approx(found, abs=TOLERANCE), choice


# PyTorch's network has no such test here: torch cannot trace through the checks of types in these tests.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's compiler uses deprecated functions of torch, and warns about itself
@pytest.mark.parametrize("contender", ["keras/torch"])
@pytest.mark.timeout(900)  # a compiler of C++ runs in it
def test_a_model_compiled_by_torch_trains_and_predicts_the_same(
    adapter: Adapter, network: ModuleType, contender: str
) -> None:
    (choice,) = (choice for choice in others(adapter) if is_for_inductor(contender, choice))
    three = (6, 6, 6)  # the second step is compiled again, since the optimizer has its state then
    found = learnt(adapter, network, {}, sizes=three)
    assert learnt(adapter, network, dict([choice]), sizes=three) == pytest.approx(found, abs=TOLERANCE)


FORMS = {"nnx.cached_partial", "nnx.jit_partial"}


@pytest.mark.parametrize("missing", [None, *sorted(FORMS)])
@pytest.mark.parametrize("contender", ["flax"])
@pytest.mark.usefixtures("contender")
def test_a_function_that_this_version_of_flax_lacks_is_not_offered(
    adapter: Adapter, missing: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing:
        monkeypatch.delattr(f"flax.{missing}")
    for scenario in get_args(Scenario):
        offered = adapter.choices(scenario, input_shape=(6,), forms=())["call"]
        assert offered[0] == "nnx.jit"
        assert FORMS & set(offered) == FORMS - {missing}


@pytest.mark.parametrize("contender", ["pytorch"])
@pytest.mark.usefixtures("contender")
def test_the_whole_step_is_offered_only_for_training(adapter: Adapter) -> None:
    offered = {scenario: adapter.choices(scenario, input_shape=(6,), forms=()) for scenario in get_args(Scenario)}
    assert "whole step" in offered["training"]["compile"]
    assert "whole step" not in offered["inference"]["compile"]


# The options of an engine, by the end of "name value", for each framework, device and model family.
OFFERED = {
    ("flax", "cpu", "dnn"): {"ahead of time"},
    ("flax", "cuda", "dnn"): {"ahead of time", "products by cuBLAS"},
    ("keras/jax", "cpu", "dnn"): {"ahead of time"},
    ("keras/jax", "cuda", "dnn"): {"ahead of time", "products by cuBLAS"},
    ("pytorch", "cpu", "dnn"): {"onednn off"},
    ("pytorch", "cuda", "dnn"): set(),
    ("keras/torch", "cpu", "dnn"): {"onednn off", "jit_compile on"},
    ("keras/torch", "cuda", "dnn"): {"jit_compile on"},
    # By default Keras compiles on a GPU, except layers that run with cuDNN.
    ("keras/tensorflow", "cpu", "dnn"): {"jit_compile on"},
    ("keras/tensorflow", "cuda", "dnn"): {"jit_compile off"},
    ("keras/tensorflow", "cuda", "rnn"): {"jit_compile off"},
    ("keras/tensorflow", "cuda", "lstm"): {"jit_compile on"},
}
ASKED = {"ahead of time", "products by cuBLAS", "onednn off", "jit_compile on", "jit_compile off"}


@pytest.mark.parametrize("scenario", ["training", "inference"])
def test_an_option_of_an_engine_is_offered_by_every_framework_on_that_engine(
    adapter: Adapter, contender: str, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    for (who, device, family), expected in OFFERED.items():
        if who == contender:
            monkeypatch.setattr(adapter.engine, "device", device)
            forms = ("unroll", "use_cudnn") if family == "lstm" else ()
            choices = adapter.choices(scenario, input_shape=(5, 3), forms=forms)
            words = [f"{name} {value}" for name, (_, *others) in choices.items() for value in others]
            assert {end for end in ASKED if any(word.endswith(end) for word in words)} == expected, device
            assert len(words) == len(set(words))
