"""The convolutional network in Keras: what a backend cannot compute is refused with the reason."""

from typing import Any

import keras
import pytest

from models.cnn.convolution import ConvLayer
from models.cnn.keras import convolution
from models.cnn.spec import CnnSpec, convolutions


@pytest.mark.parametrize("strides", [2, (1, 2)])
def test_a_depthwise_convolution_with_unequal_strides_is_refused_on_tensorflow_alone(
    strides: int | tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = ConvLayer(filters=4, depthwise=True, strides=strides)
    (named,) = convolutions(CnnSpec(height=8, width=8, channels=2, convolutions=(layer,), outputs=2))
    for backend in ("tensorflow", "jax", "torch"):
        monkeypatch.setattr(keras.backend, "backend", lambda backend=backend: backend)
        if backend == "tensorflow" and strides != 2:
            with pytest.raises(NotImplementedError, match="TensorFlow's depthwise convolution has only equal strides"):
                convolution(named, dtype="float32")
        else:
            assert isinstance(convolution(named, dtype="float32"), keras.layers.DepthwiseConv2D)


@pytest.mark.parametrize(
    ("channels", "layer", "refused"),
    [
        (7, {"kernel": 1, "strides": 2}, "torch"),
        (1, {"kernel": 1, "strides": (1, 2)}, "torch"),
        (8, {"kernel": 1, "strides": 2}, "none"),
        (7, {"kernel": (1, 2), "strides": 2}, "none"),
        (7, {"kernel": 1}, "none"),
    ],
)
def test_a_convolution_that_damages_memory_is_refused_on_torch_alone(
    channels: int, layer: dict[str, Any], refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = CnnSpec(height=8, width=8, channels=channels, convolutions=(ConvLayer(filters=4, **layer),), outputs=2)
    (named,) = convolutions(spec)
    for backend in ("tensorflow", "jax", "torch"):
        monkeypatch.setattr(keras.backend, "backend", lambda backend=backend: backend)
        if backend == refused:
            with pytest.raises(NotImplementedError, match=f"convolution of 1x1 with strides and {channels} channels"):
                convolution(named, dtype="float32")
        else:
            assert isinstance(convolution(named, dtype="float32"), keras.layers.Conv2D)
