"""A planted slowdown is part of the timed call, and has the right length."""

from dataclasses import dataclass, field

import pytest

from bench.worker.measure import block, clock
from bench.worker.measure.timed_call import Work, slowed

CALL_NS = 100_000


@dataclass
class Ticking:
    """A clock that advances by one nanosecond each time it is read."""

    now: int = 0

    def __call__(self) -> int:
        """The time now."""
        self.now += 1
        return self.now


@dataclass
class Calls:
    """Calls that take CALL_NS each."""

    time: Ticking
    waited: list[object] = field(default_factory=list)

    @property
    def work(self) -> Work:
        """The work that is timed."""
        return Work(run=self.run, wait=self.waited.append, feed=lambda: "batch", call=self.call, fetch=str)

    def run(self, calls: int) -> str:
        """Advance the clock by the time of `calls` calls."""
        self.time.now += calls * CALL_NS
        return "result"

    def call(self, _batch: str) -> str:
        """Advance the clock by the time of one call."""
        return self.run(1)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Ticking:
    ticking = Ticking()
    monkeypatch.setattr(clock, "now_ns", ticking)
    monkeypatch.setattr(block, "now_ns", ticking)
    return ticking


@pytest.mark.parametrize("calls", [1, 20])
@pytest.mark.parametrize("share", [0.05, 0.1, 1.0])
def test_calls_are_slowed_down_by_the_planted_share(calls: int, share: float, time: Ticking) -> None:
    plain, slower = Calls(time), Calls(time)
    assert block.timed(plain.work, calls) == pytest.approx(calls * CALL_NS, rel=1e-3)
    assert block.timed(slowed(slower.work, share), calls) == pytest.approx((1 + share) * calls * CALL_NS, rel=1e-3)
    assert plain.waited == slower.waited == ["result"], "both do the same work"


def test_a_call_in_parts_is_slowed_down_and_the_feed_before_it_is_not(time: Ticking) -> None:
    work = slowed(Calls(time).work, 0.5)
    begun = time.now
    work.wait(work.feed())
    assert time.now - begun < 10
    work.wait(work.call("batch"))
    assert time.now - begun == pytest.approx(1.5 * CALL_NS, rel=1e-3)
