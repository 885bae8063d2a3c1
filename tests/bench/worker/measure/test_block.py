"""A block calls its work in the right order and number, with the garbage collector off; tests use a fake clock."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from bench.adapters.engines.base import Compiled
from bench.records.measurement import Block, Compiling
from bench.worker.measure import block, machine_monitor, stopping_rule
from bench.worker.measure.block import FIRST_CALLS, PARTS, ROUNDS, Conditions, measure
from bench.worker.measure.load_monitor import Snapshot, snapshot
from bench.worker.measure.timed_call import Work
from tests.bench.worker.measure.recorder import Clock

SHORT = Conditions(block_seconds=0.001)  # a million nanoseconds
FEED_NS, CALL_NS, WAIT_NS, FETCH_NS = 5, 70, 1100, 13000


@dataclass
class Calls:
    """Calls that take `cost_ns(number)` nanoseconds each, on a fake clock."""

    clock: Clock
    cost_ns: Callable[[int], int]
    runs: list[int] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)
    collecting: list[bool] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def work(self) -> Work:
        """The work that a block measures."""
        return Work(run=self.run, wait=self.wait, feed=self.feed, call=self.call, fetch=self.fetch)

    def run(self, count: int) -> int:
        """Advance the clock by the costs of `count` calls."""
        self.collecting.append(gc.isenabled())
        for number in range(self.made, self.made + count):
            self.clock.now += self.cost_ns(number)
        self.runs.append(count)
        return self.made

    def wait(self, result: int | str) -> None:
        """Check that the last result is waited for."""
        if isinstance(result, str):
            self.parts.append(f"wait for {result}")
            self.clock.now += WAIT_NS
            return
        assert result == self.made, "the wait is for the last result, right after its calls"
        self.waits.append(result)

    def feed(self) -> str:
        """Move a batch to the device."""
        self.parts.append("feed")
        self.clock.now += FEED_NS
        return "batch"

    def call(self, batch: str) -> str:
        """Make a call that returns before its result is computed."""
        self.parts.append(f"call on {batch}")
        self.clock.now += CALL_NS
        return "result"

    def fetch(self, result: str) -> None:
        """Move the result to the host."""
        self.parts.append(f"fetch {result}")
        self.clock.now += FETCH_NS

    @property
    def made(self) -> int:
        """The number of calls so far."""
        return sum(self.runs)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(block, "now_ns", clock)
    monkeypatch.setattr(block, "processor_ns", lambda: 2 * clock())
    return clock


def measured(calls: Calls, conditions: Conditions = SHORT, *, minimum_calls: int = 1) -> Block:
    return measure(calls.work, batch_size=8, conditions=conditions, minimum_calls=minimum_calls, checksum=float)


def test_a_steady_call_is_measured_in_order_first_calls_warm_up_single_calls_rounds(clock: Clock) -> None:
    calls = Calls(clock, cost_ns=lambda number: {0: 900_000, 1: 30_000}.get(number, 10_000))
    found = measured(calls)
    assert found.call_ns == (900_000, 30_000, 10_000)
    assert found.warm_up_ns == (10_000,) * 24
    assert found.steady
    assert found.synchronised_ns == (10_000,) * 64, "all take equally long, so that the median is precise"
    assert found.iterations_per_round == 5, "a twentieth of the block's time budget"
    assert found.first_round_ns == 50_000, "stored apart, since it may compile"
    assert found.pipelined_ns == (50_000,) * 7, "a third of the block's time budget"
    assert (found.wall_ns, found.cpu_ns) == (350_000, 700_000), "of all rounds together"
    assert calls.runs == [1] * (3 + 24 + 64) + [5] * (1 + 7) + [1]
    assert found.checksum == calls.made, "of one more call, after the clock has stopped"


def test_what_uses_the_cores_is_read_around_both_parts_and_not_while_the_clock_runs(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reading takes long, and no timing contains one."""
    read = snapshot

    def slow(beside: tuple[int, ...]) -> Snapshot:
        clock.now += 1_000_000_000
        return read(beside)

    monkeypatch.setattr(machine_monitor, "snapshot", slow)
    found = measured(Calls(clock, cost_ns=lambda _: 10_000))
    assert found.use is not None
    assert [item.part for item in found.use.loads] == ["synchronised", "pipelined"]
    assert set(found.synchronised_ns) == {10_000}
    assert set(found.pipelined_ns) == {50_000}


