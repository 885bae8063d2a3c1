"""Drives Keras: `compile` with its defaults, `train_on_batch` and `predict_on_batch`, which wait by themselves.

Tuned: XLA or `torch.compile` on or off, and the custom training loop of Keras' guide for the backend, also with several
steps in one call.
"""

import importlib
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, final

import keras
import numpy as np

from bench.adapters.base import (
    IDIOMATIC,
    NO_FACTS,
    Adapter,
    Batch,
    DeviceArray,
    Facts,
    HostBatch,
    Loss,
    Model,
    check,
    parts,
    step_by_step,
    together,
)
from bench.adapters.custom_loops.base import AHEAD, Loop, on_device
from bench.adapters.data_parallel.base import KerasDevices
from bench.adapters.engines.base import Engine, Peaks
from bench.adapters.engines.execution import EAGER, Execution, Form
from bench.adapters.losses import keras as losses
from bench.adapters.optimizers import keras as optimizers
from bench.errors import UnavailableError
from bench.workload.axes import FrameworkOptions, Scenario
from bench.workload.recipe import Recipe, penalties

FILE = "model.keras"
STEPS_PER_CALL = 8
LOOP, SEVERAL_STEPS = "custom loop", f"custom loop of {STEPS_PER_CALL} steps"
CUDNN = "use_cudnn"  # an option of models whose layers Keras runs with cuDNN, which XLA cannot compile
JIT: Mapping[str, bool | str] = {"auto": "auto", "on": True, "off": False}


def create() -> Adapter:
    """The adapter of this process, for the backend with which Keras was imported."""
    return KerasAdapter()


