"""The process of the load generator: runs LoadGen once, sends its queries to the server, and reports the answers.

`python -m bench.worker.serving.generator MEMORY ALIVE ASKED`: MEMORY is the descriptor of the shared file, ALIVE the
end of a pipe that closes with the server, ASKED what is asked, as JSON.
"""

import ctypes
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from select import select
from threading import Thread
from typing import Any

import mlperf_loadgen as loadgen

from bench.worker.measure.clock import now_ns
from bench.worker.serving.mailbox import Mailbox

SCENARIOS = {"single_stream": "SingleStream", "offline": "Offline", "server": "Server"}
TIMER_SLACK = 29  # PR_SET_TIMERSLACK of Linux
PAUSE_S = 20e-6  # between two looks for answers: to wake this process would cost the server 15 µs for each call


def main() -> None:
    """Run LoadGen, and end the process without its clean-up: a thread that reports answers is still in LoadGen."""
    asked = json.loads(sys.argv[3])
    _settle(asked["cores"])
    box = Mailbox(int(sys.argv[1]), asked["queries"])
    ids = _answering(box, int(sys.argv[2]))
    _run(asked, box, ids)
    while not box.returned.all():  # the thread that reports has more to write
        select([], [], [], PAUSE_S)
    sys.stdout.flush()
    os._exit(0)


def _settle(cores: list[int]) -> None:
    """Move this process to its cores, and let it wake up on time: by default Linux may add 50 µs to each pause."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(TIMER_SLACK, 1, 0, 0, 0)


def _answering(box: Mailbox, alive: int) -> list[int]:
    """Start the thread that reports each answer to LoadGen; returns the list to which the ids of queries are added.

    The thread must not end before the process: LoadGen keeps a log for each thread that reports, and reads it at the
    end of the run.
    """
    ids: list[int] = []

    def report() -> None:
        number = 0
        while not select([alive], [], [], PAUSE_S)[0]:
            end = box.answered
            if end > number:
                box.returned[number:end] = now_ns()
                loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(item, 0, 0) for item in ids[number:end]])
                number = end
        os._exit(1)  # the server has ended

    Thread(target=report, daemon=True).start()
    return ids


def _run(asked: Mapping[str, Any], box: Mailbox, ids: list[int]) -> None:
    """One run of LoadGen. Its thread calls `issue`, which puts queries into the shared memory and returns at once."""

    def issue(samples: list[Any]) -> None:
        first = box.posted
        after = first + len(samples)
        ids.extend([sample.id for sample in samples])
        box.sample[first:after] = [sample.index for sample in samples]
        box.sent[first:after] = now_ns()
        box.posted = after

    system = loadgen.ConstructSUT(issue, lambda: None)
    library = loadgen.ConstructQSL(asked["samples"], asked["samples"], lambda _: None, lambda _: None)
    # A file `audit.config` in the working directory would change the settings.
    nowhere = str(Path(asked["folder"], "no-audit.config"))
    box.is_ready = True
    while not box.may_begin:
        select([], [], [], PAUSE_S)
    loadgen.StartTestWithLogSettings(system, library, _settings(asked), _logs(asked["folder"]), nowhere)


def _settings(asked: Mapping[str, Any]) -> Any:  # noqa: ANN401 (LoadGen's own)
    found = loadgen.TestSettings()
    found.scenario = getattr(loadgen.TestScenario, SCENARIOS[asked["load"]])
    found.mode = loadgen.TestMode.PerformanceOnly
    for name, value in asked["settings"].items():
        setattr(found, name, value)
    return found


def _logs(folder: str) -> Any:  # noqa: ANN401 (LoadGen's own)
    output = loadgen.LogOutputSettings()
    output.outdir = folder
    output.copy_summary_to_stdout = False
    found = loadgen.LogSettings()
    found.log_output = output
    found.enable_trace = False
    return found


if __name__ == "__main__":
    main()
