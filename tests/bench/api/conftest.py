"""A folder of results with one run of each kind, as notebooks load it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import bench
from bench.records.record import Record
from bench.records.store import RunFolder, new_run
from tests.bench.sample_records import ENVIRONMENT, learning, quick_run, record

MACHINE = ENVIRONMENT.machine


def store(results: Path, records: Sequence[Record]) -> RunFolder:
    """A run of these records, with its own id on them."""
    run = new_run(results, machine=MACHINE)
    for item in records:
        run.append(replace(item, run=run.name))
    return run


def records() -> list[Record]:
    """A run with everything that a frame has: times, learning, memory, a failed case and one without a proof."""
    reached = replace(record(purpose="learning", seed=1).measurement, learning=learning(seed=1))
    more = (
        record(purpose="learning", seed=1, measurement=reached),
        record("wine", outcome="failed", error="found <b>no</b> memory"),
        record("xor", certificate=None),
        record("sonar", certificate="failed"),
    )
    return [replace(item, order=order) for order, item in enumerate((*quick_run(), *more))]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run."""
    folder = tmp_path_factory.mktemp("results")
    store(folder, records())
    return folder


@pytest.fixture(scope="session")
def runs(results: Path) -> bench.Runs:
    """The run of this folder."""
    return bench.load(results)
