"""Reads a file of records, one in each line; lines that are not records are skipped and named."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import UsageError, unreadable
from bench.records.garbage_collection import paused
from bench.records.record import Record
from bench.records.record_checks import misfit
from bench.records.record_lines import ForeignLineError, from_line
from bench.workload import source_code

SHOWN = 5
LINE = "expected a record as a line of JSON"
AGAIN = "found the same record again, expected each once"

Warn = Callable[[str], None]


def read(path: Path, *, warn: Warn) -> list[Record]:
    """The records of a file, in the order of their lines; none if there is no file.

    `warn` is called with a text for the lines that are not records, once for each reason. A digest of an older version
    is replaced by the current digest of the same work. Raises UsageError if the file cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
    except OSError as error:
        raise UsageError(f"{path}: {unreadable(error)}, expected a file of records") from None
    with paused():
        records, skipped = _parsed(lines)
    for reason, numbers in skipped.items():
        warn(f"{path}:{numbers[0]}: skipped, {_also(numbers)}{reason}")
    return records


def _parsed(lines: Sequence[bytes]) -> tuple[list[Record], dict[str, list[int]]]:
    """The records in these lines, and the numbers of the other lines by the reason why they are no records."""
    records = []
    skipped: dict[str, list[int]] = {}
    seen: set[bytes] = set()
    for number, line in enumerate(lines, start=1):
        if line.strip() in seen:  # as in two files that somebody joined: the same timing twice looks like two processes
            skipped.setdefault(AGAIN, []).append(number)
        elif line.strip():
            seen.add(line.strip())
            try:
                records.append(in_line(line, is_last=number == len(lines)))
            except ForeignLineError as error:
                skipped.setdefault(str(error), []).append(number)
    return records, skipped


def in_line(line: bytes, *, is_last: bool) -> Record:
    """The record in a line, with the current digest of its work. Raises ForeignLineError for anything else.

    `is_last` means that the file ends without a line end after it.
    """
    record = from_line(_text(line, is_last=is_last))
    wrong = misfit(record)
    if wrong:
        raise ForeignLineError(wrong)
    digest = source_code.digest_today(record.workload_digest)
    return record if digest == record.workload_digest else replace(record, workload_digest=digest)


def _text(line: bytes, *, is_last: bool) -> str:
    """A line of a records file as text; what follows the last line end is the beginning of a line that was cut off."""
    if is_last and line.startswith(b"{") and not line.endswith(b"}"):
        raise ForeignLineError(f"found the beginning of a record, {LINE}: the file is cut off here")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ForeignLineError(f"found bytes that are not text in UTF-8, {LINE}") from None


def _also(numbers: Sequence[int]) -> str:
    """The other lines that were skipped for the same reason, in words."""
    others = [str(number) for number in numbers[1 : 1 + SHOWN]]
    more = len(numbers) - 1 - len(others)
    words = ", ".join(others) + (f" and {more} more" if more else "")
    return f"and so {'were lines' if len(numbers) > 2 else 'was line'} {words}: " if others else ""  # noqa: PLR2004 (two lines)
