"""Runs at an address, which several users share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.records import store
from bench.records.record import Record
from bench.records.store import Plan, RunFolder
from tests.bench.sample_records import record

ADDRESS = "memory://bucket/results"
MACHINE = "i7-2c-1f3a"

Mirror = Callable[[str], Path]


def measured(results: Path, number: int = 3, *, machine: str = MACHINE) -> RunFolder:
    """A run with so many records."""
    run = store.new_run(results, machine=machine)
    planned = [record(replicate=count, order=count, run=run.name) for count in range(number)]
    with run.measuring():
        run.save_plan(Plan(cases=tuple(item.case for item in planned), options={"machine": machine}))
        for item in planned:
            run.append(item)
    return run


def read(run: RunFolder) -> list[Record]:
    return run.read(warn=pytest.fail)