@final
class KerasAdapter:
    """See `Adapter`."""

    model: keras.Model
    parameters: list[keras.Variable]
    step: Callable[..., Any] | None  # a step that takes the state and returns it, for epochs on JAX

    def __init__(self) -> None:
        self.backend = keras.backend.backend()
        self.engine: Engine = importlib.import_module(f"bench.adapters.engines.{self.backend}").create()
        self.execution = Execution(self.engine)
        self.training = False
        self.parallel: KerasDevices | None = None

    def configure(self, *, device: str, precision: str, threads: int, devices: int = 1) -> None:
        """Set the backend's device, precision and threads, and Keras' own float dtype."""
        keras.config.set_floatx("float64" if precision == "fp64" else "float32")
        if precision == "fp64":
            _keep_float64()
        keras.config.set_image_data_format("channels_last")  # the user's own Keras configuration may differ
        ways = _ways(self.backend) if devices > 1 else None
        if ways is not None:
            ways.make_devices(devices, device=device)
        self.engine.configure(device=device, precision=precision, threads=threads)
        self.precision, self.threads = precision, threads
        if ways is not None:
            self.parallel = ways.create(devices)

    def build_options(self) -> Mapping[str, str]:
        """The dtype in which layers compute, if it is not that of their variables."""
        return {"compute_dtype": "bfloat16"} if self.precision == "bf16" else {}

    def choices(
        self,
        scenario: Scenario,
        *,
        input_shape: tuple[int, ...],  # noqa: ARG002 (the interface)
        forms: Collection[str],
    ) -> Mapping[str, tuple[str, ...]]:
        """Keras' own methods or a custom loop; except on JAX also `jit_compile` and the backend's own options."""
        on_jax, is_training = self.backend == "jax", scenario == "training"
        usual = "train_on_batch" if is_training else "predict_on_batch"
        ahead = (f"{LOOP}, {AHEAD}",) if on_jax else ()
        several = (SEVERAL_STEPS,) if is_training and self.backend != "torch" else ()
        loops = (LOOP, *ahead, *several)
        if on_jax:
            return {"call": (usual, *on_device(loops, self.engine.device))}
        # Whether "auto" means XLA: on TensorFlow with a GPU, unless layers run with cuDNN.
        is_compiled = self.backend == "tensorflow" and self.engine.device != "cpu" and CUDNN not in forms
        return {
            "call": (usual, *loops),
            "jit_compile": ("auto", "off" if is_compiled else "on"),
            **self.engine.choices(),
        }

    def prepare(
        self, model: Model, recipe: Recipe, *, tuning: FrameworkOptions = IDIOMATIC, facts: Facts = NO_FACTS
    ) -> None:
        """Compile the model with Keras' defaults, the recipe's loss, and Adam with epsilon after bias correction."""
        check(recipe, facts)
        if self.parallel is not None:
            self.parallel.check(recipe)
        self.model, self.accumulation = model, recipe.accumulation
        self.engine.choose(tuning)
        jit = JIT[tuning.get("jit_compile", "auto")]
        call = tuning.get("call", "")
        has_loop = call.startswith(LOOP) or (
            self.parallel is not None and self.parallel.trains_in_loop
        )  # in a custom loop on torch the optimizer runs eagerly
        kernels = facts.kernels(model) if facts.kernels else {}
        losses.penalise(kernels, penalties(recipe, kernels))
        rule = optimizers.optimizer(
            recipe.optimizer,
            recipe.clipping,
            compiled=jit is True and not has_loop,
            rates=facts.rates,
            variables=model.trainable_variables,
            accumulation=recipe.accumulation,
        )
        loss = losses.training_loss(recipe, facts.class_weights)
        self.model.compile(optimizer=rule, loss=loss, jit_compile=jit)
        own = type(model)
        self.model.train_step = self.engine.traced(own.train_step.__get__(model), "training")
        self.model.predict_step = self.engine.traced(own.predict_step.__get__(model), "inference")
        self.parameters, self.training = self.model.trainable_variables, False
        if self.parallel is not None:
            self.parallel.weights = self.parameters
        self.step = self.engine.stateless(self.model.train_step)
        self.steps_per_call = STEPS_PER_CALL if call.startswith(SEVERAL_STEPS) else 1
        self.loop: Loop | None = None
        if has_loop:
            loops = importlib.import_module(f"bench.adapters.custom_loops.keras_{self.backend}")
            self.loop = loops.create(model, self.engine, call=call, jit_compile=bool(model.jit_compile))

    def settle(self) -> None:
        """Write the state that a custom loop has trained into the model's variables."""
        if self.loop is not None:
            self.loop.settle()

    def put(self, inputs: np.ndarray, targets: np.ndarray | None = None) -> DeviceArray:
        """The backend's tensors on its device."""
        if self.parallel is not None and targets is not None:
            return self.parallel.put(inputs, targets)
        placed = keras.ops.convert_to_tensor(inputs)
        return placed if targets is None else (placed, keras.ops.convert_to_tensor(targets))

    def train(self, batches: Iterable[Batch]) -> list[DeviceArray]:
        """One optimizer step for each batch; with gradient accumulation Keras is called for each part of a batch."""
        self.training = self.execution.trained = True
        number = self.accumulation
        if number == 1:
            return self._called(batches)
        found = self._called(part for batch in batches for part in parts(batch, number))
        return [sum(found[first : first + number]) / number for first in range(0, len(found), number)]

    def _called(self, batches: Iterable[Batch]) -> list[DeviceArray]:
        """The loss of each batch, or of each part of one, after its call."""
        if self.loop is not None:
            groups = together(batches, self.steps_per_call * self.accumulation)
            return [loss for group in groups for loss in self.loop.train(group)]
        return [self.model.train_on_batch(inputs, targets) for inputs, targets in batches]

    def train_epoch(self, batches: Iterable[HostBatch]) -> list[Loss]:
        """Train with `train_on_batch`; on JAX with the loop of Keras' guide, which keeps the state in JAX arrays."""
        self.training = self.execution.trained = True
        if self.loop is not None:
            return step_by_step(self, batches)
        if self.step is None:
            return [(self.train([batch])[0], len(batch[0])) for batch in batches]
        return self._stateless_epoch((part for batch in batches for part in parts(batch, self.accumulation)), self.step)

    def _stateless_epoch(self, batches: Iterable[HostBatch], step: Callable[..., Any]) -> list[Loss]:
        """Train an epoch with a step that takes the state and returns it.

        `train_on_batch` passes every variable to JAX and assigns it again in each step: more time than a small step.
        The loop is that of https://keras.io/guides/writing_a_custom_training_loop_in_jax
        """
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.parameters)
        self.model.reset_metrics()  # each step returns the mean loss since this call
        groups = (
            self.parameters,
            self.model.non_trainable_variables,
            self.model.optimizer.variables,
            self.model.metrics_variables,
        )
        state, logs, samples = [[variable.value for variable in group] for group in groups], {}, 0
        for inputs, targets in batches:
            logs, state = step(state, (inputs, targets))
            samples += len(inputs)
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return [(logs["loss"], samples)] if samples else []

    def predict(self, inputs: DeviceArray) -> DeviceArray:
        """The logits of one query; `predict_on_batch` returns them in host memory."""
        self.training, self.execution.predicted = False, True
        if self.loop is not None:
            answers = self.loop.predict(inputs)
            return keras.ops.cast(answers, "float32") if self.precision == "bf16" else answers
        logits: np.ndarray = self.model.predict_on_batch(inputs)
        return logits.astype(np.float32) if self.precision == "bf16" else logits

    def wait(self, result: object) -> None:
        """Return when the result is computed and, after training, the parameters too.

        Keras' own methods have already waited for their results, which are in host memory and come in a list.
        """
        if self.loop is not None:
            self.engine.wait((result, self.loop.state() if self.training else None))
        elif not isinstance(result, list):
            self.engine.wait(result)
        elif self.training:
            # `value` looks for scopes that change it: 0.5 µs for each variable, too much for a step of 350 µs.
            self.engine.wait([parameter._value for parameter in self.parameters])  # noqa: SLF001

    def save(self, model: Model, folder: Path) -> None:
        """Write a `.keras` file."""
        model.save(folder / FILE)

    def load(self, model: Model, folder: Path) -> Model:  # noqa: ARG002 (the file describes the model)
        """The model of the `.keras` file, whatever backend wrote it; no code in the file is run."""
        return keras.saving.load_model(folder / FILE, compile=False, safe_mode=True)

    def to_numpy(self, array: DeviceArray) -> np.ndarray:
        """A copy in host memory."""
        return np.array(keras.ops.convert_to_numpy(array))

    def peak_memory_bytes(self) -> Peaks:
        """The peaks of the backend's allocator."""
        return self.engine.peak_memory_bytes()

    def devices(self) -> list[str]:
        """The CPU, and the GPUs that the backend finds."""
        return self.engine.devices()

    def versions(self) -> dict[str, str]:
        """The versions of Keras and its backend."""
        return {"keras": keras.__version__} | self.engine.versions()

    def settings(self) -> dict[str, str]:
        """How Keras resolved its defaults, and how steps, queries and epochs are called."""
        steps = "train_on_batch" if self.loop is None else f"a custom loop, {self.steps_per_call} in a call"
        how = self.execution.settings(*self._forms())
        if "execution" in how:
            stateless = how["execution"].replace("jax.jit", "jax.jit around train_step").removesuffix(" (XLA)")
            how["epochs"] = stateless if self.step and self.loop is None else steps
        return how | {
            "steps": steps,
            "optimizer": f"keras.optimizers.{type(self.model.optimizer).__name__}",
            "precision": "policy mixed_bfloat16" if self.precision == "bf16" else self.engine.precision,
            "threads": str(self.threads),
        }

    def uncompiled(self) -> str | None:
        """What Keras should have compiled and did not."""
        return self.execution.uncompiled(*self._forms())

    def _forms(self) -> tuple[Form, Form]:
        """How Keras runs steps and queries."""
        form = EXECUTION[self.backend, bool(self.model.jit_compile)]
        call = "predict_on_batch" if self.loop is None else "a call of the model"
        return form, form._replace(function=f"{call}, {form.function}")


