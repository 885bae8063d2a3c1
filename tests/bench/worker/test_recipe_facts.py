"""What a recipe needs to know is found in the training data and in the file of each framework."""

import importlib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.errors import UnavailableError
from bench.worker import recipe_facts
from bench.worker.prepared_workload import load_adapter, prepare
from bench.worker.proof_trace import random_weights
from bench.workload import model_families
from bench.workload.recipe import Recipe
from bench.workload.update_rules import Sgd
from tests.bench.workloads import workload

FAMILIES = model_families.family_names()
DECAY = 0.25

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning"),
]


def test_balanced_weights_are_samples_by_classes_and_samples_of_the_class() -> None:
    found = recipe_facts.balanced(np.array([0, 0, 0, 1, 2, 2]), 3)
    np.testing.assert_allclose(found, [6 / 9, 6 / 3, 6 / 6])
    assert np.abs(found / found.sum() * 3 - found).max() > 0.1, "weights that add up to the number of classes differ"


def test_balanced_weights_are_counted_without_the_rows_that_are_held_out() -> None:
    made = workload(("epochs = 2", 'epochs = 2\nclass_weights = "balanced"\nvalidation_fraction = 0.5'))
    subject = prepare("pytorch", made, device="cpu", precision="fp32", threads=1, seed=0)
    labels = subject.dataset.train.targets
    found = recipe_facts.class_weights(made, subject.dataset)
    assert found is not None
    np.testing.assert_allclose(found, recipe_facts.balanced(labels[: len(labels) // 2], 3))
    assert np.abs(found - recipe_facts.balanced(labels, 3)).max() > 1e-3


def test_a_proof_passes_a_whole_schedule_in_its_steps() -> None:
    schedule = '\nschedule = { name = "step", every = 2, factor = 0.1 }'
    made = workload(("epochs = 2", f"epochs = 6{schedule}"), ("batch_size = 8", "batch_size = 2"))
    whole = prepare("pytorch", made, device="cpu", precision="fp64", threads=1, seed=0)
    rates = recipe_facts.facts(made, whole.dataset, module=whole.module, framework="pytorch").rates
    assert rates is not None
    short = recipe_facts.passed_in(rates, 9)
    assert short is not None
    assert len(short) == 9 < len(rates)
    np.testing.assert_array_equal(np.unique(short), np.unique(rates))
    assert len(np.unique(rates[:9])) < len(np.unique(rates)), "the first steps have not all rates"
    assert recipe_facts.passed_in(rates, len(rates)) is rates
    assert recipe_facts.passed_in(None, 9) is None


def test_a_network_that_does_not_say_where_its_kernels_are_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match=r"pytorch\.py of the network has no function `kernels` or `layers`"):
        recipe_facts.kernels(SimpleNamespace(), "pytorch")  # type: ignore[arg-type]


def test_the_kernels_of_a_users_own_network_come_from_its_named_layers(contender: str) -> None:
    """With the layers of the fully connected network in place of those of an own network."""
    framework = contender.partition("/")[0]
    _, _, module, model = built(contender, "dnn")
    layers = {
        "pytorch": lambda item: {"hidden0": item.hidden[0].linear, "head": item.head},
        "flax": lambda item: {"hidden0": item.hidden[0].linear, "head": item.head},
        "keras": lambda item: {layer.name: layer for layer in item.layers if layer.name in {"hidden0", "head"}},
    }[framework]
    found = recipe_facts.kernels(SimpleNamespace(layers=layers), framework)(model)  # type: ignore[arg-type]
    expected = module.kernels(model)
    assert set(found) == {"hidden0", "head"}
    assert all(found[name] is expected[name] for name in found)


def built(contender: str, family: str) -> tuple[Any, Any, Any, Any]:
    """The last example of a family with random weights: its spec, the weights, the module and the model."""
    framework = contender.partition("/")[0]
    load_adapter(framework).configure(device="cpu", precision="fp64", threads=1)
    spec_module = model_families.spec_module(family)
    module = importlib.import_module(f"models.{family}.{framework}")
    specs = list(spec_module.EXAMPLES.values())
    for spec in reversed(specs):  # some options are unavailable in some frameworks
        weights = random_weights(spec_module.parameter_shapes(spec), seed=0, dtype=np.dtype(np.float64))
        try:
            return spec, weights, module, module.build(spec, dict(weights))
        except NotImplementedError:
            continue
    raise AssertionError(family)


def squares(parameter: Any, contender: str) -> float:  # noqa: ANN401 (a parameter of the framework)
    """The sum of squares, which no layout changes."""
    if contender.startswith("keras"):
        parameter = importlib.import_module("keras").ops.convert_to_numpy(parameter)
    elif contender == "flax":
        parameter = parameter[...]
    else:
        parameter = parameter.detach()
    return float((np.array(parameter) ** 2).sum())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_kernel_of_each_layer_is_found_in_every_family(contender: str, family: str) -> None:
    _, weights, module, model = built(contender, family)
    expected = {name.removesuffix(".kernel"): value for name, value in weights.items() if name.endswith(".kernel")}
    found = module.kernels(model)
    assert set(found) == set(expected)
    sums = {name: float((value**2).sum()) for name, value in expected.items()}
    assert {name: squares(value, contender) for name, value in found.items()} == pytest.approx(sums)
    assert len({round(total, 6) for total in sums.values()}) == len(sums), "an exchanged layer would show"


def stepped(contender: str, family: str, *, rule: Sgd) -> dict[str, np.ndarray]:
    """The weights after one step."""
    spec, _, module, model = built(contender, family)
    adapter = load_adapter(contender.partition("/")[0])
    adapter.configure(device="cpu", precision="fp64", threads=1)
    adapter.prepare(model, Recipe(optimizer=rule, batch_size=6, epochs=1, loss="mean_squared_error"))
    shape = model_families.spec_module(family).input_shape(spec)
    generator = np.random.default_rng(3)
    inputs: np.ndarray = generator.normal(size=(6, *shape))
    targets = generator.normal(size=(6, spec.outputs))
    if vocabulary := getattr(spec, "vocabulary", None):
        inputs = generator.integers(vocabulary, size=(6, *shape), dtype=np.int32)
    adapter.wait(adapter.train([adapter.put(inputs, targets)]))
    adapter.settle()
    exported: dict[str, np.ndarray] = module.export(model)
    return exported


# One with batch norm, and two whose biases have two axes in Keras; the others are a study.
KINDS = {"dnn": [], "gru": [pytest.mark.slow], "transformer": [pytest.mark.slow]}
DECAYING = [pytest.param(name, marks=KINDS.get(name, [pytest.mark.study])) for name in FAMILIES]


@pytest.mark.parametrize("family", DECAYING)
def test_only_kernels_decay_in_every_family(contender: str, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step with decay differs from one without by η·λ·p; biases of two axes, scales and offsets do not differ."""
    without_dropout(monkeypatch, family)
    plain = Sgd(name="sgd", learning_rate=0.1)
    _, weights, _, _ = built(contender, family)
    first = stepped(contender, family, rule=plain)
    kernels, everything = (
        stepped(contender, family, rule=replace(plain, weight_decay=DECAY, decay=decay)) for decay in ("kernels", "all")
    )
    spared = 0
    for name, value in first.items():
        if name.endswith((".mean", ".variance")):
            continue
        is_kernel = name.endswith((".kernel", ".recurrent", ".table"))
        spared += not is_kernel
        expected = 0.1 * DECAY * weights[name]
        np.testing.assert_allclose(value - kernels[name], expected * is_kernel, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(value - everything[name], expected, atol=1e-12, err_msg=name)
    assert spared, "the network has parameters that must not decay"


def without_dropout(monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    """Switch dropout off in the examples, whose masks would differ between two steps."""
    module = model_families.spec_module(family)
    layers = importlib.import_module("models.layers.spec")
    still = {name: layers.without_dropout(spec) for name, spec in module.EXAMPLES.items()}
    monkeypatch.setattr(module, "EXAMPLES", still)
