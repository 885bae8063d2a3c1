"""Drives Flax: `nnx.jit` around the training step and the forward pass.

Tuned: `nnx.cached_partial` and `nnx.jit_partial`, which bind the module once; `jax.jit` with donated buffers around
functions of the state; and several steps in one `lax.scan`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, final

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array

from bench.adapters.base import (
    IDIOMATIC,
    NO_FACTS,
    Adapter,
    Batch,
    Facts,
    HostBatch,
    Loss,
    Model,
    check,
    parts,
    step_by_step,
    together,
)
from bench.adapters.custom_loops.base import AHEAD, on_device
from bench.adapters.custom_loops.flax import Functional
from bench.adapters.data_parallel.base import DataParallel
from bench.adapters.data_parallel.jax import Mesh, make_devices
from bench.adapters.engines.base import Engine, Peaks
from bench.adapters.engines.execution import Execution, Form
from bench.adapters.engines.jax import JaxEngine
from bench.adapters.losses import flax as losses
from bench.adapters.optimizers import flax as optimizers
from bench.workload.axes import FrameworkOptions, Scenario
from bench.workload.recipe import Recipe, penalties

Optimizer = Any  # nnx.Optimizer is generic in the model, which the harness does not know

CHECKPOINT = "orbax"
STEPS_PER_CALL = 8
USUAL, SCAN = "nnx.jit", f"lax.scan of {STEPS_PER_CALL} steps"
CACHED, PARTIAL = "nnx.cached_partial", "nnx.jit_partial"
BOUND = (USUAL, CACHED, PARTIAL)  # functions of the module, which have it bound as their first argument


def create() -> Adapter:
    """The adapter of this process."""
    return FlaxAdapter()


@final
class FlaxAdapter:
    """See `Adapter`."""

    model: nnx.Module
    optimizer: Optimizer
    training: bool
    step: Callable[[Array, Array], Array]
    call: Callable[[Array], Array]
    functional: Functional | None  # trains and predicts in place of `step` and `call`, if the options say so

    def __init__(self) -> None:
        self.engine: Engine = JaxEngine()
        self.execution = Execution(self.engine)
        self.parallel: DataParallel | None = None
        self.mesh: Mesh | None = None

    def configure(self, *, device: str, precision: str, threads: int, devices: int = 1) -> None:
        """Set up JAX."""
        if devices > 1:
            make_devices(devices, device=device)
        self.engine.configure(device=device, precision=precision, threads=threads)
        if devices > 1:
            self.parallel = self.mesh = Mesh(devices)
        self.precision, self.threads = precision, threads

    def build_options(self) -> Mapping[str, str]:
        """The dtype in which layers compute, if it is not that of their parameters."""
        return {"compute_dtype": "bfloat16"} if self.precision == "bf16" else {}

    def choices(
        self,
        scenario: Scenario,
        *,
        input_shape: tuple[int, ...],  # noqa: ARG002 (the interface)
        forms: Collection[str],  # noqa: ARG002 (the interface)
    ) -> Mapping[str, tuple[str, ...]]:
        """What is compiled: a function of the module, of its state, or of its state for several steps.

        `nnx.cached_partial` and `nnx.jit_partial` are offered if this version of Flax has them. On a GPU also which
        library XLA uses for matrix multiplications, which cannot be set with functions of the module.
        """
        scan = (SCAN,) if scenario == "training" else ()
        bound = (name for name in BOUND if hasattr(nnx, name.removeprefix("nnx.")))
        return {"call": (*bound, *on_device(("jax.jit", AHEAD, *scan), self.engine.device))}

    def prepare(
        self, model: Model, recipe: Recipe, *, tuning: FrameworkOptions = IDIOMATIC, facts: Facts = NO_FACTS
    ) -> None:
        """Take the model, and make its optimizer and its two compiled functions."""
        check(recipe, facts)
        self.model = model
        self.training = True
        if self.mesh is not None:
            nnx.update(model, jax.device_put(nnx.state(model), self.mesh.whole))
        update = optimizers.optimizer(recipe.optimizer, rates=facts.rates)
        if recipe.clipping:
            update = optax.chain(optimizers.clip(recipe.clipping), update)
        self.optimizer = nnx.Optimizer(model, update, wrt=nnx.Param)
        if self.mesh is not None:
            nnx.update(self.optimizer, jax.device_put(nnx.state(self.optimizer), self.mesh.whole))
        self.parameters = [leaf for leaf in jax.tree.leaves(self.model, is_leaf=_is_variable) if _is_parameter(leaf)]
        if self.mesh is not None:
            self.mesh.weights = self.parameters
        learn = self.engine.traced(_learning(recipe, facts), "training")
        answer = self.engine.traced(_call, "inference")
        self.form = tuning.get("call", USUAL)
        self.steps_per_call = STEPS_PER_CALL if self.form.startswith(SCAN) else 1
        self.functional = None
        if self.form not in BOUND:
            self.functional = Functional(model, self.optimizer, learn=learn, answer=answer, call=self.form)
            self.model.train()
            return
        # What is bound keeps the mode that the module has now; its variables are shared.
        self.model.eval()
        self.call = _bound(self.form, answer, model)
        self.model.train()
        self.step = _bound(self.form, learn, model, self.optimizer)

    def settle(self) -> None:
        """Write the state that was trained outside of the module into the module."""
        if self.functional is not None:
            self.functional.settle()

    def put(self, inputs: np.ndarray, targets: np.ndarray | None = None) -> Array | tuple[Array, Array]:
        """Arrays on the only device that the process has."""
        if self.mesh is not None and targets is not None:
            return jax.device_put((inputs, _narrow(targets)), self.mesh.parts)
        # With the device as an argument the arrays would be committed to it. The step would then be compiled twice: for
        # its first, uncommitted parameters, and for the committed ones that it returns.
        placed = jax.device_put(inputs)
        return placed if targets is None else (placed, jax.device_put(_narrow(targets)))

    def train(self, batches: Iterable[Batch]) -> list[Array]:
        """One optimizer step for each batch."""
        self.execution.trained = True
        if not self.training:
            self.model.train()
            self.training = True
        if self.functional is not None:
            groups = together(batches, self.steps_per_call)
            return [loss for group in groups for loss in self.functional.train(group)]
        return [self.step(inputs, targets) for inputs, targets in batches]

    def train_epoch(self, batches: Iterable[HostBatch]) -> list[Loss]:
        """One optimizer step for each batch, by the same loop as `train`."""
        return step_by_step(self, batches)

    def predict(self, inputs: Array) -> Array:
        """The logits of one query."""
        if self.training:
            self.settle()
            self.model.eval()
            self.training, self.execution.predicted = False, True
        return self.call(inputs) if self.functional is None else self.functional.predict(inputs)

    def wait(self, result: object) -> None:
        """Return when the result is computed and, after training, the parameters too."""
        if self.training and isinstance(result, list):  # the result of `put` is no list
            # The raw values are the arrays themselves; `get_value` first looks for hooks: 70 µs for twenty variables.
            parameters = [parameter.get_raw_value() for parameter in self.parameters]
            result = (result, parameters if self.functional is None else self.functional.state)
        self.engine.wait(result)

    def save(self, model: Model, folder: Path) -> None:
        """Write an Orbax checkpoint, without the random streams of dropout."""
        from orbax.checkpoint import StandardCheckpointer  # imported here, since it takes 0.6 s and starts threads

        with StandardCheckpointer() as checkpointer:
            checkpointer.save(folder.absolute() / CHECKPOINT, nnx.to_pure_dict(_lasting(model)))

    def load(self, model: Model, folder: Path) -> Model:
        """The same model with the state of the Orbax checkpoint."""
        from orbax.checkpoint import StandardCheckpointer

        state = _lasting(model)
        with StandardCheckpointer() as checkpointer:
            nnx.replace_by_pure_dict(
                state, checkpointer.restore(folder.absolute() / CHECKPOINT, nnx.to_pure_dict(state))
            )
        nnx.update(model, state)
        return model

    def to_numpy(self, array: Array) -> np.ndarray:
        """A copy in host memory."""
        return np.array(array)

    def peak_memory_bytes(self) -> Peaks:
        """The peaks of JAX' allocator."""
        return self.engine.peak_memory_bytes()

    def devices(self) -> list[str]:
        """The CPU, and the GPUs that JAX finds."""
        return self.engine.devices()

    def versions(self) -> dict[str, str]:
        """The versions of Flax, JAX and Optax."""
        return {module.__name__: str(module.__version__) for module in (flax, optax)} | self.engine.versions()

    def settings(self) -> dict[str, str]:
        """What is compiled, the implementation of the optimizer, precision and threads."""
        form = Form(self.form, "XLA")
        return self.execution.settings(form, form) | {
            "steps in a call": str(self.steps_per_call),
            "optimizer": "nnx.Optimizer of optax",
            "precision": "dtype bfloat16, param_dtype float32" if self.precision == "bf16" else self.engine.precision,
            "threads": f"{self.threads} by CPU affinity",
        }

    def uncompiled(self) -> str | None:
        """The form that ran without a compilation."""
        return self.execution.uncompiled(Form(self.form), Form(self.form))


