"""The laps of a search: who is there together shares what the machine does, and whoever fails fails alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from bench.analysis.successive_halving import Wanted
from bench.records.record import Candidate, Case
from bench.run import interleaved_timing as laps
from bench.run.interleaved_timing import DEPTH, FEWEST_TURNS, HOPELESS, LEAST_TURNS, LONG_TURN_NS, PLACES, Laps
from bench.run.settings import Event, RunSettings
from bench.run.worker_client import EndedError, LauncherError, Message
from bench.run.worker_pool import Fleet
from tests.bench.workloads import workload

SIZE = 8
CASE = Case(
    workload="tiny",
    framework="flax",
    mode="tuned",
    scenario="training",
    batch_sizes=(SIZE,),
    threads=1,
    purpose="timing",
)
USUAL: Mapping[str, str] = {}
SPEEDS = {"usual": 4e6, "b": 1e6, "c": 2e6, "d": 3e6, "e": 5e6, "f": 6e6}  # nanoseconds of a call

Slow = Callable[[int], float]


def name_of(options: Mapping[str, str]) -> str:
    """Short, for a dictionary."""
    return options.get("call", "usual")


@dataclass
class Machine:
    """A fleet whose processes take what `SPEEDS` says, times what `slow` says of each request, one after the other.

    It notes who was there at the same time, what was asked for, and which place each had. `broken` end with an outcome,
    `greedy` have no memory beside others, `frail` end as they warm up, `mortal` in their first turn, and `cold` ones
    take a hundred times as long for so many calls, or until they are warm.
    """

    slow: Slow = lambda _: 1.0
    broken: Mapping[str, str] = field(default_factory=dict)
    greedy: Sequence[str] = ()
    frail: Sequence[str] = ()
    mortal: Sequence[str] = ()
    cold: dict[str, int] = field(default_factory=dict)
    together: int = 1
    requests: int = 0
    there: list[str] = field(default_factory=list)
    groups: list[tuple[str, ...]] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)

    def beside(self, contender: object, device: str, places: int) -> list["Launcher"]:  # noqa: ARG002 (as a fleet has it)
        """So many launchers."""
        return [Launcher(self, place) for place in range(places)]

    def dismiss(self) -> None:
        """Nothing has to be ended."""

    def laps(self, *, case: Case = CASE, thorough: bool = False) -> tuple[Laps, list[Event]]:
        """What is tested, and what it tells."""
        events: list[Event] = []
        settings = RunSettings(
            run="run",
            machine="machine",
            workloads={"tiny": workload()},
            block_seconds=0.1,
            limit_s=60.0,
            logs=Path(),
            models=None,
            append=lambda _: None,
            listen=events.append,
        )
        return Laps(case, fleet=cast("Fleet", self), settings=settings, thorough=thorough), events

    def lap(self, *names: str, seconds: float = 0.1, case: Case = CASE, thorough: bool = False) -> dict[str, Candidate]:
        """One lap at one batch size, by name."""
        found = self.laps(case=case, thorough=thorough)[0].time(wanted(*names), seconds)
        return {name: item[SIZE] for name, item in zip(names, found, strict=True)}


@dataclass
class Launcher:
    """One place."""

    machine: Machine
    place: int
    name: str | None = None

    def serve(self, job: Message, *, limit_s: float) -> "Service":  # noqa: ARG002 (as a launcher has it)
        """A process with the options of a job."""
        self.name = name_of(job["tuning"])
        self.machine.places.append((self.name, self.place))
        if self.name in self.machine.broken:
            raise ended(self.machine.broken[self.name])
        self.machine.there.append(self.name)
        self.machine.groups.append(tuple(self.machine.there))
        return Service(self.machine, self.name)

    def finish(self) -> None:
        """It leaves."""
        self.machine.there.remove(cast("str", self.name))


@dataclass
class Service:
    """One process."""

    machine: Machine
    name: str

    @property
    def news(self) -> dict[str, Any]:
        """What it says when it begins."""
        return {"call_ns": self._cold * SPEEDS[self.name], "together": self.machine.together}

    def place(self, size: int, *, limit_s: float) -> dict[str, Any]:  # noqa: ARG002 (as a service has it)
        """As it begins."""
        return self.news

    def warm_up(self, limit_ns: int, *, limit_s: float) -> float:  # noqa: ARG002 (as a service has it)
        """A call then."""
        if self.name in self.machine.frail:
            self.machine.there.remove(self.name)
            raise ended("failed")
        self.machine.cold.pop(self.name, None)
        return SPEEDS[self.name]

    def time(self, calls: int, *, pipelined: bool, limit_s: float) -> list[float]:  # noqa: ARG002 (as a service has it)
        """All of them together, or each."""
        if self.name in self.machine.mortal:
            self.machine.there.remove(self.name)
            raise ended("failed")
        if self.name in self.machine.greedy and len(self.machine.there) > 1:
            self.machine.there.remove(self.name)
            raise ended("oom")
        self.machine.asked.append((self.name, calls))
        self.machine.requests += 1
        call_ns = self._cold * SPEEDS[self.name] * self.machine.slow(self.machine.requests)
        self.machine.cold[self.name] = self.machine.cold.get(self.name, 0) - 1
        return [calls * call_ns] if pipelined else [call_ns] * calls

    @property
    def _cold(self) -> float:
        return 100.0 if self.machine.cold.get(self.name, 0) > 0 else 1.0


def ended(outcome: str) -> EndedError:
    return EndedError("no answer", {"outcome": outcome, "error": f"it ended: {outcome}"})


def wanted(*names: str) -> list[Wanted]:
    """Candidates by their names, at one batch size."""
    return [(USUAL if name == "usual" else {"call": name}, (SIZE,)) for name in names]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laps, "PAUSE_S", 0.0)


def ratios(found: Mapping[str, Candidate]) -> dict[str, float]:
    """What each takes of what the guide says."""
    return {name: item.times_s[0] / found["usual"].times_s[0] for name, item in found.items()}


RIGHT = {name: speed / SPEEDS["usual"] for name, speed in SPEEDS.items()}


def test_a_slow_phase_is_in_no_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is three times slower for a while now and then, between groups and within one."""
    for length in (16, 40, 100):
        machine = Machine(slow=lambda request, length=length: 3.0 if request // length % 2 else 1.0)  # type: ignore[misc]
        assert ratios(machine.lap(*SPEEDS, seconds=1.0)) == pytest.approx(RIGHT)
    monkeypatch.setattr(laps, "PLACES", 1)
    alone = Machine(slow=lambda request: 3.0 if request // 16 % 2 else 1.0)
    assert ratios(alone.lap(*SPEEDS, seconds=0.2)) != pytest.approx(RIGHT, rel=0.1), "who has no turns owes it to luck"


def test_a_phase_that_is_as_short_as_a_turn_is_noise_of_it() -> None:
    draws = np.random.default_rng(0).uniform(1, 3, 10_000)
    assert ratios(Machine(slow=lambda request: float(draws[request])).lap(*SPEEDS)) != pytest.approx(RIGHT, rel=0.05)


def test_what_the_guide_says_is_there_all_the_time_and_no_more_than_there_are_places() -> None:
    machine = Machine()
    found = machine.lap(*SPEEDS)
    assert list(found) == list(SPEEDS)
    assert {item.outcome for item in found.values()} == {"ok"}
    assert max(map(len, machine.groups)) == PLACES
    assert all(group[0] == "usual" for group in machine.groups if len(group) > 1)
    assert [name for name, _ in machine.places].count("usual") == 1
    assert not machine.there, "all have left"


def test_each_has_its_own_place_and_another_one_in_the_next_lap() -> None:
    machine = Machine()
    made, events = machine.laps()
    for _ in range(PLACES):
        made.time(wanted("usual", "b", "c"), 0.1)
    for name in ("usual", "b", "c"):
        assert {place for who, place in machine.places if who == name} == set(range(PLACES))
    assert [name_of(event.news) for event in events] == ["usual", "b", "c"] * PLACES


def test_turns_are_of_like_length_and_whoever_is_first_is_not_always_the_same() -> None:
    machine = Machine()
    machine.lap("usual", "b", "c")
    assert dict(machine.asked) == {"usual": DEPTH, "b": 20, "c": 10}
    firsts = {name for name, _ in machine.asked[::3]}
    assert firsts == {"usual", "b", "c"}
    assert len(machine.asked) == 3 * LEAST_TURNS


def test_long_turns_are_fewer() -> None:
    machine = Machine(together=64)
    machine.lap("usual", "e")
    assert 64 * SPEEDS["e"] > LONG_TURN_NS
    assert len(machine.asked) == 2 * FEWEST_TURNS


def test_what_is_called_together_is_never_divided() -> None:
    machine = Machine(together=16)
    machine.lap("usual", "b")
    assert {number % 16 for _, number in machine.asked} == {0}


def test_queries_are_waited_for_one_by_one() -> None:
    machine = Machine()
    found = machine.lap("usual", "b", case=replace(CASE, scenario="inference"))
    assert dict(machine.asked) == {"usual": 5, "b": 20}
    assert ratios(found) == pytest.approx({"usual": 1.0, "b": 0.25})


def test_who_is_far_slower_than_what_the_guide_says_has_no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    machine = Machine()
    assert ratios(machine.lap("usual", "f", "b", seconds=0.001))["f"] == pytest.approx(1.1 * HOPELESS)
    assert [name for name, _ in machine.asked].count("f") == 1, "the second look"
    thorough = Machine()
    thorough.lap("usual", "f", "b", thorough=True)
    assert [name for name, _ in thorough.asked].count("f") == LEAST_TURNS


def test_whose_first_calls_are_slow_is_not_far_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """Single calls of processes that have just slept take ten times as long as those of one that is warm."""
    found = Machine(cold={"b": 1}).lap("usual", "b", "c")
    assert ratios(found) == pytest.approx({name: RIGHT[name] for name in found})
    monkeypatch.setattr(laps, "WARM_UP_SHARE", 0.0)
    hasty = Machine(cold={"b": 1}).lap("usual", "b", "c")
    assert ratios(hasty)["b"] == pytest.approx(100 * RIGHT["b"]), "after one look"


def looks(machine: Machine, name: str = "f") -> int:
    """How often it was asked for the time of some calls."""
    return [who for who, _ in machine.asked].count(name)


def test_who_is_far_slower_is_told_from_what_the_guide_takes_when_it_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    machine = Machine(cold={"usual": 10**6})
    machine.lap("usual", "f", "b", seconds=0.001)
    assert looks(machine) == 1
    monkeypatch.setattr(laps._Member, "warm_up", lambda *_: None)
    never = Machine(cold={"usual": 10**6})
    never.lap("usual", "f", "b", seconds=0.001)
    assert looks(never) == FEWEST_TURNS, "held against one that is not"


def test_all_steps_of_a_call_count_where_calls_fit_into_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    many = Machine(together=16)
    many.lap("usual", "f", seconds=0.1)
    one = Machine()
    one.lap("usual", "f", seconds=0.1)
    assert looks(one) > 10 * looks(many)


def test_who_is_far_slower_has_the_time_of_its_quickest_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 2 * HOPELESS * SPEEDS["usual"])
    machine = Machine(slow=lambda request: 1.0 if request == 1 else 3.0)
    assert machine.lap("usual", "f", seconds=0.1)["f"].times_s[0] == pytest.approx(
        2 * HOPELESS * machine.lap("usual")["usual"].times_s[0]
    )
    assert looks(machine) > 1


def test_nobody_is_far_slower_than_what_ended_as_it_warmed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    machine = Machine(frail=("usual",))
    found = machine.lap("usual", "f")
    assert found["usual"].outcome == "failed"
    assert looks(machine) == LEAST_TURNS


def test_what_failed_is_not_begun_again_beside_the_next_ones() -> None:
    machine = Machine(broken={"usual": "timeout"})
    found = machine.lap(*SPEEDS)
    assert found["usual"].outcome == "timeout"
    assert [name for name, _ in machine.places].count("usual") == 1
    assert all(found[name].outcome == "ok" for name in SPEEDS if name != "usual")


def test_what_had_no_memory_beside_some_is_begun_again_beside_the_next_ones() -> None:
    machine = Machine(broken={"usual": "oom"})
    found = machine.lap(*SPEEDS)
    assert found["usual"].outcome == "oom"
    assert [name for name, _ in machine.places].count("usual") > 2, "beside each group, and at last by itself"


def test_between_turns_of_several_there_is_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(laps, "PAUSE_S", 0.125)
    monkeypatch.setattr("bench.run.interleaved_timing.time.sleep", pauses.append)
    Machine().lap("usual")
    assert not pauses
    Machine().lap("usual", "b")
    assert pauses == [0.125] * 2 * LEAST_TURNS


def test_who_fails_fails_alone() -> None:
    machine = Machine(broken={"b": "unavailable"})
    found = machine.lap("usual", "b", "c")
    assert (found["b"].outcome, found["b"].error, found["b"].times_s) == ("unavailable", "it ended: unavailable", ())
    assert found["c"].times_s[0] / found["usual"].times_s[0] == 0.5
    usual = Machine(broken={"usual": "failed"}).lap("usual", "c", "d")
    assert usual["usual"].outcome == "failed"
    assert usual["c"].times_s == (SPEEDS["c"] / 1e9,), "nothing to go by but the clock"


def test_who_has_no_memory_beside_the_others_is_timed_alone() -> None:
    machine = Machine(greedy=("c",))
    found = machine.lap("usual", "b", "c")
    assert {item.outcome for item in found.values()} == {"ok"}
    assert found["c"].times_s == (SPEEDS["c"] / 1e9,)
    assert ("c",) in machine.groups
    never = Machine(broken={"c": "oom"}).lap("usual", "b", "c")
    assert never["c"].outcome == "oom"


def test_who_ends_in_a_turn_leaves_the_others_their_times(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Machine(mortal=tuple(SPEEDS)).lap(*SPEEDS)
    assert {item.outcome for item in found.values()} == {"failed"}
    monkeypatch.setitem(SPEEDS, "f", 1.1 * HOPELESS * SPEEDS["usual"])
    found = Machine(mortal=("usual",)).lap("usual", "b", "f")
    assert found["usual"].outcome == "failed"
    assert {name: found[name].times_s[0] for name in "bf"} == {name: SPEEDS[name] / 1e9 for name in "bf"}


def test_on_a_gpu_each_is_there_by_itself() -> None:
    machine = Machine()
    found = machine.lap(*SPEEDS, case=replace(CASE, device="cuda"))
    assert {len(group) for group in machine.groups} == {1}
    assert ratios(found) == pytest.approx(RIGHT)


def test_a_framework_that_does_not_start_fails_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def beside(*_: object) -> list[Launcher]:
        raise LauncherError("flax: the launcher did not start: no module")

    machine = Machine()
    monkeypatch.setattr(machine, "beside", beside)
    found = machine.lap("usual", "b")
    assert {(item.outcome, item.error) for item in found.values()} == {
        ("failed", "flax: the launcher did not start: no module")
    }
