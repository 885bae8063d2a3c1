"""Memory of this process and of its device, each figure by its own definition; None where it cannot be read."""

import os
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")
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


def nvml_used_bytes(device: str) -> int | None:
    """What the driver says this process holds on its GPU; None on a CPU and where the driver does not say."""
    if device == "cpu":
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0"
        handle = pynvml.nvmlDeviceGetHandleByIndex(int(visible))
        processes = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except (pynvml.NVMLError, ValueError):
        return None
    used = [process.usedGpuMemory for process in processes if process.pid == os.getpid()]
    return used[0] if used else None


def _status(key: str) -> int | None:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith(f"{key}:")]
    return int(found[0].split()[1]) * 1024 if found else None
