"""Two processes write records and are killed at random moments; every record that they had finished is readable."""

import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from bench.records.record import Record
from bench.records.record_lines import to_line
from bench.records.store import RunFolder, new_run
from tests.bench.sample_records import record

Write = Callable[[RunFolder, int, int], None]

LARGE = record(samples=20_000)  # 200 kB in one line, so that a kill may leave an incomplete line
LONGEST_S = 0.05


def numbered(seed: int, number: int) -> Record:
    """A record with its own seed and replicate, so that it can be recognised."""
    return replace(LARGE, case=replace(LARGE.case, seed=seed, replicate=number))


def appended(run: RunFolder, seed: int, number: int) -> None:
    """Store a record as the harness does."""
    run.append(numbered(seed, number))


def buffered(run: RunFolder, seed: int, number: int, *, kept: list[str] = []) -> None:  # noqa: B006 (that is the fault)
    """Store records in the wrong way: buffered, five at a time."""
    kept.append(to_line(numbered(seed, number)) + "\n")
    if len(kept) == 5:
        with run.records.open("a") as file:
            file.writelines(kept)
        kept.clear()


def write_until_killed(write: Write, records: Path, finished: Path, seed: int) -> None:
    """Store records; after each one, write its seed and number to the file `finished`."""
    notes = os.open(finished, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number in range(10**6):
        write(RunFolder(records), seed, number)
        os.write(notes, f"{seed} {number}\n".encode())


def killed_again_and_again(write: Write, run: RunFolder, *, kills: int) -> set[tuple[int, int]]:
    """The seed and number of all records that were finished; a new process replaces each killed one."""
    finished = run.folder / "finished"
    finished.touch()
    moments = random.Random(0)  # noqa: S311 (no secret)
    prepared = multiprocessing.get_context("forkserver")
    prepared.set_forkserver_preload(["tests.bench.records.test_kills"])
    seeds = iter(range(10**6))

    def started() -> Iterator[BaseProcess]:
        while True:
            arguments = (write, run.records, finished, next(seeds))
            process = prepared.Process(target=write_until_killed, args=arguments, daemon=True)
            process.start()
            yield process

    new = started()
    writers = [next(new), next(new)]
    for kill in range(kills):
        before = finished.stat().st_size
        while finished.stat().st_size == before:  # until one of them has written a record since the last kill
            assert all(writer.is_alive() for writer in writers), "expected both to write until they are killed"
            time.sleep(0.001)
        time.sleep(moments.uniform(0, LONGEST_S))
        writers[kill % 2].kill()
        writers[kill % 2].join()
        writers[kill % 2] = next(new)
    for writer in writers:
        writer.kill()
        writer.join()
    return {(int(seed), int(number)) for seed, number in map(str.split, finished.read_text().splitlines())}


def stored(run: RunFolder, *, torn: list[str]) -> Counter[tuple[int, int]]:
    """How often each record is in the file."""
    return Counter((item.case.seed, item.case.replicate) for item in run.read(warn=torn.append))


KILLS = [10, pytest.param(200, marks=pytest.mark.study)]


@pytest.mark.parametrize("kills", KILLS)
def test_no_finished_record_is_lost_if_a_writer_is_killed(tmp_path: Path, *, kills: int) -> None:
    run = new_run(tmp_path, machine="machine")
    finished = killed_again_and_again(appended, run, kills=kills)
    torn: list[str] = []
    found = stored(run, torn=torn)
    assert len(finished) > 2
    assert finished <= set(found), "expected every finished record"
    assert max(found.values()) == 1
    assert len(torn) <= kills + 2, "expected at most one incomplete line for each kill"
    run.append(record(seed=-1))
    assert stored(run, torn=[])[-1, 0] == 1, "expected that another record can be stored"


def test_buffered_records_are_lost_if_a_writer_is_killed(tmp_path: Path) -> None:
    run = new_run(tmp_path, machine="machine")
    finished = killed_again_and_again(buffered, run, kills=10)
    assert finished - set(stored(run, torn=[]))
