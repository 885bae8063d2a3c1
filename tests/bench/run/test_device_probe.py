"""Every framework that is asked for its devices has an answer, whatever becomes of its process."""

import json
import subprocess
from pathlib import Path

import pytest

from bench.run import device_probe
from bench.run.device_probe import probe
from bench.workload import frameworks
from bench.workload.frameworks import Contender
from tests.bench.run.light_workers import FILE

GOOD, OTHER, NOWHERE = Contender("good"), Contender("other"), Contender("theano")
# Adapters that see a CPU, raise an error, end their process, or never answer.
ADAPTERS = """
import os, sys, time, types

if "bench.worker.device_probe" in sys.orig_argv:

    def raises():
        raise OSError("no driver,\\n no device")

    def dies():
        print("the library found no symbol", file=sys.stderr, flush=True)
        os._exit(7)

    def sees():
        print("a library prints this")
        return ["cpu", os.environ.get("KERAS_BACKEND", ""), str(os.getpid())]

    print("a start-up file prints this")
    ways = {"good": sees, "other": sees, "raises": raises, "dies": dies, "late": lambda: time.sleep(60)}
    for name, devices in ways.items():
        adapter = types.SimpleNamespace(devices=devices, versions=lambda: {"library": "1"})
        module = types.ModuleType(name)
        module.create = lambda adapter=adapter: adapter
        sys.modules[f"bench.adapters.{name}"] = module
"""


@pytest.fixture(autouse=True)
def adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).write_text(ADAPTERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)


def silent(_: object) -> None:
    """Nobody looks."""


def test_each_framework_says_what_it_sees_in_the_order_in_which_they_were_asked() -> None:
    seen = probe([OTHER, GOOD], waiting=silent)
    assert list(seen) == [OTHER, GOOD]
    for result in seen.values():
        assert (result["outcome"], result["error"], result["versions"]) == ("ok", None, {"library": "1"})
        assert result["devices"][0] == "cpu"
    assert seen[GOOD]["devices"][-1] != seen[OTHER]["devices"][-1], "each has a process of its own"


def test_frameworks_that_share_a_library_share_a_process_which_has_their_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(frameworks.LIBRARIES, "good", "jax")
    on_jax, on_torch = Contender("other", "jax"), Contender("other", "torch")
    seen = probe([GOOD, on_jax, on_torch], waiting=silent)
    _, backend, process = seen[GOOD]["devices"]
    assert seen[on_jax]["devices"] == ["cpu", "jax", process]
    assert seen[on_torch]["devices"][1] == "torch"
    assert seen[on_torch]["devices"][2] != process
    assert backend == "jax"


def test_an_error_is_the_answer_of_that_framework_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    raises = Contender("raises")
    for name in ("raises", "theano", "good"):
        monkeypatch.setitem(frameworks.LIBRARIES, name, "one")
    seen = probe([raises, NOWHERE, GOOD], waiting=silent)
    assert (seen[raises]["outcome"], seen[raises]["error"]) == ("failed", "OSError: no driver, no device")
    assert seen[NOWHERE]["error"].startswith("ModuleNotFoundError: No module named 'bench.adapters.theano'")
    assert seen[GOOD]["outcome"] == "ok"


def test_where_a_process_dies_the_frameworks_after_it_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    dies = Contender("dies")
    for name in ("other", "dies", "good"):
        monkeypatch.setitem(frameworks.LIBRARIES, name, "one")
    waited: list[list[Contender]] = []
    seen = probe([OTHER, dies, GOOD], waiting=lambda left: waited.append(list(left)))
    assert [item["outcome"] for item in seen.values()] == ["ok", "failed", "ok"]
    assert seen[dies]["error"] == "the process ended with status 7: the library found no symbol"
    assert seen[GOOD]["devices"][-1] != seen[OTHER]["devices"][-1]
    assert waited == [[OTHER, dies, GOOD], [GOOD], [GOOD], []]


def test_a_framework_that_never_answers_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Contender("late")

    def run(command: list[str], *, timeout: float, **_: object) -> None:
        assert command[-2:] == ["good", "late"]
        answer = json.dumps({"framework": "good", "outcome": "ok", "error": None})
        raise subprocess.TimeoutExpired(command, timeout, output=f"{answer}\n".encode())

    for name in ("good", "late"):
        monkeypatch.setitem(frameworks.LIBRARIES, name, "one")
    monkeypatch.setattr(subprocess, "run", run)
    seen = probe([GOOD, late], waiting=silent)
    assert seen[GOOD]["outcome"] == "ok"
    assert (seen[late]["outcome"], seen[late]["error"]) == ("failed", f"no answer within {device_probe.LIMIT_S:g} s")


def test_a_process_that_answers_for_nobody_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Contender("late")
    monkeypatch.setattr(device_probe, "LIMIT_S", 1.0)
    assert probe([late], waiting=silent)[late]["error"] == "no answer within 1 s"
