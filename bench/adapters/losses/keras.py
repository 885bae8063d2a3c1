"""The training losses in Keras."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from bench.adapters.optimizers.keras import constant
from bench.workload.recipe import Recipe

Loss = Callable[[Any, Any], Any]  # of targets and outputs, tensors of the backend


def _sigmoid_mean_squared_error(targets: Any, outputs: Any) -> Any:  # noqa: ANN401 (tensors of the backend)
    return keras.losses.mean_squared_error(targets, keras.ops.sigmoid(outputs))


LOSSES: dict[str, Callable[[], Loss]] = {
    "cross_entropy": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "binary_cross_entropy": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    "mean_squared_error": keras.losses.MeanSquaredError,
    "sigmoid_mean_squared_error": lambda: _sigmoid_mean_squared_error,
}
# The loss of each sample, for losses with weights.
OF_SAMPLES: dict[str, Loss] = {
    "cross_entropy": lambda targets, outputs: keras.losses.sparse_categorical_crossentropy(
        targets, outputs, from_logits=True
    ),
    "binary_cross_entropy": lambda targets, outputs: keras.losses.binary_crossentropy(
        targets, outputs, from_logits=True
    ),
    "sigmoid_mean_squared_error": _sigmoid_mean_squared_error,
}


def training_loss(recipe: Recipe, class_weights: np.ndarray | None) -> Loss:
    """The loss of a batch or of a part of it, by the rules of the recipe, without L2 penalties."""
    if class_weights is not None:
        return _weighted(OF_SAMPLES[recipe.loss], class_weights)
    if recipe.label_smoothing:
        return SMOOTHED[recipe.loss](recipe.label_smoothing)
    return LOSSES[recipe.loss]()


def penalise(kernels: Mapping[str, keras.Variable], factors: Mapping[str, float]) -> None:
    """Give the kernels of these layers Keras' L2 regularizer, which Keras adds to the training loss."""
    for name, factor in factors.items():
        regularizer = keras.regularizers.L2(factor)
        regularizer.l2 = constant(factor)
        kernels[name].regularizer = regularizer


def _weighted(of_samples: Loss, class_weights: np.ndarray) -> Loss:
    """Σ w·L / number of samples: Keras takes the mean of what this function returns."""

    def loss(targets: Any, outputs: Any) -> Any:  # noqa: ANN401 (tensors of the backend)
        weights = keras.ops.convert_to_tensor(class_weights, dtype=outputs.dtype)
        return of_samples(targets, outputs) * keras.ops.take(weights, _labels(targets))

    return loss


def _labels(targets: Any) -> Any:  # noqa: ANN401 (tensors of the backend)
    """The labels of the samples; targets are labels, a column of labels, or one-hot, and Keras has made them floats."""
    if len(targets.shape) == 1 or targets.shape[-1] == 1:
        return keras.ops.cast(keras.ops.reshape(targets, (-1,)), "int32")
    return keras.ops.argmax(targets, axis=1)


def _smoothed(smoothing: float) -> Loss:
    def loss(targets: Any, outputs: Any) -> Any:  # noqa: ANN401 (tensors of the backend)
        labels = keras.ops.one_hot(_labels(targets), outputs.shape[-1], dtype=outputs.dtype)
        return keras.losses.categorical_crossentropy(labels, outputs, from_logits=True, label_smoothing=smoothing)

    return loss


SMOOTHED: dict[str, Callable[[float], Loss]] = {
    "cross_entropy": _smoothed,
    "binary_cross_entropy": lambda smoothing: keras.losses.BinaryCrossentropy(
        from_logits=True, label_smoothing=smoothing
    ),
}
