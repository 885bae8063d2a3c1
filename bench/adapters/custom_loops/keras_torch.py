"""Trains Keras models on torch by the loop of Keras' guide, step by step.

https://keras.io/guides/writing_a_custom_training_loop_in_torch
"""

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor

from bench.adapters.custom_loops.base import Batch, Loop
from bench.adapters.engines.base import Engine


def create(model: Any, engine: Engine, *, call: str, jit_compile: bool) -> Loop:  # noqa: ANN401, ARG001 (a Keras model; torch counts by itself, and has one loop)
    """The loop of a compiled model."""
    return TorchLoop(model, jit_compile=jit_compile)


@final
class TorchLoop:
    """See `Loop`."""

    def __init__(self, model: Any, *, jit_compile: bool) -> None:  # noqa: ANN401 (a Keras model)
        self.model = model
        self.call = torch.compile(model, dynamic=False) if jit_compile else model
        self.variables = model.trainable_variables

    def train(self, group: Sequence[Batch]) -> Sequence[Tensor]:
        """One step for each batch, one after the other; returns the losses."""
        return [self._step(*batch) for batch in group]

    def predict(self, inputs: Tensor) -> Tensor:
        """The outputs for these inputs."""
        with torch.inference_mode():
            outputs: Tensor = self.call(inputs, training=False)
        return outputs

    def state(self) -> None:
        """Return None: variables are changed in place, and the device computes in order."""

    def settle(self) -> None:
        """Do nothing: variables are changed in place."""

    def _step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        self.model.zero_grad()
        loss: Tensor = self.model.compute_loss(inputs, targets, self.call(inputs, training=True))
        loss.backward()
        with torch.no_grad():
            self.model.optimizer.apply([variable.value.grad for variable in self.variables], self.variables)
        return loss.detach()
