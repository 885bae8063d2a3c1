"""Keras: `compile` with its defaults, `train_on_batch` and `predict_on_batch`, which wait by themselves.

Tuned: compiled by XLA or `torch.compile` or not, and the training loop of the backend's guide, for several steps too.
"""

import importlib
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, final

import keras
import numpy as np

from bench.adapters.base import IDIOMATIC, Adapter, Batch, DeviceArray, HostBatch, Loss, Model, step_by_step, together
from bench.adapters.custom_loops.base import AHEAD, Loop, on_device
from bench.adapters.engines.base import Engine, Peaks
from bench.errors import UnavailableError
from bench.workload.axes import FrameworkOptions, Scenario
from bench.workload.recipe import Adam, AdamW, Clipping, Recipe, Sgd, UpdateRule

FILE = "model.keras"
STEPS_PER_CALL = 8
LOOP, SEVERAL_STEPS = "custom loop", f"custom loop of {STEPS_PER_CALL} steps"
CUDNN = "use_cudnn"  # a form of models whose layers Keras gives to cuDNN, which XLA cannot compile
JIT: Mapping[str, bool | str] = {"auto": "auto", "on": True, "off": False}


def create() -> Adapter:
    """The adapter of this process, for the backend with which Keras was imported."""
    return KerasAdapter()


