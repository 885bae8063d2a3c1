"""Appends whole lines to a file to which several processes append."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """The descriptor of a file to which nobody else appends as long as the context lasts; a missing file is made."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # released with the descriptor
        yield descriptor
    finally:
        os.close(descriptor)


def append(descriptor: int, lines: bytes) -> None:
    """Append whole lines; when this returns, they are on disk.

    If a killed process left an incomplete line, that line is ended first. Raises OSError if the disk is full.
    """
    whole = _line_end(descriptor) + lines
    written = os.write(descriptor, whole)
    os.fsync(descriptor)
    if written < len(whole):
        raise OSError(f"only {written} of {len(whole)} bytes were written: the disk may be full")


def _line_end(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return b"" if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n" else b"\n"
