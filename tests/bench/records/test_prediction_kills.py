"""A process writes predictions and is killed at random moments, while files are rotated; what remains is readable."""

import itertools
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bench.records.prediction_log import files_of, read
from bench.records.prediction_writer import PredictionWriter
from tests.bench.records.prediction_lines import SOURCE, row

KILLS = [20, pytest.param(100, marks=pytest.mark.slow)]
LONGEST_S = 0.03
MOST_SAMPLES = 2_000  # of which a process must have logged a random part before it is killed, however slow the machine
SIZE = 400_000  # bytes, so that files are rotated in most lives
BATCHES = (1, 40, 1, 7)  # samples of one call after the other

Write = Callable[[PredictionWriter, Sequence[int]], None]


def appended(writer: PredictionWriter, numbers: Sequence[int]) -> None:
    """Log a call as the harness does."""
    writer.answered([row(number) for number in numbers], latency_ns=1, batch=len(numbers))


def buffered(writer: PredictionWriter, numbers: Sequence[int], *, kept: list[int] = []) -> None:  # noqa: B006 (that is the fault)
    """Log calls in the wrong way: a few at a time."""
    kept.extend(numbers)
    if len(kept) > 200:
        appended(writer, kept)
        kept.clear()


def write_until_killed(write: Write, log: Path, life: int) -> None:
    """Log one call after the other; after each, write the number of the next sample to a file of this life."""
    finished = os.open(notes(log, life), os.O_WRONLY | os.O_CREAT)
    numbers = itertools.count()
    with PredictionWriter(log, SOURCE._replace(model=str(life)), size_bytes=SIZE) as writer:
        for batch in itertools.cycle(BATCHES):
            samples = list(itertools.islice(numbers, batch))
            write(writer, samples)
            os.pwrite(finished, f"{samples[-1] + 1:12}".encode(), 0)


def notes(log: Path, life: int) -> Path:
    return log.with_name(f"finished-{life}")


def logged(log: Path, life: int) -> int:
    """How many samples a process has logged until now."""
    file = notes(log, life)
    return int(file.read_text() or 0) if file.exists() else 0


def killed_again_and_again(write: Write, log: Path, *, kills: int) -> Iterator[list[int]]:
    """After each kill, how many samples each process had logged until then; a new process follows."""
    moments = random.Random(0)  # noqa: S311 (no secret)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.bench.records.test_prediction_kills"])
    finished: list[int] = []
    for life in range(kills):
        process = context.Process(target=write_until_killed, args=(write, log, life), daemon=True)
        process.start()
        least = moments.randint(1, MOST_SAMPLES)
        while logged(log, life) < least:
            assert process.is_alive()
            time.sleep(0.001)
        time.sleep(moments.uniform(0, LONGEST_S))
        process.kill()
        process.join()
        finished.append(logged(log, life))
        yield finished


def lost(log: Path, finished: Sequence[int], *, torn: list[str]) -> list[str]:
    """The lives of which finished samples are missing, or whose numbers have a gap; the oldest may be rotated away."""
    by_life: dict[int, list[int]] = {}
    for line in read([log], warn=torn.append):
        by_life.setdefault(int(line.model), []).append(line.sample or 0)
    oldest = min(by_life, default=0)
    wrong = []
    for life in range(oldest, len(finished)):
        numbers = by_life.get(life, [])
        first = numbers[0] if life == oldest and numbers else 0
        if numbers != list(range(first, first + len(numbers))) or first + len(numbers) < finished[life]:
            wrong.append(f"{life}: {len(numbers)} of {finished[life]} from {first}")
    return wrong


@pytest.mark.parametrize("kills", KILLS)
def test_no_finished_line_is_lost_if_the_writer_is_killed(tmp_path: Path, *, kills: int) -> None:
    log = tmp_path / "log.jsonl"
    torn: list[str] = []
    for finished in killed_again_and_again(appended, log, kills=kills):
        torn.clear()
        assert lost(log, finished, torn=torn) == []
        assert len(torn) <= len(finished), "expected at most one incomplete line for each kill"
    assert 0 not in {int(line.model) for line in read([log], warn=torn.append)}, "expected that files were rotated away"
    assert len(files_of(log)) > 2  # not always six: a process that is killed while it renames them leaves a gap
    with PredictionWriter(log, SOURCE) as writer:
        writer.failed("the last line")
    assert read([log], warn=lambda _: None)[-1].error == "the last line"


def test_lines_that_are_kept_in_memory_are_lost_if_the_writer_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert any(lost(log, finished, torn=[]) for finished in killed_again_and_again(buffered, log, kills=10))