@final
class KerasAdapter:
    """See `Adapter`."""

    model: keras.Model
    parameters: list[keras.Variable]
    step: Callable[..., Any] | None  # what trains epochs, where it takes the state and returns it

    def __init__(self) -> None:
        self.backend = keras.backend.backend()
        self.engine: Engine = importlib.import_module(f"bench.adapters.engines.{self.backend}").create()
        self.training = False

    def configure(self, *, device: str, precision: str, threads: int) -> None:
        """Set the backend's device, precision and threads, and Keras' own float type."""
        keras.config.set_floatx("float64" if precision == "fp64" else "float32")
        if precision == "fp64":
            _keep_float64()
        keras.config.set_image_data_format("channels_last")  # whatever the user's own configuration of Keras says
        self.engine.configure(device=device, precision=precision, threads=threads)
        self.precision, self.threads = precision, threads

    def build_options(self) -> Mapping[str, str]:
        """The type in which layers compute, where it is not that of their variables."""
        return {"compute_dtype": "bfloat16"} if self.precision == "bf16" else {}

    def choices(
        self,
        scenario: Scenario,
        *,
        input_shape: tuple[int, ...],  # noqa: ARG002 (the seam)
        forms: Collection[str],
    ) -> Mapping[str, tuple[str, ...]]:
        """Keras' own methods or a loop beside them; compiled or not, where a backend need not; the backend's own."""
        on_jax, is_training = self.backend == "jax", scenario == "training"
        usual = "train_on_batch" if is_training else "predict_on_batch"
        ahead = (f"{LOOP}, {AHEAD}",) if on_jax else ()
        several = (SEVERAL_STEPS,) if is_training and self.backend != "torch" else ()
        loops = (LOOP, *ahead, *several)
        if on_jax:
            return {"call": (usual, *on_device(loops, self.engine.device))}
        # What Keras chooses by itself: XLA on a GPU but for layers that have cuDNN, and nothing elsewhere.
        is_compiled = self.backend == "tensorflow" and self.engine.device != "cpu" and CUDNN not in forms
        return {
            "call": (usual, *loops),
            "jit_compile": ("auto", "off" if is_compiled else "on"),
            **self.engine.choices(),
        }

    def prepare(self, model: Model, recipe: Recipe, *, tuning: FrameworkOptions = IDIOMATIC) -> None:
        """Compile the model with Keras' defaults, our loss and our rule of Adam."""
        self.model = model
        self.engine.choose(tuning)
        jit = JIT[tuning.get("jit_compile", "auto")]
        call = tuning.get("call", "")
        has_loop = call.startswith(LOOP)  # where torch leaves the optimizer eager
        rule = optimizer(recipe.optimizer, recipe.clipping, compiled=jit is True and not has_loop)
        self.model.compile(optimizer=rule, loss=LOSSES[recipe.loss](), jit_compile=jit)
        for name in ("train_step", "predict_step"):
            setattr(model, name, self.engine.traced(getattr(type(model), name).__get__(model)))
        self.parameters, self.training = self.model.trainable_variables, False
        self.step = self.engine.stateless(self.model.train_step)
        self.steps_per_call = STEPS_PER_CALL if call.startswith(SEVERAL_STEPS) else 1
        self.loop: Loop | None = None
        if has_loop:
            loops = importlib.import_module(f"bench.adapters.custom_loops.keras_{self.backend}")
            self.loop = loops.create(model, self.engine, call=call, jit_compile=bool(model.jit_compile))

    def settle(self) -> None:
        """Give the model's variables what a loop of its own has trained."""
        if self.loop is not None:
            self.loop.settle()

    def put(self, inputs: np.ndarray, targets: np.ndarray | None = None) -> DeviceArray:
        """The backend's tensors on its device."""
        placed = keras.ops.convert_to_tensor(inputs)
        return placed if targets is None else (placed, keras.ops.convert_to_tensor(targets))

    def train(self, batches: Iterable[Batch]) -> list[DeviceArray]:
        """One optimizer step for each batch."""
        self.training = True
        if self.loop is not None:
            return [loss for group in together(batches, self.steps_per_call) for loss in self.loop.train(group)]
        return [self.model.train_on_batch(inputs, targets) for inputs, targets in batches]

    def train_epoch(self, batches: Iterable[HostBatch]) -> list[Loss]:
        """`train_on_batch`; on JAX the loop of Keras' guide, which leaves the state in JAX between steps."""
        self.training = True
        if self.loop is not None:
            return step_by_step(self, batches)
        if self.step is None:
            return [(self.model.train_on_batch(inputs, targets), len(inputs)) for inputs, targets in batches]
        return self._stateless_epoch(batches, self.step)

    def _stateless_epoch(self, batches: Iterable[HostBatch], step: Callable[..., Any]) -> list[Loss]:
        """`train_on_batch` hands every variable to JAX and back in each step, which takes longer than a small step.

        https://keras.io/guides/writing_a_custom_training_loop_in_jax
        """
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.parameters)
        self.model.reset_metrics()  # the loss that a step returns is the mean since then
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
        """The logits of one query, in host memory, where `predict_on_batch` leaves them."""
        self.training = False
        if self.loop is not None:
            answers = self.loop.predict(inputs)
            return keras.ops.cast(answers, "float32") if self.precision == "bf16" else answers
        logits: np.ndarray = self.model.predict_on_batch(inputs)
        return logits.astype(np.float32) if self.precision == "bf16" else logits

    def wait(self, result: object) -> None:
        """Return when, after training, the parameters are there too, and what was put on the device.

        Keras itself has waited for whatever comes out of it: a list of what is in host memory.
        """
        if self.loop is not None:
            self.engine.wait((result, self.loop.state() if self.training else None))
        elif not isinstance(result, list):
            self.engine.wait(result)
        elif self.training:
            # `value` looks for scopes that change it, half a microsecond for each: too much beside a step of 350.
            self.engine.wait([parameter._value for parameter in self.parameters])  # noqa: SLF001

    def save(self, model: Model, folder: Path) -> None:
        """A `.keras` file."""
        model.save(folder / FILE)

    def load(self, model: Model, folder: Path) -> Model:  # noqa: ARG002 (the file says what the model is)
        """The model of the file, on whatever backend; nothing in it is run."""
        return keras.saving.load_model(folder / FILE, compile=False, safe_mode=True)

    def to_numpy(self, array: DeviceArray) -> np.ndarray:
        """A copy in host memory."""
        return np.array(keras.ops.convert_to_numpy(array))

    def peak_memory_bytes(self) -> Peaks:
        """The peak of the backend's allocator."""
        return self.engine.peak_memory_bytes()

    def devices(self) -> list[str]:
        """The CPU and the GPUs that the backend finds."""
        return self.engine.devices()

    def versions(self) -> dict[str, str]:
        """Keras and its backend."""
        return {"keras": keras.__version__} | self.engine.versions()

    def settings(self) -> dict[str, str]:
        """How Keras resolved its defaults."""
        steps = "train_on_batch" if self.loop is None else f"a custom loop, {self.steps_per_call} in a call"
        return {
            "execution": EXECUTION[self.backend, bool(self.model.jit_compile)],
            "inference": "predict_on_batch" if self.loop is None else "a call of the model",
            "steps": steps,
            "epochs": "jax.jit around train_step" if self.step and self.loop is None else steps,
            "optimizer": f"keras.optimizers.{type(self.model.optimizer).__name__}",
            "precision": "policy mixed_bfloat16" if self.precision == "bf16" else self.engine.precision,
            "threads": str(self.threads),
        }


def optimizer(rule: UpdateRule, clipping: Clipping | None = None, *, compiled: bool = False) -> keras.Optimizer:
    """The rule's optimizer, with constants that keep the precision of the weights.

    `compiled` says that its steps are compiled where the backend itself is eager.
    """
    options = _clipping(clipping)
    if isinstance(rule, Sgd):
        learning_rate, momentum = _learning_rate(rule.learning_rate), _constant(rule.momentum)
        return keras.optimizers.SGD(learning_rate=learning_rate, momentum=momentum, **options)
    return adam(rule, compiled=compiled, **options)


