"""Times the candidates of an options search in short alternating slices, so that interference slows all of them alike.

One call of `Laps.time` is one round of successive halving. On a CPU the process with the default options runs during
the whole round; the other candidates join it in groups. A slice (`turn`) is about 20 ms of calls. The time of a
candidate is the time of the default options, times the median over the slices of the ratio of the two. So a machine
that is slower for a while hardly changes the ratio. Processes start and compile in parallel, and warm up one after the
other.

On a GPU each candidate runs alone: two processes cannot share the memory, and timings repeat within one percent.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from statistics import median
from typing import TypeVar, final

import numpy as np

from bench.analysis.successive_halving import Wanted
from bench.records.measurement import Outcome
from bench.records.record import Candidate, Case
from bench.run.search_rounds import Rounds
from bench.run.settings import RunSettings, contender, job
from bench.run.worker_client import EndedError, Message, Service, WorkerClient, WorkerError
from bench.run.worker_pool import WorkerPool
from bench.workload.axes import FrameworkOptions

PLACES = 4  # processes that run at the same time, on a CPU
TURN_NS = 20_000_000
LEAST_TURNS, FEWEST_TURNS = 10, 4  # the second holds where one slice takes LONG_TURN_NS or more
LONG_TURN_NS = 300_000_000
DEPTH = 8  # pipelined calls in a slice, but no more than fit into LONGEST_TURN_NS
LONGEST_TURN_NS = 60_000_000
PAUSE_S = 0.005  # the threads of the process that ran before spin for some milliseconds
WARM_UP_SHARE = 2.0  # the longest warm-up, as a multiple of the time of a block
HOPELESS = 3.0  # times the single-call time of the default options; slower candidates are not timed in slices
NANOSECONDS = 1e9

Answer = TypeVar("Answer")


@final
class Laps:
    """Times the candidates of one case, one round of successive halving at a time, each round in fresh processes.

    With `thorough`, candidates that are far slower than the default are timed in slices like the others. From round to
    round a candidate moves to another fork server, because all children of one fork server share its memory addresses.
    """

    def __init__(self, case: Case, *, fleet: WorkerPool, settings: RunSettings, thorough: bool) -> None:
        self.case, self.fleet, self.settings, self.thorough = case, fleet, settings, thorough
        self.places = PLACES if case.device == "cpu" else 1
        self.number = 0
        self.rounds = Rounds(case, settings=settings, thorough=thorough)

    @property
    def in_turns(self) -> bool:
        """Whether candidates are interleaved with the default options."""
        return self.places > 1

    def time(self, wanted: Sequence[Wanted], block_seconds: float) -> list[dict[int, Candidate]]:
        """Time each candidate once at each of its batch sizes; one dict by batch size for each candidate, in order."""
        self.number += 1
        self.rounds.begin(len(wanted))
        members = [_Member(options, sizes, case=self.case, settings=self.settings) for options, sizes in wanted]
        usual = next((item for item in members if not item.options), None) if self.in_turns else None
        others = [item for item in members if item is not usual]
        step = max(1, self.places - (usual is not None))
        try:
            for first in range(0, max(1, len(others)), step):
                if usual is not None:
                    usual.forget_oom()  # the group before may have filled the memory, this one may not
                self._together(usual, others[first : first + step], block_seconds=block_seconds)
            if self.in_turns:
                self._had_no_memory(members, block_seconds=block_seconds)
        finally:
            for member in members:
                member.leave()
        return [{size: member.candidate(size, usual) for size in member.sizes} for member in members]

    def _had_no_memory(self, members: Iterable["_Member"], *, block_seconds: float) -> None:
        """Time those that ran out of memory again, each alone: the others may have filled the memory."""
        for member in members:
            member.leave()
        for member in members:
            if short := member.forget_oom():
                self._together(None, [member], block_seconds=block_seconds, sizes=short)

    def _together(
        self,
        usual: "_Member | None",
        others: Sequence["_Member"],
        *,
        block_seconds: float,
        sizes: Sequence[int] | None = None,
    ) -> None:
        """Time one group of candidates, interleaved with the default options, at each of their batch sizes."""
        group = others if usual is None else [usual, *others]
        try:
            clients = self.fleet.beside(contender(self.case), self.case.device, self.places)
        except WorkerError as error:
            for member in group:
                member.fail(member.sizes, "failed", str(error))
            return
        new = [
            member for place, member in enumerate(group) if member.begin(clients[(place + self.number) % self.places])
        ]
        self.rounds.tell([member.options for member in new])
        for size in sizes or dict.fromkeys(size for member in group for size in member.sizes):
            here = [member for member in group if size in member.sizes and size not in member.failed]
            self._place(here, size)
            _turns(usual, here, size, block_ns=block_seconds * NANOSECONDS, thorough=self.thorough)
        for member in others:
            member.leave()

    def _place(self, members: Sequence["_Member"], size: int) -> None:
        """Start and compile the candidates in parallel."""
        with ThreadPoolExecutor(max_workers=self.places) as pool:
            try:
                list(pool.map(lambda member: member.place(size), members))
            except BaseException:
                self.fleet.dismiss()  # else the thread pool waits until all have compiled
                raise


@final
class _Member:
    """One candidate in its own process, and its times."""

    def __init__(self, options: FrameworkOptions, sizes: Sequence[int], *, case: Case, settings: RunSettings) -> None:
        self.options, self.sizes = options, sizes
        self.failed: dict[int, Candidate] = {}
        self.times_ns: dict[int, list[float]] = {}
        self.ratios: dict[int, float] = {}  # of its time to that of the default options, by batch size
        self.call_ns, self.together = 0.0, 1
        self.pipelined, self._settings = case.scenario == "training", settings
        self._case = replace(case, batch_sizes=tuple(sizes))
        self._service: Service | None = None
        self._client: WorkerClient | None = None

    def begin(self, client: WorkerClient) -> bool:
        """Use this worker, unless the candidate has one already; whether it is used."""
        if self._client is not None:
            return False
        self._client = client
        return True

    def place(self, size: int) -> None:
        """Make ready for a batch size, in a new process if the one before failed at another batch size."""
        placed = self._tried(size, lambda: self._placed(size))
        if placed is not None:
            self.call_ns, self.together = placed["call_ns"], placed["together"]

    def warm_up(self, size: int, limit_ns: float) -> None:
        """Call until the times no longer fall, for at most `limit_ns` nanoseconds."""
        call_ns = self._tried(size, lambda: self._working.warm_up(int(limit_ns), limit_s=self._settings.limit_s))
        self.call_ns = call_ns or self.call_ns

    def turn(self, size: int, calls: int) -> float | None:
        """The nanoseconds of one call: for training the mean of pipelined `calls`, else the median of single ones."""

        def timed() -> list[int]:
            return self._working.time(calls, pipelined=self.pipelined, limit_s=self._settings.limit_s)

        times = self._tried(size, timed)
        if times is None:
            return None
        return times[0] / calls if self.pipelined else median(times)

    @property
    def calls(self) -> int:
        """How many calls a slice has: a multiple of `together`, since fewer steps at once are another program."""
        calls = max(1, round(TURN_NS / self.call_ns))
        if not self.pipelined:
            return calls
        calls = max(calls, min(DEPTH, int(LONGEST_TURN_NS / self.call_ns)))
        return -(-calls // self.together) * self.together

    def fail(self, sizes: Iterable[int], outcome: Outcome, error: str) -> None:
        """Note at these batch sizes that the candidate failed."""
        for size in sizes:
            self.failed[size] = Candidate(options=dict(self.options), outcome=outcome, error=error)

    def forget_oom(self) -> list[int]:
        """Return the batch sizes at which it ran out of memory; from now on they count as not tried."""
        short = [size for size, failed in self.failed.items() if failed.outcome == "oom"]
        for size in short:
            del self.failed[size]
        return short

    def leave(self) -> None:
        """End its process."""
        if self._client is not None and self._service is not None:
            with suppress(WorkerError):  # it has ended already
                self._client.finish()
        self._client = self._service = None

    def candidate(self, size: int, usual: "_Member | None") -> Candidate:
        """The candidate with its outcome and its time, which is relative to `usual` where the two were interleaved."""
        if size in self.failed:
            return self.failed[size]
        if usual is None or size not in self.ratios or size not in usual.times_ns:
            time_ns = median(self.times_ns[size])
        else:
            time_ns = self.ratios[size] * median(usual.times_ns[size])
        return Candidate(options=dict(self.options), times_s=(time_ns / NANOSECONDS,))

    def _tried(self, size: int, ask: Callable[[], Answer]) -> Answer | None:
        """The answer of its process; None if the process ended instead."""
        try:
            return ask()
        except WorkerError as error:
            failed = {"outcome": "failed", "error": str(error)}
            result: Message = error.result if isinstance(error, EndedError) else failed
        self._service = None
        self.fail([size], result["outcome"], str(result["error"]))
        return None

    def _placed(self, size: int) -> Message:
        if self._service is not None:
            return self._service.place(size, limit_s=self._settings.limit_s)
        if self._client is None:
            raise LookupError("found no process, expected `begin` before anything is placed")
        how = {"scenario": self._case.scenario, "precision": self._case.precision, "tuning": dict(self.options)}
        asked = job(self._case, self._settings) | how | {"kind": "serve", "batch_size": size}
        self._service = self._client.serve(asked, limit_s=self._settings.limit_s)
        return self._service.news

    @property
    def _working(self) -> Service:
        if self._service is None:
            raise LookupError("found no process, expected `place` before anything is timed")
        return self._service


def _turns(usual: _Member | None, members: Sequence[_Member], size: int, *, block_ns: float, thorough: bool) -> None:
    """Time the candidates in slices; the order rotates, and every second time it is reversed."""
    here = [member for member in members if size not in member.failed]
    warm_up_ns = WARM_UP_SHARE * block_ns
    if usual is not None and usual in here:  # warm first: single calls beside compiling processes are all slow
        usual.warm_up(size, warm_up_ns)
        if size not in usual.failed and not thorough:
            here = [member for member in here if not _is_hopeless(member, usual, size, warm_up_ns)]
    for member in here:
        if member is not usual:
            member.warm_up(size, warm_up_ns)
    here = [member for member in here if size not in member.failed]
    if not here:
        return
    longest_ns = max(member.calls * member.call_ns for member in here)
    times: dict[_Member, list[float]] = {member: [] for member in here}
    least = LEAST_TURNS if longest_ns < LONG_TURN_NS else FEWEST_TURNS
    for turn in range(max(least, round(block_ns / longest_ns))):
        first = turn % max(1, len(here))  # 0 candidates are left if all processes ended
        order = here[first:] + here[:first]
        for member in order if turn % 2 == 0 else order[::-1]:
            if len(here) > 1:
                time.sleep(PAUSE_S)
            taken = member.turn(size, member.calls)
            if taken is None:
                here.remove(member)
            else:
                times[member].append(taken)
    _note(usual, {member: times[member] for member in here}, size)


def _note(usual: _Member | None, times: Mapping[_Member, Sequence[float]], size: int) -> None:
    """Store the times of each candidate, and the median over the slices of its ratio to the default options."""
    for member, taken in times.items():
        member.times_ns.setdefault(size, []).extend(taken)
        if usual is not None and usual in times and member is not usual:
            member.ratios[size] = float(np.median(np.divide(taken, times[usual])))


def _is_hopeless(member: _Member, usual: _Member, size: int, limit_ns: float) -> bool:
    """Whether every call until the time limit is far slower than the default; then its time is the fastest call.

    One short call is not enough: its process has just slept, while the process with the default options is warm.
    """
    quickest_ns, left_ns = member.call_ns, limit_ns
    while member is not usual and quickest_ns > HOPELESS * usual.call_ns:
        if left_ns < 0:
            member.times_ns[size], member.ratios[size] = [quickest_ns], quickest_ns / usual.call_ns
            return True
        call_ns = member.turn(size, member.together)
        if call_ns is None:
            return True
        quickest_ns = min(quickest_ns, call_ns)
        left_ns -= member.together * call_ns
    return False
