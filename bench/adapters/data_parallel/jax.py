"""Trains on several devices of JAX by a mesh: weights are on every device, and each has its part of the batch.

One process drives all devices, and the compiled step exchanges the gradients by itself.
https://docs.jax.dev/en/latest/notebooks/Distributed_arrays_and_automatic_parallelization.html
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, final

import jax
from jax import Array
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from bench.adapters.data_parallel.base import digest
from bench.adapters.engines.base import Peaks
from bench.errors import UnavailableError

AXIS = "batch"


def make_devices(size: int, *, device: str) -> None:
    """Make so many devices of the only processor, before JAX initialises it; on GPUs nothing needs to be made."""
    if device == "cpu":
        jax.config.update("jax_num_cpu_devices", size)


@final
class Mesh:
    """See `DataParallel`; call it after `make_devices`."""

    processes = 1

    def __init__(self, size: int) -> None:
        devices = jax.devices()[:size]
        if len(devices) < size:
            raise UnavailableError(f"JAX has {len(devices)} devices, expected {size}")
        mesh = jax.make_mesh((size,), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)
        self.method = f"jax.sharding, a mesh of {size} devices in one process"
        self.whole = NamedSharding(mesh, PartitionSpec())
        self.parts = NamedSharding(mesh, PartitionSpec(AXIS))
        self.devices = devices
        self.weights: Sequence[Any] = ()  # variables of Flax

    def copies(self) -> list[str]:
        """A digest of the trainable weights on each device."""
        return copies((variable.get_raw_value() for variable in self.weights), self.devices)

    def peaks(self) -> list[Peaks]:
        """The peaks of the allocator of each device."""
        return peaks(self.devices)

    def without_communication(self) -> AbstractContextManager[None]:
        """Raise UnavailableError: the compiled step has the exchange in it."""
        raise UnavailableError(COMPILED)


COMPILED = "JAX compiles the exchange of gradients into the step, and has no public way to leave it out"


def copies(weights: Iterable[Array], devices: Iterable[Any]) -> list[str]:
    """A digest of what each device holds of these weights."""
    kept = list(weights)
    return [
        digest(
            jax.device_get(shard.data) for array in kept for shard in array.addressable_shards if shard.device == device
        )
        for device in devices
    ]


def peaks(devices: Iterable[Any]) -> list[Peaks]:
    """The peaks of the allocator of each device; None on CPUs."""
    found = [device.memory_stats() or {} for device in devices]
    return [Peaks(allocated=item.get("peak_bytes_in_use"), reserved=item.get("peak_pool_bytes")) for item in found]
