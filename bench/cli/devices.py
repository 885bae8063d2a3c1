"""Whether the frameworks see the devices that a command asks for."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.workload.frameworks import Contender


def check_devices(contenders: "Sequence[Contender]", wanted: Sequence[str]) -> None:
    """Ask a worker of each framework what it sees; raises UsageError where that is not what is wanted.

    Every framework sees the CPU, so nothing is started for it.
    """
    if set(wanted) == {"cpu"}:
        return
    from bench.plan import request
    from bench.run.worker_pool import probe

    with TemporaryDirectory(prefix="levelfield-") as folder:
        seen = probe(contenders, logs=Path(folder))
    request.check_devices(contenders, wanted, seen=seen)