def _bound(form: str, function: Callable[..., Array], *arguments: object) -> Callable[..., Array]:
    """The compiled function with its first arguments bound, which are the module and for a step the optimizer."""
    if form == PARTIAL:
        bound: Callable[..., Array] = nnx.jit_partial(function, *arguments, graph=False)
        return bound
    jitted = nnx.jit(function)
    return nnx.cached_partial(jitted, *arguments) if form == CACHED else partial(jitted, *arguments)


def _learning(recipe: Recipe, facts: Facts) -> Callable[[nnx.Module, Optimizer, Array, Array], Array]:
    loss = losses.training_loss(recipe, facts.class_weights)

    def part_loss(model: Model, inputs: Array, targets: Array) -> Array:
        value = loss(_call(model, inputs), targets)
        kernels = facts.kernels(model) if facts.kernels else {}
        for name, factor in penalties(recipe, kernels).items():
            value = value + factor * jnp.sum(jnp.square(kernels[name][...]))
        return value

    def step(model: Model, optimizer: Optimizer, inputs: Array, targets: Array) -> Array:
        learn, number = nnx.value_and_grad(part_loss), recipe.accumulation
        found = [learn(model, *part) for part in parts((inputs, targets), number)]
        value, gradients = found[0] if number == 1 else jax.tree.map(lambda *each: sum(each) / number, *found)
        optimizer.update(model, gradients)
        return value

    return step


def _lasting(model: Model) -> Any:  # noqa: ANN401 (a state of Flax)
    return nnx.state(model, nnx.Not(nnx.RngState))


def _call(model: Model, inputs: Array) -> Array:
    logits = model(inputs)
    return logits.astype(jnp.promote_types(logits.dtype, jnp.float32))


def _is_variable(leaf: object) -> bool:
    return isinstance(leaf, nnx.Variable)


def _is_parameter(leaf: object) -> bool:
    return isinstance(leaf, nnx.Param)


def _narrow(targets: np.ndarray) -> np.ndarray:
    return targets.astype(np.int32) if targets.dtype == np.int64 else targets
