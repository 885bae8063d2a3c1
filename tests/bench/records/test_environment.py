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

import pytest

from bench.errors import BenchError, UsageError
from bench.records.environment import commit, environment, hardware, machine_name
from bench.records.record import to_json


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
