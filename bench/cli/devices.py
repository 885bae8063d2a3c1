"""Asks the frameworks which devices they see, and checks that they see the devices that a command wants."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.cli.console import errors

if TYPE_CHECKING:
    from bench.workload.frameworks import Contender


def ask(contenders: "Iterable[Contender]") -> "Mapping[Contender, Mapping[str, Any]]":
    """The devices that each framework sees. Meanwhile the terminal shows which frameworks have not answered yet."""
    from bench.run import device_probe

    with errors.status("asking the frameworks for their devices") as status:

        def waiting(left: "Sequence[Contender]") -> None:
            if left:
                status.update(f"asking {', '.join(map(str, left))} for their devices")

        return device_probe.probe(contenders, waiting=waiting)


def check_devices(contenders: "Sequence[Contender]", wanted: Sequence[str]) -> None:
    """Ask each framework what it sees; raises UsageError where a framework does not see a device that is wanted.

    Every framework sees the CPU, so nothing is asked where only the CPU is wanted.
    """
    from bench.workload import places

    if all(map(places.is_cpu, wanted)):
        return
    from bench.plan import request

    request.check_devices(contenders, wanted, seen=ask(contenders))
