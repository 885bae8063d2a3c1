"""The first process finds each batch again, so that all processes train on parts of the same one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, cast

import numpy as np
import pytest
from torch import nn

from bench.adapters import pytorch
from bench.adapters.data_parallel.pytorch import Leader, Member
from bench.workload.recipe import Recipe
from bench.workload.update_rules import Sgd


class Others:
    """The second of two processes, which only keeps the numbers of its batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.parts = 0

    def tell_each(self, what: str, given: Sequence[object], number: int, dropped: Sequence[int]) -> None:
        """Take the part of a batch, and drop others."""
        assert what == "put"
        assert len(given) == 1
        self.parts += 1
        self.batches = [item for item in self.batches if item not in dropped] + [number]


class Watched:
    """A leader of two processes without the second one: it notes which batches are trained on."""

    remember, split, size = Leader.remember, Leader.split, 2

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.dropped: list[int] = []
        self.turns = count()
        self.others = Others()


@pytest.fixture
def leader() -> Watched:
    return Watched()


@pytest.fixture
def adapter(leader: Watched, monkeypatch: pytest.MonkeyPatch) -> pytorch.PyTorchAdapter:
    made = pytorch.PyTorchAdapter()
    made.configure(device="cpu", precision="fp32", threads=1)
    monkeypatch.setattr(made, "leader", leader)
    return made


INPUTS, TARGETS = np.ones((4, 3), np.float32), np.zeros(4, np.int64)


def test_a_query_between_batches_does_not_change_their_numbers(
    adapter: pytorch.PyTorchAdapter, leader: Watched
) -> None:
    first, _ = adapter.put(INPUTS, TARGETS)
    adapter.put(INPUTS)
    second, _ = adapter.put(INPUTS, TARGETS)
    assert len(first) == 2
    assert [leader.numbers[id(item)] for item in (first, second)] == [0, 1]
    assert leader.others.parts == 2


def test_a_batch_that_the_first_process_has_dropped_is_dropped_by_all(
    adapter: pytorch.PyTorchAdapter, leader: Watched
) -> None:
    kept = [adapter.put(INPUTS, TARGETS) for _ in range(2)]
    for _ in range(30):
        fed = adapter.put(INPUTS, TARGETS)
    assert len(leader.numbers) == 3
    assert leader.others.batches == [0, 1, 30, 31], "the last one was dropped after the next one was made"
    assert [leader.numbers[id(inputs)] for inputs, _ in (*kept, fed)] == [0, 1, 31]


class Exchanging:
    """A process of several: it notes in which parts of a step gradients are only added up."""

    def __init__(self) -> None:
        self.is_adding_up, self.parts = False, list[bool]()

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model, which notes each forward pass."""
        model.register_forward_hook(lambda *_: self.parts.append(self.is_adding_up))
        return model

    @contextmanager
    def adding_up(self) -> Iterator[None]:
        """No exchange inside."""
        self.is_adding_up = True
        yield
        self.is_adding_up = False


@pytest.mark.parametrize(("accumulation", "added_up"), [(1, [False]), (4, [True, True, True, False])])
def test_gradients_are_exchanged_once_in_a_step(accumulation: int, added_up: list[bool]) -> None:
    adapter, member = pytorch.PyTorchAdapter(), Exchanging()
    adapter.configure(device="cpu", precision="fp32", threads=1)
    adapter.member = cast("Member", member)
    sgd = Sgd(name="sgd", learning_rate=0.1)
    adapter.prepare(nn.Linear(3, 2), Recipe(optimizer=sgd, batch_size=4, epochs=1, accumulation=accumulation))
    batch: Any = adapter.put(INPUTS, TARGETS)
    adapter.train([batch])
    assert member.parts == added_up
