"""Trains Keras models on TensorFlow by the loop of Keras' guide, in a `tf.function` of one step or of several.

https://keras.io/guides/writing_a_custom_training_loop_in_tensorflow
"""

from collections.abc import Sequence
from typing import Any, final

import tensorflow as tf

from bench.adapters.custom_loops.base import Batch, Loop
from bench.adapters.engines.base import Engine

Tensor = Any


def create(model: Any, engine: Engine, *, call: str, jit_compile: bool) -> Loop:  # noqa: ANN401, ARG001 (a Keras model; a call of several steps has several batches)
    """The loop of a compiled model."""
    return TensorFlowLoop(model, engine, jit_compile=jit_compile)


@final
class TensorFlowLoop:
    """See `Loop`."""

    def __init__(self, model: Any, engine: Engine, *, jit_compile: bool) -> None:  # noqa: ANN401 (a Keras model)
        self.model = model
        self.strategy = tf.distribute.get_strategy()
        self.steps = tf.function(engine.traced(self._steps, "training"), jit_compile=jit_compile)
        answer = engine.traced(lambda inputs: model(inputs, training=False), "inference")
        self.answer = tf.function(answer, jit_compile=jit_compile)
        model.optimizer.build(model.trainable_variables)

    def train(self, group: Sequence[Batch]) -> Sequence[Tensor]:
        """One step for each batch, in one call; returns the losses."""
        losses: Sequence[Tensor] = self.steps(tuple(group))
        return losses

    def predict(self, inputs: Tensor) -> Tensor:
        """The outputs for these inputs."""
        return self.answer(inputs)

    def state(self) -> None:
        """Return None: variables are changed in place, and the device computes in order."""

    def settle(self) -> None:
        """Do nothing: variables are changed in place."""

    def _steps(self, group: tuple[Batch, ...]) -> tuple[Tensor, ...]:
        if self.strategy.num_replicas_in_sync == 1:
            return tuple(self._step(*batch) for batch in group)
        # Each device returns its share of the mean loss.
        return tuple(self.strategy.reduce("SUM", self.strategy.run(self._step, batch), axis=None) for batch in group)

    def _step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            loss = self.model.compute_loss(inputs, targets, self.model(inputs, training=True))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.model.optimizer.apply(gradients, self.model.trainable_variables)
        return loss
