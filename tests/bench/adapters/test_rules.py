"""Every framework follows the written rule of each optimizer, loss and kind of clipping, on a linear network."""

import importlib
from collections.abc import Iterator
from functools import partial
from itertools import islice

import numpy as np
import pytest

from bench.adapters.base import IDIOMATIC
from bench.analysis.deviations import relative_deviation
from bench.worker.prepared_workload import load_adapter
from bench.workload.axes import FrameworkOptions
from bench.workload.recipe import Clipping, Recipe
from bench.workload.update_rules import Adam, AdamW, Sgd
from models.dnn.spec import DnnSpec
from models.layers.spec import Weights
from tests.contenders import KERAS

FEATURES, OUTPUTS, SAMPLES, STEPS = 4, 3, 6, 5
GENERATOR = np.random.default_rng(0)
FIRST = {"head.kernel": GENERATOR.normal(size=(FEATURES, OUTPUTS)), "head.bias": GENERATOR.normal(size=OUTPUTS)}
INPUTS = GENERATOR.normal(size=(STEPS, SAMPLES, FEATURES))
LABELS = GENERATOR.integers(0, OUTPUTS, (STEPS, SAMPLES))
NUMBERS = GENERATOR.normal(size=(STEPS, SAMPLES, OUTPUTS))

BITS = (LABELS[:, :, None] == np.arange(OUTPUTS)).astype(np.float64)

SGD = Sgd(name="sgd", learning_rate=0.1)
MOMENTUM = Sgd(name="sgd", learning_rate=0.1, momentum=0.9)
DECAY = AdamW(name="adamw", learning_rate=0.1, beta_1=0.5, beta_2=0.7, epsilon=0.1, weight_decay=0.3)
ADAM = Adam(name="adam", learning_rate=0.01)
# Constants so large that each one has an effect, and the place of epsilon too.
ADAM_OF_LARGE_CONSTANTS = Adam(name="adam", learning_rate=0.1, beta_1=0.5, beta_2=0.7, epsilon=0.1)
LIMIT = 1e-12
LOSS = "cross_entropy"
COMPILED = {"jit_compile": "on"}

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def recipe(rule: Sgd | Adam | AdamW, loss: str, clipping: Clipping | None = None) -> Recipe:
    return Recipe(optimizer=rule, loss=loss, batch_size=SAMPLES, epochs=1, clipping=clipping)  # type: ignore[arg-type]


def targets(loss: str) -> np.ndarray:
    found: np.ndarray = {"cross_entropy": LABELS, "mean_squared_error": NUMBERS}.get(loss, BITS)
    return found


