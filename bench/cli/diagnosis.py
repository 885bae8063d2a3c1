"""Examines what is installed, which devices each framework sees, and what would disturb a measurement here."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import cache
from bench.cli.devices import ask
from bench.records.environment import (
    BUSY_CORES,
    busy_cores,
    environment,
    free_memory_bytes,
    gpu_users,
    inherited_variables,
    limits,
    memory_bytes,
    stolen_s,
)
from bench.records.shell import shell
from bench.records.variables import refused, remarks
from bench.workload import frameworks

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
LOOK_S = 1.0
STOLEN = 0.05  # of a core
BUSY_GPU = 5  # percent
LEAST_FREE_BYTES = 2 * 1024**3
LEAST_CORES = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis: what was examined, what was found, and what to do about it if anything.

    `ready` is false if a run now would fail, or if most of its results would be useless.
    """

    subject: str
    found: str
    remedy: str | None = None
    ready: bool = True


def examine_frameworks() -> Iterator[Finding]:
    """One finding for each framework on each backend, since plain `keras` stands for several backends."""
    installed = [item for item in frameworks.every_contender() if frameworks.is_installed(item)]
    seen = ask(installed)
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
            found = f"{versions}; {result['error']}"
            yield Finding(str(contender), found, "reinstall it, or leave it out with --framework", ready=False)


def examine_machine() -> Iterator[Finding]:
    """The machine, and what would disturb a measurement on it."""
    about = environment({})
    gpus = ", ".join(about.gpus) or "no GPU"
    yield Finding("machine", f"{about.machine}: {about.cpu}, {about.cores} cores, {gpus}")
    noise = "expect noise: no core is left for the operating system and for Levelfield itself"
    yield Finding("cores", f"{about.cores} for this process", noise if about.cores <= LEAST_CORES else None)
    yield from examine_limits()
    yield from _variables()
    yield from _load(about.cores)
    yield from _gpus()
    yield _governor()
    yield _battery()
    yield from _memory()
    yield _fork()
    yield from _disk()


def examine_limits() -> Iterator[Finding]:
    """What keeps a run from using the whole machine: the CPU affinity, and limits of the control group."""
    for line in limits():
        yield Finding("limit", line)


def _variables() -> Iterator[Finding]:
    """The variables of the shell: those that a run inherits, those without effect, those with which it is refused."""
    inherited = inherited_variables()
    if inherited:
        yield Finding("variables", ", ".join(f"{name}={value}" for name, value in inherited.items()))
    for remark in remarks(shell()):
        yield Finding("variables", remark)
    libraries = {item.library for item in frameworks.every_contender() if frameworks.is_installed(item)}
    for rule in refused(shell(), gpu=bool(gpu_users()), libraries=libraries):
        yield Finding(f"variable {rule.name}", rule.effect, f"`unset {rule.name}`", ready=False)


def verdict(of_frameworks: Sequence[Finding], of_machine: Sequence[Finding]) -> tuple[str, bool]:
    """One line that says whether a run makes sense now, and the same as a bool."""
    wrong = [item for item in (*of_frameworks, *of_machine) if not item.ready]
    works = sum(item.remedy is None for item in of_frameworks)
    if wrong:
        reasons = "; ".join(f"{item.subject}: {item.found} ({item.remedy})" for item in wrong)
        return f"not ready: {reasons}", False
    if not works:
        return "not ready: no framework is installed (the lines above say how to install one)", False
    return f"ready: {works} framework{'s' if works > 1 else ''}{_noise(of_machine)}", True


def _noise(of_machine: Sequence[Finding]) -> str:
    """The findings that make timings vary more, but not so much that a run is useless."""
    noisy = [item.subject for item in of_machine if item.remedy]
    if noisy:
        return f"; expect more noise (see above): {', '.join(noisy)}"
    return ", found nothing that would disturb a measurement" if of_machine else ""


def _load(cores: int) -> Iterator[Finding]:
    """The processor time that other programs and other virtual machines take, measured for one second."""
    before = stolen_s() or 0.0
    busy = busy_cores(LOOK_S)
    stolen = ((stolen_s() or 0.0) - before) / LOOK_S
    stop = "stop it, or expect many inconclusive verdicts"
    if busy > BUSY_CORES:
        yield Finding("other load", f"{busy:.1f} of {cores} cores are busy with other work", stop, ready=False)
    else:
        yield Finding("other load", f"{busy:.2f} of {cores} cores are busy")
    shared = "compare commits with `nox -s compare`: then both sides are slowed alike"
    yield Finding("other virtual machines", f"took the time of {stolen:.2f} cores", shared if stolen > STOLEN else None)


def _gpus() -> Iterator[Finding]:
    """Whether other processes use each GPU that the driver knows; nothing if there is no driver."""
    users = gpu_users()
    used = [gpu.processes > 0 or gpu.busy_percent > BUSY_GPU for gpu in users]
    for number, (gpu, others) in enumerate(zip(users, used, strict=True)):
        if others:
            held = f"other processes ({gpu.processes}) hold {gpu.used_bytes / 1e9:.1f} GB, {gpu.busy_percent} % busy"
            remedy = "stop them, or take another GPU with --device cuda:N"
            yield Finding(f"GPU {number}", held, remedy)
        else:
            yield Finding(f"GPU {number}", "no other process uses it")


def _governor() -> Finding:
    if not GOVERNOR.is_file():
        return Finding("frequency", "the system shows no scaling governor")
    governor = GOVERNOR.read_text().strip()
    steady = None if governor == "performance" else "`cpupower frequency-set -g performance`"
    return Finding("frequency", f"governor {governor}", steady)


def _battery() -> Finding:
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None or battery.power_plugged is not False:
        return Finding("power", "mains")
    return Finding("power", "battery", "plug it in: on battery, processors change their clock frequency")


def _memory() -> Iterator[Finding]:
    swap = psutil.swap_memory()
    yield Finding("swap", f"{swap.used / 1e9:.1f} GB in use", "free memory first" if swap.used else None)
    free = free_memory_bytes()
    short = free < LEAST_FREE_BYTES
    found = f"{free / 1e9:.1f} of {memory_bytes() / 1e9:.1f} GB available"
    yield Finding("memory", found, "close other programs" if short else None, ready=not short)


def _fork() -> Finding:
    if hasattr(os, "fork"):
        return Finding("fresh processes", "forked from a process that has the framework imported")
    return Finding("fresh processes", "this system has no fork", "run on Linux", ready=False)


def _disk() -> Iterator[Finding]:
    local = os.environ.get("LEVELFIELD_DATA")
    yield Finding("data", "from the folder in LEVELFIELD_DATA" if local else "downloaded once")
    cache.folder().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache.folder()).free
    short = free < LEAST_FREE_BYTES
    yield Finding("cache", f"{free / 1e9:.0f} GB free", "free some disk space" if short else None, ready=not short)
