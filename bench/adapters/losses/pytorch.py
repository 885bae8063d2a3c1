"""The training losses in PyTorch."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bench.workload.recipe import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]


def _sigmoid_mean_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs.sigmoid(), targets)


LOSSES: dict[str, Loss] = {
    "cross_entropy": functional.cross_entropy,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
    "mean_squared_error": functional.mse_loss,
    "sigmoid_mean_squared_error": _sigmoid_mean_squared_error,
}
# The loss of each sample, for losses with weights.
OF_SAMPLES: dict[str, Loss] = {
    "cross_entropy": partial(functional.cross_entropy, reduction="none"),
    "binary_cross_entropy": lambda outputs, targets: functional.binary_cross_entropy_with_logits(
        outputs, targets, reduction="none"
    ).mean(1),
    "sigmoid_mean_squared_error": lambda outputs, targets: (outputs.sigmoid() - targets).square().mean(1),
}


def training_loss(
    recipe: Recipe, class_weights: np.ndarray | None, penalised: Mapping[str, tuple[float, Tensor]]
) -> Loss:
    """The loss of one part of a batch, by the rules of the recipe, divided by the number of parts.

    `penalised` has the factor and the kernel of each layer with an L2 penalty.
    """
    loss = _loss(recipe, class_weights)
    if not penalised and recipe.accumulation == 1:
        return loss

    def whole(outputs: Tensor, targets: Tensor) -> Tensor:
        value = loss(outputs, targets)
        for factor, kernel in penalised.values():
            value = value + factor * kernel.square().sum()
        return value / recipe.accumulation

    return whole


def _loss(recipe: Recipe, class_weights: np.ndarray | None) -> Loss:
    if class_weights is not None:
        return _weighted(OF_SAMPLES[recipe.loss], class_weights)
    if recipe.label_smoothing:
        return SMOOTHED[recipe.loss](recipe.label_smoothing)
    return LOSSES[recipe.loss]


def _weighted(of_samples: Loss, class_weights: np.ndarray) -> Loss:
    """Σ w·L / number of samples; `cross_entropy(weight=...)` would divide by the sum of the weights."""

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        weights = torch.as_tensor(class_weights, dtype=outputs.dtype, device=outputs.device)
        return (of_samples(outputs, targets) * _of_samples(weights, targets)).mean()

    return loss


def _of_samples(weights: Tensor, targets: Tensor) -> Tensor:
    """The weight of the class of each sample; targets are labels, or 0 and 1, or one-hot."""
    if targets.ndim == 1:
        return weights[targets]
    labels = targets[:, 0].long() if targets.shape[1] == 1 else targets.argmax(1)
    return weights[labels]


def _smoothed_binary(smoothing: float) -> Loss:
    return lambda outputs, targets: functional.binary_cross_entropy_with_logits(
        outputs, targets * (1 - smoothing) + smoothing / 2
    )


SMOOTHED: dict[str, Callable[[float], Loss]] = {
    "cross_entropy": lambda smoothing: partial(functional.cross_entropy, label_smoothing=smoothing),
    "binary_cross_entropy": _smoothed_binary,
}
