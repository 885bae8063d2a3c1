"""The search finds the same options as timing every combination for a long time would, in less time."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from bench.analysis import successive_halving
from bench.analysis.successive_halving import (
    FAR,
    FINALISTS,
    LAST_LAPS,
    MORE_LAPS,
    WORTH,
    Wanted,
    candidates,
    planned_rounds,
    together,
    worth,
)
from bench.records.record import Candidate, SearchResult
from bench.workload.axes import FrameworkOptions

CHOICES = {"call": ("a", "b", "c"), "layout": ("first", "last"), "compile": ("off", "on")}
SIZE = 8


class Machine:
    """A simulated machine that times options: each has its own time, with noise, and some options fail.

    `lap_slower` and `timing_slower` make everything slower in some rounds or in some timings.
    """

    def __init__(
        self,
        seed: int,
        *,
        noise: float = 0.02,
        broken: tuple[str, ...] = (),
        lap_slower: Callable[[int], float] = lambda _: 1.0,
        timing_slower: Callable[[int], float] = lambda _: 1.0,
    ) -> None:
        self.generator = np.random.default_rng(seed)
        self.noise, self.broken = noise, broken
        self.lap_slower, self.timing_slower = lap_slower, timing_slower
        self.laps = 0
        self.speeds: dict[tuple[int, tuple[tuple[str, str], ...]], float] = {}
        self.asked: list[tuple[FrameworkOptions, float, tuple[int, ...]]] = []

    def speed(self, options: FrameworkOptions, size: int = SIZE) -> float:
        """The time of the options at a batch size without noise."""
        key = size, tuple(sorted(options.items()))
        return self.speeds.setdefault(key, float(self.generator.uniform(1.0, 3.0)))

    def time(self, wanted: Sequence[Wanted], block_seconds: float) -> list[dict[int, Candidate]]:
        """The times of one round."""
        self.laps += 1
        return [self._timed(options, block_seconds, sizes) for options, sizes in wanted]

    def _timed(self, options: FrameworkOptions, block_seconds: float, sizes: Sequence[int]) -> dict[int, Candidate]:
        self.asked.append((options, block_seconds, tuple(sizes)))
        if any(word in options.values() for word in self.broken):
            return {size: Candidate(options=dict(options), outcome="failed", error="it cannot") for size in sizes}
        slower = self.lap_slower(self.laps) * self.timing_slower(len(self.asked))
        times = {
            size: slower * self.speed(options, size) * float(np.exp(self.generator.normal(0, self.noise)))
            for size in sizes
        }
        return {size: Candidate(options=dict(options), times_s=(time,)) for size, time in times.items()}


def search(found: Sequence[Candidate], machine: Machine, *, exhaustive: bool = False) -> tuple[Candidate, ...]:
    """The result of a search at one batch size."""
    return together({SIZE: successive_halving.search(found, exhaustive=exhaustive)}, machine.time)[SIZE]


def test_every_combination_is_a_candidate_that_lists_its_differences_from_the_default() -> None:
    found = candidates(CHOICES)
    assert len(found) == 12
    assert found[0].options == {}
    assert {"call": "c", "layout": "last", "compile": "on"} in [item.options for item in found]
    assert all(value != CHOICES[name][0] for item in found for name, value in item.options.items())
    assert [item.options for item in candidates({})] == [{}]


@pytest.mark.parametrize("seed", range(20))
def test_the_fastest_candidate_is_found_in_any_order(seed: int) -> None:
    machine = Machine(seed)
    best = search(candidates(CHOICES), machine)[0]
    brute_force = min(machine.speed(item.options) for item in candidates(CHOICES))
    assert machine.speed(best.options) <= brute_force * 1.03, "expected a difference smaller than the noise"


def tuned(found: tuple[Candidate, ...]) -> SearchResult:
    """The result of a search in which the default was chosen."""
    return SearchResult(batch_size=SIZE, options={}, metric="step_time_pipelined_s", searched="", candidates=found)


@pytest.mark.parametrize("seed", range(20))
def test_a_round_in_which_everything_is_slower_does_not_change_the_result(seed: int) -> None:
    found = candidates(CHOICES)
    steady = Machine(seed)
    changing = Machine(seed, lap_slower=lambda lap: 3.0 if lap % 2 else 1.0)
    chosen, expected = search(found, changing), search(found, steady)
    assert [item.options for item in chosen] == [item.options for item in expected]
    assert [asked for asked, _, _ in changing.asked] == [asked for asked, _, _ in steady.asked]
    assert list(worth(chosen)) == list(worth(expected))


def test_a_machine_that_is_slower_during_part_of_a_round_can_mislead_the_search() -> None:
    found = candidates(CHOICES)
    missed = 0
    for seed in range(20):
        machine = Machine(seed, timing_slower=lambda timing: 3.0 if timing // 5 % 2 else 1.0)
        speed = machine.speed(search(found, machine)[0].options)
        missed += speed > 1.1 * min(machine.speed(item.options) for item in found)
    assert missed > 5, "this is why candidates are interleaved within a round"


def test_times_of_different_rounds_are_scaled_by_the_default() -> None:
    usual = Candidate(options={}, times_s=(1.0, 3.0, 3.0))
    gone = Candidate(options={"call": "b"}, times_s=(0.9,))
    stayed = Candidate(options={"call": "c"}, times_s=(0.5, 1.5, 1.5))
    failed = Candidate(options={"call": "d"}, outcome="failed", error="it cannot")
    assert successive_halving.times(tuned((stayed, gone, failed, usual))) == pytest.approx({0: 1.5, 1: 2.7, 3: 3.0})
    assert successive_halving.times(tuned((stayed, gone))) == pytest.approx({0: 1.5, 1: 0.9}), (
        "there is nothing to go by"
    )


def test_noise_that_hides_the_differences_can_mislead_the_search() -> None:
    machines = [Machine(seed, noise=1.0) for seed in range(20)]
    found = [(machine, search(candidates(CHOICES), machine)[0]) for machine in machines]
    least = [min(machine.speed(item.options) for item in candidates(CHOICES)) for machine in machines]
    assert any(machine.speed(best.options) > 1.03 * low for (machine, best), low in zip(found, least, strict=True))


def test_slow_candidates_are_timed_once_and_the_last_ones_several_times_and_for_longer() -> None:
    machine = Machine(0)
    ranked = search(candidates(CHOICES), machine)
    assert len(ranked) == 12
    most = max(len(item.times_s) for item in ranked)
    assert {len(item.times_s) for item in ranked[:FINALISTS]} == {most}
    assert most > LAST_LAPS
    assert [len(item.times_s) for item in ranked].count(1) >= len(ranked) // 2 - 1
    timed = Counter(str(options) for options, _, _ in machine.asked)
    assert sum(timed.values()) < 12 * (LAST_LAPS + 1)
    seconds = [block_seconds for _, block_seconds, _ in machine.asked]
    assert seconds == sorted(seconds)
    assert seconds[-1] > seconds[0]


def test_the_default_is_timed_to_the_end_even_if_it_is_slow() -> None:
    machine = Machine(0)
    machine.speeds[SIZE, ()] = 100.0
    ranked = search(candidates(CHOICES), machine)
    usual = next(item for item in ranked if not item.options)
    assert len(usual.times_s) == len(ranked[0].times_s) > LAST_LAPS


@pytest.mark.parametrize("calls", [("a", "b", "c"), ("a", "b", "c", "d", "e", "f")])
def test_every_second_round_is_in_reverse_order(calls: tuple[str, ...]) -> None:
    machine = Machine(0, noise=0.0)
    found = candidates({"call": calls})
    for place, item in enumerate(found):
        machine.speeds[SIZE, tuple(sorted(item.options.items()))] = 2.0 - 0.1 * place
    search(found, machine)
    places = [next(place for place, item in enumerate(found) if item.options == asked) for asked, _, _ in machine.asked]
    laps = [[0, 1, 2], [2, 1, 0]] if len(calls) == 3 else [[0, 1, 2, 3, 4, 5], [5, 4, 3, 0], [0, 4, 5], [5, 4, 0]]
    assert places == [place for lap in laps for place in lap]


@pytest.mark.parametrize(("gain", "places"), [(0.9 * WORTH, []), (1.1 * WORTH, [0])])
def test_the_default_is_replaced_if_the_speed_up_is_large_enough(gain: float, places: list[int]) -> None:
    usual = Candidate(options={}, times_s=(1.0, 1.0))
    other = Candidate(options={"call": "b"}, times_s=(1.0 - gain, 1.0 - gain))
    slow = Candidate(options={"call": "c"}, times_s=(2.0,))
    failed = Candidate(options={"call": "d"}, outcome="failed", error="it cannot")
    assert list(worth((other, usual, slow, failed))) == places
    lucky = Candidate(options={"call": "e"}, times_s=(0.1, 0.99, 0.99))
    steady = Candidate(options={}, times_s=(1.0, 1.0, 1.0))
    gone = Candidate(options={"call": "f"}, times_s=(0.5,))
    assert not list(worth((lucky, steady, gone))), "a fast early round alone is not enough"
    late = Candidate(options={"call": "g"}, times_s=(1.0, 0.85, 1.0))
    assert not list(worth((late, steady))), "over all rounds together they are not faster"
    broken = Candidate(options={}, outcome="failed", error="it cannot")
    assert list(worth((other, slow, broken))) == [0, 1], "if the default failed, any candidate that works is chosen"


def test_noise_is_seldom_mistaken_for_a_speed_up_and_a_real_speed_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes differ by 10 %, as on a shared machine, and the fastest of three candidates is chosen."""
    found = candidates({"call": ("a", "b", "c")})

    def chosen(*speeds: float) -> int:
        left = 0
        for seed in range(200):
            machine = Machine(seed, noise=0.1)
            machine.speeds = {
                (SIZE, tuple(item.options.items())): speed for item, speed in zip(found, speeds, strict=True)
            }
            left += next(worth(search(found, machine)), None) is not None
        return left

    assert chosen(1.0, 1.0, 1.0) < 30
    assert chosen(1.0, 0.7, 0.8) > 190
    monkeypatch.setattr(successive_halving, "SURE", 0.5)
    monkeypatch.setattr(successive_halving, "MORE_LAPS", 0)
    assert chosen(1.0, 1.0, 1.0) > 60, "the limit of 3 % and two rounds alone would let so many pass"


