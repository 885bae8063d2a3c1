"""An executor of the tests: machines that tell what a script says, and can be lost at any step."""

from collections.abc import Sequence
from random import Random
from typing import final

from bench.run.sender import News, Part


@final
class ScriptedMachines:
    """See `Executor`. Each part has `records` lines; `dies` says after how many lines of all a machine is lost."""

    def __init__(
        self, names: Sequence[str], *, records: int, seed: int = 0, dies: dict[str, int] | None = None
    ) -> None:
        self.names, self.records = list(names), records
        self.dies = dict(dies or {})
        self.random = Random(seed)  # noqa: S311 (a script)
        self.disks: dict[tuple[str, str], list[str]] = {}  # what a machine has measured, by machine and workload
        self.running: dict[str, tuple[Part, list[str]]] = {}  # lines that were not told yet
        self.measured: list[tuple[str, str]] = []  # machine and line, in the order of measurement
        self.stopped = False
        self.interrupt_after: int | None = None

    def machines(self) -> Sequence[str]:
        """Those that are not lost."""
        return tuple(self.names)

    def start(self, part: Part, machine: str) -> None:
        """Measure what the machine has not measured yet; lines that were left there are told first."""
        assert machine not in self.running, "one part at a time"
        assert part.machine in {None, machine}
        disk = self.disks.setdefault((machine, part.workload), [])
        self.running[machine] = part, list(disk)

    def news(self) -> News:
        """The next line of some machine, its end, or its loss."""
        machine = self.random.choice(sorted(self.running))
        part, untold = self.running[machine]
        if self.interrupt_after is not None and not self.stopped and len(self.measured) >= self.interrupt_after:
            raise KeyboardInterrupt
        if self.dies.get(machine, -1) == sum(name == machine for name, _ in self.measured):
            del self.running[machine], self.dies[machine]
            self.names.remove(machine)
            return News(machine=machine, kind="lost", text="no heartbeat")
        if untold:
            return News(machine=machine, kind="line", text=untold.pop(0))
        disk = self.disks[machine, part.workload]
        if len(disk) == self.records or self.stopped:
            del self.running[machine]
            return News(machine=machine, kind="ended", code=130 if self.stopped and len(disk) < self.records else 0)
        line = f"{part.workload} {len(disk)}"
        disk.append(line)
        self.measured.append((machine, line))
        untold.append(line)
        return News(machine=machine, kind="told", text="measured")

    def stop(self) -> None:
        """End all parts."""
        self.stopped = True
