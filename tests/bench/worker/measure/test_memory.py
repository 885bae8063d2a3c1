"""Memory is read by its definition; a value that cannot be read is None, never 0."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.worker import main
from bench.worker.measure import memory

MEBIBYTE = 1024**2


def test_the_peak_counts_freed_memory_and_can_be_reset() -> None:
    assert memory.reset_peak()
    before = memory.peak_resident_bytes()
    assert before is not None
    block = b"x" * (200 * MEBIBYTE)
    del block
    peak = memory.peak_resident_bytes()
    assert peak is not None
    assert peak - before > 190 * MEBIBYTE
    assert memory.reset_peak()
    anew = memory.peak_resident_bytes()
    assert anew is not None
    assert peak - anew > 150 * MEBIBYTE


def test_the_resident_size_grows_with_allocated_memory() -> None:
    before = memory.resident_bytes()
    block = b"x" * (100 * MEBIBYTE)
    after = memory.resident_bytes()
    assert len(block) == 100 * MEBIBYTE
    assert before is not None
    assert after is not None
    assert after - before > 90 * MEBIBYTE


def test_values_that_the_system_does_not_report_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "STATUS", tmp_path / "missing")
    monkeypatch.setattr(memory, "CLEAR_REFS", tmp_path / "missing" / "clear_refs")
    assert memory.resident_bytes() is None
    assert memory.peak_resident_bytes() is None
    assert not memory.reset_peak()
    (tmp_path / "missing").write_text("Name:\tpython\n")
    assert memory.resident_bytes() is None


def test_a_cpu_has_no_memory_of_a_gpu() -> None:
    assert memory.nvml_used_bytes("cpu") is None


@pytest.mark.parametrize(("mebibytes", "fits"), [(100, True), (400, False)])
def test_an_allocation_beyond_the_limit_fails_and_one_within_it_does_not(mebibytes: int, *, fits: bool) -> None:
    script = (
        "from bench.worker.measure import memory\n"
        f"memory.limit_growth(200 * {MEBIBYTE})\n"
        f"try:\n    len(bytearray({mebibytes} * {MEBIBYTE}))\n    print('fits')\n"
        "except MemoryError:\n    print('does not fit')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ("fits" if fits else "does not fit")


def test_no_memory_limit_is_set_if_the_system_does_not_report_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    monkeypatch.setattr(memory, "STATUS", tmp_path / "missing")
    memory.limit_growth(1)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


MAPPED_AFTER = """
import ctypes
import numpy as np
from bench.worker.measure import memory

class Told(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd u f o k t".split()]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Told
{before}
held = library.mallinfo2().hblks
array = np.empty({bytes}, dtype=np.uint8)
print(library.mallinfo2().hblks - held)
"""


@pytest.mark.parametrize("size", [20_000_000, 200_000_000])
@pytest.mark.parametrize(("before", "mapped"), [("memory.keep_freed_memory()", 0), ("", 1)])
def test_large_arrays_are_not_mapped_if_freed_memory_is_kept(before: str, mapped: int, size: int) -> None:
    code = MAPPED_AFTER.format(before=before, bytes=size)
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(told.stdout) == mapped


FAULTS_OF_A_CALL = """
import resource
import numpy as np
from bench.worker.measure import memory

{before}
def call():
    arrays = [np.ones(4_000_000) for _ in range(4)]

call()
began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
call()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - began)
"""


@pytest.mark.parametrize(("before", "kept"), [("memory.keep_freed_memory()", True), ("", False)])
def test_a_call_reuses_the_pages_of_the_call_before(before: str, *, kept: bool) -> None:
    code = FAULTS_OF_A_CALL.format(before=before)
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (int(told.stdout) < 10) == kept, "128 MB are thousands of pages"


@pytest.mark.parametrize(
    ("job", "order"),
    [
        ({}, ["allocator", "job"]),
        ({"case": {"purpose": "timing"}}, ["allocator", "job"]),
        ({"case": {"purpose": "memory"}}, ["job"]),
        ({"case": {"purpose": "capacity"}}, ["job"]),
    ],
)
def test_every_job_that_does_not_measure_memory_keeps_freed_memory(
    job: dict[str, object], order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: done.append("allocator"))

    def work(*_: object) -> dict[str, str]:
        done.append("job")
        return {"outcome": "ok"}

    monkeypatch.setitem(main.KINDS, "probe", work)
    main.run({"kind": "probe", **job}, emit=lambda _: None, receive=lambda: None)
    assert done == order
