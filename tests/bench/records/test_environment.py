"""The environment describes the machine, always by the same name, and without names of hosts, users or paths."""

import getpass
import json
import platform
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace

import psutil
import pytest

from bench.errors import BenchError, UsageError
from bench.records import control_groups
from bench.records import environment as surroundings
from bench.records.environment import busy_cores, commit, environment, free_memory_bytes, hardware, machine_name
from bench.records.record import to_json
from tests.bench.records.fake_root import lay_out


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("LEVELFIELD_CACHE", str(folder))
    return folder


def test_the_environment_describes_this_machine() -> None:
    found = environment({"torch": "2.13.0"})
    assert found.cores > 0
    assert found.memory_bytes > 2**28
    assert found.cpu
    assert found.python.endswith(platform.python_version())
    assert found.versions == {"torch": "2.13.0"}
    assert found.machine == machine_name()


def test_a_machine_without_a_driver_has_no_gpu() -> None:
    found = environment({})
    assert (found.driver is None) == (found.gpus == ())


def test_the_environment_names_no_host_no_user_and_no_path(cache: Path) -> None:
    shown = json.dumps(to_json(environment({})))
    for private in (socket.gethostname(), getpass.getuser(), str(Path.home()), str(cache)):
        assert not re.search(rf"(?<!\w){re.escape(private)}(?!\w)", shown), f"{private!r} is in {shown}"


def test_a_machine_always_has_the_same_name() -> None:
    assert machine_name() == machine_name()


def test_another_user_gets_another_machine_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = machine_name()
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "another"))
    second = machine_name()
    assert first != second
    assert first[:-6] == second[:-6], "the hardware is the same, and so is its part of the name"


def test_processes_that_start_at_the_same_time_agree_on_one_machine_name(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(f"{number:06x}" for number in range(8))
    waiting = Barrier(8)

    def slow(_size: int) -> str:
        time.sleep(0.02)
        return next(ids)

    def name(_number: int) -> str:
        waiting.wait()
        return machine_name()

    monkeypatch.setattr("bench.records.environment.secrets.token_hex", slow)
    with ThreadPoolExecutor(max_workers=8) as pool:
        assert len(set(pool.map(name, range(8)))) == 1, "a lock on a file is one of its opener, also among threads"


def test_a_damaged_id_is_replaced(cache: Path) -> None:
    machine_name()
    (cache / "machine-id").write_text("../../etc\n")
    assert re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{6}", machine_name())


def test_an_id_that_cannot_be_stored_is_an_error_with_a_remedy(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(BenchError, match=r"machine-id: .*LEVELFIELD_CACHE.*--machine NAME"):
        machine_name()


def test_a_declared_name_is_used_unchanged(cache: Path) -> None:
    assert machine_name("ci-large.2") == "ci-large.2"
    assert environment({}, machine="ci-large.2").machine == "ci-large.2"
    assert not cache.exists(), "a declared name needs no id"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "-x", ".hidden", "ü", "x\n", "x" * 81])
def test_a_declared_name_that_cannot_be_a_folder_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--machine: found"):
        machine_name(name)


@pytest.mark.parametrize(
    ("cpu", "gpus", "expected"),
    [
        ("AMD EPYC 9B14 96-Core Processor", (), "amd-epyc-9b14-4c-16g"),
        ("Intel(R) Xeon(R) Platinum 8480C CPU @ 2.00GHz", ("NVIDIA H200",), "intel-xeon-platinum-8480c-4c-16g-h200"),
        ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", (), "intel-core-i7-1165g7-4c-16g"),
        ("Apple M2 Pro", ("Tesla T4", "Tesla T4"), "apple-m2-pro-4c-16g-2xt4"),
        ("", (), "cpu-4c-16g"),
    ],
)
def test_hardware_becomes_a_short_name(cpu: str, gpus: tuple[str, ...], expected: str) -> None:
    assert hardware(cpu, cores=4, memory_bytes=16 * 2**30, gpus=gpus) == expected