def test_more_rounds_are_run_while_a_speed_up_may_be_chance() -> None:
    found = candidates({"call": ("a", "b")})

    def laps(noise: float, speed: float, *, seed: int = 0, exhaustive: bool = False) -> int:
        machine = Machine(seed, noise=noise)
        machine.speeds = {(SIZE, ()): 1.0, (SIZE, (("call", "b"),)): speed}
        return len(search(found, machine, exhaustive=exhaustive)[0].times_s)

    assert laps(0.0, 0.9) == laps(0.0, 1.1) == LAST_LAPS, "certain at once"
    assert {laps(0.05, 1.2, seed=seed) for seed in range(20)} == {LAST_LAPS}, "it was never faster"
    many = [laps(0.3, 0.9, seed=seed) for seed in range(20)]
    assert set(many) <= set(range(LAST_LAPS, LAST_LAPS + MORE_LAPS + 1))
    assert max(many) > LAST_LAPS
    assert [laps(0.3, 0.9, seed=seed, exhaustive=True) for seed in range(20)] == many, (
        "with two candidates none is eliminated anyway"
    )


def test_more_rounds_time_only_the_fastest_candidate_and_the_default() -> None:
    found = candidates({"call": ("a", "b", "c")})

    def laps(seed: int, *, exhaustive: bool = False) -> list[int]:
        machine = Machine(seed, noise=0.1)
        machine.speeds = {(SIZE, tuple(item.options.items())): 1.0 for item in found}
        return sorted(len(item.times_s) for item in search(found, machine, exhaustive=exhaustive))

    longer = [made for made in map(laps, range(20)) if made[-1] > LAST_LAPS]
    assert longer
    assert all(made == [LAST_LAPS, made[-1], made[-1]] for made in longer)
    assert all(len(set(laps(seed, exhaustive=True))) == 1 for seed in range(20)), (
        "an exhaustive search times all of them"
    )


