"""Pages of files that a process has in memory: a forked process maps those of its parent again, so that it counts them.

fork(2) copies the page tables of private memory, but not those of files that are only read, such as the code of
libraries. Without this, the resident size of a forked process would be too small at first, and every page of a library
that it touches would count as memory of its work. Needs Linux 5.14 or newer.
"""

import ctypes
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

MAPS, PAGE_MAP = Path("/proc/self/maps"), Path("/proc/self/pagemap")
POPULATE_READ = 22  # madvise(2), MADV_POPULATE_READ
ENTRY = 8  # bytes for each page in pagemap
PIECE = 4096  # pages; their entries are smaller than the 128 KiB from which on glibc maps memory
PRESENT = np.uint64(63)  # the bit of an entry that says that the page is in memory
NO_FILES = ("/dev/", "/memfd:", "/SYSV")  # devices and shared memory, which have names like files

Range = tuple[int, int]  # address and length in bytes


def can_map_again() -> bool:
    """Whether this system tells which pages are in memory, and can map all of them again; here they are mapped."""
    try:
        found = resident_pages()
        map_again(found)
    except (OSError, ValueError):
        return False
    return bool(found)


def resident_pages() -> list[Range]:
    """The pages of files that this process has in memory, as ranges of addresses; raises OSError where unknown."""
    with PAGE_MAP.open("rb", buffering=0) as table:
        return [item for start, end in _mapped_files() for item in _resident(table.fileno(), start, end)]


def map_again(ranges: Iterable[Range]) -> None:
    """Map these pages, which must be parts of files that are mapped here; raises OSError where that fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    for start, length in ranges:
        if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), POPULATE_READ):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "madvise")


def _mapped_files() -> Iterator[Range]:
    """The first and the last address of each file that is mapped."""
    if sys.platform != "linux":
        raise OSError("only Linux lists the pages of a process")
    for line in MAPS.read_text("utf-8", "surrogateescape").splitlines():
        addresses, permissions, _, _, inode, *path = line.split(maxsplit=5)
        if inode != "0" and permissions.startswith("r") and path and not path[0].startswith(NO_FILES):
            start, end = (int(number, 16) for number in addresses.split("-"))
            yield start, end


def _resident(table: int, start: int, end: int) -> Iterator[Range]:
    """The ranges between two addresses that are in memory.

    The table is read in small pieces. A large piece would be a mapping of its own, and when it is freed, glibc would
    take larger arrays from its heap from then on: the process would no longer be like one that did not look.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    for first_of_piece in range(start, end, PIECE * page):
        pages = min(PIECE, (end - first_of_piece) // page)
        entries = os.pread(table, pages * ENTRY, first_of_piece // page * ENTRY)
        present = np.frombuffer(entries, np.uint64) >> PRESENT
        edges = np.flatnonzero(np.diff(present.astype(np.int8), prepend=0, append=0))
        for first, last in edges.reshape(-1, 2):
            yield first_of_piece + int(first) * page, int(last - first) * page
