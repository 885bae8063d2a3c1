"""Runs the load generator beside the server, and returns the times of every query of one run.

The generator is a process with a core of its own: on the server's core, each would wait for the other.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from select import select

import numpy as np

from bench.analysis.load_runs import Asked, Times
from bench.errors import BenchError
from bench.records.machine_use import Use
from bench.worker.measure.machine_monitor import Watch
from bench.worker.serving import load_log, schedule
from bench.worker.serving.load_log import Log
from bench.worker.serving.mailbox import Mailbox, shared_file
from bench.worker.serving.server import Calls, serve

PROGRAM = "bench.worker.serving.generator"
CLOSING_S = 30.0
LOOK_S = 1e-3  # between two looks whether the generator has started
TIMES = "times.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run is made: the cores of the generator, the device of the server, and how many samples are in memory."""

    cores: tuple[int, ...]
    device: str
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """One run: the times of the answered queries, the sample of every query, and what happened beside them."""

    times: Times
    samples: np.ndarray
    log: Log
    dropped: int
    batches: int
    use: Use


def drive(asked: Asked, calls: Calls, place: Place, folder: Path) -> Driven:
    """Make one run; LoadGen's logs and the times of each query stay in `folder`.

    Raises BenchError if the generator does not work as expected, so that nothing can be said about the server.
    """
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was interrupted
    folder.mkdir(parents=True)
    with shared_file(asked.queries) as memory:
        box = Mailbox(memory.fileno(), asked.queries)
        with _generator(asked, place, memory.fileno(), folder) as process:
            batches, use = _served(box, calls, asked, place, process)
            _finish(process)
        log = load_log.read(folder)
        due = _due(box, asked, log)
        columns = {name: values[: box.answered] for name, values in box.columns().items()}
    np.savez_compressed(folder / TIMES, due=due[: len(columns["sent"])], **columns)
    answered = columns["refused"] == 0
    times = Times(
        due=due[: len(answered)][answered],
        sent=columns["sent"][answered],
        begun=columns["begun"][answered],
        ended=columns["ended"][answered],
    )
    return Driven(
        times=times, samples=columns["sample"], log=log, dropped=int((~answered).sum()), batches=batches, use=use
    )


@contextmanager
def _generator(asked: Asked, place: Place, memory: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process of the generator; it has ended when the context does, and ends if this process does."""
    alive, ours = os.pipe()
    job = {
        "load": asked.serving.load,
        "queries": asked.queries,
        "samples": place.samples,
        "folder": str(folder),
        "cores": list(place.cores),
        "settings": schedule.settings(
            asked.serving.load,
            asked.queries,
            seeds=asked.seeds,
            per_s=asked.per_s,
            limit_ns=asked.serving.limit_ns,
        ),
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", PROGRAM, str(memory), str(alive), json.dumps(job)],
        pass_fds=[memory, alive],
        stdin=subprocess.DEVNULL,
    )
    os.close(alive)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _served(
    box: Mailbox, calls: Calls, asked: Asked, place: Place, process: subprocess.Popen[bytes]
) -> tuple[int, Use]:
    """Answer all queries; returns the number of calls, and the use of the machine without the generator's start."""

    def alive() -> bool:
        return process.poll() is None

    while not box.is_ready and alive():
        select([], [], [], LOOK_S)
    watch = Watch(place.device)
    watch.begin()
    before_j = watch.energy_j()
    box.may_begin = True
    with watch.during("serving"):
        batches = serve(box, calls, asked.serving, alive=alive)
    after_j = watch.energy_j()
    return batches, watch.end(energy_j=None if before_j is None or after_j is None else after_j - before_j)


def _finish(process: subprocess.Popen[bytes]) -> None:
    """Wait until the generator has written its logs; raises BenchError if it failed."""
    try:
        status = process.wait(timeout=CLOSING_S)
    except subprocess.TimeoutExpired:
        raise BenchError(
            f"the load generator did not end within {CLOSING_S:g} s after its last query; its log is in artifacts/load"
        ) from None
    if status:
        raise BenchError(f"the load generator ended with status {status}, expected 0; the log of the case says why")


def _due(box: Mailbox, asked: Asked, log: Log) -> np.ndarray:
    """When each query was due, on the clock of the server. Without a schedule, that is when it was sent.

    LoadGen does not tell when its schedule began. Its mean latency does: latencies count from the scheduled arrival to
    the report of the answer, whose times are known.
    """
    sent: np.ndarray = box.sent.copy()
    if asked.per_s is None:
        return sent
    planned = schedule.arrivals_ns(asked.queries + 1, per_s=asked.per_s, seed=asked.seeds[2])
    logged, mean = log.number(load_log.SCHEDULED), log.number(load_log.MEAN)
    if logged != planned[-1] or mean is None:
        raise BenchError(
            f"LoadGen {log.values.get('loadgen_version')}: found a schedule of {logged} ns, expected {planned[-1]} ns: "
            "this version draws arrivals in another way; install mlcommons-loadgen 6.0"
        )
    begun = np.mean(box.returned - planned[:-1]) - mean
    due: np.ndarray = planned[:-1] + round(float(begun))
    return due
