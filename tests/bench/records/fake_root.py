"""Lays out a machine in a folder: its control groups, as version 1 and version 2 show them."""

from collections.abc import Mapping
from pathlib import Path

MOUNTS_1 = "".join(
    f"{number} 31 0:{number} {{inside}} /sys/fs/cgroup/{name} rw,relatime - cgroup cgroup rw,{name}\n"
    for number, name in enumerate(("cpu,cpuacct", "cpuset", "memory"), start=32)
)
MOUNT_2 = "30 23 0:26 {inside} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"


def lay_out(root: Path, files: Mapping[str, str], *, own: str = "", mounts: str = "", inside: str = "/") -> Path:
    """The root of a machine with these files of control groups, by their paths below /sys/fs/cgroup.

    `own` is the content of /proc/self/cgroup and `mounts` that of /proc/self/mountinfo; empty is no such file. `inside`
    is the group that the mount points show.
    """
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    for name, text in (("cgroup", own), ("mountinfo", mounts.format(inside=inside))):
        if text:
            (root / "proc/self" / name).write_text(text)
    return root