def test_a_speed_up_that_may_be_chance_is_not_chosen() -> None:
    usual = Candidate(options={}, times_s=(1.0, 1.0, 1.0, 1.0))
    restless = Candidate(options={"call": "b"}, times_s=(0.6, 1.1, 0.6, 1.1))
    assert not list(worth((restless, usual)))
    assert list(worth((replace(restless, times_s=(0.8, 0.9, 0.8, 0.9)), usual))) == [0]


def test_a_failed_candidate_is_kept_with_its_reason_and_never_chosen() -> None:
    machine = Machine(1, broken=("on",))
    ranked = search(candidates(CHOICES), machine)
    assert [item.outcome for item in ranked] == ["ok"] * 6 + ["failed"] * 6
    assert all(item.error == "it cannot" and not item.times_s for item in ranked[6:])
    nothing = search(candidates({"call": ("a", "b")}), Machine(1, broken=("b",)))
    assert [(item.options, item.outcome) for item in nothing] == [({}, "ok"), ({"call": "b"}, "failed")]


def test_an_exhaustive_search_times_everything_in_the_last_round() -> None:
    machine = Machine(3)
    found = search(candidates(CHOICES), machine, exhaustive=True)
    assert len(found) == 12
    (laps,) = {len(item.times_s) for item in found}
    assert LAST_LAPS <= laps <= LAST_LAPS + MORE_LAPS
    assert len(machine.asked) == 12 * laps
    times = successive_halving.times(tuned(found))
    assert list(times) == list(range(12))
    assert list(times.values()) == sorted(times.values())


