"""Proves in a process of its own that two CPU devices do the work of one; a plant may spoil it.

`python -m tests.bench.adapters.data_parallel.proof_process CONTENDER [PLANT]` prints the checks as JSON.
"""

import importlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.analysis import data_parallel
from bench.records.record import Certificate, Deviation
from bench.records.trace_files import read_trace, write_trace
from bench.worker.data_parallel_trace import trace
from bench.worker.prepared_workload import prepare
from bench.workload.workload import load_workload

DEVICES = 2


def computed(framework: str, device: str, path: Path) -> None:
    """Train in a forked process, since devices are made only once in a process."""
    import os

    child = os.fork()
    if child == 0:
        code = 1
        try:
            subject = prepare(
                framework, load_workload("digits-dnn"), device=device, precision="fp64", threads=1, seed=0
            )
            write_trace(path, trace(subject, devices=DEVICES))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(1)


def summed_by_pytorch() -> None:
    """Add up the gradients of all processes, in place of their mean."""
    import torch
    from torch import distributed, nn

    real = nn.parallel.DistributedDataParallel

    def spoilt(model: nn.Module) -> nn.Module:
        made = real(model)

        def add(_, bucket):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 (torch checks annotations)
            distributed.all_reduce(bucket.buffer())
            done: Any = torch.futures.Future()
            done.set_result(bucket.buffer())
            return done

        made.register_comm_hook(None, add)
        return made

    nn.parallel.DistributedDataParallel = spoilt  # type: ignore[assignment, misc]


def summed_by_tensorflow() -> None:
    """Leave out the division of the loss by the number of devices, so that gradients are added up."""
    importlib.import_module("keras.src.losses.loss").scale_loss_for_distribution = lambda value: value  # type: ignore[attr-defined]


def summed_on_jax() -> None:
    """Feed the first part of the batch to every device."""
    import jax

    real = jax.device_put

    def spoilt(value: object, place: object = None, **options: Any) -> object:  # noqa: ANN401 (JAX' own)
        if isinstance(place, jax.sharding.NamedSharding) and place.spec and place.spec[0] == "batch":
            value = jax.tree.map(_repeated, value)
        return real(value, place, **options)

    setattr(jax, "device_put", spoilt)  # noqa: B010 (a type checker would refuse the assignment)


def _repeated(array: np.ndarray) -> np.ndarray:
    half = len(array) // DEVICES
    return np.concatenate([array[:half], array[:half]])


PLANTS: dict[str, Callable[[], None]] = {
    "pytorch": summed_by_pytorch,
    "keras/tensorflow": summed_by_tensorflow,
    "flax": summed_on_jax,
    "keras/jax": summed_on_jax,
}

if __name__ == "__main__":
    contender = sys.argv[1]
    framework = contender.partition("/")[0]
    importlib.import_module(f"bench.adapters.{framework}")
    if sys.argv[2:] == ["planted"]:
        PLANTS[contender]()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.npz") for number in (1, DEVICES)]
        for device, file in zip(("cpu", f"{DEVICES}xcpu"), files, strict=True):
            computed(framework, device, file)
        one, several = map(read_trace, files)
    line = Deviation(check="none", against="none", found=0.0, allowed=0.0)
    empty = Certificate(contender=contender, deviations=(line,), steps=100)
    found = data_parallel.proven(empty, one or "lost", several or "lost", devices=DEVICES)
    print(json.dumps({item.check: [item.found, item.holds] for item in found.deviations}))  # noqa: T201 (for the test)
