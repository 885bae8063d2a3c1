"""The training losses in Optax and JAX."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from bench.workload.recipe import Recipe

Loss = Callable[[Array, Array], Array]


def _cross_entropy(logits: Array, targets: Array) -> Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()


def _mean_squared_error(outputs: Array, targets: Array) -> Array:
    return jnp.mean(optax.squared_error(outputs, targets))


def _binary_cross_entropy(logits: Array, targets: Array) -> Array:
    return optax.sigmoid_binary_cross_entropy(logits, targets).mean()


def _sigmoid_mean_squared_error(outputs: Array, targets: Array) -> Array:
    return _mean_squared_error(jax.nn.sigmoid(outputs), targets)


LOSSES: dict[str, Loss] = {
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
    "mean_squared_error": _mean_squared_error,
    "sigmoid_mean_squared_error": _sigmoid_mean_squared_error,
}
# The loss of each sample, for losses with weights.
OF_SAMPLES: dict[str, Loss] = {
    "cross_entropy": optax.softmax_cross_entropy_with_integer_labels,
    "binary_cross_entropy": lambda outputs, targets: optax.sigmoid_binary_cross_entropy(outputs, targets).mean(1),
    "sigmoid_mean_squared_error": lambda outputs, targets: optax.squared_error(jax.nn.sigmoid(outputs), targets).mean(
        1
    ),
}


def training_loss(recipe: Recipe, class_weights: np.ndarray | None) -> Loss:
    """The loss of a batch or of a part of it, by the rules of the recipe, without L2 penalties."""
    if class_weights is not None:
        return _weighted(OF_SAMPLES[recipe.loss], class_weights)
    if recipe.label_smoothing:
        return SMOOTHED[recipe.loss](recipe.label_smoothing)
    return LOSSES[recipe.loss]


def _weighted(of_samples: Loss, class_weights: np.ndarray) -> Loss:
    """Σ w·L / number of samples."""

    def loss(outputs: Array, targets: Array) -> Array:
        weights = jnp.asarray(class_weights, outputs.dtype)
        return (of_samples(outputs, targets) * _of_samples(weights, targets)).mean()

    return loss


def _of_samples(weights: Array, targets: Array) -> Array:
    """The weight of the class of each sample; targets are labels, or 0 and 1, or one-hot."""
    if targets.ndim == 1:
        return weights[targets]
    labels = targets[:, 0].astype(int) if targets.shape[1] == 1 else targets.argmax(1)
    return weights[labels]


def _smoothed(smoothing: float) -> Loss:
    def loss(outputs: Array, targets: Array) -> Array:
        labels = optax.smooth_labels(jax.nn.one_hot(targets, outputs.shape[-1], dtype=outputs.dtype), smoothing)
        return optax.softmax_cross_entropy(outputs, labels).mean()

    return loss


def _smoothed_binary(smoothing: float) -> Loss:
    return lambda outputs, targets: _binary_cross_entropy(outputs, targets * (1 - smoothing) + smoothing / 2)


SMOOTHED: dict[str, Callable[[float], Loss]] = {
    "cross_entropy": _smoothed,
    "binary_cross_entropy": _smoothed_binary,
}
