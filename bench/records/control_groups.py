"""Reads the limits of this process' control groups (cgroups, version 1 and 2): processors, memory, throttled periods.

A limit holds for a group and for all groups below it, so each value is read from the own group and all its parents. In
a container the parents outside of it cannot be seen. What cannot be read is no limit. Every function reads below
`root`, so that tests can lay out a machine in a folder.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
GROUP = Path("proc/self/cgroup")
MOUNTS = Path("proc/self/mountinfo")
FOLDER = Path("sys/fs/cgroup")
NO_LIMIT = 2**60  # version 1 shows "no limit" as a number near 2**63
VERSION_1 = ("cpu", "cpuacct", "cpuset", "memory")
MICRO, NANO = 1e-6, 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One control group: its folder, and its version, 1 or 2."""

    folder: Path
    version: int

    def text(self, name: str) -> str:
        """The content of one of its files; empty if the file cannot be read."""
        try:
            return (self.folder / name).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def number(self, name: str) -> int | None:
        """The number in one of its files; None if there is none, as for `max`."""
        return _number(self.text(name))

    def numbers(self, name: str) -> dict[str, int]:
        """The numbers in a file with a name and a number in each line."""
        lines = (line.split() for line in self.text(name).splitlines())
        found = {words[0]: _number(words[1]) for words in lines if len(words) == 2}  # noqa: PLR2004 (name and number)
        return {key: value for key, value in found.items() if value is not None}


def quota(root: Path | None = None) -> float | None:
    """How many processors the groups may use at the same time, on average over a period; None without a limit."""
    return min(filter(None, map(_quota, _groups("cpu", root))), default=None)


def cpuset(root: Path | None = None) -> int | None:
    """How many processors the groups are restricted to; None without a limit."""
    return min(filter(None, map(_cpuset, _groups("cpuset", root))), default=None)


def processors(quota: float | None) -> int | None:
    """A quota as a whole number of processors, rounded up and at least 1, as OpenJDK rounds it."""
    return None if quota is None else max(1, math.ceil(quota))


def memory_limit_bytes(root: Path | None = None) -> int | None:
    """The memory that the groups may use, without swap; None without a limit."""
    return min((limit for group in _groups("memory", root) for limit in _memory_limits(group)), default=None)


def free_memory_bytes(root: Path | None = None) -> int | None:
    """The memory that the groups still have left, at least 0; None without a limit.

    Pages of files that were not used lately do not count as used, since the kernel frees them before it kills.
    """
    left = (
        min(limits) - _used_bytes(group)
        for group in _groups("memory", root)
        if (limits := tuple(_memory_limits(group)))
    )
    found = min(left, default=None)
    return None if found is None else max(0, found)


def throttled_periods(root: Path | None = None) -> int | None:
    """In how many periods the groups had to pause because their quota was used up; None without a quota.

    The periods are counted from the start of each group, and summed over the groups.
    """
    counts = [group.numbers("cpu.stat").get("nr_throttled") for group in _groups("cpu", root) if _quota(group)]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def used_processor_s(root: Path | None = None) -> float | None:
    """The processor time in seconds that the group with the smallest quota has used; None without a quota."""
    groups = [group for group in _groups("cpu", root) if _quota(group) is not None]
    if not groups:
        return None
    tightest = min(groups, key=lambda group: _quota(group) or math.inf)
    if tightest.version == 2:  # noqa: PLR2004 (the version)
        used = tightest.numbers("cpu.stat").get("usage_usec")
        return None if used is None else used * MICRO
    place = [group for group in _groups("cpu", root) if group.version == 1].index(tightest)
    accounts = [group for group in _groups("cpuacct", root) if group.version == 1]
    beside = (tightest, *accounts[place : place + 1])  # `cpuacct` may be mounted apart from `cpu`
    spent = next((found for group in beside if (found := group.number("cpuacct.usage")) is not None), None)
    return None if spent is None else spent * NANO


def cpu_pressure(root: Path | None = None) -> str:
    """How long threads of the own group waited for a processor, as its file `cpu.pressure` says; empty in version 1."""
    return next((group.text("cpu.pressure") for group in _groups("cpu", root) if group.version == 2), "")  # noqa: PLR2004 (the version)


