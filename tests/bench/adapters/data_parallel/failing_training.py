"""Trains on two devices of PyTorch in a process of its own; the second device fails, or the first.

`python -m tests.bench.adapters.data_parallel.failing_training SCENE` prints the type and the text of the error.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.adapters.pytorch import PyTorchAdapter
from bench.workload.recipe import Recipe
from bench.workload.update_rules import Sgd

FULL = "CUDA out of memory. Tried to allocate 2.00 GiB"


def is_full(*_: object) -> Any:  # noqa: ANN401 (it never returns)
    """An allocation fails."""
    raise torch.OutOfMemoryError(FULL)


def is_killed(*_: object) -> Any:  # noqa: ANN401 (it never returns)
    """The system kills the process."""
    os.kill(os.getpid(), signal.SIGKILL)


# The method that fails, how, and on which device.
SCENES: dict[str, tuple[str, Callable[..., Any], int]] = {
    "step": ("_step", is_full, 1),
    "put": ("put", is_full, 1),
    "prepare": ("_optimize", is_full, 1),
    "killed": ("_step", is_killed, 1),
    "first device": ("_step", is_full, 0),
}


def plant(name: str, fails: Callable[..., Any], rank: int) -> None:
    """Let a method fail on one device."""
    real = getattr(PyTorchAdapter, name)

    def spoilt(self: PyTorchAdapter, *given: object, **named: object) -> Any:  # noqa: ANN401 (as the real one)
        assert self.member is not None
        return fails() if self.member.rank == rank else real(self, *given, **named)

    setattr(PyTorchAdapter, name, spoilt)


def train() -> None:
    """A few steps."""
    adapter = PyTorchAdapter()
    adapter.configure(device="cpu", precision="fp32", threads=1, devices=2)
    adapter.prepare(nn.Linear(3, 2), Recipe(optimizer=Sgd(name="sgd", learning_rate=0.1), batch_size=4, epochs=1))
    batch: Any = adapter.put(np.ones((4, 3), np.float32), np.zeros(4, np.int64))
    for _ in range(3):
        adapter.wait(adapter.train([batch]))


if __name__ == "__main__":
    plant(*SCENES[sys.argv[1]])
    try:
        train()
    except Exception as error:  # noqa: BLE001 (it is printed)
        print(json.dumps([type(error).__name__, str(error)]))  # noqa: T201 (for the test)
    sys.stdout.flush()
    os._exit(0)