def test_the_commit_of_a_changed_checkout_ends_with_dirty(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    assert commit(checkout) is None
    (checkout / "file").write_text("one")
    git(checkout, "init", "--quiet")
    git(checkout, "add", "file")
    git(checkout, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=first")
    clean = commit(checkout)
    assert clean
    assert re.fullmatch(r"[0-9a-f]{40}", clean)
    (checkout / "file").write_text("two")
    assert commit(checkout) == f"{clean}-dirty"


def test_a_folder_inside_another_checkout_has_no_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    inside = tmp_path / "inside"
    inside.mkdir()
    assert commit(inside) is None


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", folder, *arguments], check=True)


def limited(root: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], *, cores: int = 16) -> None:
    """This process in control groups with these files, on a host with that many cores and 64 GiB of memory."""
    monkeypatch.setattr(control_groups, "ROOT", lay_out(root, files))
    monkeypatch.setattr(surroundings, "affinity", lambda: list(range(cores)))
    monkeypatch.setattr(surroundings, "host_cores", lambda: cores)
    monkeypatch.setattr(surroundings, "_niceness", lambda: 0)
    memory = SimpleNamespace(total=64 * 2**30, available=60 * 2**30, used=4 * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


QUOTA = {"cpu.max": "200000 100000"}


def test_a_quota_decides_cores_threads_and_the_name_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(tmp_path, monkeypatch, QUOTA | {"memory.max": str(4 * 2**30), "memory.current": str(2**30)})
    found = environment({})
    assert (found.cores, found.host_cores, found.memory_bytes) == (2, 16, 4 * 2**30)
    assert "-2c-4g-" in found.machine
    assert found.limits == (
        "2 of 16 processors (quota of the control group)",
        "4 of 64 GiB of memory (limit of the control group)",
    )
    assert free_memory_bytes() == 3 * 2**30


def test_a_machine_without_limits_has_the_name_of_its_hardware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(tmp_path, monkeypatch, {"cpu.max": "max 100000", "memory.max": "max", "cpuset.cpus.effective": "0-15"})
    found = environment({})
    assert "-16c-64g-" in found.machine
    assert (found.cores, found.limits, free_memory_bytes()) == (16, (), 60 * 2**30)


@pytest.mark.parametrize(
    ("files", "cores", "line"),
    [
        ({"cpu.max": "150000 100000"}, 2, "1.5 of 16 processors (quota of the control group)"),
        ({"cpuset.cpus.effective": "0-3"}, 4, "4 of 16 processors (cpuset of the control group)"),
        (QUOTA | {"cpuset.cpus.effective": "3"}, 1, "1 of 16 processors (cpuset of the control group)"),
        ({"cpu.max": "6400000 100000"}, 16, None),
    ],
)
def test_the_smallest_limit_of_processors_holds(
    files: dict[str, str], cores: int, line: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(tmp_path, monkeypatch, files)
    assert environment({}).cores == cores
    assert environment({}).limits == ((line,) if line else ())


def test_an_affinity_is_a_limit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(tmp_path, monkeypatch, QUOTA)
    monkeypatch.setattr(surroundings, "affinity", lambda: [5])
    assert (environment({}).cores, environment({}).limits) == (1, ("1 of 16 processors (CPU affinity)",))


def test_a_low_priority_is_a_limit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(tmp_path, monkeypatch, {})
    monkeypatch.setattr(surroundings, "_niceness", lambda: 10)
    assert environment({}).limits == ("niceness 10: other programs come first",)


def test_a_limit_above_the_memory_of_the_host_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(tmp_path, monkeypatch, {"memory.max": str(65 * 2**30)})
    assert (environment({}).memory_bytes, environment({}).limits) == (64 * 2**30, ())


@pytest.mark.parametrize(
    ("host_busy", "group_s", "expected"),
    [(10.0, 0.0, 0.0), (15.0, 0.0, 1.0), (10.0, 0.4, 0.8)],
    ids=["others leave enough of the host", "others leave too little", "work in the same group"],
)
def test_under_a_quota_other_work_counts_only_if_it_takes_from_the_quota(
    host_busy: float, group_s: float, expected: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(tmp_path, monkeypatch, QUOTA | {"cpu.stat": "usage_usec 1000000"})

    def percent(interval: float) -> float:
        usage = 1_000_000 + round(group_s * 1e6)
        (tmp_path / "sys/fs/cgroup/cpu.stat").write_text(f"usage_usec {usage}\n")
        return 100 * host_busy / 16 * bool(interval)

    monkeypatch.setattr(psutil, "cpu_percent", percent)
    monkeypatch.setattr(psutil, "cpu_count", lambda: 16)
    assert busy_cores(0.5) == pytest.approx(expected)


def test_work_on_cores_that_a_process_may_not_use_is_no_disturbance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(tmp_path, monkeypatch, {})
    monkeypatch.setattr(surroundings, "affinity", lambda: [0, 3])
    shares = [10.0, 100.0, 100.0, 50.0, *[100.0] * 12]
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval, percpu: shares[: 16 * bool(interval * percpu)])
    assert busy_cores() == pytest.approx(0.6)


def test_variables_of_the_shell_are_on_the_record_without_the_name_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "somebody")
    monkeypatch.setattr(socket, "gethostname", lambda: "their-host")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=somebody --xla_dump_hlo_module_re=their-host")
    found = environment({}).variables
    assert found is not None
    assert found["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert found["XLA_FLAGS"] == "(not stored) (not stored)"
