"""What a framework answers when it is asked for its devices."""

import sys
from types import SimpleNamespace

import pytest
import torch

from bench.worker.device_probe import answer


def test_a_framework_says_which_devices_it_sees_and_in_which_version_it_is() -> None:
    found = answer("pytorch")
    assert (found["framework"], found["outcome"], found["error"]) == ("pytorch", "ok", None)
    assert found["devices"][0] == "cpu"
    assert found["versions"]["torch"] == torch.__version__


def test_a_framework_that_cannot_be_imported_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer("theano")
    assert found == {
        "framework": "theano",
        "outcome": "failed",
        "error": "ModuleNotFoundError: No module named 'bench.adapters.theano'",
    }
    assert "Traceback" in capsys.readouterr().err


def test_a_framework_that_cannot_be_asked_says_why_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def devices() -> list[str]:
        raise RuntimeError("the driver is\n  too old")

    adapter = SimpleNamespace(create=lambda: SimpleNamespace(devices=devices, versions=dict))
    monkeypatch.setitem(sys.modules, "bench.adapters.old", adapter)
    assert answer("old")["error"] == "RuntimeError: the driver is too old"
