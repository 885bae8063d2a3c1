"""Defines the interface between the harness and a framework; an adapter drives a framework, and never times it.

The module of an adapter has a function `create() -> Adapter`. Importing the module imports the framework, but
initialises no device and starts no thread, so that the process can be forked afterwards.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import numpy as np

from bench.adapters.data_parallel.base import DataParallel
from bench.adapters.engines.base import Engine, Peaks
from bench.errors import UnavailableError
from bench.workload.axes import FrameworkOptions, Scenario
from bench.workload.recipe import Recipe

# Types of a framework. The harness passes their values on without looking into them.
Model = Any
DeviceArray = Any
Batch = tuple[DeviceArray, DeviceArray]

IDIOMATIC: FrameworkOptions = MappingProxyType({})

HostBatch = tuple[np.ndarray, np.ndarray]  # inputs and targets
AnyBatch = TypeVar("AnyBatch", bound=tuple[Any, Any])
Loss = tuple[DeviceArray, int]  # a mean loss, and the number of samples that it is a mean over


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What some recipes need to know of the data and of the model's file; None is what the recipe does not ask for.

    - `rates`: the learning rate of each step, in float64, for a recipe with a schedule;
    - `class_weights`: the weight of each class, in float64;
    - `kernels`: a function that returns the parameters of a model that have an L2 penalty, by their canonical layers.
    """

    rates: np.ndarray | None = None
    class_weights: np.ndarray | None = None
    kernels: Callable[[Model], Mapping[str, Any]] | None = None


NO_FACTS = Facts()


class Adapter(Protocol):
    """Drives one framework; `engine` is the library that computes for it."""

    engine: Engine
    steps_per_call: int  # training steps in one compiled program; fewer batches are trained step by step

    @property
    def parallel(self) -> DataParallel | None:
        """The devices that train as one, if there are several."""

    def configure(self, *, device: str, precision: str, threads: int, devices: int = 1) -> None:
        """Set device, precision and threads of this process; call it before a model is built.

        With several `devices` of this kind the network trains on all of them as one: `put` splits each batch with
        targets into equal parts, one for each device. `threads` are then those of one device. Raises UnavailableError
        if the framework has no public way.

        `device` is "cpu" or "cuda" (the first GPU that the process sees). `precision` is "fp64", "fp32" (strict,
        without TF32), "tf32", or "bf16" (the framework's own mixed precision: weights, optimizer and loss stay in
        float32).
        """

    def build_options(self) -> Mapping[str, str]:
        """The options that `models.<family>.<framework>.build` needs besides spec, weights and seed."""

    def choices(
        self, scenario: Scenario, *, input_shape: tuple[int, ...], forms: Collection[str]
    ) -> Mapping[str, tuple[str, ...]]:
        """The public options that may be faster on this device, each with its possible values; after `configure`.

        The first value of each option is the default: what the framework's own guide tells a user to write.
        `input_shape` is the shape of one sample. `forms` are the options of the model's own file, which are not in the
        result (see `bench.worker.prepared_workload.forms`).
        """

    def prepare(
        self, model: Model, recipe: Recipe, *, tuning: FrameworkOptions = IDIOMATIC, facts: Facts = NO_FACTS
    ) -> None:
        """Take a model that `models.<family>.<framework>.build` made, and make a new optimizer for it.

        `tuning` has values for some of the `choices`; the other options keep their defaults. `facts` has all that the
        recipe needs, or ValueError is raised. Raises UnavailableError if the framework has no such update rule.
        """

    def settle(self) -> None:
        """Write the trained state into the prepared model, if training keeps that state outside of the model."""

    def put(self, inputs: np.ndarray, targets: np.ndarray | None = None) -> Any:  # noqa: ANN401 (the interface)
        """Arrays on the device, in the framework's own layout: (inputs, targets), or only the inputs."""

    def train(self, batches: Iterable[Batch]) -> list[DeviceArray]:
        """One optimizer step for each batch, in order; returns the loss of each batch, without waiting for it."""

    def train_epoch(self, batches: Iterable[HostBatch]) -> list[Loss]:
        """One optimizer step for each batch, in order, the way users train an epoch; does not wait for the losses."""

    def predict(self, inputs: DeviceArray) -> DeviceArray:
        """The logits of one query, in float32 or float64; does not wait for them."""

    def wait(self, result: object) -> None:
        """Return when `result` is computed: results of `train` or `predict` in a list, or the result of `put`.

        After training it also waits for the new parameters. The optimizer's state is a result of the same step, and
        needs no wait of its own.
        """

    def save(self, model: Model, folder: Path) -> None:
        """Write a model that is built, but not prepared, into the folder in the framework's own format."""

    def load(self, model: Model, folder: Path) -> Model:
        """The model that `save` wrote into the folder, not prepared; its weights may be loaded into `model`.

        `model` has the same spec. Raises UnavailableError if a library for the format is missing. No pickle is loaded.
        """

    def to_numpy(self, array: DeviceArray) -> np.ndarray:
        """A copy in host memory."""

    def peak_memory_bytes(self) -> Peaks:
        """The peaks of the allocator on the device since the process began."""

    def devices(self) -> list[str]:
        """The devices that the framework sees, such as `cpu` or `cuda:0 NVIDIA H200`.

        Works before and after `configure`.
        """

    def versions(self) -> dict[str, str]:
        """The versions of the libraries that decide how fast the framework is, by name."""

    def settings(self) -> dict[str, str]:
        """How the framework is configured and called, as resolved at run time; `prepare` comes first.

        `execution` says how training steps ran, `inference` how queries ran. Each is there only after such a call.
        """

    def uncompiled(self) -> str | None:
        """What should have been compiled and was not, with the reason; None if everything ran as it should."""


def check(recipe: Recipe, facts: Facts) -> None:
    """Raise ValueError if the recipe needs a fact that is missing."""
    needed = {
        "rates": recipe.schedule is not None,
        "class_weights": recipe.class_weights is not None,
        "kernels": bool(recipe.l2),
    }
    missing = [name for name, is_needed in needed.items() if is_needed and getattr(facts, name) is None]
    if missing:
        raise ValueError(f"facts: found no {', '.join(missing)}, which the recipe needs")


def parts(batch: AnyBatch, number: int) -> list[Any]:
    """The batch, split in order into so many equal parts. Raises UnavailableError if it cannot be split."""
    if number == 1:
        return [batch]
    inputs, _ = batch
    size, rest = divmod(len(inputs), number)
    if rest or not size:
        raise UnavailableError(
            f"a batch of {len(inputs)} samples cannot be split into {number} equal parts (recipe.accumulation)"
        )
    return [tuple(array[first : first + size] for array in batch) for first in range(0, number * size, size)]


def step_by_step(adapter: Adapter, batches: Iterable[HostBatch]) -> list[Loss]:
    """Train an epoch as a training loop does: move a batch to the device, then run its step.

    If one call runs several steps, it gets as many batches, provided that they have the same size.
    """
    losses: list[Loss] = []
    for group in together(batches, adapter.steps_per_call):
        found = adapter.train([adapter.put(*batch) for batch in group])
        losses += zip(found, (len(inputs) for inputs, _ in group), strict=True)
    return losses


def together(batches: Iterable[AnyBatch], number: int) -> Iterator[list[AnyBatch]]:
    """The batches in groups of `number` batches of one size; batches that do not fill a group are groups of one."""
    group: list[AnyBatch] = []
    for batch in batches:
        if group and len(batch[0]) != len(group[0][0]):
            yield from ([item] for item in group)
            group = []
        group.append(batch)
        if len(group) == number:
            yield group
            group = []
    yield from ([item] for item in group)
