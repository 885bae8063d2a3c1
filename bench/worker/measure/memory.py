"""Reads the memory of this process and of its device, each value by its own definition; None if it cannot be read."""

import ctypes
import os
from contextlib import suppress
from pathlib import Path

import pynvml

from bench.worker.measure import machine_monitor

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
RESET_PEAK = "5"  # proc(5): the peak resident size becomes the current one


def resident_bytes() -> int | None:
    """The resident size of this process now."""
    return _status("VmRSS")


def reset_peak() -> bool:
    """Reset the peak of the resident size to the current one; False where the system cannot do it."""
    try:
        CLEAR_REFS.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def peak_resident_bytes() -> int | None:
    """The highest resident size since the peak was last reset."""
    return _status("VmHWM")


def limit_growth(allowed_bytes: int) -> None:
    """Make allocations fail that let this process grow by more than `allowed_bytes`, where the system supports it.

    What counts is the private writable memory of the process, touched or not (setrlimit(2), RLIMIT_DATA), without
    shared libraries and stacks of other processes.
    """
    held = _status("VmData")
    if held is None:
        return
    import resource

    with suppress(OSError, ValueError):  # a lower limit that is already set stays
        resource.setrlimit(resource.RLIMIT_DATA, (held + allowed_bytes, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def nvml_used_bytes(device: str) -> int | None:
    """The bytes that this process holds on its GPU, by NVML; None on a CPU, and where NVML does not report them."""
    if device == "cpu":
        return None
    gpu = machine_monitor.gpu_handle()
    if gpu is None:
        return None
    try:
        processes = pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)
    except pynvml.NVMLError:
        return None
    used = [process.usedGpuMemory for process in processes if process.pid == os.getpid()]
    return used[0] if used else None


def keep_freed_memory() -> None:
    """Make the C library keep freed memory for later allocations, where it has such a setting (glibc, mallopt(3)).

    By default glibc allocates large arrays with mmap, and returns free memory at the end of its heap to the system.
    Whether the arrays of a call are mapped and cleared again in each call then depends on the layout of the heap. The
    same query took 10 ms in some processes and 14 ms in others, another query 28 or 50 ms.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_MMAP_MAX, 0)


def _status(key: str) -> int | None:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith(f"{key}:")]
    return int(found[0].split()[1]) * 1024 if found else None
