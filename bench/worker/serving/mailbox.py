"""Defines the memory that the load generator and the server share: the queries in their order, and their times.

The generator alone writes `sample`, `sent` and `returned`; the server alone writes `begun` and `ended`. Counters tell
the other side how many entries are complete. A socket in its place would add tens of microseconds to each query.
"""

import mmap
import os
import tempfile
from pathlib import Path
from typing import IO, Any, final

import numpy as np

from bench.errors import BenchError

IN_MEMORY = Path("/dev/shm")  # noqa: S108 (a file without a name, in memory where the system has such a place)
COLUMNS = ("sample", "sent", "begun", "ended", "returned", "refused")
COUNTERS = 8  # numbers before the columns: queries sent, queries answered, generator ready, run may begin


def shared_file(queries: int) -> IO[bytes]:
    """A new file without a name that is large enough for so many queries; raises BenchError if there is no room."""
    folder = str(IN_MEMORY) if IN_MEMORY.is_dir() else None
    file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (two processes map it)
    size = 8 * (COUNTERS + len(COLUMNS) * queries)
    file.truncate(size)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)  # an error now, and not a crash later
    except OSError as error:
        file.close()
        raise BenchError(
            f"{folder or 'the folder for temporary files'}: found no room for {size / 1e6:.0f} MB ({error.strerror}), "
            f"which {queries:,} queries need; a container gets more by `docker run --shm-size 1g`"
        ) from error
    return file


@final
class Mailbox:
    """The queries of one run in shared memory; all columns have shape (queries,), int64, times in nanoseconds."""

    def __init__(self, descriptor: int, queries: int) -> None:
        self._memory = mmap.mmap(descriptor, 8 * (COUNTERS + len(COLUMNS) * queries))
        numbers = np.frombuffer(self._memory, dtype=np.int64)
        self.queries = queries
        self._counters = numbers[:COUNTERS]
        columns = numbers[COUNTERS:].reshape(len(COLUMNS), queries)
        self.sample, self.sent, self.begun, self.ended, self.returned, self.refused = columns

    @property
    def posted(self) -> int:
        """How many queries the generator has sent."""
        return int(self._counters[0])

    @posted.setter
    def posted(self, count: int) -> None:
        self._counters[0] = count

    @property
    def answered(self) -> int:
        """How many queries the server has answered or refused."""
        return int(self._counters[1])

    @answered.setter
    def answered(self, count: int) -> None:
        self._counters[1] = count

    @property
    def is_ready(self) -> bool:
        """Whether the generator has started, and waits until it may begin."""
        return bool(self._counters[2])

    @is_ready.setter
    def is_ready(self, value: bool) -> None:
        self._counters[2] = value

    @property
    def may_begin(self) -> bool:
        """Whether the generator may send queries: the energy and the load of the machine are read from now on."""
        return bool(self._counters[3])

    @may_begin.setter
    def may_begin(self, value: bool) -> None:
        self._counters[3] = value

    def columns(self) -> dict[str, Any]:
        """A copy of all columns, by name."""
        return {name: getattr(self, name).copy() for name in COLUMNS}
