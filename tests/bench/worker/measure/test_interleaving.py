"""Two processes of two runs alternate within a block; a process without a partner never waits for one."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
import pytest

from bench.records.measurement import Block
from bench.worker.measure import interleaving
from bench.worker.measure.inference import time_queries
from bench.worker.measure.interleaving import Meeting, Neighbour, Nobody, Partner, Place, Side, one_after_the_other
from bench.worker.measure.stopping_rule import TURN_NS, Length, take
from tests.bench.worker.measure.recorder import BRIEF, Recorder, is_adapter, split

T = TypeVar("T")
SIDES: tuple[Side, ...] = ("base", "head")


def place(folder: Path, side: Side, block: str = "a-block") -> Place:
    return Place(meeting=Meeting(folder=folder, side=side), block=block)


def together(folder: Path, work: Callable[[Neighbour], T]) -> list[T]:
    """The results of the same work on both sides, each in its own thread."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda side: work(Neighbour(place(folder, side))), SIDES))


def test_two_processes_alternate_and_the_second_is_first_in_the_next_turn(tmp_path: Path) -> None:
    order: list[tuple[int, str]] = []
    busy = Lock()

    def work(neighbour: Neighbour) -> None:
        neighbour.meet(1)
        for turn in range(6):
            neighbour.before(turn)
            assert busy.acquire(blocking=False), "both sides work at the same time"
            order.append((turn, "base" if neighbour.is_first else "head"))
            busy.release()
            neighbour.after(turn)
        neighbour.end()

    together(tmp_path, work)
    assert order == [(turn, side) for turn in range(6) for side in (SIDES if turn % 2 == 0 else SIDES[::-1])]


def test_a_meeting_returns_the_larger_number_on_both_sides(tmp_path: Path) -> None:
    assert together(tmp_path, lambda side: side.meet(7 if side.is_first else 12)) == [12, 12]


def test_each_side_knows_the_process_of_the_other_whose_work_is_no_disturbance(tmp_path: Path) -> None:
    def work(neighbour: Neighbour) -> tuple[int, ...] | None:
        neighbour.meet(1)
        return neighbour.beside

    assert together(tmp_path, work) == [(os.getpid(),)] * 2
    assert Nobody().beside == ()


def test_a_side_of_an_earlier_version_does_not_tell_its_process(tmp_path: Path) -> None:
    def work(neighbour: Neighbour) -> tuple[int, ...] | None:
        neighbour.meet(1)
        neighbour.their_id.unlink()
        return neighbour.beside

    assert together(tmp_path, work) == [None, None]


def test_a_side_that_ends_a_block_early_is_met_again_in_the_next_block(tmp_path: Path) -> None:
    def work(neighbour: Neighbour) -> tuple[int, bool, int]:
        neighbour.meet(1)
        had = 0
        for turn in range(2 if neighbour.is_first else 50):
            neighbour.before(turn)
            neighbour.after(turn)
            had += 1
        was_alone = neighbour.alone
        neighbour.end()
        return had, was_alone, neighbour.meet(5)

    assert together(tmp_path, work) == [(2, False, 5), (50, True, 5)]


def test_a_side_whose_partner_never_comes_goes_on_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaving, "MEETING_LIMIT_NS", 1_000_000)
    lonely = Neighbour(place(tmp_path, "base"))
    assert lonely.meet(3) == 3
    assert lonely.alone
    lonely.before(1)
    lonely.after(1)
    lonely.end()


def test_a_side_whose_partner_closes_its_pipe_goes_on_alone(tmp_path: Path) -> None:
    def work(neighbour: Neighbour) -> bool:
        neighbour.meet(1)
        if neighbour.is_first:
            os.close(neighbour.mine)
            return True
        neighbour.before(0)
        return neighbour.alone

    assert together(tmp_path, work) == [True, True]


def test_a_side_whose_partner_has_ended_its_process_goes_on_alone(tmp_path: Path) -> None:
    """A write to the pipe of a process that has ended raises BrokenPipeError."""

    def work(neighbour: Neighbour) -> Neighbour:
        neighbour.meet(1)
        return neighbour

    stayed, gone = together(tmp_path, work)
    os.close(gone.theirs)
    os.close(gone.mine)
    assert stayed.meet(3) == 3
    assert stayed.alone
    stayed.end()