def _ways(backend: str) -> Any:  # noqa: ANN401 (a module)
    """The module that trains on several devices of this backend; raises UnavailableError if there is none."""
    if backend == "torch":
        raise UnavailableError("keras.distribution has no data parallel training on torch in Keras 3.15")
    return importlib.import_module(f"bench.adapters.data_parallel.keras_{backend}")


def _keep_float64() -> None:
    """Let results stay float64 on JAX and torch, where a table of Keras' type promotion narrows them to float32.

    Only the proof in float64 needs it: no measured case computes in float64. Raises UnavailableError if Keras has no
    such table in its usual place.
    """
    try:
        from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE
    except ImportError as error:
        message = f"Keras {keras.__version__} has no table of narrowed types where 3.15 has it: no proof in float64"
        raise UnavailableError(message) from error
    BIT64_TO_BIT32_DTYPE["float64"] = "float64"


# How Keras runs a step, by the backend and by the resolved value of `jit_compile`.
EXECUTION = {
    ("tensorflow", False): Form("tf.function", "XLA off"),
    ("tensorflow", True): Form("tf.function", "XLA on"),
    ("jax", False): EAGER,
    ("jax", True): Form("jax.jit", "XLA"),
    ("torch", False): EAGER,
    ("torch", True): Form("torch.compile"),
}
