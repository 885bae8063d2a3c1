"""An adapter that computes almost nothing and records its calls, and a clock that only this adapter advances."""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, final

import numpy as np

from bench.adapters.base import IDIOMATIC, NO_FACTS, Adapter, Batch, Facts, HostBatch, Loss, Model, step_by_step
from bench.adapters.engines.base import Compiled, Engine, Peaks
from bench.datasets.base import Split
from bench.worker.measure.block import Conditions
from bench.workload.axes import FrameworkOptions, Scenario
from bench.workload.recipe import Recipe

BRIEF = Conditions(block_seconds=1e-6)
STEP_NS = 1000
QUERY_NS = 10


@final
class Clock:
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        """The time now, in nanoseconds."""
        return self.now


@final
class Recorder:
    """See `Adapter`; the first feature of a sample is its number.

    `loss` returns the loss of a batch from its sample numbers and the number of earlier steps; `logits` returns the
    logits of a query from the same two.
    """

    engine: Engine = cast("Engine", SimpleNamespace(compiled=Compiled))
    steps_per_call = 1

    def __init__(
        self,
        *,
        loss: Callable[[np.ndarray, int], float] = lambda _numbers, _steps: 1.0,
        logits: Callable[[np.ndarray, int], np.ndarray] | None = None,
    ) -> None:
        self.loss, self.logits = loss, logits or right
        self.clock = Clock()
        self.steps: list[list[int]] = []
        self.queries: list[list[int]] = []
        self.waited: list[object] = []
        self.restored: list[int] = []
        self.puts = 0
        self.parallel = None

    def configure(self, *, device: str, precision: str, threads: int, devices: int = 1) -> None:
        """Do nothing."""

    def build_options(self) -> dict[str, str]:
        """No options."""
        return {}

    def choices(
        self,
        scenario: Scenario,  # noqa: ARG002 (the interface)
        *,
        input_shape: tuple[int, ...],  # noqa: ARG002 (the interface)
        forms: Collection[str],  # noqa: ARG002 (the interface)
    ) -> dict[str, tuple[str, ...]]:
        """No options."""
        return {}

    def settle(self) -> None:
        """Do nothing."""

    def prepare(
        self, model: Model, recipe: Recipe, *, tuning: FrameworkOptions = IDIOMATIC, facts: Facts = NO_FACTS
    ) -> None:
        """Do nothing."""

    def put(self, inputs: np.ndarray, targets: np.ndarray | None = None) -> Any:  # noqa: ANN401 (the interface)
        """The arrays themselves."""
        self.puts += 1
        return inputs if targets is None else (inputs, targets)

    def train(self, batches: Iterable[Batch]) -> list[float]:
        """Record the samples of each batch, and return its loss."""
        losses = []
        for inputs, targets in batches:
            numbers = numbered(inputs)
            assert len(numbers) == len(targets)
            losses.append(self.loss(numbers, len(self.steps)))
            self.steps.append(numbers.tolist())
            self.clock.now += STEP_NS
        return losses

    def train_epoch(self, batches: Iterable[HostBatch]) -> list[Loss]:
        """One step for each batch."""
        return step_by_step(self, batches)

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Record the samples of the query, and return its logits."""
        numbers = numbered(inputs)
        self.queries.append(numbers.tolist())
        self.clock.now += QUERY_NS
        return self.logits(numbers, len(self.steps))

    def wait(self, result: object) -> None:
        """Record the result that was waited for."""
        self.waited.append(result)

    def to_numpy(self, array: Any) -> np.ndarray:  # noqa: ANN401 (the interface)
        """A copy of the array."""
        return np.array(array)

    def peak_memory_bytes(self) -> Peaks:
        """No peaks."""
        return Peaks()

    def devices(self) -> list[str]:
        """Only the CPU."""
        return ["cpu"]

    def save(self, model: Model, folder: Path) -> None:
        """Do nothing."""

    def load(self, model: Model, folder: Path) -> Model:  # noqa: ARG002 (the protocol)
        """The model itself."""
        return model

    def versions(self) -> dict[str, str]:
        """No versions."""
        return {}

    def uncompiled(self) -> str | None:
        """None: nothing is compiled."""
        return None

    def settings(self) -> dict[str, str]:
        """No settings."""
        return {}


def split(samples: int, *, first: int = 0) -> Split:
    """Samples numbered from `first`; the class of a sample is its number modulo 3."""
    numbers = np.arange(first, first + samples)
    return Split(inputs=np.repeat(numbers[:, None], 6, axis=1).astype(np.float32), targets=numbers % 3)


def numbered(inputs: np.ndarray) -> np.ndarray:
    """The numbers of the samples."""
    return inputs[:, 0].astype(int)


def right(numbers: np.ndarray, _steps: int = 0) -> np.ndarray:
    """Logits that predict the right class for every sample."""
    logits: np.ndarray = 10 * np.eye(3, dtype=np.float32)[numbers % 3]
    return logits


def wrong(numbers: np.ndarray, _steps: int = 0) -> np.ndarray:
    """Logits that predict a wrong class for every sample."""
    return right(numbers + 1)


def is_adapter(recorder: Recorder) -> Adapter:
    """The recorder, which the type checker accepts as an `Adapter`."""
    return recorder
