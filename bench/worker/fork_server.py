"""Imports one framework once, and forks a fresh process for each job.

`python -m bench.worker.fork_server FRAMEWORK SOCKET [--spawned]` reads jobs, one JSON object a line, from an inherited
socket. The process of the job writes its messages to the same socket; the fork server writes `exited` when that process
has ended. A job that is `weighed` counts the memory of the fork server's libraries as its own. With `--spawned` the
only job runs in the fork server's own process. The same happens if an import has started a thread: a forked process
does not have that thread, but keeps the locks that it held.
"""

import importlib
import json
import os
import socket
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, Never

from bench.adapters.data_parallel.parent_process import end_with_parent
from bench.records.garbage_collection import paused
from bench.worker import resident_pages
from bench.workload import model_families

# Fork-safe threads. pandas imports pyarrow if it is installed, and pyarrow's jemalloc has a thread that handles forks.
FORKABLE = frozenset({"jemalloc_bg_thd"})


def main() -> None:
    """Run jobs until the other end of the socket is closed."""
    framework, descriptor, *flags = sys.argv[1:]
    end_with_parent()  # elsewhere than on Linux, the closed socket ends the fork server
    channel = _Channel(socket.socket(fileno=int(descriptor)))
    with paused():  # an import makes so many objects that a fifth of its time would go into the search for garbage
        _import(framework)
    threads = _other_threads()
    forks = "--spawned" not in flags and FORKABLE.issuperset(threads)
    weighs = forks and resident_pages.can_map_again()
    channel.send({"event": "ready", "threads": threads, "forks": forks, "weighs": weighs})
    if not forks:
        job = channel.receive()
        if job is not None:
            _work(job, channel)
        return
    while (job := channel.receive()) is not None:
        _fork(job, channel)


class _Channel:
    """JSON objects, one a line, over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lines = connection.makefile("r", encoding="utf-8")

    def send(self, message: dict[str, Any]) -> None:
        """Write one line, after a line break, since a killed process may have left half a line."""
        self.connection.sendall(("\n" + json.dumps(message) + "\n").encode())

    def receive(self) -> dict[str, Any] | None:
        line = self.lines.readline()
        return json.loads(line) if line else None


def _import(framework: str) -> None:
    """Import everything that a job needs and that takes time to import; no import may initialise a device."""
    importlib.import_module(f"bench.adapters.{framework}")
    importlib.import_module("bench.worker.main")
    importlib.import_module("sklearn.datasets")
    for family in model_families.family_names():  # cached here, else each job computes the digest of its network again
        model_families.spec_source(family)


def _fork(job: dict[str, Any], channel: _Channel) -> None:
    counted = resident_pages.resident_pages() if job.get("weighed") else []
    child = os.fork()
    if child == 0:
        _child(job, channel, counted)
    _, status = os.waitpid(child, 0)
    channel.send({"event": "exited", "status": os.waitstatus_to_exitcode(status)})


def _child(job: dict[str, Any], channel: _Channel, counted: list[resident_pages.Range]) -> Never:
    status = 1
    try:
        end_with_parent()
        resident_pages.map_again(counted)
        _work(job, channel)
        status = 0
    except BaseException:  # noqa: BLE001 (no exception may reach the fork server's own loop)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _work(job: dict[str, Any], channel: _Channel) -> None:
    from bench.worker.main import run

    _write_to(Path(job["log"]))
    channel.send({"event": "running", "pid": os.getpid()})
    run(job, emit=channel.send, receive=channel.receive)


def _write_to(log: Path) -> None:
    """Send everything that the libraries print to the log, so that it never reaches the display."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def _other_threads() -> list[str]:
    """The names of all threads of this process except this one; empty where the system does not list them."""
    own, names = str(threading.get_native_id()), list[str]()
    for task in Path("/proc/self/task").glob("*"):
        if task.name != own:
            with suppress(OSError):  # it has just ended
                names.append((task / "comm").read_text().strip())
    return names


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # else it takes a second or two to take apart a framework that nobody needs any more
