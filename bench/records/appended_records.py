"""Reads a records file while another process writes it: each time only the lines that were added."""

from io import BytesIO
from pathlib import Path
from typing import final

from bench.errors import UsageError, unreadable
from bench.records.record import Record
from bench.records.record_lines import ForeignLineError
from bench.records.records_file import Warn, in_line


@final
class AppendedRecords:
    """The records of a file that grows. `warn` is called with a text for each line that is not a record."""

    def __init__(self, path: Path, *, warn: Warn) -> None:
        self.path, self.warn = path, warn
        self._read = 0  # bytes that are read: whole lines alone
        self._lines = 0

    def new(self, *, is_last: bool = False) -> list[Record]:
        """The records of the lines that were finished since the last call; none if the file does not exist yet.

        An unfinished line waits for its end. If `is_last`, nobody writes any more, so it is read as it is. A file that
        became shorter is read again from its beginning. Raises UsageError if the file cannot be read.
        """
        added = self._added()
        whole = len(added) if is_last else added.rfind(b"\n") + 1
        self._read += whole
        found = (self._record(line, is_last=is_last) for line in BytesIO(added[:whole]))
        return [record for record in found if record is not None]

    def _added(self) -> bytes:
        try:
            size = self.path.stat().st_size
            if size < self._read:
                self._read = self._lines = 0
            if size == self._read:
                return b""
            with self.path.open("rb") as file:
                file.seek(self._read)
                return file.read(size - self._read)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise UsageError(f"{self.path}: {unreadable(error)}, expected a file of records") from None

    def _record(self, line: bytes, *, is_last: bool) -> Record | None:
        self._lines += 1
        text = line.strip()
        try:
            return in_line(text, is_last=is_last and not line.endswith(b"\n")) if text else None
        except ForeignLineError as error:
            self.warn(f"{self.path}:{self._lines}: skipped, {error}")
            return None