@pytest.mark.parametrize(("together", "in_a_round"), [(1, 5), (8, 8), (3, 6)])
def test_steps_compiled_together_are_timed_together(clock: Clock, together: int, in_a_round: int) -> None:
    """If the compiled program has eight steps, a round of five would run them one by one."""
    calls = Calls(clock, cost_ns=lambda _: 10_000)
    work = replace(calls.work, together=together)
    found = measure(work, batch_size=8, conditions=SHORT, checksum=float)
    assert found.iterations_per_round == in_a_round


def test_every_call_is_waited_for_but_only_the_last_of_a_round(clock: Clock) -> None:
    calls = Calls(clock, cost_ns=lambda _: 10_000)
    measured(calls)
    assert len(calls.waits) == 3 + 24 + 64 + 1 + 7


def test_a_call_is_timed_in_four_parts_with_a_wait_after_each(clock: Clock) -> None:
    calls = Calls(clock, cost_ns=lambda _: 10_000)
    found = measured(calls).boundary
    assert found is not None
    assert calls.parts == ["feed", "wait for batch", "call on batch", "wait for result", "fetch result"] * PARTS
    assert found.to_device_ns == (FEED_NS + WAIT_NS,) * PARTS
    assert found.dispatch_ns == (CALL_NS,) * PARTS
    assert found.compute_ns == (WAIT_NS,) * PARTS
    assert found.to_host_ns == (FETCH_NS,) * PARTS


def test_a_block_stops_once_its_median_is_precise_but_not_before_a_third_of_its_time(clock: Clock) -> None:
    found = measured(Calls(clock, cost_ns=lambda _: 2_000))
    assert sum(found.synchronised_ns) == 334_000
    assert found.synchronised_ended == found.pipelined_ended == "interval"


def test_a_block_has_enough_calls_for_a_p99_if_they_fit(clock: Clock) -> None:
    found = measured(Calls(clock, cost_ns=lambda _: 1_000))
    assert len(found.synchronised_ns) == 662
    assert found.synchronised_ended == "interval"


def test_the_time_between_rounds_is_not_counted(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_times: object) -> tuple[float, float]:
        clock.now += 12_345
        return 0.0, 1e9

    monkeypatch.setattr(stopping_rule, "median_interval", look)
    found = measured(Calls(clock, cost_ns=lambda _: 10_000))
    assert found.wall_ns == sum(found.pipelined_ns) == 1_000_000
    assert found.cpu_ns == 2 * found.wall_ns


def test_a_block_with_an_imprecise_median_stops_at_its_time_budget(clock: Clock) -> None:
    two_speeds = Calls(clock, cost_ns=lambda number: 9_000 if number % 2 else 11_000)
    found = measured(two_speeds)
    assert found.synchronised_ended == "time"
    assert 1_000_000 <= sum(found.synchronised_ns) < 1_011_000


def test_at_least_64_calls_are_timed_one_by_one_however_long_each_takes(clock: Clock) -> None:
    found = measured(Calls(clock, cost_ns=lambda _: 10_000_000))
    assert len(found.synchronised_ns) == 64
    assert found.iterations_per_round == 1
    assert len(found.pipelined_ns) == ROUNDS == 6


@pytest.mark.parametrize(("cost_ns", "in_a_round", "parts"), [(31_000, 8, 32), (62_000, 5, 16), (10_000_000, 3, 3)])
def test_slow_calls_have_shorter_warm_up_rounds_and_fewer_calls_in_parts(
    clock: Clock, cost_ns: int, in_a_round: int, parts: int
) -> None:
    found = measured(Calls(clock, cost_ns=lambda _: cost_ns))
    assert len(found.warm_up_ns) == 3 * in_a_round
    assert found.boundary is not None
    assert len(found.boundary.compute_ns) == parts


