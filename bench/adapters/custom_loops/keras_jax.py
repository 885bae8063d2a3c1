"""Trains Keras models on JAX by the loop of Keras' guide; one call can run several steps.

The state stays in JAX arrays between steps.
https://keras.io/guides/writing_a_custom_training_loop_in_jax
"""

from collections.abc import Sequence
from typing import Any, final

import jax
import jax.numpy as jnp
from jax import Array

from bench.adapters.custom_loops import jax_compilation
from bench.adapters.custom_loops.base import Batch, Loop
from bench.adapters.engines.base import Engine

State = tuple[list[Array], ...]


def create(model: Any, engine: Engine, *, call: str, jit_compile: bool) -> Loop:  # noqa: ANN401, ARG001 (a Keras model; JAX always compiles)
    """The loop of a compiled model."""
    return JaxLoop(model, engine, call)


@final
class JaxLoop:
    """See `Loop`; compiled as the option `call` says."""

    def __init__(self, model: Any, engine: Engine, call: str) -> None:  # noqa: ANN401 (a Keras model)
        self.model = model
        model.optimizer.build(model.trainable_variables)
        self.steps = jax_compilation.compiled(engine.traced(self._steps, "training"), call, donate=True)
        self.answer = jax_compilation.compiled(engine.traced(self._answer, "inference"), call, donate=False)
        self.kept: State | None = None  # during training
        self.frozen: State | None = None  # during inference

    def train(self, group: Sequence[Batch]) -> Sequence[Array]:
        """One step for each batch, in one call; returns the losses."""
        if self.kept is None:
            self.kept = tuple([variable.value for variable in variables] for variables in self._variables())
            self.frozen = None
        losses, self.kept = self.steps(self.kept, tuple(group))
        found: Sequence[Array] = losses
        return found

    def predict(self, inputs: Array) -> Array:
        """The outputs for these inputs."""
        if self.frozen is None:
            self.settle()
            self.frozen = tuple([variable.value for variable in variables] for variables in self._variables()[:2])
        answers: Array = self.answer(self.frozen, inputs)
        return answers

    def state(self) -> State | None:
        """The values of all variables during training, else None."""
        return self.kept

    def settle(self) -> None:
        """Assign the trained values to the model's variables."""
        for variables, values in zip(self._variables(), self.kept or (), strict=False):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self.kept = None

    def _variables(self) -> tuple[Any, Any, Any]:
        model = self.model
        return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables

    def _answer(self, variables: State, inputs: Array) -> Any:  # noqa: ANN401 (an array)
        return self.model.stateless_call(*variables, inputs, training=False)[0]

    def _steps(self, state: State, group: tuple[Batch, ...]) -> tuple[tuple[Array, ...], State]:
        if len(group) == 1:
            state, loss = self._step(state, group[0])
            return (loss,), state
        state, losses = jax.lax.scan(self._step, state, jax.tree.map(lambda *arrays: jnp.stack(arrays), *group))
        return tuple(losses), state

    def _step(self, state: State, batch: Batch) -> tuple[State, Array]:
        trainable, others, optimizer = state
        learn = jax.value_and_grad(self._loss, has_aux=True)
        (loss, others), gradients = learn(trainable, others, *batch)
        trainable, optimizer = self.model.optimizer.stateless_apply(optimizer, gradients, trainable)
        return (trainable, others, optimizer), loss

    def _loss(self, trainable: list[Array], others: list[Array], inputs: Array, targets: Array) -> Any:  # noqa: ANN401 (a pair)
        outputs, others = self.model.stateless_call(trainable, others, inputs, training=True)
        metrics = [variable.value for variable in self.model.metrics_variables]
        # `compute_loss` would take L2 penalties from the variables, not from `trainable`.
        loss, _ = self.model.stateless_compute_loss(
            trainable, others, metrics, x=inputs, y=targets, y_pred=outputs, training=True
        )
        return loss, others
