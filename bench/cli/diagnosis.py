"""What is installed, what each framework sees, and what would disturb a measurement on this machine."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import cache
from bench.records.environment import BUSY_CORES, busy_cores, environment, gpu_users, stolen_s
from bench.run.worker_pool import probe
from bench.workload import frameworks

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
LOOK_S = 1.0
STOLEN = 0.05  # of a core
BUSY_GPU = 5  # percent
LEAST_FREE_BYTES = 2 * 1024**3
LEAST_CORES = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, and what to do about it if anything."""

    subject: str
    found: str
    remedy: str | None = None


def examine(logs: Path) -> Iterator[Finding]:
    """Everything there is to say, one finding after the other."""
    yield from _frameworks(logs)
    yield from _machine()


def _frameworks(logs: Path) -> Iterator[Finding]:
    """Plain names of frameworks stand for one installation of several backends, so every pair is asked."""
    installed = [item for item in frameworks.every_contender() if frameworks.is_installed(item)]
    seen = probe(installed, logs=logs)
    for contender in frameworks.every_contender():
        if contender not in installed:
            _, problems = frameworks.choose((str(contender),))
            yield Finding(str(contender), "not installed", problems[0].partition(": ")[2])
            continue
        result = seen[contender]
        versions = ", ".join(f"{name} {number}" for name, number in frameworks.versions(contender).items())
        if result["outcome"] == "ok":
            yield Finding(str(contender), f"{versions}; sees {', '.join(result['devices'])}")
        else:
            yield Finding(str(contender), f"{versions}; {result['error']}", "reinstall it, or leave it out")


def _machine() -> Iterator[Finding]:
    about = environment({})
    gpus = ", ".join(about.gpus) or "no GPU"
    yield Finding("machine", f"{about.machine}: {about.cpu}, {about.cores} cores, {gpus}")
    few = "expect noise: the harness and the system have no core of their own" if about.cores <= LEAST_CORES else None
    yield Finding("cores", f"{about.cores} for this process", few)
    stolen = stolen_s() or 0.0
    load = busy_cores(LOOK_S)
    stolen = ((stolen_s() or 0.0) - stolen) / LOOK_S
    yield Finding("other load", f"{load:.2f} cores busy", "stop what else runs" if load > BUSY_CORES else None)
    shared = "compare in turns, with `nox -s compare`: others disturb when they like" if stolen > STOLEN else None
    yield Finding("other virtual machines", f"took {stolen:.2f} cores", shared)
    yield from _gpus()
    yield _governor()
    swap = psutil.swap_memory()
    yield Finding("swap", f"{swap.used / 1e9:.1f} GB in use", "free memory first" if swap.used else None)
    memory = psutil.virtual_memory()
    short = "close other programs" if memory.available < LEAST_FREE_BYTES else None
    yield Finding("memory", f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB available", short)
    if hasattr(os, "fork"):
        yield Finding("fresh processes", "forked from a process that has the framework imported")
    else:
        yield Finding("fresh processes", "no fork on this system", "run on Linux: cases cannot be forked here")
    yield _battery()
    yield Finding(
        "data", (os.environ.get("LEVELFIELD_DATA") and "from the folder in LEVELFIELD_DATA") or "downloaded once"
    )
    cache.folder().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache.folder()).free
    yield Finding("cache", f"{free / 1e9:.0f} GB free", "free some disk" if free < LEAST_FREE_BYTES else None)


def _gpus() -> Iterator[Finding]:
    """Who else is on each GPU that the driver knows; nothing where there is no driver."""
    for number, gpu in enumerate(gpu_users()):
        held = f"{gpu.processes} processes hold {gpu.used_bytes / 1e9:.1f} GB, {gpu.busy_percent} % busy"
        others = gpu.processes > 0 or gpu.busy_percent > BUSY_GPU
        remedy = "stop them, or take another GPU with --device cuda:N" if others else None
        yield Finding(f"GPU {number}", held if others else "nobody else is on it", remedy)


def _governor() -> Finding:
    if not GOVERNOR.is_file():
        return Finding("frequency", "no scaling governor to be seen")
    governor = GOVERNOR.read_text().strip()
    steady = None if governor == "performance" else "`cpupower frequency-set -g performance`"
    return Finding("frequency", f"governor {governor}", steady)


def _battery() -> Finding:
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None or battery.power_plugged is not False:
        return Finding("power", "mains")
    return Finding("power", "battery", "plug it in: clocks follow the battery")