def test_two_sides_at_different_meetings_go_on_alone(tmp_path: Path) -> None:
    def work(neighbour: Neighbour) -> tuple[int, bool]:
        neighbour.meet(1)
        neighbour.meetings += neighbour.is_first  # as if the first side had been at one more meeting
        return neighbour.meet(9 if neighbour.is_first else 5), neighbour.alone

    assert together(tmp_path, work) == [(9, True), (5, True)]


def test_one_side_warms_up_after_the_other(tmp_path: Path) -> None:
    order: list[str] = []

    def work(neighbour: Neighbour) -> None:
        side = "base" if neighbour.is_first else "head"
        with one_after_the_other(neighbour):
            order.append(f"{side} begins")
            order.append(f"{side} ends")
        neighbour.meet(0)

    together(tmp_path, work)
    assert order == ["base begins", "base ends", "head begins", "head ends"]


def test_a_run_that_is_not_interleaved_never_waits() -> None:
    nobody: Partner = Nobody()
    assert nobody.meet(4) == 4
    assert nobody.alone


def test_an_interleaved_series_ends_when_both_sides_are_precise_enough(tmp_path: Path) -> None:
    def work(neighbour: Neighbour) -> tuple[int, bool]:
        cost = 1000 if neighbour.is_first else 10
        length = Length(block_ns=20_000, minimum=24, wanted=10)
        found = take(lambda: cost, length, neighbour, once_ns=TURN_NS / 4)
        return len(found.times), found.together

    assert together(tmp_path, work) == [(40, True)] * 2, "the first check after 24 calls is after ten turns"


@pytest.mark.parametrize("side", SIDES)
def test_an_interleaved_series_goes_on_while_one_side_is_imprecise_and_has_time(side: Side, tmp_path: Path) -> None:
    def work(neighbour: Neighbour) -> int:
        generator = np.random.default_rng(0)
        restless = neighbour.is_first == (side == "base")

        def once() -> int:
            return int(1000 * generator.uniform(0.5, 1.5)) if restless else 1000

        return len(take(once, Length(block_ns=100_000, minimum=4, wanted=4), neighbour, once_ns=TURN_NS / 4).times)

    base, head = together(tmp_path, work)
    assert base == head
    assert 120 < base <= 200, "1.5 times the block's time budget, and up to ten more turns"


def test_an_interleaved_series_ends_at_its_minimum_if_the_partner_leaves(tmp_path: Path) -> None:
    def work(neighbour: Neighbour) -> tuple[int, bool]:
        if neighbour.is_first:
            neighbour.meet(2)
            neighbour.meet(10)
            neighbour.before(0)
            neighbour.after(0)
            os.close(neighbour.mine)
            return 0, False
        length = Length(block_ns=10**9, minimum=30, wanted=30)
        found = take(lambda: 1000, length, neighbour, once_ns=TURN_NS / 2)
        return len(found.times), found.together

    (left, _), (stayed, was_together) = together(tmp_path, work)
    assert left == 0
    assert 30 <= stayed <= 32
    assert not was_together


def test_a_block_timed_in_turns_is_marked(tmp_path: Path) -> None:
    def timed(side: Side) -> Block:
        conditions = replace(BRIEF, turns=place(tmp_path, side))
        return time_queries(is_adapter(Recorder()), split(20).inputs, batch_size=4, conditions=conditions)

    with ThreadPoolExecutor(2) as pool:
        base, head = pool.map(timed, SIDES)
    assert base.turns is not None
    assert base.turns == head.turns
    assert base.turns.session == tmp_path.name
    assert base.iterations_per_round == head.iterations_per_round
    alone = time_queries(is_adapter(Recorder()), split(20).inputs, batch_size=4, conditions=BRIEF)
    assert alone.turns is None


def test_a_block_timed_alone_is_not_marked_although_it_waited_for_a_partner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interleaving, "MEETING_LIMIT_NS", 1_000_000)
    conditions = replace(BRIEF, turns=place(tmp_path, "base"))
    block = time_queries(is_adapter(Recorder()), split(20).inputs, batch_size=4, conditions=conditions)
    assert block.turns is None
