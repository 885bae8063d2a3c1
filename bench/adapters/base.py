"""The seam between the harness and a framework: what an adapter does, and nothing about how it is timed.

An adapter's module offers `create() -> Adapter`. Importing the module imports the framework and initialises nothing, so
that a process can be forked from one in which it was imported.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import numpy as np

from bench.adapters.engines.base import Engine, Peaks
from bench.workload.axes import FrameworkOptions, Scenario
from bench.workload.recipe import Recipe

# What belongs to a framework and crosses the harness unread.
Model = Any
DeviceArray = Any
Batch = tuple[DeviceArray, DeviceArray]

IDIOMATIC: FrameworkOptions = MappingProxyType({})

HostBatch = tuple[np.ndarray, np.ndarray]  # inputs and targets
AnyBatch = TypeVar("AnyBatch", bound=tuple[Any, Any])
Loss = tuple[DeviceArray, int]  # the mean over so many samples


class Adapter(Protocol):
    """Drives one framework, through the engine that computes."""

    engine: Engine
    steps_per_call: int  # of the program that trains; what is fewer is trained step by step

    def configure(self, *, device: str, precision: str, threads: int) -> None:
        """Set device, precision and threads of this process, before anything is built.

        `device` is "cpu" or "cuda" (the first GPU that the process sees); `precision` is "fp64", "fp32", which is
        strict and excludes TF32, "tf32", or "bf16", which is mixed by the framework's own policy: weights, optimizer
        and loss stay in float32.
        """

    def build_options(self) -> Mapping[str, str]:
        """What `models.<family>.<framework>.build` is told beside spec, weights and seed."""

    def choices(
        self, scenario: Scenario, *, input_shape: tuple[int, ...], forms: Collection[str]
    ) -> Mapping[str, tuple[str, ...]]:
        """The public options that may make it faster on this device, and what each can be; asked after `configure`.

        The first value of each is what the framework's own guide tells a user to write. `input_shape` is that of one
        sample; `forms` are the options of the model's own file (`bench.worker.prepared_workload.forms`), which are not
        among the choices.
        """

    def prepare(self, model: Model, recipe: Recipe, *, tuning: FrameworkOptions = IDIOMATIC) -> None:
        """Take over a model that `models.<family>.<framework>.build` made, with a new optimizer.

        `tuning` has a value for some of the choices; the others are as the guide says.
        """

    def settle(self) -> None:
        """Bring the model that was handed over up to date, where training keeps its state elsewhere."""

    def put(self, inputs: np.ndarray, targets: np.ndarray | None = None) -> Any:  # noqa: ANN401 (the seam)
        """Arrays on the device, in the framework's own layout: (inputs, targets), or the inputs alone."""

    def train(self, batches: Iterable[Batch]) -> list[DeviceArray]:
        """One optimizer step for each batch, in order; the loss of each batch. Not waited for."""

    def train_epoch(self, batches: Iterable[HostBatch]) -> list[Loss]:
        """One optimizer step for each batch, in order, as people train when they do not measure. Not waited for."""

    def predict(self, inputs: DeviceArray) -> DeviceArray:
        """The logits of one query, in float32 or float64. Not waited for."""

    def wait(self, result: object) -> None:
        """Return when `result` is there: a list of what `train` or `predict` returned, or what `put` did.

        After training the new parameters are there too. The optimizer's state is a result of the same step, and needs
        no waiting of its own.
        """

    def save(self, model: Model, folder: Path) -> None:
        """Write a model that was built, and not prepared, into the folder in the framework's own format."""

    def load(self, model: Model, folder: Path) -> Model:
        """The model that `save` wrote into the folder, not prepared; `model` is one of the same spec, to be filled.

        Raises UnavailableError where a library for it is missing. No pickle is loaded.
        """

    def to_numpy(self, array: DeviceArray) -> np.ndarray:
        """A copy in host memory."""

    def peak_memory_bytes(self) -> Peaks:
        """The peaks of the allocator on the device since the process began."""

    def devices(self) -> list[str]:
        """What the framework sees, as people name it: `cpu`, `cuda:0 NVIDIA H200`.

        Asked before or after `configure`.
        """

    def versions(self) -> dict[str, str]:
        """The libraries that decide how fast it is, and their versions."""

    def settings(self) -> dict[str, str]:
        """How the framework was set and called, as resolved at run time."""


def step_by_step(adapter: Adapter, batches: Iterable[HostBatch]) -> list[Loss]:
    """Each batch on its way to the device before its step, which is what a training loop does.

    Where a call takes several steps, so many batches go together, if they are equally large.
    """
    losses: list[Loss] = []
    for group in together(batches, adapter.steps_per_call):
        found = adapter.train([adapter.put(*batch) for batch in group])
        losses += zip(found, (len(inputs) for inputs, _ in group), strict=True)
    return losses


def together(batches: Iterable[AnyBatch], number: int) -> Iterator[list[AnyBatch]]:
    """The batches in groups of so many of one size; what is left over, or of another size, is alone."""
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
