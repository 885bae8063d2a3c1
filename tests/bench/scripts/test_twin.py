"""A model family that no script writer knows gets a script from its own files, which runs by itself."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import models
from bench.scripts import write
from bench.workload import model_families, own_families
from bench.workload.workload import load_workload
from models.transformer.spec import EXAMPLES
from tests.bench.scripts.test_scripts import CONTENDERS, run, task
from tests.bench.workload.own_family import change, write_family

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


@pytest.mark.slow
@pytest.mark.parametrize("contender", CONTENDERS)
def test_a_script_of_a_network_of_integers_trains(contender: str) -> None:
    spec = EXAMPLES["integers-with-norms-after-and-dropout"]
    text = write(replace(task(contender, "dnn", {}), family="transformer", spec=spec))
    assert run(text).split()[1:] == ["ms", "a", "step"]


def script(family: Path, contender: str) -> str:
    """A script for the network in the folder."""
    workload = load_workload(str(family.parent / "mine.toml"))
    return write(replace(task(contender, "dnn", {}), family=workload.family, spec=workload.spec))


@pytest.mark.parametrize(
    "contender", [name if name == "pytorch" else pytest.param(name, marks=pytest.mark.slow) for name in CONTENDERS]
)
def test_a_script_of_a_users_network_runs_without_its_folder(contender: str, tmp_path: Path) -> None:
    family = write_family(tmp_path)
    text = script(family, contender)
    shutil.rmtree(family)
    assert str(tmp_path) not in text
    assert run(text).split()[1:] == ["ms", "a", "step"]


@pytest.mark.slow
def test_a_script_has_the_other_files_of_the_folder_and_draws_weights_as_the_folder_says(tmp_path: Path) -> None:
    family = write_family(tmp_path)
    (family / "blocks").mkdir()
    (family / "blocks" / "__init__.py").write_text("from .sizes import FILTERS\n")
    (family / "blocks" / "sizes.py").write_text("FILTERS = 3\n")
    change(family / "spec.py", "    filters: int = 8", "    filters: int = FILTERS")
    change(family / "spec.py", "from dataclasses", "from .blocks import FILTERS\nfrom dataclasses")
    change(tmp_path / "mine.toml", "filters = 8", "")
    drawn = "\nprint(len(weights['stem.kernel'].ravel()), weights['stem.kernel'].std(), weights['head.bias'][0])"
    he = float(run(script(family, "pytorch") + drawn).split()[-2])
    with (family / "spec.py").open("a") as file:
        file.write(
            "\ndef initial_weights(spec, *, seed):\n    import numpy as np\n"
            "    ones = {name: np.ones(shape) for name, shape in parameter_shapes(spec).items()}\n"
            "    return {name: one * (7 if name == 'head.bias' else 1) for name, one in ones.items()}\n"
        )
    own_families.load.cache_clear()
    for name in [name for name in sys.modules if name.startswith(own_families.PACKAGES)]:
        del sys.modules[name]
    assert run(script(family, "pytorch") + drawn).split()[-3:] == ["27", "0.0", "7.0"]
    assert he == pytest.approx(np.sqrt(2 / 9), rel=0.5), "He's normal distribution for 9 inputs"