def gradient_of_logits(loss: str, logits: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The gradient of a mean loss: softmax or sigmoid minus the label, or twice the error."""
    gradient: np.ndarray
    if loss == "cross_entropy":
        exponents = np.exp(logits)
        gradient = (exponents / exponents.sum(axis=1, keepdims=True) - np.eye(OUTPUTS)[expected]) / len(logits)
    elif loss == "mean_squared_error":
        gradient = 2 * (logits - expected) / logits.size
    else:
        probability = 1 / (1 + np.exp(-logits))
        gradient = (probability - expected) / logits.size
        if loss == "sigmoid_mean_squared_error":
            gradient = 2 * gradient * probability * (1 - probability)
    return gradient


def clipped(gradients: Weights, clipping: Clipping | None) -> Weights:
    if clipping is None:
        return gradients
    norms = {name: np.linalg.norm(gradient) for name, gradient in gradients.items()}
    if clipping.scope == "global":
        norms = dict.fromkeys(norms, np.linalg.norm(list(norms.values())))
    return {name: gradient * min(1, clipping.norm / norms[name]) for name, gradient in gradients.items()}


def written(rule: Sgd | Adam | AdamW, loss: str, clipping: Clipping | None = None) -> list[Weights]:
    """The weights after each step in NumPy, by the rule as `bench.workload.recipe` states it."""
    weights = dict(FIRST)
    mean, square = ({name: np.zeros_like(value) for name, value in weights.items()} for _ in range(2))
    found = []
    for number, (inputs, expected) in enumerate(zip(INPUTS, targets(loss), strict=True), start=1):
        logits = inputs @ weights["head.kernel"] + weights["head.bias"]
        back = gradient_of_logits(loss, logits, expected)
        gradients = {"head.kernel": inputs.T @ back, "head.bias": back.sum(axis=0)}
        for name, gradient in clipped(gradients, clipping).items():
            if isinstance(rule, Sgd):
                mean[name] = rule.momentum * mean[name] + gradient
                weights[name] = weights[name] - rule.learning_rate * mean[name]
                continue
            if isinstance(rule, AdamW):
                weights[name] = weights[name] - rule.learning_rate * rule.weight_decay * weights[name]
            mean[name] = rule.beta_1 * mean[name] + (1 - rule.beta_1) * gradient
            square[name] = rule.beta_2 * square[name] + (1 - rule.beta_2) * gradient**2
            corrected = mean[name] / (1 - rule.beta_1**number)
            root = np.sqrt(square[name] / (1 - rule.beta_2**number))
            weights[name] = weights[name] - rule.learning_rate * corrected / (root + rule.epsilon)
        found.append(dict(weights))
    return found


def steps(
    contender: str,
    rule: Sgd | Adam | AdamW,
    loss: str,
    clipping: Clipping | None = None,
    *,
    tuning: FrameworkOptions = IDIOMATIC,
) -> Iterator[Weights]:
    """The weights after each step in the framework, in float64."""
    framework = contender.partition("/")[0]
    adapter, module = load_adapter(framework), importlib.import_module(f"models.dnn.{framework}")
    adapter.configure(device="cpu", precision="fp64", threads=1)
    model = module.build(DnnSpec(features=FEATURES, outputs=OUTPUTS), FIRST)
    adapter.prepare(model, recipe(rule, loss, clipping), tuning=tuning)
    for inputs, expected in zip(INPUTS, targets(loss), strict=True):
        adapter.wait(adapter.train([adapter.put(inputs, expected)]))
        yield module.export(model)


def computed(contender: str, rule: Sgd | Adam | AdamW, loss: str, clipping: Clipping | None = None) -> list[Weights]:
    """The weights after all steps, in a list."""
    return list(steps(contender, rule, loss, clipping))


def deviations(found: list[Weights], expected: list[Weights]) -> list[float]:
    """The larger of the deviations of kernel and bias after each step."""
    return [
        max(relative_deviation(step[name], wanted[name]) for name in FIRST)
        for step, wanted in zip(found, expected, strict=True)
    ]


RULES = {"sgd": SGD, "momentum": MOMENTUM, "adamw": DECAY, "adam": ADAM, "large-adam": ADAM_OF_LARGE_CONSTANTS}
LOSSES = ("cross_entropy", "binary_cross_entropy", "mean_squared_error", "sigmoid_mean_squared_error")
# Every rule with one loss and every loss with one rule; all other pairs together are slow.
PAIRS = [
    pytest.param(rule, loss, id=f"{name}-{loss}", marks=() if loss == LOSS or name == "sgd" else pytest.mark.slow)
    for name, rule in RULES.items()
    for loss in LOSSES
]


@pytest.mark.parametrize(("rule", "loss"), PAIRS)
def test_each_step_follows_the_written_rule(contender: str, rule: Sgd | Adam | AdamW, loss: str) -> None:
    found = deviations(computed(contender, rule, loss), written(rule, loss))
    assert max(found) <= LIMIT, f"relative deviation after each step: {found}"


@pytest.mark.parametrize("scope", ["variable", "global"])
@pytest.mark.parametrize("rule", [pytest.param(MOMENTUM, id="momentum"), pytest.param(DECAY, id="adamw")])
def test_clipping_follows_the_written_rule(contender: str, rule: Sgd | Adam | AdamW, scope: str) -> None:
    """Some gradients have a larger norm than the limit, others a smaller one."""
    clipping = Clipping(norm=0.5, scope=scope)  # type: ignore[arg-type]
    expected = written(rule, "mean_squared_error", clipping)
    found = deviations(computed(contender, rule, "mean_squared_error", clipping), expected)
    assert max(found) <= LIMIT, f"relative deviation after each step: {found}"


def test_clipping_by_variable_and_global_and_none_give_different_weights() -> None:
    ways = [None, *(Clipping(norm=0.5, scope=scope) for scope in ("variable", "global"))]
    each = [written(MOMENTUM, "mean_squared_error", way) for way in ways]
    for found, other in ((0, 1), (0, 2), (1, 2)):
        assert max(deviations(each[found], each[other])) > 1e-2


@pytest.mark.parametrize("scope", ["variable", "global"])
def test_clipping_a_gradient_of_zero_gives_no_nan(contender: str, scope: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.adapters.test_rules.INPUTS", np.zeros_like(INPUTS))
    monkeypatch.setattr("tests.bench.adapters.test_rules.NUMBERS", np.zeros_like(NUMBERS) + FIRST["head.bias"])
    clipping = Clipping(norm=0.5, scope=scope)  # type: ignore[arg-type]
    found = computed(contender, SGD, "mean_squared_error", clipping)
    assert max(deviations(found, [FIRST] * STEPS)) == 0.0


def programs() -> int:
    """How many programs `torch.compile` has made in this process."""
    return int(importlib.import_module("torch._dynamo").utils.counters["stats"]["unique_graphs"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Dynamo detected:UserWarning", "ignore::DeprecationWarning:torch.jit")
@pytest.mark.parametrize("contender", ["keras/torch"])
def test_a_keras_step_compiled_by_torch_is_the_same_and_is_not_recompiled(contender: str) -> None:
    """Compiled by Inductor itself, since another backend would not show Inductor's mistakes."""
    importlib.import_module("torch._dynamo").reset()
    before = programs()
    after = ((weights, programs()) for weights in steps(contender, ADAM, LOSS, tuning=COMPILED))
    found, made = zip(*after, strict=True)
    assert max(deviations(list(found), written(ADAM, LOSS))) <= LIMIT
    assert made[-1] == made[1] > before  # the second step is compiled again, since the optimizer has its state


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Dynamo detected:UserWarning")
@pytest.mark.parametrize("contender", ["keras/torch"])
def test_a_step_counted_in_python_is_recompiled_every_time(contender: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = importlib.import_module("torch")
    importlib.import_module("torch._dynamo").reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # tracing is enough, and fast
    eager = partial(importlib.import_module("bench.adapters.optimizers.keras").adam, compiled=False)
    monkeypatch.setattr("bench.adapters.optimizers.keras.adam", lambda rule, **_: eager(rule))
    made = [programs() for _ in islice(steps(contender, ADAM, LOSS, tuning=COMPILED), 3)]
    assert made[1] < made[2]


@pytest.mark.parametrize("contender", KERAS)
def test_keras_own_adam_deviates_from_the_written_rule(contender: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its epsilon comes before bias correction: an epsilon of 1e-8 makes a small deviation, a large one a large one."""
    keras = importlib.import_module("keras")

    def own(rule: Adam, **_: object) -> object:
        constants = {"beta_1": rule.beta_1, "beta_2": rule.beta_2, "epsilon": rule.epsilon}
        return keras.optimizers.Adam(learning_rate=rule.learning_rate, **constants)

    monkeypatch.setattr("bench.adapters.optimizers.keras.adam", own)
    usual, large = (
        max(deviations(computed(contender, rule, "cross_entropy"), written(rule, "cross_entropy")))
        for rule in (ADAM, ADAM_OF_LARGE_CONSTANTS)
    )
    assert usual > 1000 * LIMIT
    assert large > 1e-3


@pytest.mark.parametrize(
    "wrong",
    [
        Adam(name="adam", learning_rate=0.01 * (1 + 1e-6)),
        Adam(name="adam", learning_rate=0.01, beta_1=0.9 + 1e-6),
        Adam(name="adam", learning_rate=0.01, beta_2=0.999 + 1e-6),
        Adam(name="adam", learning_rate=0.01, epsilon=1e-7),
    ],
)
def test_a_slightly_wrong_constant_exceeds_the_limit(wrong: Adam) -> None:
    expected = written(ADAM, "cross_entropy")
    assert max(deviations(written(wrong, "cross_entropy"), expected)) > 100 * LIMIT
