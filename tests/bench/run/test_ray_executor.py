"""Machines share a run only if they do not differ in what decides a measurement; each difference is named."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.errors import UsageError
from bench.run import ray_executor
from bench.run.ray_executor import RayExecutor, differences, off_by

HERE = ray_executor.look(None)


def machine(**changes: object) -> dict[str, Any]:
    return {
        "python": "CPython 3.12.3",
        "ray": "2.58.0",
        "levelfield": HERE["levelfield"],
        "commit": HERE["commit"],
        "versions": {"pytorch": {"torch": "2.13.0"}},
        "monitor": "0",
        "niceness": 0,
        "clock_s": 0.2,
        "cores": 8,
    } | changes


def test_machines_of_other_sizes_share_a_run() -> None:
    assert differences({"a": machine(), "b": machine(cores=64)}) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"python": "CPython 3.11.7"}, "python: a has CPython 3.12.3; b has CPython 3.11.7"),
        ({"ray": "2.50.0"}, "ray: a has 2.58.0; b has 2.50.0"),
        ({"levelfield": "0.2.0"}, f"levelfield: a, this command has {HERE['levelfield']}; b has 0.2.0"),
        ({"commit": "ffff"}, f"commit: a, this command has {HERE['commit']}; b has ffff"),
        ({"versions": {}}, "versions: a has {'pytorch': {'torch': '2.13.0'}}; b has {}"),
        ({"monitor": ""}, "memory monitor: on b Ray may kill a measurement"),
        ({"niceness": 15}, "niceness: b runs parts at niceness 15, expected RAY_worker_niceness=0"),
        ({"clock_s": -60.0}, "clock: b is off by -60 s, expected at most 5 s"),
    ],
)
def test_a_difference_is_named_with_the_machines_that_have_it(changes: dict[str, object], said: str) -> None:
    (line,) = differences({"a": machine(), "b": machine(**changes)})
    assert line.startswith(said)


def test_all_differences_are_told_at_once() -> None:
    assert len(differences({"a": machine(), "b": machine(python="3", ray="1", monitor="250")})) == 3


def test_without_a_cluster_the_way_to_start_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(ray_executor, "_ray", lambda: SimpleNamespace(init=init))
    with pytest.raises(UsageError, match=r"found no cluster at 'auto' that lets .* \(nobody answers\).*ray start"):
        RayExecutor("auto")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("garbage", "RAY_ADDRESS: found 'garbage', expected HOST:PORT"),
        ("ray://lab:10001", "RAY_ADDRESS: found 'ray://lab:10001', expected HOST:PORT"),
        ("127.0.0.1:9", "RAY_ADDRESS: nobody answers at 127.0.0.1:9"),
    ],
)
def test_an_address_without_a_cluster_is_refused_at_once(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_executor, "_ray", SimpleNamespace)
    with pytest.raises(UsageError, match=re.escape(said)):
        RayExecutor(address)


def test_the_shell_of_a_part_is_that_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"HOME": "/home/ada", "LD_PRELOAD": "/env/ray/core/libjemalloc.so", "RAY_x": "1"}
    content = "\0".join(f"{name}={value}" for name, value in variables.items()).encode()
    monkeypatch.setattr(Path, "read_bytes", lambda _: content)
    assert ray_executor._shell(without_ray=True) == {"HOME": "/home/ada"}
    own = content.replace(b"/env/ray/core/libjemalloc.so", b"libtcmalloc.so")
    monkeypatch.setattr(Path, "read_bytes", lambda _: own)
    assert ray_executor._shell()["LD_PRELOAD"] == "libtcmalloc.so", "the user's own"


def test_an_error_of_a_part_is_told_by_its_cause() -> None:
    error = RuntimeError("ray::run_part() (pid=1)\nTraceback")
    assert ray_executor._reason(error) == "ray::run_part() (pid=1)"
    error.cause = PermissionError("a folder: denied\nmore")  # type: ignore[attr-defined]
    assert ray_executor._reason(error) == "PermissionError: a folder: denied"


@pytest.mark.parametrize(("clock_s", "off_s"), [(100.0, 0.0), (109.9, 0.0), (110.0, 0.0), (99.0, -1.0), (170.0, 60.0)])
def test_a_clock_that_was_read_between_question_and_answer_is_right_however_long_that_took(
    clock_s: float, off_s: float
) -> None:
    assert off_by(clock_s, 100.0, 110.0) == pytest.approx(off_s)
