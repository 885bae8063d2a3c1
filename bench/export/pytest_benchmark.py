"""A run in the JSON format of pytest-benchmark, for `pytest-benchmark compare` and other readers of that format.

pytest-benchmark itself computes the statistics.
"""

import json
from collections.abc import Sequence
from typing import Any

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
    environment = records[0].environment
    content = {
        "machine_info": {
            "node": environment.machine,
            "processor": environment.cpu,
            "machine": environment.system,
            "python_version": environment.python,
            "cpu": {"brand_raw": environment.cpu, "count": environment.cores},
        },
        "commit_info": {"id": environment.commit or "unversioned", "dirty": False, "project": "levelfield"},
        "benchmarks": [_benchmark(cell, blocks) for cell, blocks in timed_blocks(records).items()],
        "datetime": records[0].started,
        "version": VERSION,
    }
    return json.dumps(content, indent=1) + "\n"


def _benchmark(cell: Cell, blocks: Sequence[Block]) -> dict[str, Any]:
    group = f"{cell.workload} {cell.scenario} batch {cell.batch_size} on {cell.device}"
    return {
        "group": group,
        "name": f"{cell.workload}[{cell.contender}-{cell.scenario}-{cell.batch_size}]",
        "fullname": f"{cell.place}, {cell.how}",
        "params": {"framework": cell.contender, "batch_size": cell.batch_size},
        "param": f"{cell.contender}-{cell.batch_size}",
        "extra_info": {"processes": len(blocks)},
        "options": {},
        "stats": _statistics([call / NANOSECONDS for block in blocks for call in block.synchronised_ns]),
    }


def _statistics(seconds: Sequence[float]) -> dict[str, Any]:
    try:
        from pytest_benchmark.stats import Stats
    except ImportError:
        raise UsageError("--format pytest-benchmark: found no pytest-benchmark: pip install pytest-benchmark") from None
    found: Any = Stats()  # type: ignore[no-untyped-call]
    for value in seconds:
        found.update(value)
    return {**found.as_dict(), "data": list(seconds), "iterations": 1}
