"""A model family that no script writer knows gets a script from its own files, which runs by itself."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import models
from bench.scripts import write
from bench.workload import model_families
from tests.bench.scripts.test_scripts import CONTENDERS, run, task

FAMILY = "plain"


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A family with the files of `dnn` under another name, and without a script.py."""
    folder = tmp_path / "models"
    shutil.copytree(model_families.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "dnn").rename(folder / FAMILY)
    (folder / FAMILY / "script.py").unlink()
    for file in (folder / FAMILY).glob("*.py"):
        file.write_text(file.read_text().replace("models.dnn", f"models.{FAMILY}").replace("Dnn", "Plain"))
    monkeypatch.setattr(model_families, "FOLDER", folder)
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(folder)])
    yield FAMILY
    for name in [name for name in sys.modules if name.startswith(f"models.{FAMILY}")]:
        del sys.modules[name]


@pytest.mark.parametrize("contender", CONTENDERS)
def test_a_family_without_a_script_of_its_own_gets_a_script(contender: str, made_up: str) -> None:
    spec = list(importlib.import_module(f"models.{made_up}.spec").EXAMPLES.values())[-1]
    text = write(replace(task(contender, "dnn", {}), family=made_up, spec=spec))
    compile(text, contender, "exec")
    assert "class PlainSpec" in text
    if contender == "pytorch":
        assert run(text).split()[1:] == ["ms", "a", "step"]
