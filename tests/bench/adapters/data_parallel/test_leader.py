"""The first process finds each batch again, so that all processes train on parts of the same one."""

import numpy as np
import pytest

from bench.adapters import pytorch
from bench.adapters.data_parallel.pytorch import Leader


class Watched:
    """A leader of two processes without the second one: it notes which batches are trained on."""

    remember = Leader.remember

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.kept: list[object] = []
        self.parts = 0

    def split(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first half; the other one goes to the second process."""
        self.parts += 1
        half = len(inputs) // 2
        return inputs[:half], targets[:half]


def test_a_query_between_batches_does_not_change_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, leader = pytorch.PyTorchAdapter(), Watched()
    adapter.configure(device="cpu", precision="fp32", threads=1)
    monkeypatch.setattr(adapter, "leader", leader)
    inputs, targets = np.ones((4, 3), np.float32), np.zeros(4, np.int64)
    first, _ = adapter.put(inputs, targets)
    adapter.put(inputs)
    second, _ = adapter.put(inputs, targets)
    assert len(first) == 2
    assert [leader.numbers[id(item)] for item in (first, second)] == [0, 1]
    assert leader.parts == 2