def _quota(group: Group) -> float | None:
    if group.version == 1:
        allowed, period = group.number("cpu.cfs_quota_us"), group.number("cpu.cfs_period_us")
    else:
        words = (*group.text("cpu.max").split(), "100000")  # a file may leave out the period
        allowed, period = _number(words[0]), _number(words[1]) if len(words) > 1 else None
    return allowed / period if allowed and period and allowed > 0 and period > 0 else None  # -1: no limit


def _cpuset(group: Group) -> int | None:
    names = ("cpuset.cpus.effective", "cpuset.cpus", "cpuset.effective_cpus")
    return next((count for name in names if (count := _count(group.text(name)))), None)


def _count(cpus: str) -> int:
    """How many processors a list such as `0-2,7` has; 0 for a list that cannot be read."""
    found: set[int] = set()
    for part in filter(None, cpus.split(",")):
        first, last = (_number(word) for word in (part.partition("-")[0], part.rpartition("-")[2]))
        if first is None or last is None:
            return 0
        found |= set(range(first, last + 1))
    return len(found)


def _memory_limits(group: Group) -> Iterator[int]:
    """The limits of one group; in version 1 the kernel also tells the smallest one of its parents."""
    if group.version == 1:
        found = (group.number("memory.limit_in_bytes"), group.numbers("memory.stat").get("hierarchical_memory_limit"))
    else:
        found = (group.number("memory.max"), group.number("memory.high"))
    yield from (limit for limit in found if limit is not None and 0 <= limit < NO_LIMIT)


def _used_bytes(group: Group) -> int:
    used = group.number("memory.usage_in_bytes" if group.version == 1 else "memory.current") or 0
    return used - group.numbers("memory.stat").get("total_inactive_file" if group.version == 1 else "inactive_file", 0)


def _groups(controller: str, root: Path | None) -> Iterator[Group]:
    """The own group and its parents, from the inside to the outside, in every hierarchy that has this controller."""
    base = ROOT if root is None else root
    own = _own_groups(base)
    for version, names, inside, folder in _mounted(base) or _usual(base):
        if version == 1 and controller not in names:
            continue
        path = own.get(controller if version == 1 else "", "/")
        group = _below(folder, path, inside)
        yield from (Group(folder=item, version=version) for item in (group, *group.parents) if _within(item, folder))


Mount = tuple[int, frozenset[str], str, Path]  # version, controllers, the group at the mount point, the mount point


def _mounted(base: Path) -> tuple[Mount, ...]:
    """The mounted hierarchies. Fields as in proc(5): a mount of a container may begin at the container's own group."""
    found: dict[Path, Mount] = {}
    for line in _lines(base / MOUNTS):
        fields, _, last = line.partition(" - ")
        kind, _, options = (*last.split(), "", "", "")[:3]
        words = fields.split()
        if len(words) > 4 and kind in {"cgroup", "cgroup2"}:  # noqa: PLR2004 (the mount point is the fifth)
            version = 2 if kind == "cgroup2" else 1
            names = frozenset(options.split(",")).intersection(VERSION_1)
            folder = base / words[4].lstrip("/")
            if folder.is_dir():  # another mount may cover it
                found[folder] = version, names, words[3], folder
    return tuple(found.values())


def _usual(base: Path) -> tuple[Mount, ...]:
    """The usual places of hierarchies, for systems that do not list their mounts."""
    folder = base / FOLDER
    found: list[Mount] = [(2, frozenset(), "/", folder), (2, frozenset(), "/", folder / "unified")]
    places = {(folder / name).resolve() for names in (VERSION_1, ("cpu,cpuacct",)) for name in names}
    found += [(1, frozenset(place.name.split(",")), "/", place) for place in sorted(places)]
    return tuple(item for item in found if item[3].is_dir())


def _own_groups(base: Path) -> dict[str, str]:
    """The path of the own group by controller; the empty name is for version 2."""
    found: dict[str, str] = {}
    for line in _lines(base / GROUP):
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        found |= dict.fromkeys(names.split(","), path)
    return found


def _below(folder: Path, path: str, inside: str) -> Path:
    """The folder of a group in a hierarchy whose mount point shows the group `inside`; else the mount point itself.

    The mount point of a container shows the container's own group, though its path may be one of the host.
    """
    prefix = inside.rstrip("/")
    own = path.removeprefix(prefix) if path == inside or path.startswith(f"{prefix}/") else ""
    parts = [part for part in own.split("/") if part]
    found = folder.joinpath(*parts)
    return folder if ".." in parts or not found.is_dir() else found


def _within(item: Path, folder: Path) -> bool:
    return item == folder or folder in item.parents


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
