"""Appends predictions to a log: a line of JSON for each sample, in files that are rotated by Python's logging.

A call of the network is one write, however many samples it has. A process that is killed therefore loses the lines of
its last call at most. Each process needs a log of its own, since two would rotate the same files; a second one is
refused.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from json import JSONEncoder
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, NamedTuple, Self, TextIO, final

from bench.errors import UsageError

BACKUPS = 5
SIZE_BYTES = 10_000_000
NANOSECONDS = 1e6  # in a millisecond
NO_CALL: Mapping[str, Any] = {"latency_ms": None, "batch": None}
NO_SAMPLE: Mapping[str, Any] = {"sample": None, "input_digest": None, "output": None, "confidence": None}

Row = Mapping[str, Any]  # the keys of a sample: sample, input_digest, output, confidence, error

_encoded = JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Source(NamedTuple):
    """What predicts; the same in all lines. None is what is not known."""

    model: str
    model_digest: str | None
    workload: str | None
    framework: str | None
    device: str | None


def now() -> datetime:
    """The time of a line."""
    return datetime.now(tz=UTC)


@final
class PredictionWriter:
    """Appends lines to a log. Raises UsageError if the file cannot be written, or another process logs to it.

    A log that was left with an incomplete line, because a process was killed, begins with a line end.
    """

    def __init__(
        self, path: Path, source: Source, *, size_bytes: int = SIZE_BYTES, clock: Callable[[], datetime] = now
    ) -> None:
        self.path, self._clock = path, clock
        self._same = _inside({"event": "prediction", **source._asdict()})
        self._line = logging.makeLogRecord({})  # one for all lines: making one takes as long as writing it
        self._lock: TextIO | None = None
        try:
            self._lock = _locked(path)
            _end_last_line(path)
            self._file = _Rotated(path, maxBytes=size_bytes, backupCount=BACKUPS, encoding="utf-8")
        except OSError as error:
            self._unlock()
            raise self._unwritten(error) from None

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:  # what could not be written before is tried once more
            raise self._unwritten(error) from None
        finally:
            self._unlock()

    def answered(self, rows: Iterable[Row], *, latency_ns: int, batch: int) -> None:
        """Append the samples of one call that took `latency_ns` for `batch` samples."""
        self._append(rows, {"latency_ms": latency_ns / NANOSECONDS, "batch": batch})

    def failed(self, error: str, rows: Iterable[Row] = (NO_SAMPLE,), *, batch: int | None = None) -> None:
        """Append the samples of a call that failed; without any, a line for a request that failed outside of calls."""
        self._append(({**row, "error": error} for row in rows), {**NO_CALL, "batch": batch})

    def _append(self, rows: Iterable[Row], call: Mapping[str, Any]) -> None:
        when = self._clock().isoformat(timespec="microseconds").replace("+00:00", "Z")
        begin = f'{{"@timestamp":"{when}",{self._same},{_inside(call)},'
        self._line.msg = "\n".join([begin + _encoded(row)[1:] for row in rows])
        try:
            self._file.emit(self._line)
        except OSError as error:
            raise self._unwritten(error) from None

    def _unlock(self) -> None:
        if self._lock:
            self._lock.close()

    def _unwritten(self, error: OSError) -> UsageError:
        reason = error.strerror or error
        return UsageError(f"--log: {self.path}: cannot be written ({reason}), expected a file that can be appended to")


@final
class _Rotated(RotatingFileHandler):
    """The file of a log with its rotation; Python's logging says in its documentation which methods may be replaced."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 (of logging)
        """Whether the lines would make the file too large: one system call, in place of five."""
        size = os.fstat(self.stream.fileno()).st_size if self.stream else 0
        return size > 0 and size + len(record.msg) + 1 > self.maxBytes

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 (of logging)
        """Raise the error, which logging would print and forget."""
        raise  # noqa: PLE0704 (logging calls this while it handles the error)


def _locked(path: Path) -> TextIO | None:
    """An open file that only one process can lock. It lies beside the log, which gets another name when it is rotated.

    A process that is killed unlocks it. None for a device such as `/dev/null`, which any number of processes can use.
    """
    if path.exists() and not path.is_file():
        return None
    file = path.with_name(f".{path.name}.lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UsageError(f"--log: {path}: found another process that logs to it, expected a log for each") from None
    return file


def _inside(part: Mapping[str, Any]) -> str:
    """A part of a line as JSON, without the brackets. What the lines of a log or of a call share is written once."""
    return _encoded(part)[1:-1]


def _end_last_line(path: Path) -> None:
    """End an incomplete last line of a file, which a killed process has left."""
    with path.open("ab+") as file:
        if file.tell() == 0:
            return
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
