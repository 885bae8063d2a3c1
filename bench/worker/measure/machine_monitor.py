"""Reads the state of the machine around timed rounds: clocks, use, power, temperature, and preemption by others.

A value that this machine or this user cannot read is None, never 0. Nothing here runs while the clock runs.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import psutil
import pynvml

from bench.records import control_groups
from bench.records.environment import stolen_s
from bench.records.machine_use import POWER_CAP, QUOTA, GpuReading, Load, Moment, Part, Reading, Use
from bench.worker.measure.clock import now_ns
from bench.worker.measure.load_monitor import gpu_others, load, preemptions, snapshot
from bench.workload import places

POWERCAP = Path("/sys/class/powercap")
PACKAGES = "intel-rapl:[0-9]*"  # the same name on AMD; parts of a package have a second number
PROCESSORS = Path("/sys/devices/system/cpu")
THROTTLE_COUNTS = "cpu[0-9]*/thermal_throttle/package_throttle_count"
MICRO, MILLI = 1e-6, 1e-3
# Why a GPU may be throttled. Idle clocks, clocks set by the user, and clocks shared by several GPUs do not count.
REASONS = {
    pynvml.nvmlClocksEventReasonSwPowerCap: POWER_CAP,
    pynvml.nvmlClocksThrottleReasonHwSlowdown: "hardware slowdown",
    pynvml.nvmlClocksEventReasonSwThermalSlowdown: "heat",
    pynvml.nvmlClocksThrottleReasonHwThermalSlowdown: "heat (hardware)",
    pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "power brake",
}
CPU_HEAT = "heat (CPU)"


@final
class Watch:
    """Reads the state of the machine around one timed block: `begin`, `read` between rounds, `end`.

    `during` watches the load while one part of the block is timed.

    `device` is where the work runs. Of several GPUs, a reading is about the first one, apart from the reasons why they
    are throttled. Energy and other programs are those of all.
    """

    def __init__(self, device: str) -> None:
        found = [] if places.is_cpu(device) else [gpu_handle(number) for number in range(places.read(device).devices)]
        self.gpus = [gpu for gpu in found if gpu is not None]
        self.gpu = found[0] if found else None
        self.has_unknown = len(self.gpus) < len(found)
        self.readings: list[Reading] = []
        self.loads: list[Load] = []

    def begin(self) -> None:
        """Start to watch, and take the reading before the block."""
        self.throttle_counts, self.throttled_periods = _throttle_counts(), control_groups.throttled_periods()
        self.begun_ns, self.stolen_s, self.preemptions = now_ns(), stolen_s(), preemptions()
        self.read("before")

    @contextmanager
    def during(self, part: Part, beside: tuple[int, ...] | None = ()) -> Iterator[None]:
        """Watch the load while the body of this context is timed; see `Partner` for `beside`."""
        before = snapshot(beside or ())
        yield
        after = snapshot(beside or ())
        on_gpus = self._of_all([gpu_others(gpu, beside) for gpu in self.gpus]) if self.gpus else None
        self.loads.append(load(part, before, after, beside=beside, gpu_others=on_gpus))

    def read(self, when: Moment) -> None:
        """Add a reading of the current state."""
        gpu = _gpu_reading(self.gpu) if self.gpu is not None else None
        hot = self.throttle_counts is not None and (_throttle_counts() or 0) > self.throttle_counts
        periods = control_groups.throttled_periods() or 0
        paused = self.throttled_periods is not None and periods > self.throttled_periods
        frequency = _asked(psutil.cpu_freq)
        self.readings.append(
            Reading(
                when=when,
                cpu_mhz=frequency.current if frequency else None,
                cpu_celsius=_cpu_celsius(),
                host_used_bytes=psutil.virtual_memory().used,
                throttled=(
                    *((CPU_HEAT,) if hot else ()),
                    *((QUOTA,) if paused else ()),
                    *dict.fromkeys(reason for gpu in self.gpus for reason in _reasons(gpu)),
                ),
                gpu=gpu,
            )
        )

    def energy_j(self) -> float | None:
        """The energy counters of the GPUs, or of all CPU packages, in joules, from some moment in the past."""
        if self.gpu is None:
            return _packages_j()
        spent = self._of_all([_asked(pynvml.nvmlDeviceGetTotalEnergyConsumption, gpu) for gpu in self.gpus])
        return None if spent is None else spent * MILLI

    def _of_all(self, found: list[int | None]) -> int | None:
        """The sum over all GPUs of the place; None if one of them does not tell."""
        known = [count for count in found if count is not None]
        return None if self.has_unknown or len(known) < len(found) else sum(known)

    def end(self, *, energy_j: float | None) -> Use:
        """Take the reading after the block, and return all; `energy_j` is the energy of the pipelined rounds."""
        self.read("after")
        stolen = stolen_s()
        return Use(
            readings=tuple(self.readings),
            span_ns=now_ns() - self.begun_ns,
            stolen_ns=None if stolen is None or self.stolen_s is None else round((stolen - self.stolen_s) * 1e9),
            preemptions=preemptions() - self.preemptions,
            energy_j=energy_j if energy_j and energy_j > 0 else None,  # not positive if the counter was reset
            loads=tuple(self.loads),
        )


def gpu_handle(number: int = 0) -> Any | None:  # noqa: ANN401 (NVML's own)
    """The driver's handle of the GPU with this number among those that this process sees; None without one."""
    names = dict(enumerate(os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")))
    try:
        pynvml.nvmlInit()
        visible = names.get(number) or str(number)
        if visible.startswith("GPU-"):
            return pynvml.nvmlDeviceGetHandleByUUID(visible)
        return pynvml.nvmlDeviceGetHandleByIndex(int(visible))
    except (pynvml.NVMLError, ValueError):
        return None


def _gpu_reading(gpu: object) -> GpuReading:
    use = _asked(pynvml.nvmlDeviceGetUtilizationRates, gpu)
    memory = _asked(pynvml.nvmlDeviceGetMemoryInfo, gpu)
    power = _asked(pynvml.nvmlDeviceGetPowerUsage, gpu)
    return GpuReading(
        busy_percent=use.gpu if use else None,
        clock_mhz=_asked(pynvml.nvmlDeviceGetClockInfo, gpu, pynvml.NVML_CLOCK_SM),
        memory_clock_mhz=_asked(pynvml.nvmlDeviceGetClockInfo, gpu, pynvml.NVML_CLOCK_MEM),
        power_w=None if power is None else power * MILLI,
        celsius=_asked(pynvml.nvmlDeviceGetTemperature, gpu, pynvml.NVML_TEMPERATURE_GPU),
        used_bytes=memory.used if memory else None,
    )


def _reasons(gpu: object) -> tuple[str, ...]:
    found: int = _asked(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, gpu) or 0
    return tuple(name for bit, name in REASONS.items() if found & bit)


def _asked(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 (the type of the function's result)
    """The result of a function of the driver or the system; None if it is not supported."""
    try:
        return function(*arguments)
    except (pynvml.NVMLError, OSError, NotImplementedError):
        return None


def _cpu_celsius() -> float | None:
    sensors = _asked(psutil.sensors_temperatures) if hasattr(psutil, "sensors_temperatures") else None
    found = [item.current for name in ("coretemp", "k10temp", "zenpower") for item in (sensors or {}).get(name, ())]
    return max(found, default=None)


def _throttle_counts() -> int | None:
    """How often the CPU's packages were throttled for heat since the system began."""
    try:
        counts = [int(path.read_text()) for path in PROCESSORS.glob(THROTTLE_COUNTS)]
    except (OSError, ValueError):
        return None
    return sum(counts) if counts else None


def _packages_j() -> float | None:
    """The energy counters of all CPU packages in joules; None for most users, who have no right to read them."""
    try:
        packages = [path for path in POWERCAP.glob(PACKAGES) if path.name.count(":") == 1]
        counters = [int((path / "energy_uj").read_text()) for path in packages]
    except (OSError, ValueError):
        return None
    return sum(counters) * MICRO if counters else None
