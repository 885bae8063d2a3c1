"""A forked process counts the pages of its libraries as its parent did, so that its peak is that of a spawned one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.worker import resident_pages

MEBIBYTE = 1024**2
# A parent that has read a mapped file of so many bytes, and a child that says how much memory it has.
SCRIPT = f"""
import mmap, os, sys
from bench.worker import resident_pages
from bench.worker.measure.memory import resident_bytes

file = open(sys.argv[1], "rb")
mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
read = [mapped[at] for at in range(0, len(mapped), 4096)]
before = resident_bytes()
counted = resident_pages.resident_pages() if sys.argv[2] == "again" else []
if os.fork() == 0:
    resident_pages.map_again(counted)
    print((resident_bytes() - before) // {MEBIBYTE}, flush=True)
    os._exit(0)
os.wait()
"""


def difference(path: Path, how: str) -> int:
    """By how many mebibytes the child is larger than its parent."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, path, how], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "library"
    path.write_bytes(os.urandom(MEBIBYTE) * 100)
    return path


def test_a_child_that_maps_the_pages_again_is_as_large_as_its_parent(large: Path) -> None:
    assert abs(difference(large, "again")) <= 2


def test_a_child_that_does_not_lacks_the_pages_of_files(large: Path) -> None:
    assert difference(large, "not") <= -100


def test_only_pages_that_are_in_memory_are_mapped_again(large: Path) -> None:
    import mmap

    with large.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        mapped.madvise(mmap.MADV_RANDOM)
        before = sum(length for _, length in resident_pages.resident_pages())
        assert mapped[50 * MEBIBYTE] >= 0
        after = sum(length for _, length in resident_pages.resident_pages())
    assert 0 < after - before < 10 * MEBIBYTE


def test_a_system_that_does_not_tell_its_pages_cannot_map_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resident_pages.can_map_again()
    monkeypatch.setattr(resident_pages, "PAGE_MAP", tmp_path / "missing")
    assert not resident_pages.can_map_again()


def test_a_system_that_cannot_map_pages_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident_pages, "POPULATE_READ", 9999)
    assert not resident_pages.can_map_again()
    with pytest.raises(OSError, match="Invalid argument"):
        resident_pages.map_again(resident_pages.resident_pages()[:1])
