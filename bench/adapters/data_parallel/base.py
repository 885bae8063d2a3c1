"""Defines the interface to several devices that train as one: each computes the gradients of its part of a batch.

The means of these gradients are those of the whole batch if all parts have the same size.
"""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from bench.adapters.engines.base import Peaks
from bench.workload.recipe import Recipe


class DataParallel(Protocol):
    """Several devices with the same network; `method` says how they train as one, `processes` how many drive them."""

    method: str
    processes: int

    def copies(self) -> list[str]:
        """A digest of the trainable weights on each device: equal digests, equal bits."""

    def peaks(self) -> list[Peaks]:
        """The peaks of the allocator of each device; None on CPUs."""

    def without_communication(self) -> AbstractContextManager[None]:
        """Inside it each device trains by itself, and the devices drift apart.

        Raises UnavailableError if the framework has no public way to leave the communication out.
        """


class KerasDevices(DataParallel, Protocol):
    """Several devices of one process, on which Keras makes its variables. `weights` are those that are trained.

    `trains_in_loop`: `train_on_batch` cannot split a batch, so the network needs a custom loop.
    """

    weights: Sequence[Any]
    trains_in_loop: bool

    def check(self, recipe: Recipe) -> None:
        """Raise UnavailableError for a recipe whose steps would not be those of one device."""

    def put(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        """The batch, with a part on each device."""


def digest(arrays: Iterable[np.ndarray]) -> str:
    """The digest of these arrays, with their shapes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]
