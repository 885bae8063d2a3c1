"""The commands on a page that measure something again."""

import shlex
from collections.abc import Iterable, Sequence

from bench.records.cell import Cell
from bench.report.results import Lane
from bench.workload.workload_files import workload_names

USUAL_FEED = "device"


def measured_again(way: Cell | Lane, *, workload: str, feeds: Iterable[str], more: Sequence[str] = ()) -> str:
    """The command; a workload of a user is named by a file of its name, because records have no paths."""
    name = workload if workload in workload_names() else f"{workload}.toml"
    words = ("levelfield", "run", name, "--framework", way.contender, "--device", way.device, "--mode", way.mode)
    fed = sorted({*feeds})
    feed = () if fed == [USUAL_FEED] else ("--feed", ",".join(fed))
    return shlex.join((*words, "--precision", way.precision, *more, "--threads", str(way.threads), *feed))
