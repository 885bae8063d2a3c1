"""`put` converts images to the layout of the framework."""

import importlib

import numpy as np
import pytest

from bench.adapters.base import Adapter
from bench.errors import UnavailableError
from bench.worker.prepared_workload import load_adapter, prepare
from bench.workload.workload import load_workload
from models.cnn.convolution import ConvLayer
from models.cnn.spec import CnnSpec, initial_weights
from tests.bench.adapters.small_network import RECIPE

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


@pytest.mark.parametrize(("layout", "strides"), [("contiguous", (64, 64, 8, 1)), ("channels_last", (64, 1, 8, 1))])
def test_images_with_one_channel_have_the_chosen_memory_format(layout: str, strides: tuple[int, ...]) -> None:
    """PyTorch finds the memory format by the strides; for one channel NumPy calls both strides contiguous."""
    subject = prepare("pytorch", load_workload("digits-cnn"), device="cpu", precision="fp32", threads=1, seed=0)
    subject.build(tuning={"memory_format": layout} if layout != "contiguous" else {})
    placed = subject.adapter.put(subject.split("test").inputs[:4])
    assert placed.stride() == strides


@pytest.mark.parametrize(("channels", "is_safe"), [(7, False), (8, True)])
def test_channels_last_is_refused_for_a_convolution_that_damages_memory(channels: int, *, is_safe: bool) -> None:
    layer = ConvLayer(filters=2, kernel=1, strides=2)
    spec = CnnSpec(height=4, width=4, channels=channels, convolutions=(layer,), outputs=2)
    adapter = load_adapter("pytorch")
    adapter.configure(device="cpu", precision="fp32", threads=1)
    model = importlib.import_module("models.cnn.pytorch").build(spec, initial_weights(spec, seed=0))
    adapter.prepare(model, RECIPE)
    tuning = {"memory_format": "channels_last"}
    if is_safe:
        adapter.prepare(model, RECIPE, tuning=tuning)
    else:
        with pytest.raises(UnavailableError, match="convolution of 1x1 with strides and 7 channels"):
            adapter.prepare(model, RECIPE, tuning=tuning)


def test_put_converts_images_to_the_layout_of_the_framework(adapter: Adapter, contender: str) -> None:
    spec = CnnSpec(height=3, width=4, channels=2, convolutions=(ConvLayer(filters=2, kernel=1),), outputs=24)
    weights = {
        "conv0.kernel": np.eye(2, dtype=np.float32).reshape(1, 1, 2, 2),
        "conv0.bias": np.zeros(2, np.float32),
        "head.kernel": np.eye(24, dtype=np.float32),
        "head.bias": np.zeros(24, np.float32),
    }
    module = importlib.import_module(f"models.cnn.{contender.partition('/')[0]}")
    adapter.prepare(module.build(spec, weights), RECIPE)
    images = np.arange(48, dtype=np.float32).reshape(2, 3, 4, 2)
    np.testing.assert_array_equal(adapter.to_numpy(adapter.predict(adapter.put(images))), images.reshape(2, 24))
