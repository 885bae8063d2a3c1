"""A run in the JSON format of pytest-benchmark, for `pytest-benchmark compare` and other readers of that format.

pytest-benchmark itself computes the statistics.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bench.analysis.reliability import Doubt, cell_doubts
from bench.errors import UsageError
from bench.records.cell import Cell
from bench.records.measurement import Block
from bench.records.record import Record
from bench.records.timing_metrics import timed_blocks

VERSION = "5.1.0"  # of pytest-benchmark: the first version with this format
NANOSECONDS = 1e9


def render(records: Sequence[Record]) -> str:
    """One benchmark for each cell; its rounds are the synchronised calls of all processes, in seconds.

    All records are of one run. Raises UsageError if pytest-benchmark is not installed.
    """
    environment, timed = records[0].environment, timed_blocks(records)
    doubts, marks = cell_doubts(records, timed), _marks(timed)
    content = {
        "machine_info": {
            "node": environment.machine,
            "processor": environment.cpu,
            "machine": environment.system,
            "python_version": environment.python,
            "cpu": {"brand_raw": environment.cpu, "count": environment.cores},
        },
        "commit_info": {"id": environment.commit or "unversioned", "dirty": False, "project": "levelfield"},
        "benchmarks": [
            _benchmark(cell, blocks, name=marks[cell], doubt=doubts.get(cell)) for cell, blocks in timed.items()
        ],
        "datetime": records[0].started,
        "version": VERSION,
    }
    return json.dumps(content, indent=1) + "\n"


def _marks(cells: Iterable[Cell]) -> dict[Cell, str]:
    """What a name has in its brackets: framework, scenario, batch size, and what is unusual or varies in the run."""
    known = tuple(cells)
    several = len({cell.threads for cell in known}) > 1
    return {cell: "-".join(_words(cell, several_threads=several)) for cell in known}


def _words(cell: Cell, *, several_threads: bool) -> Iterator[str]:
    yield from (cell.contender, cell.scenario, str(cell.batch_size))
    if cell.device != "cpu":
        yield cell.device
    yield from (word.replace(" ", "_") for word in cell.unusual)
    if several_threads:
        yield f"{cell.threads}_threads"


def _benchmark(cell: Cell, blocks: Sequence[Block], *, name: str, doubt: Doubt | None) -> dict[str, Any]:
    group = f"{cell.workload} {cell.scenario} batch {cell.batch_size} on {cell.device}"
    others = {field: getattr(cell, field) for field in ("device", "mode", "precision", "threads", "feed")}
    return {
        "group": group,
        "name": f"{cell.workload}[{name}]",
        "fullname": cell.full_name,
        "params": {"framework": cell.contender, "batch_size": cell.batch_size},
        "param": name,
        "extra_info": {"processes": len(blocks)} | others | _doubt(doubt),
        "options": {},
        "stats": _statistics([call / NANOSECONDS for block in blocks for call in block.synchronised_ns]),
    }


def _doubt(doubt: Doubt | None) -> dict[str, str]:
    return {} if doubt is None else {"doubt": f"{doubt.reason}: {doubt.words}"}


def _statistics(seconds: Sequence[float]) -> dict[str, Any]:
    try:
        from pytest_benchmark.stats import Stats
    except ImportError:
        raise UsageError("--format pytest-benchmark: found no pytest-benchmark: pip install pytest-benchmark") from None
    found: Any = Stats()  # type: ignore[no-untyped-call]
    for value in seconds:
        found.update(value)
    return {**found.as_dict(), "data": list(seconds), "iterations": 1}
