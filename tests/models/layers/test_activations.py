"""Each activation follows its definition in every framework, and a usual mistake in it gives a large deviation."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from bench.analysis.deviations import relative_deviation
from models.dnn.spec import DnnSpec
from models.layers import activations
from models.layers.activations import ACTIVATIONS, Activation
from models.layers.spec import DenseLayer, LayerNorm, Weights, normalise
from tests.models.networks import EXAMPLES, random_inputs, random_weights, reference
from tests.models.test_twins import see

Function = Callable[[np.ndarray], np.ndarray]

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def tanh_gelu(values: np.ndarray) -> np.ndarray:
    """The approximation that Flax has by default."""
    found: np.ndarray = values / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)))
    return found


def leaky(values: np.ndarray, slope: float) -> np.ndarray:
    found: np.ndarray = np.where(values > 0, values, slope * values)
    return found


MISTAKES: dict[Activation, Function] = {
    "gelu": tanh_gelu,
    "silu": lambda values: values * activations.sigmoid(1.702 * values),  # the approximation of GELU by a sigmoid
    "elu": lambda values: np.where(values > 0, values, 1.6733 * np.expm1(np.minimum(values, 0))),  # as in SELU
    "leaky_relu": partial(leaky, slope=0.2),
    "softplus": lambda values: np.maximum(values, 0),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_usual_mistake_in_an_activation_gives_a_large_deviation(
    contender: str, name: Activation, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = DnnSpec(features=5, hidden=(DenseLayer(units=6, activation=name),), outputs=3)
    weights, inputs = random_weights(spec), random_inputs(spec)
    found = see(contender, spec, weights).logits
    assert relative_deviation(found, reference(spec, weights, inputs)) <= 1e-14
    monkeypatch.setitem(ACTIVATIONS, name, MISTAKES[name])
    assert relative_deviation(found, reference(spec, weights, inputs)) > 1e-5


@pytest.mark.parametrize("name", ["gelu", "leaky_relu", "softplus"])
def test_an_activation_in_float32_is_the_function_of_the_framework(contender: str, name: Activation) -> None:
    spec = DnnSpec(features=5, hidden=(DenseLayer(units=6, activation=name),), outputs=3)
    weights = random_weights(spec)
    single = {key: value.astype(np.float32) for key, value in weights.items()}
    found = see(contender, spec, single, precision="fp32").logits
    assert relative_deviation(found, reference(spec, weights, random_inputs(spec))) < 1e-6


@pytest.mark.parametrize("value", [-700.0, -30.0, 0.0, 30.0, 700.0])
def test_activations_stay_finite_for_large_inputs(value: float) -> None:
    found = {name: float(function(np.array([value]))[0]) for name, function in ACTIVATIONS.items()}
    assert np.isfinite(list(found.values())).all(), found
    assert found["softplus"] >= max(value, 0)


def other_epsilon(spec: DnnSpec) -> DnnSpec:
    """The network with another epsilon in its layer norms."""
    hidden = (replace(layer, layer_norm=LayerNorm(position=norm.position)) for layer, norm in norms(spec))
    return replace(spec, hidden=tuple(hidden))


def other_position(spec: DnnSpec) -> DnnSpec:
    """The network with each layer norm on the other side of the activation."""
    other = {"before": "after", "after": "before"}
    hidden = (
        replace(layer, layer_norm=replace(norm, position=other[norm.position]))  # type: ignore[arg-type]
        for layer, norm in norms(spec)
    )
    return replace(spec, hidden=tuple(hidden))


def norms(spec: DnnSpec) -> list[tuple[DenseLayer, LayerNorm]]:
    return [(layer, layer.layer_norm) for layer in spec.hidden if layer.layer_norm]


@pytest.mark.parametrize("mistake", [other_epsilon, other_position])
def test_a_mistake_in_a_layer_norm_gives_a_large_deviation(
    contender: str, mistake: Callable[[DnnSpec], DnnSpec]
) -> None:
    spec: DnnSpec = EXAMPLES["dnn"]["layer-norm"]
    weights: Weights = random_weights(spec)
    found = see(contender, spec, weights).logits
    assert relative_deviation(found, reference(mistake(spec), weights, random_inputs(spec))) > 1e-4


def test_a_layer_norm_has_mean_0_and_variance_1_in_each_sample() -> None:
    weights = {"layer.scale": np.ones(50), "layer.offset": np.zeros(50)}
    values = np.random.default_rng(0).normal(3.0, 2.0, (4, 50))
    found = normalise(values, LayerNorm(epsilon=1e-12), weights, "layer")
    np.testing.assert_allclose(found.mean(axis=-1), 0.0, atol=1e-12)
    np.testing.assert_allclose(found.var(axis=-1), 1.0, rtol=1e-9)


def test_a_layer_has_at_most_one_norm() -> None:
    with pytest.raises(ValueError, match="at most one norm"):
        DenseLayer.__post_init__(DenseLayer(units=2, layer_norm=LayerNorm(), batch_norm={}))  # type: ignore[arg-type]