@pytest.mark.parametrize(("cost_ns", "per_round"), [(10_000_000, 8), (1_000, 50)])
def test_at_least_minimum_calls_are_pipelined(clock: Clock, cost_ns: int, per_round: int) -> None:
    found = measured(Calls(clock, cost_ns=lambda _: cost_ns), minimum_calls=200)
    assert found.iterations_per_round == per_round
    assert found.iterations_per_round * len(found.pipelined_ns) >= 200


def test_a_call_that_takes_zero_time_is_measured(clock: Clock) -> None:
    stands_still_until_block_is_over = Calls(clock, cost_ns=lambda number: 0 if number < 50 else 1000)
    assert measured(stands_still_until_block_is_over).iterations_per_round >= 1


def test_warm_up_goes_on_while_calls_still_get_faster(clock: Clock) -> None:
    falling = Calls(clock, cost_ns=lambda number: max(1_000, 10_000 >> max(0, number - FIRST_CALLS) // 8))
    found = measured(falling)
    assert found.steady
    assert found.warm_up_ns[::8] == (10_000, 5_000, 2_500, 1_250, 1_000, 1_000, 1_000), "then the times no longer fall"
    assert set(found.synchronised_ns) == {1_000}, "nothing of the warm-up is averaged in"


def test_a_warm_up_that_never_settles_ends_and_is_marked(clock: Clock) -> None:
    restless = Calls(clock, cost_ns=lambda number: 10_000 if (number - FIRST_CALLS) // 8 % 2 else 100_000)
    found = measured(restless)
    assert not found.steady
    assert 2_000_000 <= sum(found.warm_up_ns) < 3_000_000, "twice a block's time budget, and the last round"
    assert found.pipelined_ns


def test_the_garbage_collector_is_off_while_the_clock_runs_and_on_afterwards(clock: Clock) -> None:
    calls = Calls(clock, cost_ns=lambda _: 10_000)
    assert gc.isenabled()
    measured(calls)
    assert calls.collecting[:FIRST_CALLS] == [True] * FIRST_CALLS, "first calls compile, and are reported apart"
    assert set(calls.collecting[FIRST_CALLS:-1]) == {False}
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_the_garbage_collector_is_on_again_after_an_error(clock: Clock) -> None:
    def cost_ns(number: int) -> int:
        if number == 40:
            assert not gc.isenabled()
            raise RuntimeError("planted")
        return 10_000

    with pytest.raises(RuntimeError, match="planted"):
        measured(Calls(clock, cost_ns=cost_ns))
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_only_the_timed_calls_lie_between_two_clock_readings(clock: Clock) -> None:
    calls = Calls(clock, cost_ns=lambda _: 7)
    assert block.timed(calls.work, 3) == 21
    assert calls.runs == [3]


@pytest.mark.parametrize("told", [(500, 9_000), (500, None)])
def test_the_compile_time_of_first_calls_and_first_round_is_stored(clock: Clock, told: tuple[int, int | None]) -> None:
    trace_ns, compile_ns = told

    def compiled() -> Compiled:
        between = 10_000 * (calls.made > 3)  # spent in other calls, which does not count
        known = 7_000 + between + trace_ns * (calls.made > 0) + trace_ns * (calls.made > 3 + 24 + 64)
        return Compiled(known, compile_ns if compile_ns is None else compile_ns * (calls.made > 0))

    calls = Calls(clock, cost_ns=lambda _: 10_000)
    found = measure(
        replace(calls.work, compiled=compiled), batch_size=8, conditions=SHORT, minimum_calls=1, checksum=float
    )
    assert found.compiling == Compiling(trace_ns=2 * trace_ns, compile_ns=compile_ns)
