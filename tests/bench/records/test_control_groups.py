"""Limits of control groups are read in both versions, from the own group and all its parents."""

from pathlib import Path

import pytest

from bench.records import control_groups
from tests.bench.records.fake_root import MOUNT_2, MOUNTS_1, UNIFIED, lay_out

NO_LIMIT_1 = "9223372036854771712"
OWN_1 = "4:memory:{path}\n3:cpuset:{path}\n2:cpu,cpuacct:{path}\n0::/\n"


def test_a_quota_of_version_2_is_read_in_a_container_that_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {"cpu.max": "200000 100000"}, own="0::/\n", mounts=MOUNT_2)
    assert control_groups.quota(root) == 2.0
    assert control_groups.quota(lay_out(tmp_path / "free", {"cpu.max": "max 100000"}, own="0::/\n")) is None


def test_pressure_is_that_of_the_own_group_of_version_2(tmp_path: Path) -> None:
    files = {"unified/a/cpu.pressure": "some total=7", "unified/cpu.pressure": "some total=9", "cpu,cpuacct/a/x": ""}
    root = lay_out(tmp_path, files, own=OWN_1.replace("0::/", "0::/a").format(path="/a"), mounts=MOUNTS_1 + UNIFIED)
    assert control_groups.cpu_pressure(root) == "some total=7"
    own = lay_out(tmp_path / "old", {"cpu,cpuacct/cpu.pressure": "some total=7"}, own=OWN_1, mounts=MOUNTS_1)
    assert control_groups.cpu_pressure(own) == "", "version 1 has none"


def test_a_quota_is_found_where_neither_mounts_nor_the_own_group_can_be_read(tmp_path: Path) -> None:
    assert control_groups.quota(lay_out(tmp_path / "2", {"cpu.max": "150000 100000"})) == 1.5
    old = {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}
    assert control_groups.quota(lay_out(tmp_path / "1", old)) == 0.5
    assert control_groups.quota(tmp_path / "nowhere") is None


def test_the_smallest_quota_of_the_own_group_and_its_parents_holds(tmp_path: Path) -> None:
    files = {
        "a/b/c/cpu.max": "800000 100000",
        "a/b/cpu.max": "max 100000",
        "a/cpu.max": "300000 100000",
        "other/cpu.max": "100000 100000",
    }
    assert control_groups.quota(lay_out(tmp_path, files, own="0::/a/b/c\n", mounts=MOUNT_2)) == 3.0
    assert control_groups.quota(lay_out(tmp_path / "own", files, own="0::/other\n", mounts=MOUNT_2)) == 1.0


def test_a_container_that_shares_the_groups_of_the_host_is_read_at_its_mount_point(tmp_path: Path) -> None:
    """Its path is one of the host, and the mount point shows the group itself."""
    files = {"cpu.max": "200000 100000", "task/cpu.max": "100000 100000"}
    path = "/system.slice/docker-1f.scope"
    root = lay_out(tmp_path, files, own=f"0::{path}\n", mounts=MOUNT_2, inside=path)
    assert control_groups.quota(root) == 2.0
    (root / "proc/self/cgroup").write_text(f"0::{path}/task\n")
    assert control_groups.quota(root) == 1.0
    (root / "proc/self/cgroup").write_text("0::/../elsewhere\n")
    assert control_groups.quota(root) == 2.0, "a path outside of the namespace"


def test_limits_of_version_1_are_read_in_its_hierarchies(tmp_path: Path) -> None:
    files = {
        "cpu,cpuacct/box/in/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/box/in/cpu.cfs_period_us": "100000",
        "cpu,cpuacct/box/cpu.cfs_quota_us": "200000",
        "cpu,cpuacct/box/cpu.cfs_period_us": "50000",
        "cpuset/box/in/cpuset.cpus": "0-1,4",
        "memory/box/in/memory.limit_in_bytes": NO_LIMIT_1,
        "memory/box/memory.limit_in_bytes": "4294967296",
        "memory/memory.limit_in_bytes": NO_LIMIT_1,
    }
    root = lay_out(tmp_path, files, own=OWN_1.format(path="/box/in"), mounts=MOUNTS_1 + UNIFIED)
    assert control_groups.quota(root) == 4.0
    assert control_groups.cpuset(root) == 3
    assert control_groups.memory_limit_bytes(root) == 2**32


def test_a_machine_of_version_1_without_limits_has_none(tmp_path: Path) -> None:
    files = {
        "cpu,cpuacct/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
        "cpu,cpuacct/cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 0",
        "memory/memory.limit_in_bytes": NO_LIMIT_1,
        "memory/memory.stat": f"hierarchical_memory_limit {NO_LIMIT_1}",
    }
    root = lay_out(tmp_path, files, own=OWN_1.format(path="/"), mounts=MOUNTS_1)
    found = (control_groups.quota, control_groups.memory_limit_bytes, control_groups.free_memory_bytes)
    assert [read(root) for read in (*found, control_groups.throttled_periods)] == [None] * 4


