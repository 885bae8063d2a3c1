"""Reads the hardware and software of this machine for records, without any name of a host, a user or a path."""

import fcntl
import getpass
import os
import platform
import re
import secrets
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pynvml

from bench import cache
from bench.errors import BenchError, UsageError
from bench.records import control_groups, variables
from bench.records.record import Environment
from bench.records.shell import shell
from bench.version import __version__

T = TypeVar("T")
LOOK_S = 0.5
GIBIBYTE = 2**30
BUSY_CORES = 0.5  # if other work keeps more cores busy than this, it disturbs timings
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
IDENTITY = re.compile(r"[0-9a-f]{6}")
NOISE = re.compile(r"\((r|tm)\)|@.*|\b(\d+(st|nd|rd|th) gen|cpu|processor|\d+-core|nvidia|tesla)\b", re.IGNORECASE)


def environment(versions: Mapping[str, str], *, machine: str | None = None) -> Environment:
    """The hardware of this machine, its software, and `versions`; without a GPU the driver is None.

    `machine` is the name that the user declared with --machine, or None. Raises the errors of `machine_name`.
    """
    gpus, driver = _gpus()
    return Environment(
        machine=machine_name(machine),
        cpu=_cpu(),
        cores=available_cores(),
        memory_bytes=memory_bytes(),
        gpus=gpus,
        driver=driver,
        system=system(),
        python=python(),
        versions=dict(versions),
        commit=commit(Path(__file__).resolve().parents[2]),
        levelfield=__version__,
        host_cores=host_cores(),
        limits=limits(),
        variables=inherited_variables(),
    )


def system() -> str:
    """The operating system, its release, and the processor architecture."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def python() -> str:
    """The implementation and the version of Python."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def changed_to_now(then: Environment) -> Environment:
    """An environment of a record with the shell, the limits, the system and the Python of now."""
    return replace(
        then,
        cores=available_cores(),
        memory_bytes=memory_bytes(),
        system=system(),
        python=python(),
        host_cores=host_cores(),
        limits=limits(),
        variables=inherited_variables(),
    )


def inherited_variables() -> dict[str, str]:
    """The variables of the shell that may change what is measured, with values that anybody may see."""
    return variables.inherited(shell(), private=_private_words())


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuUsers:
    """The load of a GPU: the number of processes that compute on it, its used memory, and how busy it is."""

    processes: int
    used_bytes: int
    busy_percent: int


def busy_cores(look_s: float = LOOK_S) -> float:
    """How many cores are busy, measured over `look_s` seconds; time taken by other virtual machines counts as busy.

    Work on cores that this process may not use does not count. Under a quota the cores of the host are shared. What
    counts is what the control group itself uses, or what the host lacks for the group to use its whole quota.
    """
    own, used_s, quota = affinity(), control_groups.used_processor_s(), control_groups.quota()
    if len(own) < host_cores():
        shares = psutil.cpu_percent(interval=look_s, percpu=True)
        busy = sum(shares[core] for core in own if core < len(shares)) / 100
    else:
        busy = psutil.cpu_percent(interval=look_s) / 100 * (psutil.cpu_count() or 1)
    if quota is None or quota >= len(own):
        return busy
    after_s = control_groups.used_processor_s()
    in_group = 0.0 if used_s is None or after_s is None else (after_s - used_s) / look_s
    return max(in_group, busy - (len(own) - quota), 0.0)


def gpu_users() -> tuple[GpuUsers, ...]:
    """The load of every GPU that the driver reports, in the driver's order."""
    return _of_every_gpu(
        lambda gpu: GpuUsers(
            processes=len(pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)),
            used_bytes=pynvml.nvmlDeviceGetMemoryInfo(gpu).used,
            busy_percent=pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
        )
    )


