"""Trains Flax modules by the functional API of its guide: the state is split from the module, and passed to each call.

https://flax.readthedocs.io/en/latest/guides/performance.html
"""

from collections.abc import Callable, Sequence
from typing import Any, final

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from bench.adapters.base import Batch
from bench.adapters.custom_loops import jax_compilation
from bench.adapters.custom_loops.jax_compilation import Compiled

State = Any  # a pytree of arrays
Structure = Any  # a module without its arrays, as `nnx.split` returns it; hashable
Learn = Callable[[Any, Any, Array, Array], Array]
Answer = Callable[[Any, Array], Array]


@final
class Functional:
    """A module and its optimizer as functions of their state, compiled as the option `call` says.

    Each structure of the module is compiled; it differs between training and inference.
    """

    def __init__(
        self, model: nnx.Module, optimizer: nnx.Optimizer[Any], *, learn: Learn, answer: Answer, call: str
    ) -> None:
        self.model, self.optimizer, self.learn, self.answer = model, optimizer, learn, answer
        self.state: State = None  # during training
        self.frozen: State = None  # during inference
        self.compiled: dict[Structure, Compiled] = {}
        self.call = call

    def train(self, group: Sequence[Batch]) -> tuple[Array, ...]:
        """One step for each batch of the group, in one call; returns the losses."""
        if self.state is None:
            structure, self.state = nnx.split((self.model, self.optimizer))
            self.frozen = None
            self.steps = self._compiled(structure, self._steps, donate=True)
        losses, self.state = self.steps(self.state, tuple(group))
        return losses

    def predict(self, inputs: Array) -> Array:
        """The logits for these inputs."""
        if self.frozen is None:
            structure, self.frozen = nnx.split(self.model)
            self.logits = self._compiled(structure, self._logits, donate=False)
        return self.logits(self.frozen, inputs)

    def settle(self) -> None:
        """Write the trained state into module and optimizer."""
        if self.state is not None:
            nnx.update((self.model, self.optimizer), self.state)
            self.state = None

    def _compiled(self, structure: Structure, make: Callable[[Structure], Compiled], *, donate: bool) -> Compiled:
        if structure not in self.compiled:
            self.compiled[structure] = jax_compilation.compiled(make(structure), self.call, donate=donate)
        return self.compiled[structure]

    def _steps(self, structure: Structure) -> Compiled:
        def step(state: State, batch: Batch) -> tuple[State, Array]:
            model, optimizer = nnx.merge(structure, state)
            loss = self.learn(model, optimizer, *batch)
            return nnx.state((model, optimizer)), loss

        def steps(state: State, group: tuple[Batch, ...]) -> tuple[tuple[Array, ...], State]:
            if len(group) == 1:
                state, loss = step(state, group[0])
                return (loss,), state
            state, losses = jax.lax.scan(step, state, jax.tree.map(lambda *arrays: jnp.stack(arrays), *group))
            return tuple(losses), state

        return steps

    def _logits(self, structure: Structure) -> Compiled:
        return lambda state, inputs: self.answer(nnx.merge(structure, state), inputs)
