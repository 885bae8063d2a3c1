"""Dropout in training: each step has a new mask, masks follow from the seed, and have the rate of the spec.

The networks here send one constant through dropout to an identity, so that their losses show the mask.
"""

import importlib
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from bench.adapters.base import IDIOMATIC, Adapter
from bench.worker.prepared_workload import load_adapter
from bench.workload import model_families
from bench.workload.axes import FrameworkOptions
from bench.workload.recipe import Recipe
from bench.workload.update_rules import Sgd
from models.cnn.convolution import ConvLayer
from models.cnn.spec import CnnSpec
from models.dnn.spec import DnnSpec
from models.layers.spec import DenseLayer, Weights
from models.lstm.spec import LstmLayer, LstmSpec
from tests.models.networks import family_of, random_inputs

# The learning rate is so small that the weights do not change.
STILL = Recipe(optimizer=Sgd(name="sgd", learning_rate=1e-12), loss="mean_squared_error", batch_size=128, epochs=1)
SAMPLES, OUTPUTS, RATE = 128, 64, 0.3
STANDARD_ERROR = np.sqrt(RATE * (1 - RATE) / (SAMPLES * OUTPUTS))

Network = Callable[[float], tuple[model_families.Spec, Weights, float]]  # spec, weights without the head, the constant

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def dense(rate: float) -> tuple[model_families.Spec, Weights, float]:
    """A dense layer whose outputs are ones, since the bias is one."""
    layer = DenseLayer(units=OUTPUTS, activation="linear", dropout=rate)
    weights = {"hidden0.kernel": np.zeros((2, OUTPUTS)), "hidden0.bias": np.ones(OUTPUTS)}
    return DnnSpec(features=2, hidden=(layer,), outputs=OUTPUTS), weights, 1.0


def convolution(rate: float) -> tuple[model_families.Spec, Weights, float]:
    """A convolution whose outputs are 4 × 4 × 4 ones, since the bias is one."""
    layer = ConvLayer(filters=4, kernel=1, pool=2, dropout=rate)
    spec = CnnSpec(height=8, width=8, channels=1, convolutions=(layer,), outputs=OUTPUTS)
    return spec, {"conv0.kernel": np.zeros((1, 1, 1, 4)), "conv0.bias": np.ones(4)}, 1.0


def lstm(rate: float) -> tuple[model_families.Spec, Weights, float]:
    """An LSTM whose outputs are tanh(1), since every gate and the candidate are one."""
    spec = LstmSpec(steps=1, features=2, layers=(LstmLayer(units=OUTPUTS, dropout=rate),), outputs=OUTPUTS)
    weights = {
        "layer0.kernel": np.zeros((2, 4 * OUTPUTS)),
        "layer0.recurrent": np.zeros((OUTPUTS, 4 * OUTPUTS)),
        "layer0.bias": np.full(4 * OUTPUTS, 100.0),
    }
    return spec, weights, float(np.tanh(1.0))


def prepared(
    contender: str, network: Network, *, rate: float, seed: int, tuning: FrameworkOptions
) -> tuple[Adapter, np.ndarray]:
    """An adapter with the network, and its inputs."""
    spec, weights, _ = network(rate)
    framework = contender.partition("/")[0]
    adapter = load_adapter(framework)
    adapter.configure(device="cpu", precision="fp64", threads=1)
    head = {"head.kernel": np.eye(OUTPUTS), "head.bias": np.zeros(OUTPUTS)}
    module = importlib.import_module(f"models.{family_of(spec)}.{framework}")
    adapter.prepare(module.build(spec, weights | head, seed=seed), STILL, tuning=tuning)
    return adapter, random_inputs(spec, samples=SAMPLES)


@cache
def losses(  # noqa: PLR0913 (what a mask depends on)
    contender: str, network: Network, *, target: float, rate: float = RATE, seed: int = 0, attempt: int = 0
) -> np.ndarray:
    """The mean squared errors of three steps, in units of a kept value: the constant / (1 - RATE).

    With a target of 0 this is the share of kept values, with a target of 1 the share of dropped values.
    """
    del attempt  # only makes the cache compute the same again
    constant = network(rate)[2]
    unit = constant / (1 - RATE)
    adapter, inputs = prepared(contender, network, rate=rate, seed=seed, tuning=IDIOMATIC)
    batch = adapter.put(inputs, np.full((SAMPLES, OUTPUTS), target * unit))
    trained = [float(adapter.to_numpy(loss)) for loss in adapter.train([batch] * 3)]
    constants = adapter.to_numpy(adapter.predict(batch[0]))
    np.testing.assert_allclose(constants, constant, rtol=1e-9, err_msg="dropout does nothing at inference")
    return np.array(trained) / unit**2


@pytest.mark.parametrize("network", [dense, convolution, lstm])
def test_dropout_drops_its_rate_and_scales_the_rest(contender: str, network: Network) -> None:
    kept, dropped = (losses(contender, network, target=target) for target in (0.0, 1.0))
    np.testing.assert_allclose(kept + dropped, 1.0, rtol=1e-6, err_msg="what is kept is scaled by 1 / (1 - rate)")
    assert np.abs(dropped - RATE).max() < 4 * STANDARD_ERROR


def test_another_rate_gives_another_loss(contender: str) -> None:
    kept, dropped = (losses(contender, dense, target=target, rate=0.35) for target in (0.0, 1.0))
    assert np.abs(kept + dropped - 1.0).min() > 1e-2
    assert np.abs(dropped - RATE).min() > 4 * STANDARD_ERROR


def test_every_step_has_a_new_mask(contender: str) -> None:
    assert len(set(losses(contender, dense, target=0.0))) == 3


def test_the_masks_follow_from_the_seed(contender: str) -> None:
    first, again = (losses(contender, dense, target=0.0, attempt=attempt) for attempt in (0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == losses(contender, dense, target=0.0, seed=1))


@pytest.mark.slow
def test_every_way_to_train_draws_a_new_mask_of_the_rate_in_each_step(contender: str) -> None:
    """All options of the training loop, step by step and by epochs; 18 steps fill calls of several steps, and more."""
    calls = load_adapter(contender.partition("/")[0])
    calls.configure(device="cpu", precision="fp64", threads=1)
    options = calls.choices("training", input_shape=(2,), forms=()).get("call", ("",))
    for call in options:
        tuning = {"call": call} if call else {}
        adapter, inputs = prepared(contender, dense, rate=RATE, seed=0, tuning=tuning)
        batch = inputs, np.zeros((SAMPLES, OUTPUTS))
        found = adapter.train([adapter.put(*batch)] * 18)
        adapter.wait(found)
        found += [adapter.train_epoch([batch])[0][0] for _ in range(18)]
        kept = np.array([float(adapter.to_numpy(loss)) for loss in found]) * (1 - RATE) ** 2
        assert len(set(kept)) == len(kept), call
        assert np.abs(1 - kept - RATE).max() < 5 * STANDARD_ERROR, call
