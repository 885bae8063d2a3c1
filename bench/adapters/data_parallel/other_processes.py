"""Drives the other devices of a training, each in a process of its own, and finds out why one of them has ended.

A process that fails sends its error before it ends. The exchange of gradients then fails in all other processes. Their
errors are only a consequence, so the first process raises the error of the one that failed.
"""

import gc
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as ready
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, final

from bench.adapters.data_parallel.parent_process import end_with_parent
from bench.errors import BenchError, UnavailableError

PATIENCE_S = 5.0  # for the last words of a process that has ended
LONGEST = 400  # characters of these words
DONE = "done"
# What a process says when it ends: the kind of its error, the most important one first, and what is raised for it.
ERRORS: Mapping[str, type[Exception]] = {"memory": MemoryError, "unavailable": UnavailableError, "failed": BenchError}
EXCHANGE = ("gloo", "NCCL", "Connection", "Broken pipe")  # in the errors of a process whose partner has ended

Serve = Callable[[int, Connection], None]


class Failure(NamedTuple):
    """Why the process of another device has ended: a key of `ERRORS`, and its error in one line."""

    kind: str
    text: str


@final
class OtherProcesses:
    """The processes with ranks from 1 to `size` - 1; each calls `serve` with its rank and its end of a pipe."""

    def __init__(self, size: int, serve: Serve) -> None:
        if "fork" not in multiprocessing.get_all_start_methods():
            raise UnavailableError("several devices of PyTorch need processes that can be forked: Linux or macOS")
        self.ranks = range(1, size)
        self.processes: list[BaseProcess] = []
        self.links: list[Connection] = []
        self.failures: dict[int, Failure] = {}
        context = multiprocessing.get_context("fork")
        for rank in self.ranks:
            mine, theirs = context.Pipe()
            process = context.Process(target=_run, args=(rank, theirs, [*self.links, mine], serve), daemon=True)
            process.start()
            theirs.close()
            self.processes.append(process)
            self.links.append(mine)

    def tell(self, what: str, *given: object) -> None:
        """Tell all processes what to do, without waiting for it."""
        with self.blaming():
            for link in self.links:
                link.send((what, *given))

    def tell_each(self, what: str, given: Sequence[object], *more: object) -> None:
        """Tell each process what to do with its own part of what is given."""
        with self.blaming():
            for link, part in zip(self.links, given, strict=True):
                link.send((what, part, *more))

    def asked(self, what: str) -> list[Any]:
        """The answers of all processes, in the order of their devices."""
        self.tell(what)
        answers: dict[int, Any] = {}
        with self.blaming():
            while len(answers) < len(self.ranks):
                # One that has ended is heard, even if the others wait for it.
                left = [rank for rank in self.ranks if rank not in answers]
                answers |= {rank: self._heard(rank) for rank in self._ready(left)}
        return [answers[rank] for rank in sorted(answers)]

    @contextmanager
    def blaming(self) -> Iterator[None]:
        """Raise the error of another process in the place of one that only follows from it."""
        try:
            yield
        except (EOFError, OSError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not _follows(str(error)):
                raise
            found = self._failure()
            if found is None:
                raise
            raise ERRORS[found.kind](found.text) from error

    def _ready(self, ranks: Sequence[int], patience_s: float | None = None) -> list[int]:
        """Those of these processes that have said something, or have ended."""
        found = ready([self.links[rank - 1] for rank in ranks], patience_s)
        return [rank for rank in ranks if self.links[rank - 1] in found]

    def _heard(self, rank: int) -> Any:  # noqa: ANN401 (what was asked for)
        """The next message of a process; raises EOFError if it has ended, and keeps its last words."""
        try:
            kind, given = self.links[rank - 1].recv()
        except (EOFError, OSError):
            kind, given = "failed", _ended(self.processes[rank - 1])
        if kind != DONE:
            self.failures[rank] = Failure(kind, f"device {rank}: {given}")
            raise EOFError
        return given

    def _failure(self) -> Failure | None:
        """The most important failure of another process; None if none has ended.

        As long as all that is known follows from something else, there is more to hear.
        """
        while True:
            known = self.failures.values()
            patience_s = PATIENCE_S if all(_follows(item.text) for item in known) else 0
            heard = self._ready([rank for rank in self.ranks if rank not in self.failures], patience_s)
            if not heard:
                break
            for rank in heard:
                with suppress(EOFError):
                    self._heard(rank)
        kinds = list(ERRORS)
        found = sorted(self.failures.values(), key=lambda item: (kinds.index(item.kind), _follows(item.text)))
        return found[0] if found else None


def _run(rank: int, link: Connection, others: Sequence[Connection], serve: Serve) -> None:
    """Serve in another process until the first process ends; an error is sent before this process ends."""
    end_with_parent()  # it may wait for another device, and then it would not see that the pipe is closed
    for other in others:
        other.close()
    gc.disable()  # as in the first process while it measures
    try:
        serve(rank, link)
    except (EOFError, KeyboardInterrupt):
        pass
    except Exception as error:  # noqa: BLE001 (the first process raises it)
        traceback.print_exc()
        with suppress(OSError):
            link.send(last_words(error))
    finally:
        os._exit(0)  # the objects of the first process are not ended here


def last_words(error: Exception) -> Failure:
    """What a process sends before it ends with this error."""
    text = " ".join(str(error).split())[:LONGEST]
    if isinstance(error, UnavailableError | NotImplementedError):
        return Failure("unavailable", text)
    name = type(error).__name__
    kind = "memory" if name in {"MemoryError", "OutOfMemoryError"} else "failed"  # the second one is PyTorch's
    return Failure(kind, text if isinstance(error, BenchError) else f"{name}: {text}")


def _ended(process: BaseProcess) -> str:
    """How a process ended that said nothing."""
    process.join(PATIENCE_S)
    code = process.exitcode
    return f"its process was killed by {signal.Signals(-code).name}" if code and code < 0 else "its process has ended"


def _follows(text: str) -> bool:
    """Whether an error is that of an exchange, so that it may follow from the end of another process."""
    return any(word in text for word in EXCHANGE)
