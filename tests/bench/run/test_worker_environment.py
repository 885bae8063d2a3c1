"""Worker processes inherit the shell, apart from what Levelfield decides itself, and no settings of Keras."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.records.variable_rules import OVERRULED, SET
from bench.run.worker_client import process_environment

# What `process_environment` sets in some processes alone, what the engine sets later, and what it takes from the shell.
NOT_ALWAYS = {"KERAS_BACKEND", "TORCHINDUCTOR_CACHE_DIR"}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", OVERRULED)
def test_a_worker_does_not_get_what_levelfield_decides(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert name not in process_environment(None, device="cpu")


def test_a_worker_gets_all_other_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert process_environment(None, device="cpu")["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_all_that_levelfield_sets_is_known_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SET:
        monkeypatch.delenv(name, raising=False)
    made = process_environment("jax", device="cpu")
    assert made.keys() - os.environ.keys() == SET.keys() - (NOT_ALWAYS - {"KERAS_BACKEND"})


def floatx(environment: dict[str, str]) -> str:
    """The precision that Keras begins with in a process with this environment."""
    command = [sys.executable, "-c", "import keras; print(keras.config.floatx(), keras.config.image_data_format())"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.slow
def test_the_file_with_settings_of_keras_does_not_reach_a_worker(tmp_path: Path) -> None:
    (tmp_path / ".keras").mkdir()
    settings = {"floatx": "float16", "epsilon": 0.1, "backend": "torch", "image_data_format": "channels_first"}
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(settings))
    worker = process_environment("jax", device="cpu") | {"HOME": str(tmp_path)}
    assert floatx(worker) == "float32 channels_last"
    assert floatx({name: value for name, value in worker.items() if name != "KERAS_HOME"}) == "float16 channels_first"