def test_version_1_tells_the_limit_of_a_parent_that_cannot_be_seen(tmp_path: Path) -> None:
    files = {"memory/memory.limit_in_bytes": NO_LIMIT_1, "memory/memory.stat": "hierarchical_memory_limit 1073741824"}
    assert control_groups.memory_limit_bytes(lay_out(tmp_path, files, mounts=MOUNTS_1)) == 2**30


@pytest.mark.parametrize(("quota", "cores"), [(0.2, 1), (1.0, 1), (1.5, 2), (2.0, 2), (None, None)])
def test_a_quota_is_rounded_up_to_whole_processors(quota: float | None, cores: int | None) -> None:
    assert control_groups.processors(quota) == cores


@pytest.mark.parametrize(("cpus", "count"), [("0-3", 4), ("0,2,5-6", 4), ("7", 1), ("", None), ("odd", None)])
def test_a_cpuset_is_counted(cpus: str, count: int | None, tmp_path: Path) -> None:
    assert control_groups.cpuset(lay_out(tmp_path, {"cpuset.cpus.effective": cpus})) == count


def test_free_memory_is_what_the_tightest_group_has_left(tmp_path: Path) -> None:
    files = {
        "a/b/memory.max": "max",
        "a/b/memory.high": "6000",
        "a/b/memory.current": "2500",
        "a/b/memory.stat": "anon 900\ninactive_file 500",
        "a/memory.max": "5000",
        "a/memory.current": "3000",
    }
    root = lay_out(tmp_path, files, own="0::/a/b\n", mounts=MOUNT_2)
    assert control_groups.memory_limit_bytes(root) == 5000
    assert control_groups.free_memory_bytes(root) == 2000
    (root / "sys/fs/cgroup/a/memory.current").write_text("7000\n")
    assert control_groups.free_memory_bytes(root) == 0
    old = {
        "memory/memory.limit_in_bytes": "5000",
        "memory/memory.usage_in_bytes": "3000",
        "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 1000",
    }
    assert control_groups.free_memory_bytes(lay_out(tmp_path / "1", old)) == 3000


def test_throttled_periods_are_summed_over_the_groups_with_a_quota(tmp_path: Path) -> None:
    files = {
        "a/b/cpu.max": "100000 100000",
        "a/b/cpu.stat": "usage_usec 5000000\nnr_periods 9\nnr_throttled 3\nthrottled_usec 70",
        "a/cpu.max": "200000 100000",
        "a/cpu.stat": "usage_usec 9000000\nnr_throttled 4",
        "cpu.stat": "usage_usec 99000000\nnr_throttled 100",
    }
    root = lay_out(tmp_path, files, own="0::/a/b\n", mounts=MOUNT_2)
    assert control_groups.throttled_periods(root) == 7
    assert control_groups.used_processor_s(root) == 5.0


def test_version_1_counts_processor_time_in_a_hierarchy_that_may_be_mounted_apart(tmp_path: Path) -> None:
    files = {
        "cpu/box/cpu.cfs_quota_us": "100000",
        "cpu/box/cpu.cfs_period_us": "100000",
        "cpu/box/cpu.stat": "nr_periods 7\nnr_throttled 2\nthrottled_time 5000",
        "cpuacct/box/cpuacct.usage": "3000000000",
        "cpuacct/cpuacct.usage": "9000000000",
    }
    root = lay_out(tmp_path, files, own="2:cpuacct:/box\n1:cpu:/box\n")
    assert control_groups.throttled_periods(root) == 2
    assert control_groups.used_processor_s(root) == 3.0
    (root / "sys/fs/cgroup/cpuacct/box/cpuacct.usage").unlink()
    assert control_groups.used_processor_s(root) is None


@pytest.mark.parametrize("text", ["", "odd", "200000", "0 100000", "100000 0", "-1 100000", "\xff"])
def test_a_quota_that_cannot_be_read_is_none_or_has_the_usual_period(text: str, tmp_path: Path) -> None:
    root = lay_out(tmp_path, {"cpu.max": ""})
    (root / "sys/fs/cgroup/cpu.max").write_bytes(text.encode("latin-1"))
    assert control_groups.quota(root) == (2.0 if text == "200000" else None)


def test_a_hierarchy_that_another_mount_covers_is_not_asked(tmp_path: Path) -> None:
    """As where a test or a container has put another folder over /sys/fs/cgroup."""
    root = lay_out(tmp_path, {"cpu.max": "100000 100000"}, own=OWN_1.format(path="/"), mounts=MOUNTS_1)
    assert control_groups.quota(root) == 1.0
