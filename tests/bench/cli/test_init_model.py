"""`levelfield init model` writes a network that is proven equal as it is."""

import json
import re
from pathlib import Path

import pytest

from tests.bench.cli.test_init import levelfield
from tests.bench.workload.own_family import change

FILES = ["flax.py", "keras.py", "pytorch.py", "spec.py"]


def test_a_folder_and_a_workload_are_written_and_shown(tmp_path: Path) -> None:
    done = levelfield(tmp_path, "init", "model", "unet")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "unet").iterdir()) == FILES
    assert "levelfield verify unet.toml\n  levelfield run unet.toml" in done.stdout
    assert "@NAME@" not in "".join(
        path.read_text() for path in (*(tmp_path / "unet").iterdir(), tmp_path / "unet.toml")
    )
    shown = levelfield(tmp_path, "show", "unet.toml")
    assert shown.returncode == 0, shown.stderr
    assert "A network of your own on the digits" in shown.stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "unet.toml").write_text("mine")
    done = levelfield(tmp_path, "init", "model", "unet")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unet.toml is there already, expected none; choose another name, or delete it" in done.stderr
    assert not (tmp_path / "unet").exists()
    assert (tmp_path / "unet.toml").read_text() == "mine"


@pytest.mark.parametrize("name", ["U net", "digits-dnn", "../unet", "unet@a=1", ""])
def test_a_name_that_no_workload_can_have_is_refused(tmp_path: Path, name: str) -> None:
    done = levelfield(tmp_path, "init", "model", name)
    assert done.returncode == 2
    assert f"NAME: found {name!r}" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []


@pytest.mark.slow
def test_the_written_network_is_proven_in_every_framework_and_a_changed_one_is_not(tmp_path: Path) -> None:
    assert levelfield(tmp_path, "init", "model", "unet").returncode == 0
    done = levelfield(tmp_path, "verify", "unet.toml", "--framework", "all", "--format", "json")
    proofs = json.loads(done.stdout)["certificates"]
    assert (done.returncode, len(proofs), all(item["passed"] for item in proofs)) == (0, 5, True), done.stderr
    change(tmp_path / "unet" / "flax.py", "values.mean((1, 2))", "values.max((1, 2))")
    done = levelfield(tmp_path, "verify", "unet.toml", "--framework", "pytorch,flax", "--format", "json")
    proofs = json.loads(done.stdout)["certificates"]
    assert (done.returncode, [item["passed"] for item in proofs]) == (1, [False, False])


@pytest.mark.parametrize(
    ("old", "new", "place", "cause"),
    [
        pytest.param(
            "momentum=0.9",
            "momentum=0.1",
            "in the weights after one training step, most in norm.variance",
            "momentum: PyTorch",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "epsilon=1e-5",
            "epsilon=1e-3",
            "in the outputs of norm",
            "epsilon: Keras adds 1e-3",
            marks=pytest.mark.study,
        ),
    ],
)
def test_a_mistake_is_explained(tmp_path: Path, old: str, new: str, place: str, cause: str) -> None:
    assert levelfield(tmp_path, "init", "model", "unet").returncode == 0
    change(tmp_path / "unet" / "flax.py", old, new)
    done = levelfield(tmp_path, "verify", "unet.toml", "--framework", "pytorch,flax")
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert f"unet: flax and pytorch first deviate {place}, by " in words, done.stdout
    assert cause in words


@pytest.mark.slow
def test_a_network_in_one_framework_is_measured_without_a_proof(tmp_path: Path) -> None:
    assert levelfield(tmp_path, "init", "model", "unet").returncode == 0
    for name in ("keras.py", "flax.py"):
        (tmp_path / "unet" / name).unlink()
    asked = ("--framework", "pytorch,flax", "--purpose", "timing", "--scenario", "inference", "--batch-size", "1")
    done = levelfield(tmp_path, "run", "unet.toml", *asked, "--processes", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no proof: the family has a file for pytorch alone, so nothing can be compared" in done.stdout + done.stderr
    page = (tmp_path / "reports" / "latest.md").read_text()
    assert re.search(r"^\| unet +\| pytorch +\| no proof ", page, re.MULTILINE), page
    assert "unet has no file flax.py" in page
    assert levelfield(tmp_path, "verify", "unet.toml", "--framework", "pytorch").returncode == 1
