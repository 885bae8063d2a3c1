"""Each typical mistake in a convolutional network gives a large deviation, so the equality of the twins is a proof."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.analysis.deviations import FORWARD_LIMIT, relative_deviation
from models.cnn import convolution
from models.cnn import spec as cnn
from models.cnn.convolution import ConvLayer, Map, pair
from models.cnn.spec import CnnSpec
from models.layers.spec import Weights
from tests.models.networks import NETWORKS, random_inputs, random_weights, reference
from tests.models.test_twins import pytestmark, seen

__all__ = ["pytestmark"]  # the same warnings are ignored

STRIDES = "cnn-strides-dilation-and-rectangular-kernels"
DEPTHWISE = "cnn-depthwise-and-pointwise-with-average-pooling"
RESIDUAL = "cnn-residual-blocks"
Mistake = Callable[[CnnSpec, Weights, pytest.MonkeyPatch], tuple[CnnSpec, Weights]]


def changed(spec: CnnSpec, number: int, **options: Any) -> CnnSpec:  # noqa: ANN401 (fields of a layer)
    """The spec with other options of one layer."""
    layers = list(spec.convolutions)
    layers[number] = replace(layers[number], **options)
    return replace(spec, convolutions=tuple(layers))


def symmetric_padding(spec: CnnSpec, weights: Weights, patch: pytest.MonkeyPatch) -> tuple[CnnSpec, Weights]:
    """Pad a convolution with strides by as many zeros before the image as after it."""
    right = convolution.borders

    def symmetric(layer: ConvLayer, image: Map) -> tuple[tuple[int, int], tuple[int, int]]:
        (_, below), (_, after) = right(layer, image)
        is_strided = max(pair(layer.strides)) > 1
        return ((below, below), (after, after)) if is_strided else right(layer, image)

    patch.setattr(convolution, "borders", symmetric)
    return spec, weights


def exchanged_height_and_width(spec: CnnSpec, weights: Weights, _: pytest.MonkeyPatch) -> tuple[CnnSpec, Weights]:
    """Take the height of a kernel for its width."""
    turned = changed(spec, 1, kernel=pair(spec.convolutions[1].kernel)[::-1])
    return turned, weights | {"conv1.kernel": weights["conv1.kernel"].transpose(1, 0, 2, 3)}


def forgotten_dilation(spec: CnnSpec, weights: Weights, _: pytest.MonkeyPatch) -> tuple[CnnSpec, Weights]:
    """Compute a convolution without its dilation."""
    return changed(spec, 1, dilation=1), weights


def channels_in_the_wrong_order(spec: CnnSpec, weights: Weights, _: pytest.MonkeyPatch) -> tuple[CnnSpec, Weights]:
    """Order the outputs of a depthwise convolution by the kernels of a channel, then by the channels."""
    kernel = weights["conv0.kernel"]
    by_channel = kernel.reshape(*kernel.shape[:2], 1, 2, -1)
    return spec, weights | {"conv0.kernel": by_channel.swapaxes(3, 4).reshape(kernel.shape)}


def max_pooling(spec: CnnSpec, weights: Weights, _: pytest.MonkeyPatch) -> tuple[CnnSpec, Weights]:
    """Take the maximum of a window for its average."""
    return changed(spec, 1, pooling="max"), weights


def global_average(spec: CnnSpec, weights: Weights, _: pytest.MonkeyPatch) -> tuple[CnnSpec, Weights]:
    """Take the average of a channel for its maximum."""
    return replace(spec, global_pooling="average"), weights


def missing_shortcut(spec: CnnSpec, weights: Weights, _: pytest.MonkeyPatch) -> tuple[CnnSpec, Weights]:
    """Leave out a shortcut without weights."""
    return changed(spec, 2, shortcut=0), weights


def missing_convolution_of_a_shortcut(
    spec: CnnSpec, weights: Weights, _: pytest.MonkeyPatch
) -> tuple[CnnSpec, Weights]:
    """Leave out a shortcut with weights."""
    return changed(spec, 4, shortcut=0), weights


def shortcut_after_the_activation(
    spec: CnnSpec, weights: Weights, patch: pytest.MonkeyPatch
) -> tuple[CnnSpec, Weights]:
    """Add a shortcut to the outputs of the ReLU, which are positive as the shortcut is: a second ReLU keeps them."""
    right = convolution.convolution

    def activated(images: np.ndarray, layer: ConvLayer, weights: Weights, name: str) -> np.ndarray:
        values = right(images, layer, weights, name)
        return np.maximum(values, 0) if name == "conv2" else values

    patch.setattr(cnn, "convolution", activated)
    return spec, weights


@pytest.mark.parametrize(
    ("network", "mistake"),
    [
        (STRIDES, symmetric_padding),
        (STRIDES, exchanged_height_and_width),
        (STRIDES, forgotten_dilation),
        (DEPTHWISE, symmetric_padding),
        (DEPTHWISE, channels_in_the_wrong_order),
        (DEPTHWISE, max_pooling),
        (DEPTHWISE, global_average),
        (RESIDUAL, symmetric_padding),
        (RESIDUAL, missing_shortcut),
        (RESIDUAL, missing_convolution_of_a_shortcut),
        (RESIDUAL, shortcut_after_the_activation),
    ],
)
def test_a_mistake_gives_a_large_deviation_and_the_right_network_none(
    contender: str, network: str, mistake: Mistake, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, weights, inputs = NETWORKS[network], random_weights(NETWORKS[network]), random_inputs(NETWORKS[network])
    found = seen(contender, network).logits
    assert relative_deviation(found, reference(spec, weights, inputs)) <= FORWARD_LIMIT
    wrong_spec, wrong_weights = mistake(spec, weights, monkeypatch)
    assert relative_deviation(found, reference(wrong_spec, wrong_weights, inputs)) > 1e-2
