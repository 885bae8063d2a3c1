"""What a run still takes follows from its estimates, from the clock, and from what the finished pieces took."""

import pytest

from bench.analysis.remaining_time import RemainingTime, Work


def timing(estimate_s: float, framework: str = "pytorch", purpose: str = "timing") -> Work:
    return Work(name="", purpose=purpose, framework=framework, estimate_s=estimate_s, is_case=True)


def planned(**pieces: Work) -> RemainingTime:
    made = RemainingTime()
    for key, piece in pieces.items():
        made.plan(key, piece)
    return made


def done(made: RemainingTime, key: str, *, at_s: float, took_s: float) -> None:
    made.begin(key, at_s - took_s)
    made.end(key, at_s)


def test_at_first_it_is_the_sum_of_the_estimates_and_rough() -> None:
    made = planned(a=timing(10), b=timing(5))
    assert made.left_s(0) == 15
    assert made.left_s(100) == 15, "nothing has begun"
    assert made.is_rough(0)


def test_it_counts_down_while_a_piece_runs_within_its_estimate() -> None:
    made = planned(a=timing(10), b=timing(5))
    made.begin("a", 100)
    assert [made.left_s(now) for now in (100, 104, 110)] == [15, 11, 5]


def test_a_piece_that_runs_for_longer_than_its_estimate_makes_the_others_longer() -> None:
    made = planned(a=timing(10), b=timing(5), c=timing(5, "flax"), d=timing(1, "flax", "memory"))
    proof = Work(name="", purpose="certificate", framework="flax", estimate_s=1)
    made.plan("proof", proof)
    made.begin("a", 100)
    assert [made.left_s(now) for now in (110, 120, 130)] == [11 + 1, 22 + 1, 33 + 1]
    made.end("a", 130)
    assert made.left_s(130) == 33 + 1
    made.begin("b", 130)
    assert made.left_s(145) == 18 + 1
    assert made.left_s(150) == (5 + 1) * (30 + 20) / (10 + 5) + 1


def test_a_piece_is_planned_once() -> None:
    made = planned(a=timing(10))
    made.plan("a", timing(99))
    assert made.left_s(0) == 10
    made.end("a", 1)
    assert made.left_s(1) == 0
    assert not made.is_rough(1)


def test_what_is_left_is_scaled_by_what_pieces_of_the_same_purpose_and_framework_took() -> None:
    made = planned(a=timing(10), b=timing(10), c=timing(10, "flax"), d=timing(10, "flax"), e=timing(10))
    done(made, "a", at_s=30, took_s=30)
    done(made, "c", at_s=40, took_s=5)
    assert made.left_s(40) == 30 + 5 + 30
    assert not made.is_rough(40)
    done(made, "b", at_s=50, took_s=10)
    assert made.left_s(50) == 5 + 10 * (30 + 10) / (10 + 10)


def test_what_runs_is_scaled_too() -> None:
    made = planned(a=timing(10), b=timing(10))
    done(made, "a", at_s=20, took_s=20)
    made.begin("b", 20)
    assert made.left_s(25) == 20 - 5


def test_where_none_of_the_framework_is_finished_the_purpose_counts_and_then_all_cases() -> None:
    made = planned(a=timing(10), b=timing(10, "flax"), c=timing(10, "flax", "learning"), d=timing(2, "flax", "memory"))
    done(made, "d", at_s=4, took_s=4)
    assert made.left_s(4) == 2 * 30
    assert made.is_rough(4), "the memory says little of the rest"
    done(made, "a", at_s=100, took_s=28)
    assert made.left_s(100) == pytest.approx(28 + 10 * (4 + 28) / (2 + 10))
    assert made.is_rough(100)
    done(made, "b", at_s=128, took_s=28)
    done(made, "c", at_s=228, took_s=10)
    assert not made.is_rough(228)


def test_work_that_is_no_case_says_nothing_of_cases_and_the_other_way_round() -> None:
    proof = Work(name="", purpose="certificate", framework="flax", estimate_s=1)
    made = planned(
        proof=proof, other=Work(name="", purpose="peak", framework="flax", estimate_s=1), a=timing(10), b=timing(10)
    )
    done(made, "proof", at_s=9, took_s=9)
    assert made.left_s(9) == 1 + 20
    done(made, "a", at_s=39, took_s=30)
    assert made.left_s(39) == 1 + 30


def test_pieces_that_run_two_at_once_take_half_of_their_sum() -> None:
    two = {
        name: Work(name="", purpose="memory", framework="flax", estimate_s=s, at_once=2)
        for name, s in {"a": 4, "b": 6}.items()
    }
    made = planned(**two, c=timing(1))
    assert made.left_s(0) == 6 + 1, "no less than the longest"
    made.plan("d", two["a"])
    assert made.left_s(0) == 7 + 1


def test_a_piece_that_says_how_far_it_is_ends_when_that_suggests() -> None:
    made = planned(a=timing(10), b=timing(10))
    made.begin("a", 100)
    made.advance("a", 0.25, 120)
    assert made.left_s(120) == 60 + 10
    assert made.left_s(150) == 30 + 10
    assert not made.is_rough(120)
    made.advance("b", 0.5, 150)
    assert made.left_s(150) == 30 + 10, "it has not begun"
    made.end("a", 150)
    assert made.left_s(150) == 50, "five times as long as estimated"
    made.begin("b", 150)
    assert made.left_s(150) == 50, "what the other suggested is no longer of use"


def test_compilation_at_the_beginning_of_a_piece_does_not_count_for_its_rest() -> None:
    made = planned(a=timing(100))
    made.begin("a", 0)
    made.advance("a", 0.1, 30)
    assert made.left_s(30) == 70, "so early it says nothing"
    made.advance("a", 0.2, 31)
    assert made.left_s(31) == pytest.approx(8)
    made.advance("a", 0.6, 39)
    assert made.left_s(39) == pytest.approx(4 * 9 / 5)
    made.begin("a", 100)
    assert made.left_s(100) == 100, "it begins anew"


def test_a_piece_that_was_not_planned_or_has_not_begun_teaches_nothing() -> None:
    made = planned(a=timing(10), b=timing(10))
    done(made, "c", at_s=7, took_s=7)
    made.end("a", 9)
    assert made.left_s(9) == 10


def test_to_read_it_does_not_visit_every_piece_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read several times in a second while something is timed."""
    made = planned(**{f"case {number}": timing(1) for number in range(1000)})
    assert made.left_s(0) == 1000
    visited = []

    def groups(work: Work) -> tuple[tuple[str, ...], ...]:
        visited.append(work)
        return (work.purpose, work.framework), (work.purpose,), ()

    monkeypatch.setattr(Work, "groups", property(groups))
    assert made.left_s(1) == 1000
    assert visited == []
    made.begin("case 0", 1)
    assert made.left_s(2) == 999
    assert len(visited) > 900
