"""Machines share a run only if they do not differ in what decides a measurement; each difference is named."""

from types import SimpleNamespace
from typing import Any

import pytest

from bench.errors import UsageError
from bench.run import ray_executor
from bench.run.ray_executor import RayExecutor, differences, off_by


def machine(**changes: object) -> dict[str, Any]:
    return {
        "python": "CPython 3.12.3",
        "ray": "2.58.0",
        "levelfield": "0.1.0",
        "commit": "0123abcd",
        "versions": {"pytorch": {"torch": "2.13.0"}},
        "monitor": "0",
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
        ({"levelfield": "0.2.0"}, "levelfield: a has 0.1.0; b has 0.2.0"),
        ({"commit": "ffff"}, "commit: a has 0123abcd; b has ffff"),
        ({"versions": {}}, "versions: a has {'pytorch': {'torch': '2.13.0'}}; b has {}"),
        ({"monitor": ""}, "memory monitor: on b Ray may kill a measurement"),
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
    with pytest.raises(UsageError, match=r"found no cluster at '10.0.0.1:6379' \(nobody answers\).*ray start --head"):
        RayExecutor("10.0.0.1:6379")


@pytest.mark.parametrize(("clock_s", "off_s"), [(100.0, 0.0), (109.9, 0.0), (110.0, 0.0), (99.0, -1.0), (170.0, 60.0)])
def test_a_clock_that_was_read_between_question_and_answer_is_right_however_long_that_took(
    clock_s: float, off_s: float
) -> None:
    assert off_by(clock_s, 100.0, 110.0) == pytest.approx(off_s)
