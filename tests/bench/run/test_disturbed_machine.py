"""Other work is seen while a block is timed, and two equal sides on a disturbed machine have no winner.

As a study, with 20 repetitions, this prints one line of JSON for each part. The second part takes four minutes on two
cores. The first takes longer: PyTorch's threads wait for each other in every step, so beside a program that uses one of
two cores a step takes up to 90 ms in place of 0.6 ms.

    nox -s studies -- tests/bench/run/test_disturbed_machine.py
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from bench.analysis.compare import compare
from bench.analysis.disturbance import disturbances
from bench.records.environment import available_cores
from bench.records.measurement import Block, Measurement
from bench.records.record import Record, to_json
from bench.report.tables import report
from bench.run.worker_client import WorkerClient
from bench.workload.workload import load_workload
from tests.bench.report.report_reader import table_of
from tests.bench.sample_records import record

TIMES = [pytest.param(1, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.study)]
THREADS = available_cores()
BLOCK_SECONDS = 0.2  # as in the suite `quick`
LIMIT_S = 300.0
PROCESSES = 3
MOST_WINNERS, LEAST_MARKED, MOST_FALSE = 1, 0.9, 0  # winners of 20 pairs; the share of disturbed blocks; false alarms
WORKLOAD = load_workload("digits-dnn")


@pytest.fixture
def pytorch(tmp_path: Path) -> Iterator[WorkerClient]:
    """A fork server with PyTorch."""
    client = WorkerClient("pytorch", None, device="cpu", log=tmp_path / "fork-server.log")
    client.wait_until_ready()
    yield client
    client.close()


@contextmanager
def other_work(programs: int) -> Iterator[None]:
    """So many programs that do nothing but use a core."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield
    finally:
        for program in started:
            program.kill()
            program.wait()


def timed(client: WorkerClient, folder: Path) -> Block:
    """The block of one fresh process: training steps of digits-dnn."""
    case = replace(record(workload=WORKLOAD.name).case, threads=THREADS, batch_sizes=(WORKLOAD.recipe.batch_size,))
    work = {
        "kind": "measure",
        "framework": "pytorch",
        "device": "cpu",
        "threads": THREADS,
        "workload": WORKLOAD.content,
        "source": WORKLOAD.source,
        "log": str(folder / "worker.log"),
        "case": to_json(case),
        "block_seconds": BLOCK_SECONDS,
        "processes": PROCESSES,
    }
    result = client.run(work, limit_s=LIMIT_S).result
    assert result["outcome"] == "ok", result["error"]
    return TypeAdapter(Measurement).validate_python(result["measurement"]).blocks[0]


def pair(client: WorkerClient, folder: Path) -> list[list[Block]]:
    """Two sides of three processes each; the side that is first alternates, as frameworks do in a run."""
    sides: list[list[Block]] = [[], []]
    for number in range(PROCESSES):
        for side in sides if number % 2 == 0 else sides[::-1]:
            side.append(timed(client, folder))
    return sides


def page_records(sides: list[list[Block]]) -> list[Record]:
    """Both sides in one run, as if they were two frameworks."""
    return [
        record(WORKLOAD.name, framework, replicate=number, measurement=Measurement(blocks=(block,)))
        for framework, side in zip(("pytorch", "flax"), sides, strict=True)
        for number, block in enumerate(side)
    ]


def names_a_winner(records: list[Record]) -> bool:
    """Whether the summary has one framework in bold, and not the other."""
    rows = table_of(report(records), "Summary", "Summary").rows
    return sum(any(entry.best for entry in row) for row in rows) == 1


def differs(sides: list[list[Block]]) -> bool:
    """Whether `levelfield compare` calls one side faster or slower than the other."""
    before, after = (
        [
            record(WORKLOAD.name, replicate=number, run=name, measurement=Measurement(blocks=(block,)))
            for number, block in enumerate(side)
        ]
        for name, side in zip(("base", "head"), sides, strict=True)
    )
    return any(row.verdict in {"improved", "regressed"} for row in compare(before, after, threshold=0.05).rows)


def unwatched(sides: list[list[Block]]) -> list[list[Block]]:
    """The same blocks as an earlier version stored them."""
    return [[replace(block, use=None) for block in side] for side in sides]


def marked(blocks: list[Block]) -> int:
    """How many of these blocks were disturbed."""
    return sum(bool(disturbances(block, threads=THREADS, device="cpu")) for block in blocks)


def tell(capsys: pytest.CaptureFixture[str], **figures: object) -> None:
    """Print a line of JSON."""
    with capsys.disabled():
        print(f"\n{json.dumps(figures | {'cores': THREADS, 'processes': PROCESSES})}")  # noqa: T201 (the study's result)


@pytest.mark.timeout(7200)
@pytest.mark.study  # one pair beside a busy core takes some minutes
@pytest.mark.parametrize("count", [20])
def test_equal_sides_have_no_winner_while_another_program_uses_a_core(
    pytorch: WorkerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, count: int
) -> None:
    with other_work(1):
        pairs = [pair(pytorch, tmp_path) for _ in range(count)]
    winners = sum(names_a_winner(page_records(sides)) for sides in pairs)
    tell(
        capsys,
        study="equal sides beside a program that uses one core",
        pairs=count,
        winners=winners,
        winners_without_watching=sum(names_a_winner(page_records(unwatched(sides))) for sides in pairs),
        verdicts_of_compare=sum(map(differs, pairs)),
        disturbed_blocks=sum(marked(side) for sides in pairs for side in sides),
        blocks=2 * PROCESSES * count,
    )
    assert winners <= MOST_WINNERS


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", TIMES)
def test_three_programs_beside_one_block_are_seen_and_without_them_no_block_is_marked(
    pytorch: WorkerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, count: int
) -> None:
    quiet, disturbed = [], []
    for _ in range(count):
        quiet.append(timed(pytorch, tmp_path))
        with other_work(3):
            disturbed.append(timed(pytorch, tmp_path))
    found, false = marked(disturbed), marked(quiet)
    tell(
        capsys,
        study="three programs beside one block",
        planted=count,
        marked=found,
        without_load=count,
        marked_without_load=false,
        others_without_load=[round(_others(block), 3) for block in quiet],
    )
    assert found >= LEAST_MARKED * count
    if count > 1:  # alone in the study, which runs on a machine without other work
        assert false <= MOST_FALSE


def _others(block: Block) -> float:
    """The largest number of cores that other programs used in a part of the block."""
    loads = block.use.loads if block.use else ()
    return max(((load.others_ns or 0) / load.span_ns for load in loads), default=0.0)
