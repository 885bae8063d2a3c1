"""Memory of this process and of its device, each figure by its own definition; None where it cannot be read."""

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
    """Let the peak begin anew; False where the system cannot."""
    try:
        CLEAR_REFS.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def peak_resident_bytes() -> int | None:
    """The highest resident size since the peak was last reset."""
    return _status("VmHWM")


def limit_growth(allowed_bytes: int) -> None:
    """Let allocations fail that would take this process so much beyond what it holds now, where the system can.

    What a process holds is its private writable memory, touched or not (setrlimit(2), RLIMIT_DATA), shared libraries
    and stacks of other processes apart.
    """
    held = _status("VmData")
    if held is None:
        return
    import resource

    with suppress(OSError, ValueError):  # a lower limit that is there already is kept
        resource.setrlimit(resource.RLIMIT_DATA, (held + allowed_bytes, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def nvml_used_bytes(device: str) -> int | None:
    """What the driver says this process holds on its GPU; None on a CPU and where the driver does not say."""
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
    """Let the C library keep what is freed for what comes next, where it can be told to (glibc, mallopt(3)).

    By itself glibc maps what is larger than a threshold and hands back what is free at the end of its heap. Whether the
    arrays of a call are mapped and cleared anew in each call then depends on what lay where before: the same query took
    10 or 14 ms in different processes, others 28 or 50.
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
