"""A simulated machine: its processes take the times that a test chooses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from bench.analysis.successive_halving import Wanted
from bench.records.record import Candidate, Case
from bench.run.interleaved_timing import Laps
from bench.run.settings import Event
from bench.run.worker_client import EndedError, Message
from bench.run.worker_pool import WorkerPool
from tests.bench.run.watched_run import watched

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
    """The short name of a candidate with these options."""
    return options.get("call", "usual")


@dataclass
class Machine:
    """A worker pool whose calls take the times in `SPEEDS`, times the factor that `slow` returns for each request.

    It notes the candidates that ran at the same time (`groups`), the requests (`asked`), and the fork server of each
    candidate (`places`). Candidates in `broken` end with that outcome at the start. Those in `greedy` run out of memory
    if others run at the same time. Those in `frail` end in their warm-up, those in `mortal` in their first slice. Those
    in `cold` are a hundred times slower for that many calls, or until they are warmed up.
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

    def beside(self, contender: object, device: str, places: int) -> list["Launcher"]:  # noqa: ARG002 (as in a worker pool)
        """As many fork servers as `places`."""
        return [Launcher(self, place) for place in range(places)]

    def dismiss(self) -> None:
        """Do nothing."""

    def laps(self, *, case: Case = CASE, thorough: bool = False) -> tuple[Laps, list[Event]]:
        """The code under test on this machine, and the list of its events."""
        made = watched(Path())
        return Laps(case, fleet=cast("WorkerPool", self), settings=made.settings, thorough=thorough), made.events

    def lap(self, *names: str, seconds: float = 0.1, case: Case = CASE, thorough: bool = False) -> dict[str, Candidate]:
        """The candidates after one round of successive halving at one batch size, by name."""
        found = self.laps(case=case, thorough=thorough)[0].time(wanted(*names), seconds)
        return {name: item[SIZE] for name, item in zip(names, found, strict=True)}


@dataclass
class Launcher:
    """A simulated fork server."""

    machine: Machine
    place: int
    name: str | None = None

    def serve(self, job: Message, *, limit_s: float) -> "Service":  # noqa: ARG002 (as in a fork server)
        """A new process with the options of a job."""
        self.name = name_of(job["tuning"])
        self.machine.places.append((self.name, self.place))
        if self.name in self.machine.broken:
            raise ended(self.machine.broken[self.name])
        self.machine.there.append(self.name)
        self.machine.groups.append(tuple(self.machine.there))
        return Service(self.machine, self.name)

    def finish(self) -> None:
        """End the process."""
        self.machine.there.remove(cast("str", self.name))


@dataclass
class Service:
    """A simulated process that answers requests."""

    machine: Machine
    name: str

    @property
    def news(self) -> dict[str, Any]:
        """The first message of the process."""
        return {"call_ns": self._cold * SPEEDS[self.name], "together": self.machine.together}

    def place(self, size: int, *, limit_s: float) -> dict[str, Any]:  # noqa: ARG002 (as in a service)
        """The same as the first message."""
        return self.news

    def warm_up(self, limit_ns: int, *, limit_s: float) -> float:  # noqa: ARG002 (as in a service)
        """The nanoseconds of a warm call."""
        if self.name in self.machine.frail:
            self.machine.there.remove(self.name)
            raise ended("failed")
        self.machine.cold.pop(self.name, None)
        return SPEEDS[self.name]

    def time(self, calls: int, *, pipelined: bool, limit_s: float) -> list[float]:  # noqa: ARG002 (as in a service)
        """The nanoseconds of all calls together if pipelined, else of each call."""
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


def ratios(found: Mapping[str, Candidate]) -> dict[str, float]:
    """The time of each candidate relative to the default."""
    return {name: item.times_s[0] / found["usual"].times_s[0] for name, item in found.items()}


RIGHT = {name: speed / SPEEDS["usual"] for name, speed in SPEEDS.items()}


def looks(machine: Machine, name: str = "f") -> int:
    """How often a candidate was timed."""
    return [who for who, _ in machine.asked].count(name)
