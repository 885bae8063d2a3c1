"""Reads what uses the cores around timed calls: this process, other programs, the hypervisor, and threads that wait.

Linux counts all of it since the system began. A `Snapshot` has the counters of one moment, and a `Load` the difference
of two. A counter that this machine does not have is None, never 0.
"""

import os
import resource
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pynvml

from bench.records import control_groups
from bench.records.environment import available_cores
from bench.records.machine_use import Load, Part
from bench.worker.measure.clock import now_ns, processor_ns

PROC = Path("/proc")
NANOSECONDS = 1_000_000_000
TICK_NS = NANOSECONDS // os.sysconf("SC_CLK_TCK")
IDLE, WAITING_FOR_DISK, STOLEN, COUNTED = 3, 4, 7, 8  # places in a line of /proc/stat; later ones are part of earlier
USER, SYSTEM = 11, 12  # places in /proc/<pid>/stat behind the name of the program
COMPLETE = 0.8  # a kernel that accounts for less of the wall time does not count (a sandbox, for example)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """The counters of one core: time without work, time that the hypervisor took, and all time."""

    idle_ns: int
    stolen_ns: int
    total_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All counters at one moment; `family` is the CPU time of each process of the harness, without this process."""

    at_ns: int
    own_ns: int
    processors: Mapping[int, Processor] | None
    family: Mapping[int, int]
    waited: Mapping[int, int] | None
    pressure_ns: int | None
    group_pressure_ns: int | None
    preemptions: int


def snapshot(beside: tuple[int, ...] = ()) -> Snapshot:
    """The counters of this moment; `beside` are other processes of the harness that work at the same time."""
    threads = _threads()
    children = _children(threads)  # those that drive other devices have cores of their own
    return Snapshot(
        at_ns=now_ns(),
        own_ns=processor_ns(),
        processors=_processors((*threads, *children)),
        family=_family(children, beside),
        waited=_waited(threads),
        pressure_ns=_pressure_ns(_text(PROC / "pressure" / "cpu") or ""),
        group_pressure_ns=_pressure_ns(control_groups.cpu_pressure()),
        preemptions=preemptions(),
    )


def load(
    part: Part, before: Snapshot, after: Snapshot, *, beside: tuple[int, ...] | None = (), gpu_others: int | None = None
) -> Load:
    """The load between two snapshots; without `beside`, another process of the harness is there, but unknown."""
    span_ns, own_ns = after.at_ns - before.at_ns, after.own_ns - before.own_ns
    others_ns = stolen_ns = None
    if before.processors and after.processors and before.processors.keys() == after.processors.keys():
        pairs = [(before.processors[number], item) for number, item in after.processors.items()]
        stolen_ns = sum(last.stolen_ns - first.stolen_ns for first, last in pairs)
        idle_ns = sum(last.idle_ns - first.idle_ns for first, last in pairs)
        counted_ns = sum(last.total_ns - first.total_ns for first, last in pairs)
        is_complete = counted_ns >= COMPLETE * span_ns * len(pairs) - TICK_NS * len(pairs)
        if is_complete and beside is not None and set(beside) <= after.family.keys():
            busy_ns = span_ns * len(pairs) - idle_ns - stolen_ns
            others_ns = max(0, busy_ns - own_ns - _spent_ns(before.family, after.family))
    return Load(
        part=part,
        span_ns=span_ns,
        cores=len(after.processors or ()) or available_cores(),
        own_ns=own_ns,
        others_ns=others_ns,
        waited_ns=None if before.waited is None or after.waited is None else _spent_ns(before.waited, after.waited),
        pressure_ns=_difference(before.pressure_ns, after.pressure_ns),
        group_pressure_ns=_difference(before.group_pressure_ns, after.group_pressure_ns),
        stolen_ns=stolen_ns,
        preemptions=after.preemptions - before.preemptions,
        gpu_others=gpu_others,
    )


def preemptions() -> int:
    """How often a thread of this process was preempted."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def gpu_others(gpu: object, beside: tuple[int, ...] | None) -> int | None:
    """Other processes that compute on a GPU, without those of the harness; None if the driver does not tell.

    In a container, the driver may number processes as the host does. Then this process is not in its list, and as many
    as the harness has are taken away.
    """
    try:
        found: list[Any] = pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)
    except pynvml.NVMLError:
        return None
    if beside is None:
        return None
    harness = {os.getpid(), *beside}
    return max(0, len(found) - len(harness))


def _threads() -> tuple[int, ...]:
    try:
        return tuple(int(path.name) for path in (PROC / "self" / "task").iterdir())
    except OSError:
        return ()


def _processors(threads: Iterable[int]) -> dict[int, Processor] | None:
    """The counters of all cores that any of these threads and processes may use."""
    allowed: set[int] = set()
    for thread in threads if hasattr(os, "sched_getaffinity") else ():
        try:
            allowed |= os.sched_getaffinity(thread)
        except OSError:  # the thread has ended
            continue
    lines = (_text(PROC / "stat") or "").splitlines()
    found = {}
    for name, *counts in (line.split() for line in lines if line.startswith("cpu")):
        number = name.removeprefix("cpu")
        if number.isdecimal() and int(number) in allowed and len(counts) >= COUNTED:
            ticks = [int(count) for count in counts[:COUNTED]]
            found[int(number)] = Processor(
                idle_ns=(ticks[IDLE] + ticks[WAITING_FOR_DISK]) * TICK_NS,
                stolen_ns=ticks[STOLEN] * TICK_NS,
                total_ns=sum(ticks) * TICK_NS,
            )
    return found if found and found.keys() == allowed else None


def _children(threads: Iterable[int]) -> tuple[int, ...]:
    """The processes that these threads have started."""
    texts = (_text(PROC / "self" / "task" / str(thread) / "children") or "" for thread in threads)
    return tuple(int(pid) for text in texts for pid in text.split())


def _family(children: Iterable[int], beside: Iterable[int]) -> dict[int, int]:
    """The CPU time of the processes of the harness: the launcher, the parent process, own children, and `beside`."""
    pids = [os.getppid(), _parent(os.getppid()), *beside, *children]
    used = {pid: _used_ns(pid) for pid in pids if pid}
    return {pid: spent for pid, spent in used.items() if spent is not None}


def _fields(pid: int) -> list[str]:
    """The fields of a process behind its name, which may contain blanks; empty if the process has ended."""
    return (_text(PROC / str(pid) / "stat") or "").rpartition(")")[2].split()


def _parent(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[1]) if fields else 0


def _used_ns(pid: int) -> int | None:
    fields = _fields(pid)
    return (int(fields[USER]) + int(fields[SYSTEM])) * TICK_NS if fields else None


def _waited(threads: Iterable[int]) -> dict[int, int] | None:
    """The run delay of each thread; the file of the process has that of its first thread alone."""
    texts = {thread: _text(PROC / "self" / "task" / str(thread) / "schedstat") for thread in threads}
    return {thread: int(text.split()[1]) for thread, text in texts.items() if text} or None


def _pressure_ns(text: str) -> int | None:
    for line in text.splitlines():
        if line.startswith("some "):
            return int(line.rpartition("total=")[2]) * 1000  # the file counts microseconds
    return None


def _spent_ns(before: Mapping[int, int], after: Mapping[int, int]) -> int:
    """How much the counters of all have grown; one that is new began at 0."""
    return sum(max(0, last - before.get(number, 0)) for number, last in after.items())


def _difference(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
