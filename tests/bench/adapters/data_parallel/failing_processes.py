"""Lets the processes of other devices fail in a process of its own, and prints what the first process raises.

`python -m tests.bench.adapters.data_parallel.failing_processes SCENE` prints the type and the text of the error.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from bench.adapters.data_parallel.other_processes import DONE, OtherProcesses

RESET = "[gloo/transport/tcp/pair.cc:7] Read error: Connection reset by peer"
FOREVER_S = 60.0


def told(others: OtherProcesses) -> None:
    """Tell the processes something after they have ended."""
    for process in others.processes:
        process.join()
    others.tell("put", b"x" * 1_000_000)


def exchanged(others: OtherProcesses) -> None:
    """An exchange that fails since a partner has ended."""
    with others.blaming():
        raise RuntimeError(RESET)


def wrong_here(others: OtherProcesses) -> None:
    """An error of this process, which does not follow from another one."""
    with others.blaming():
        raise RuntimeError("shapes do not fit")


def asked(others: OtherProcesses) -> None:
    """Ask all processes; those that live answer."""
    print(json.dumps(others.asked("wait")))  # noqa: T201 (for the test)


def fills_the_memory(rank: int, link: Connection) -> None:
    """The second process fills the memory; the first one then cannot exchange anything."""
    link.recv() if rank == 1 else None
    raise RuntimeError(RESET) if rank == 1 else MemoryError("16 GB")


def is_killed(rank: int, link: Connection) -> None:
    """The first process is killed; the second one waits for it."""
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    link.recv()
    time.sleep(FOREVER_S)


def cannot(rank: int, _: Connection) -> None:
    """No process can do it."""
    raise NotImplementedError(f"no way on {rank}")


def answers(rank: int, link: Connection) -> None:
    """All processes answer, the second one first."""
    what, *_ = link.recv()
    time.sleep(0.2 / rank)
    link.send((DONE, f"{what} {rank}"))
    link.recv()


def waits(rank: int, _: Connection) -> None:
    """A process that waits for another device, and does not look at its pipe."""
    Path(sys.argv[2], str(rank)).write_text(str(os.getpid()))
    time.sleep(FOREVER_S)


def dies(others: OtherProcesses) -> None:
    """The first process is killed as soon as the others work."""
    while len(list(Path(sys.argv[2]).glob("*"))) < len(others.processes):
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


SCENES: dict[str, tuple[Callable[[int, Connection], None], Callable[[OtherProcesses], None]]] = {
    "memory, asked": (fills_the_memory, asked),
    "memory, exchanged": (fills_the_memory, exchanged),
    "killed, asked": (is_killed, asked),
    "killed, exchanged": (is_killed, exchanged),
    "cannot, told": (cannot, told),
    "answers": (answers, asked),
    "own error": (answers, wrong_here),
    "leader dies": (waits, dies),
}

if __name__ == "__main__":
    serve, lead = SCENES[sys.argv[1]]
    try:
        lead(OtherProcesses(3, serve))
    except Exception as error:  # noqa: BLE001 (it is printed)
        print(json.dumps([type(error).__name__, str(error)]))  # noqa: T201 (for the test)
    sys.stdout.flush()
    os._exit(0)
