"""Defines the interface of a custom training loop for Keras, and the names of JAX' options for a program.

A custom loop takes the place of `train_on_batch` and `predict_on_batch`.
"""

from collections.abc import Sequence
from typing import Any, Protocol

Batch = tuple[Any, Any]

AHEAD = "ahead of time"
ON_CUBLAS = ", products by cuBLAS"


class Loop(Protocol):
    """Trains a compiled Keras model, and predicts with it, by the backend's own API; it never waits for results."""

    def train(self, group: Sequence[Batch]) -> Sequence[Any]:
        """One step for each batch, several in one call if the backend can; returns the loss of each batch."""

    def predict(self, inputs: Any) -> Any:  # noqa: ANN401 (the backend's own)
        """The outputs for these inputs."""

    def state(self) -> Any:  # noqa: ANN401 (the backend's own)
        """The arrays to wait for, which are computed when the last step is done; None where the device has an order."""

    def settle(self) -> None:
        """Write the trained state into the model's variables, if it is kept outside of them."""


def on_device(programs: Sequence[str], device: str) -> tuple[str, ...]:
    """The names of JAX programs; on a GPU each once more, with cuBLAS in place of Triton for matrix multiplications."""
    return (*programs, *(f"{program}{ON_CUBLAS}" for program in programs if device != "cpu"))
