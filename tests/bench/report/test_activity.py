"""What runs now has a line each, and the time that is left is counted down between events."""

import pytest

from bench.analysis.remaining_time import Work
from bench.report.activity import Activity, clock

SHORT, LONG = (
    Work(name=name, purpose=name, framework="flax", estimate_s=seconds)
    for name, seconds in {"short": 5.0, "long": 100.0}.items()
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (44.6, "45 s"),
        (59.7, "1 min 0 s"),
        (89, "1 min 29 s"),
        (3599.7, "1 h 0 min"),
        (4830, "1 h 20 min"),
    ],
)
def test_a_time_to_wait_is_short(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_the_time_that_is_left_follows_the_clock_and_what_was_seen() -> None:
    now = [0.0]
    activity = Activity(lambda: now[0])
    for work in (SHORT, LONG):
        activity.plan(work, work)
    activity.begin(SHORT, "short")
    assert activity.left() == "about 1 min 45 s left"
    now[0] = 3
    assert activity.left() == "about 1 min 42 s left"
    now[0] = 10
    activity.end(SHORT)
    assert activity.left() == "about 1 min 40 s left"
    activity.begin(LONG, "long")
    now[0] = 40
    activity.move(LONG, "long, half", share=0.5)
    assert activity.left() == "30 s left"
    now[0] = 70
    assert activity.left() == "takes longer than estimated"
    activity.end(LONG)
    assert activity.left() == ""


def test_while_something_runs_nothing_is_waited_for() -> None:
    activity = Activity(lambda: 0.0)
    assert activity.lines() == []
    activity.wait("a record")
    assert activity.lines() == ["waiting for a record"]
    activity.begin(SHORT, "short")
    activity.begin(LONG, "long")
    activity.move(SHORT, "short, half")
    assert activity.lines() == ["short, half", "long"]
    for work in (SHORT, LONG):
        activity.end(work)
    assert activity.lines() == ["waiting for a record"]
    activity.wait("")
    assert activity.lines() == []


def test_a_piece_that_nobody_saw_begin_counts_with_the_time_that_it_took() -> None:
    activity, alike = Activity(lambda: 0.0), Work(name="alike", purpose="long", framework="flax", estimate_s=100.0)
    for work in (LONG, alike):
        activity.plan(work, work)
    assert activity.left() == "about 3 min 20 s left"
    activity.end(LONG, took_s=50.0)
    assert activity.left() == "50 s left", "it took half of its estimate"


def test_a_piece_that_was_seen_to_begin_counts_with_the_time_since_then() -> None:
    now = [0.0]
    activity, alike = Activity(lambda: now[0]), Work(name="alike", purpose="long", framework="flax", estimate_s=100.0)
    for work in (LONG, alike):
        activity.plan(work, work)
    activity.begin(LONG, "long")
    now[0] = 200.0
    activity.end(LONG, took_s=50.0)
    assert activity.left() == "3 min 20 s left"