def affinity() -> list[int]:
    """The numbers of the cores on which this process may run."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(host_cores()))


def host_cores() -> int:
    """The cores of the host, whatever this process may use of them."""
    return os.cpu_count() or 1


def available_cores() -> int:
    """The cores that this process may use: the fewest of its CPU affinity, its cpuset and its quota.

    A quota that is no whole number is rounded up: 1.5 processors are two cores, as in OpenJDK.
    """
    found = (len(affinity()), control_groups.cpuset(), control_groups.processors(control_groups.quota()))
    return min(count for count in found if count)


def memory_bytes() -> int:
    """The memory that this process may use: that of the host, or the limit of its control group."""
    total: int = psutil.virtual_memory().total
    return min(total, control_groups.memory_limit_bytes() or total)


def free_memory_bytes() -> int:
    """The memory that is free for this process: on the host, or what its control group has left if that is less."""
    free: int = psutil.virtual_memory().available
    left = control_groups.free_memory_bytes()
    return free if left is None else min(free, left)


def limits() -> tuple[str, ...]:
    """What keeps this process from using the whole machine, one line each; empty if nothing does."""
    total, found = host_cores(), []
    causes = {"cpuset of the control group": control_groups.cpuset() or total, "CPU affinity": len(affinity())}
    fewest = min(causes, key=lambda cause: causes[cause])
    if causes[fewest] < total:
        found.append(f"{causes[fewest]} of {total} processors ({fewest})")
    quota = control_groups.quota()
    if quota is not None and quota < min(causes.values()):
        found.append(f"{quota:.3g} of {total} processors (quota of the control group)")
    host: int = psutil.virtual_memory().total
    memory = memory_bytes()
    if memory < host:
        found.append(f"{memory / GIBIBYTE:.3g} of {host / GIBIBYTE:.3g} GiB of memory (limit of the control group)")
    if (niceness := _niceness()) > 0:
        found.append(f"niceness {niceness}: other programs come first")
    return tuple(found)


def _niceness() -> int:
    """The niceness of this process, which its workers inherit: 0 is usual, and 19 is the lowest priority."""
    return os.nice(0) if hasattr(os, "nice") else 0


def stolen_s() -> float | None:
    """The seconds, over all cores, that the host took from this virtual machine (steal time); None if unknown."""
    stolen: float | None = getattr(psutil.cpu_times(), "steal", None)
    return stolen


def machine_name(declared: str | None = None) -> str:
    """The machine's name; only results with the same name are compared.

    It is the declared name, or else the hardware and a random id, which is made once and stored in the user's cache
    folder. Raises UsageError for a declared name that no folder can have, and BenchError if the id cannot be stored.
    """
    if declared is None:
        gpus, _ = _gpus()
        return f"{hardware(_cpu(), cores=available_cores(), memory_bytes=memory_bytes(), gpus=gpus)}-{_identity()}"
    if not NAME.fullmatch(declared):
        raise UsageError(
            f"--machine: found {declared!r}, expected 1 to 80 letters, digits, '.', '_' or '-'; the first is a letter "
            "or a digit"
        )
    return declared


def hardware(cpu: str, *, cores: int, memory_bytes: int, gpus: tuple[str, ...] = ()) -> str:
    """The hardware as part of a name: CPU, cores, memory in GiB, GPUs, as in `amd-epyc-9b14-2c-23g`.

    Several equal GPUs are counted: `intel-xeon-platinum-8480c-16c-128g-2xh200`.
    """
    parts = [_slug(cpu) or "cpu", f"{cores}c", f"{round(memory_bytes / 2**30)}g"]
    for gpu in dict.fromkeys(gpus):
        count = f"{gpus.count(gpu)}x" if gpus.count(gpu) > 1 else ""
        parts.append(f"{count}{_slug(gpu)}")
    return "-".join(parts)


def _private_words() -> tuple[str, ...]:
    """The names of this host and this user, which no record may have."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # as in a container, whose user has a number and no name
        user = ""
    return socket.gethostname(), user


def commit(folder: Path) -> str | None:
    """The commit in `folder`, with `-dirty` if tracked files were changed; None if it is not the root of a checkout."""
    root = _git(folder, "rev-parse", "--show-toplevel")
    if root is None or Path(root).resolve() != folder.resolve():
        return None
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):  # git is not installed, or the folder is not a checkout
        return None
    return done.stdout.strip()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def _gpus() -> tuple[tuple[str, ...], str | None]:
    """The names of all GPUs, and the version of their driver."""
    found = _of_every_gpu(lambda gpu: (str(pynvml.nvmlDeviceGetName(gpu)), str(pynvml.nvmlSystemGetDriverVersion())))
    return tuple(name for name, _ in found), next((driver for _, driver in found), None)


def _of_every_gpu(read: Callable[[Any], T]) -> tuple[T, ...]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver, so no GPU
        return ()
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return tuple(read(handle) for handle in handles)
    except pynvml.NVMLError:  # this user may not query the driver
        return ()
    finally:
        pynvml.nvmlShutdown()


def _slug(name: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", NOISE.sub(" ", name).lower())[:4])


def _identity() -> str:
    path = cache.folder() / "machine-id"
    try:
        found = path.read_text(encoding="ascii").strip() if path.exists() else ""
        if not IDENTITY.fullmatch(found):
            path.parent.mkdir(parents=True, exist_ok=True)
            found = _made(path)
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(
            f"{path}: the id of this machine cannot be stored in this file ({error}); "
            "set LEVELFIELD_CACHE to a folder that can be written, or name the machine with --machine NAME"
        ) from None
    return found


def _made(path: Path) -> str:
    """The id in the file, or a new one; if two processes start at the same time, both get the id of the first."""
    with path.open("a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released with the file
        file.seek(0)
        found = file.read().strip()
        if not IDENTITY.fullmatch(found):
            found = secrets.token_hex(3)
            file.truncate(0)
            file.write(f"{found}\n")
    return found
