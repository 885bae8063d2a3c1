"""Recurrent dropout in Keras: the rate, the scale, one mask for a whole sequence, and a mask of its own for each gate.

The recurrent kernels here are diagonal. So each unit sees only its own previous state, and a mask of a gate is a factor
of the recurrent kernel: 0, or 1 / (1 - rate). The reference with such kernels gives the state of a unit for every
combination of masks of its gates. From the state in training we read which combination it was.
"""

import importlib
from itertools import product
from typing import Any

import numpy as np
import pytest

from bench.worker.prepared_workload import load_adapter
from bench.workload import model_families
from models.layers.spec import Weights
from tests.contenders import CONTENDERS, KERAS
from tests.models.networks import random_inputs, random_weights, reference

RATE, UNITS, SAMPLES, STEPS = 0.3, 8, 60, 3
GATES = {"rnn": 1, "lstm": 4, "gru": 3}

on_keras = pytest.mark.parametrize("contender", KERAS)
without_keras = pytest.mark.parametrize("contender", [name for name in CONTENDERS if name not in KERAS])

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


@pytest.fixture(params=GATES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def spec_of(family: str, *, rate: float = RATE, bidirectional: bool = False) -> model_families.Spec:
    layer = {"units": UNITS, "recurrent_dropout": rate, "bidirectional": bidirectional}
    return model_families.spec_module(family).Spec(steps=STEPS, features=2, layers=[layer], outputs=2)


def diagonal_weights(spec: model_families.Spec) -> Weights:
    weights = random_weights(spec)
    for name in weights:
        if name.endswith(".recurrent"):
            generator = np.random.default_rng(5)
            gates = [np.diag(generator.uniform(0.7, 1.5, UNITS)) for _ in range(GATES[family_of(spec)])]
            weights[name] = np.concatenate(gates, axis=-1)
    return weights


def family_of(spec: model_families.Spec) -> str:
    return type(spec).__module__.split(".")[1]


def built(spec: model_families.Spec, *, seed: int = 0, **options: str) -> Any:  # noqa: ANN401 (a model of Keras)
    load_adapter("keras").configure(device="cpu", precision="fp64", threads=1)
    return importlib.import_module(f"models.{family_of(spec)}.keras").build(
        spec, diagonal_weights(spec), seed=seed, **options
    )


def states(model: Any, inputs: np.ndarray, *, training: bool = True) -> np.ndarray:  # noqa: ANN401 (a model of Keras)
    """What the recurrent layer returns for these samples."""
    keras = importlib.import_module("keras")
    found: np.ndarray = keras.ops.convert_to_numpy(model.layers[0](inputs, training=training)).copy()
    return found


def possible(spec: model_families.Spec, inputs: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    """The last states for each combination of masks of the gates, 1 for kept and 0 for dropped."""
    weights = diagonal_weights(spec) | {"head.kernel": np.eye(UNITS), "head.bias": np.zeros(UNITS)}
    gates = np.split(weights["layer0.recurrent"], GATES[family_of(spec)], axis=-1)
    found = {}
    for masks in product((0, 1), repeat=len(gates)):
        scaled = [gate * mask / (1 - RATE) for gate, mask in zip(gates, masks, strict=True)]
        found[masks] = reference(spec, weights | {"layer0.recurrent": np.concatenate(scaled, axis=-1)}, inputs)
    return found


def masks_of(spec: model_families.Spec, outputs: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, float]:
    """The masks (samples, units, gates) that explain these states best, and by how much the states differ from them."""
    known = possible(spec, inputs)
    apart = np.abs(np.stack(list(known.values())) - outputs)
    return np.array(list(known))[apart.argmin(axis=0)], float(apart.min(axis=0).max())


@on_keras
def test_one_mask_of_each_gate_explains_all_time_steps_with_rate_and_scale(contender: str, family: str) -> None:
    spec = spec_of(family)
    inputs = random_inputs(spec, samples=SAMPLES)
    masks, deviation = masks_of(spec, states(built(spec), inputs), inputs)
    assert deviation < 1e-6, contender  # Keras computes tanh in float32 on JAX unless the proof forbids it
    dropped = 1 - masks.mean(axis=(0, 1))
    assert np.abs(dropped - RATE).max() < 4.5 * np.sqrt(RATE * (1 - RATE) / (SAMPLES * UNITS))
    assert len({mask.tobytes() for mask in masks}) > SAMPLES / 3, "each sample has masks of its own"
    for gate, other in product(range(GATES[family]), repeat=2):
        assert (masks[..., gate] == masks[..., other]).all() == (gate == other), "each gate has a mask of its own"


@on_keras
def test_another_rate_has_another_scale(contender: str, family: str) -> None:
    spec = spec_of(family)
    inputs = random_inputs(spec, samples=SAMPLES)
    assert masks_of(spec, states(built(spec_of(family, rate=0.35)), inputs), inputs)[1] > 1e-3, contender


@on_keras
def test_a_new_mask_in_each_time_step_is_noticed(contender: str, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(family)
    model, inputs = built(spec, unroll="yes"), random_inputs(spec, samples=SAMPLES)
    cell = model.layers[0].cell
    assert masks_of(spec, states(model, inputs), inputs)[1] < 1e-6
    monkeypatch.setattr(cell, "get_recurrent_dropout_mask", lambda state: cell._create_dropout_mask(state, RATE))
    assert masks_of(spec, states(model, inputs), inputs)[1] > 1e-3, contender


@on_keras
def test_a_mask_that_all_samples_share_is_noticed(contender: str, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(family)
    model, inputs = built(spec), random_inputs(spec, samples=SAMPLES)
    cell = model.layers[0].cell
    create = cell._create_dropout_mask

    def shared(state: Any, rate: float) -> Any:  # noqa: ANN401 (tensors of any backend)
        made = create(state[:1], rate)
        return [mask + 0 * state for mask in made] if isinstance(made, list) else made + 0 * state

    monkeypatch.setattr(cell, "_create_dropout_mask", shared)
    masks, deviation = masks_of(spec, states(model, inputs), inputs)
    assert deviation < 1e-6, contender
    assert len({mask.tobytes() for mask in masks}) == 1


@on_keras
def test_each_call_has_new_masks_and_inference_has_none(contender: str, family: str) -> None:
    spec = spec_of(family)
    model, inputs = built(spec), random_inputs(spec, samples=SAMPLES)
    first, second = states(model, inputs), states(model, inputs)
    assert np.abs(first - second).max() > 1e-2, contender
    still, again = (states(model, inputs, training=False) for _ in range(2))
    np.testing.assert_array_equal(still, again)
    assert np.abs(first - still).max() > 1e-2


@on_keras
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_masks_of_each_direction_follow_from_the_seed(contender: str, family: str, *, bidirectional: bool) -> None:
    spec = spec_of(family, bidirectional=bidirectional)
    inputs = random_inputs(spec, samples=SAMPLES)
    first, again, other = (states(built(spec, seed=seed), inputs) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    directions = [np.split(outputs, 1 + bidirectional, axis=-1) for outputs in (first, other)]
    for of_first, of_other in zip(*directions, strict=True):
        assert np.abs(of_first - of_other).max() > 1e-2, contender


@on_keras
def test_both_directions_have_masks_of_their_own(contender: str) -> None:
    """Sequences that read the same in both directions, with the same weights, would have the same states."""
    spec = spec_of("rnn", bidirectional=True)
    model, inputs = built(spec), np.ones((SAMPLES, STEPS, 2))
    forward, backward = model.layers[0].forward_layer, model.layers[0].backward_layer
    backward.set_weights(forward.get_weights()[:3] + backward.get_weights()[3:])
    first, second = np.split(states(model, inputs, training=False), 2, axis=-1)
    np.testing.assert_allclose(first, second, rtol=1e-6)
    first, second = np.split(states(model, inputs), 2, axis=-1)
    assert np.abs(first - second).max() > 1e-2, contender


@without_keras
def test_a_framework_without_recurrent_dropout_says_so_and_builds_the_network_of_the_proof(
    contender: str, family: str
) -> None:
    spec = spec_of(family)
    load_adapter(contender).configure(device="cpu", precision="fp64", threads=1)
    build = importlib.import_module(f"models.{family}.{contender}").build
    weights = diagonal_weights(spec)
    with pytest.raises(NotImplementedError, match="recurrent layers have no recurrent dropout"):
        build(spec, weights)
    assert build(spec_of(family, rate=0.0), weights)
