"""Trains Keras on several devices of JAX by `keras.distribution.DataParallel`, which also splits each batch.

https://keras.io/guides/distribution
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, final

import jax
import keras

from bench.adapters.data_parallel import jax as mesh
from bench.adapters.engines.base import Peaks
from bench.errors import UnavailableError
from bench.workload.recipe import Recipe


def make_devices(size: int, *, device: str) -> None:
    """Make so many devices, before JAX initialises them."""
    mesh.make_devices(size, device=device)


@final
class Distribution:
    """See `DataParallel`. From now on new Keras variables are on every device."""

    processes = 1
    trains_in_loop = False  # `train_on_batch` distributes its batch

    def __init__(self, size: int) -> None:
        self.devices = jax.devices()[:size]
        if len(self.devices) < size:
            raise UnavailableError(f"JAX has {len(self.devices)} devices, expected {size}")
        names = keras.distribution.list_devices()[:size]
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names))
        self.method = f"keras.distribution.DataParallel over {size} devices"
        self.weights: Sequence[Any] = ()

    def check(self, recipe: Recipe) -> None:
        """Accept every recipe, except for parts of a batch, which JAX would move between the devices."""
        if recipe.accumulation > 1:
            raise UnavailableError("with gradient accumulation each part of a batch would have to be split again")

    def put(self, inputs: Any, targets: Any) -> tuple[Any, Any]:  # noqa: ANN401 (arrays)
        """The batch, with a part on each device."""
        layout = keras.distribution.distribution().get_data_layout
        placed = (jax.device_put(array, layout(array.shape).backend_layout) for array in (inputs, targets))
        return next(placed), next(placed)

    def copies(self) -> list[str]:
        """A digest of the trainable weights on each device."""
        return mesh.copies((variable.value for variable in self.weights), self.devices)

    def peaks(self) -> list[Peaks]:
        """The peaks of the allocator of each device."""
        return mesh.peaks(self.devices)

    def without_communication(self) -> AbstractContextManager[None]:
        """Raise UnavailableError: the compiled step has the exchange in it."""
        raise UnavailableError(mesh.COMPILED)


def create(size: int) -> Distribution:
    """The devices of this process, which train as one."""
    return Distribution(size)
