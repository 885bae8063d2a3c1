"""Rounds with and without the exchange of gradients are timed in turns."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import final

import pytest

from bench.adapters.engines.base import Peaks
from bench.errors import UnavailableError
from bench.worker.measure.communication import FEWEST, measure
from bench.worker.measure.timed_call import Work


@final
class Devices:
    """Two devices whose exchange takes as long as their steps."""

    method = "a test"
    processes = 1

    def __init__(self, *, can_leave_out: bool) -> None:
        self.can_leave_out, self.exchanges = can_leave_out, True

    def copies(self) -> list[str]:
        """Both hold the same."""
        return ["x", "x"]

    def peaks(self) -> list[Peaks]:
        """One peak for each device."""
        return [Peaks(allocated=1), Peaks(allocated=2)]

    def without_communication(self) -> AbstractContextManager[None]:
        """Leave the exchange out, if that is possible."""
        if not self.can_leave_out:
            raise UnavailableError("there is no way")
        return self._apart()

    @contextmanager
    def _apart(self) -> Iterator[None]:
        self.exchanges = False
        yield
        self.exchanges = True


def work() -> Work:
    def run(calls: int) -> int:
        return calls

    return Work(run=run, wait=lambda _: None, feed=lambda: None, call=lambda _: None, fetch=lambda _: None)


@pytest.fixture
def timed_rounds(monkeypatch: pytest.MonkeyPatch) -> Callable[[Devices], list[bool]]:
    """A function that makes rounds last 100 ns with the exchange, and 50 ns without it; returns the order of both."""

    def watch(devices: Devices) -> list[bool]:
        order: list[bool] = []

        def timed(_: Work, calls: int) -> int:
            assert calls == 3
            order.append(devices.exchanges)
            return 100 if devices.exchanges else 50

        monkeypatch.setattr("bench.worker.measure.communication.timed", timed)
        return order

    return watch


def test_both_kinds_of_rounds_are_timed_in_turns(timed_rounds: Callable[[Devices], list[bool]]) -> None:
    devices = Devices(can_leave_out=True)
    order = timed_rounds(devices)
    found = measure(devices, work(), steps=3, budget_ns=1)
    assert order == [True, False] * FEWEST
    assert (set(found.together_ns), set(found.apart_ns)) == ({100}, {50})
    assert found.allocated_bytes == (1, 2)
    longer = measure(devices, work(), steps=3, budget_ns=150 * 10)
    assert len(longer.apart_ns) == 10


def test_where_the_exchange_cannot_be_left_out_nothing_is_claimed(
    timed_rounds: Callable[[Devices], list[bool]],
) -> None:
    devices = Devices(can_leave_out=False)
    timed_rounds(devices)
    found = measure(devices, work(), steps=3, budget_ns=1)
    assert (found.together_ns, found.apart_ns, found.method) == ((), (), "a test")