def adam(rule: Adam | AdamW, *, compiled: bool = False, **clipping: float) -> keras.Optimizer:
    """Keras' Adam with epsilon after bias correction, as its authors wrote it and as PyTorch and Optax have it.

    Keras takes η·√(1-β₂ᵗ)/(1-β₁ᵗ)·m / (√v + ε). With ε·√(1-β₂ᵗ) in place of ε that is η·m̂ / (√v̂ + ε), so the rule costs
    one scalar more for each step, and the backend's own way of updating all variables stays in use.

    On torch the step runs eagerly, where even one scalar takes 50 µs as a tensor; Python counts the steps instead.
    Where the step is `compiled` there, Python's number would have every step compiled anew, and an attribute that
    is set in the step gave different weights from the third step on (torch 2.13): there epsilon follows from the
    optimizer's own count when it is read.
    """
    steps, on_torch = count(1), keras.backend.backend() == "torch"
    decay = {"weight_decay": _constant(rule.weight_decay)} if isinstance(rule, AdamW) else {}
    kind = keras.optimizers.AdamW if decay else keras.optimizers.Adam
    ours: Any = type(kind())  # on torch Keras returns a class of its own that updates all at once

    class AdamAfterCorrection(ours):  # type: ignore[misc] # the class is known when Keras runs
        def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:  # noqa: ANN401
            dtype = trainable_variables[0].dtype
            step = next(steps) if on_torch else keras.ops.cast(self.iterations + 1, dtype)
            self.epsilon = _corrected(rule, step)
            super()._backend_update_step(grads, trainable_variables, learning_rate)

    class CountedByItself(ours):  # type: ignore[misc] # the same
        @property
        def epsilon(self) -> Any:  # noqa: ANN401 (a tensor of the backend)
            return _corrected(rule, keras.ops.cast(self.iterations + 1, keras.config.floatx()))

        @epsilon.setter
        def epsilon(self, value: float) -> None:
            """Keras sets what it was told; the rule has its own."""

    made: Any = CountedByItself if on_torch and compiled else AdamAfterCorrection
    made.__name__ = f"{kind.__name__} (epsilon after bias correction)"
    return made(
        learning_rate=_learning_rate(rule.learning_rate),
        beta_1=_constant(rule.beta_1),
        beta_2=_constant(rule.beta_2),
        **decay,
        **clipping,
    )


def _corrected(rule: Adam | AdamW, step: Any) -> Any:  # noqa: ANN401 (a number, or a tensor of the backend)
    """What epsilon has to be before bias correction in this step, counted from 1."""
    return rule.epsilon * (1 - rule.beta_2**step) ** 0.5


def _clipping(clipping: Clipping | None) -> dict[str, float]:
    """Keras' name for it, and the norm."""
    if clipping is None:
        return {}
    return {"clipnorm" if clipping.scope == "variable" else "global_clipnorm": _constant(clipping.norm)}


def _sigmoid_mean_squared_error(targets: Any, outputs: Any) -> Any:  # noqa: ANN401 (tensors of the backend)
    return keras.losses.mean_squared_error(targets, keras.ops.sigmoid(outputs))


def _keep_float64() -> None:
    """Let results stay float64 on JAX and torch, where Keras' type promotion narrows them to float32 by a table.

    Only the proof in float64 needs it: nothing that is measured has a float64 in it. Raises UnavailableError where
    Keras keeps that table elsewhere.
    """
    try:
        from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE
    except ImportError as error:
        message = f"Keras {keras.__version__} has no table of narrowed types where 3.15 has it: no proof in float64"
        raise UnavailableError(message) from error
    BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def _constant(value: float) -> float:
    """Keras turns a Python float into a float32 tensor even where everything else is float64; not on torch.

    NumPy's it leaves alone; but `torch.compile` turns NumPy's scalars into arrays, which torch's operations refuse.
    """
    is_double, on_torch = keras.config.floatx() == "float64", keras.backend.backend() == "torch"
    return np.float64(value) if is_double and not on_torch else value


def _learning_rate(value: float) -> Any:  # noqa: ANN401 (Keras takes a float or a function)
    """Keras keeps learning rates in float32; a function may return them in float64."""
    if keras.config.floatx() == "float64":
        return lambda: keras.ops.convert_to_tensor(np.float64(value), dtype="float64")
    return value


# What Keras does on a backend, by what `jit_compile="auto"` became.
EXECUTION = {
    ("tensorflow", False): "tf.function, XLA off",
    ("tensorflow", True): "tf.function, XLA on",
    ("jax", False): "eager",
    ("jax", True): "jax.jit (XLA)",
    ("torch", False): "eager",
    ("torch", True): "torch.compile",
}

LOSSES = {
    "cross_entropy": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "binary_cross_entropy": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    "mean_squared_error": keras.losses.MeanSquaredError,
    "sigmoid_mean_squared_error": lambda: _sigmoid_mean_squared_error,
}