@pytest.mark.parametrize("behind", [0.9 * FAR, 1.2 * FAR])
def test_a_candidate_that_is_far_behind_is_eliminated_at_once(behind: float) -> None:
    machine = Machine(0, noise=0.0)
    found = candidates(CHOICES)
    for number, item in enumerate(found):
        machine.speeds[SIZE, tuple(sorted(item.options.items()))] = 1.0 if number == 5 else behind
    assert search(found, machine)[0].options == found[5].options
    again = len(machine.asked) - len(found)
    two = 2 * LAST_LAPS  # the fastest candidate and the default
    assert again == two if behind > FAR else again > two


def test_batch_sizes_share_processes_and_each_has_its_own_result() -> None:
    sizes = (1, 32, 256)
    machine = Machine(2, noise=0.0)
    found = together({size: successive_halving.search(candidates(CHOICES)) for size in sizes}, machine.time)
    for size in sizes:
        options = found[size][0].options
        assert machine.speed(options, size) == min(machine.speed(item.options, size) for item in candidates(CHOICES))
        assert sorted(str(item.options) for item in found[size]) == sorted(str(x.options) for x in candidates(CHOICES))
    assert len({str(found[size][0].options) for size in sizes}) > 1
    assert [asked for _, _, asked in machine.asked[:12]] == [sizes] * 12
    apart = Machine(2, noise=0.0)
    for size in sizes:
        together({size: successive_halving.search(candidates(CHOICES))}, apart.time)
    assert len(machine.asked) < 2 / 3 * len(apart.asked)


def test_a_failed_candidate_is_not_tried_again() -> None:
    machine = Machine(1, broken=("b",))
    search(candidates({"call": ("a", "b")}), machine)
    assert [options for options, _, _ in machine.asked] == [{}, {"call": "b"}, *[{}] * (LAST_LAPS - 1)]


@pytest.mark.parametrize(
    ("candidates", "exhaustive", "rounds"),
    [
        (1, False, [1, 1]),
        (3, False, [3, 3]),
        (4, False, [4, 2, 2]),
        (8, False, [8, 4, 2, 2]),
        (13, False, [13, 7, 4, 2, 2]),
        (8, True, [8, 8]),
    ],
)
def test_half_of_the_candidates_are_expected_to_leave_after_each_round(
    candidates: int, rounds: list[int], *, exhaustive: bool
) -> None:
    assert planned_rounds(candidates, exhaustive=exhaustive) == rounds
