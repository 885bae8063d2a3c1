"""Says which process measures a run, and whether that process still runs.

A process id alone does not name a process for long: the system uses it again, and a container or another machine has
ids of its own. So the time at which the process started, the boot of the machine and the namespace of ids belong to it.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime

PROC = Path("/proc")
UNKNOWN = 0  # the number of no process
ZOMBIE, DEAD = "Z", "X"  # states of a process that has ended

State = Literal["none", "running", "gone", "unseen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuringProcess:
    """A process on one boot of one machine. Where the system does not tell, `boot`, `namespace` and `ticks` are empty.

    `ticks` is when the process started, in clock ticks since the boot. `since` is when it began to measure.
    """

    pid: int
    ticks: str
    boot: str
    namespace: str
    since: AwareDatetime

    def state(self) -> State:
        """`running` or `gone`; `unseen` if the process is on another machine, in another container, or before a boot.

        After a restart of the machine, nothing says whether the file comes from this machine.
        """
        here = (_boot(), _namespace())
        if not all(here) or here != (self.boot, self.namespace):
            return "unseen"
        return "running" if self.ticks and _ticks(self.pid) == self.ticks else "gone"

    @property
    def is_known(self) -> bool:
        """Whether its file could be read."""
        return self.pid != UNKNOWN

    def elapsed_s(self) -> float:
        """The seconds since it began to measure, at least 0."""
        return max(0.0, (datetime.now(tz=UTC) - self.since).total_seconds())


def this_process() -> MeasuringProcess:
    """The process that asks; it begins to measure now."""
    pid = os.getpid()
    now = datetime.now(tz=UTC).replace(microsecond=0)
    return MeasuringProcess(pid=pid, ticks=_ticks(pid), boot=_boot(), namespace=_namespace(), since=now)


def unknown_process() -> MeasuringProcess:
    """What a file that cannot be read names: a process that may still run, of which nothing is known."""
    return MeasuringProcess(pid=UNKNOWN, ticks="", boot="", namespace="", since=datetime.now(tz=UTC))


def _boot() -> str:
    try:
        return (PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str((PROC / "self" / "ns" / "pid").readlink())
    except OSError:
        return ""


def _ticks(pid: int) -> str:
    """The time at which this process started; empty if there is none. Its name, in parentheses, may have blanks."""
    try:
        state, *fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in {ZOMBIE, DEAD} else fields[18]
