"""Defines the activation functions in NumPy: the reference that every framework must match."""

from collections.abc import Callable
from typing import Literal

import numpy as np

Activation = Literal["linear", "relu", "tanh", "sigmoid", "gelu", "silu", "elu", "leaky_relu", "softplus"]

LEAK = 0.01  # the slope of leaky ReLU below 0, as in PyTorch and Flax; Keras has 0.3 in its layer and 0.2 as a function


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-values))


def gelu(values: np.ndarray) -> np.ndarray:
    """x·Φ(x), with the normal distribution Φ itself and not its approximation by tanh (Hendrycks and Gimpel 2016)."""
    from scipy.special import erf  # imported here, since it takes as long as NumPy

    distribution: np.ndarray = erf(values / np.sqrt(2))
    return values * (1 + distribution) / 2


def elu(values: np.ndarray) -> np.ndarray:
    """X above 0, exp(x) - 1 below it (Clevert et al. 2015, with a factor of 1)."""
    return np.where(values > 0, values, np.expm1(np.minimum(values, 0)))


ACTIVATIONS: dict[Activation, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, 0),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "gelu": gelu,
    "silu": lambda values: values * sigmoid(values),
    "elu": elu,
    "leaky_relu": lambda values: np.where(values > 0, values, LEAK * values),
    "softplus": lambda values: np.logaddexp(0, values),
}
