"""What several devices that train as one do not compute as one device does; it is known before anything runs."""

from bench.workload import model_families
from bench.workload.workload import Workload

BY_PARTS = ("pytorch", "keras/tensorflow")  # on each device, a batch norm sees the device's part of the batch alone
BATCH_NORM = (
    "on several devices, each batch norm normalises the part of its device, and on one device the whole batch, so no "
    "proof is expected"
)


def unequal(workload: Workload, contender: str) -> str | None:
    """Why no proof is expected that several devices do the work of one; None if they should do the same.

    JAX normalises over the whole batch on several devices too.
    """
    names = model_families.spec_module(workload.family).parameter_shapes(workload.spec)
    return BATCH_NORM if contender in BY_PARTS and any(name.endswith(".variance") for name in names) else None
