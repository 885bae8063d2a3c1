"""What a training loop of one's own offers, in place of `train_on_batch` and `predict_on_batch`.

And the names of what JAX can do with a program, whoever wrote it.
"""

from collections.abc import Sequence
from typing import Any, Protocol

Batch = tuple[Any, Any]

AHEAD = "ahead of time"
ON_CUBLAS = ", products by cuBLAS"


class Loop(Protocol):
    """Trains a compiled Keras model and asks it, by the backend's own means. Nothing is waited for."""

    def train(self, group: Sequence[Batch]) -> Sequence[Any]:
        """A step for each batch, all in one call where there are several; the loss of each."""

    def predict(self, inputs: Any) -> Any:  # noqa: ANN401 (the backend's own)
        """The outputs."""

    def state(self) -> Any:  # noqa: ANN401 (the backend's own)
        """What is there when the last step is done."""

    def settle(self) -> None:
        """Give the model's variables what was trained, where it is kept elsewhere."""


def on_device(programs: Sequence[str], device: str) -> tuple[str, ...]:
    """Programs of JAX by what they are called; on a GPU each once more with another way to multiply matrices."""
    return (*programs, *(f"{program}{ON_CUBLAS}" for program in programs if device != "cpu"))
