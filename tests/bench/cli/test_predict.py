"""`levelfield predict` asks what `run --save-models` kept, in Keras too, and says in one line what is wrong."""

import os
import subprocess
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.run.worker_client import ROOT
from tests.bench.cli.conftest import Command, Place, prepared
from tests.bench.run.scripted_workers import Script, worked
from tests.bench.workloads import job, workload

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Place:
    """A run that learnt in two frameworks and kept what it learnt."""
    place = prepared(tmp_path_factory.mktemp("kept"))
    command = place.command("--workload", place.workload, "--framework", "pytorch,keras/jax", "--purpose", "learning")
    done = subprocess.run(
        [*command, "--save-models", "--tensorboard", "--threads", "1"],
        env={**os.environ, "LEVELFIELD_CACHE": str(cache)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "models: " in done.stdout
    return place


def model(place: Place, contender: str) -> Path:
    return place.records.parent / "artifacts" / "models" / f"tiny-{contender}-cpu-seed0"


@pytest.mark.slow
def test_a_model_is_kept_for_each_that_learnt_in_its_own_format(kept: Place) -> None:
    folder = kept.records.parent / "artifacts"
    assert {path.name for path in (folder / "models").iterdir()} == {
        "tiny-pytorch-cpu-seed0",
        "tiny-keras-jax-cpu-seed0",
    }
    assert (model(kept, "pytorch") / "model.safetensors").is_file()
    assert (model(kept, "keras-jax") / "model.keras").is_file()
    assert len(list((folder / "tensorboard" / "tiny").glob("*/events*"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("trained", ["pytorch", "keras-jax"])
def test_every_framework_answers_alike(kept: Place, levelfield: Command, tmp_path: Path, trained: str) -> None:
    tables = {}
    for asked in ("pytorch", "keras/jax"):
        answers = tmp_path / "answers.csv"
        found = levelfield("predict", model(kept, trained), "test", "--framework", asked, "--output", answers)
        assert (found.code, found.out) == (0, "")
        own = asked.replace("/", "-") == trained
        assert f"predicted by {asked} from {'its own file' if own else 'the canonical weights'}: accuracy" in found.err
        tables[asked] = pd.read_csv(answers)
    assert list(tables["pytorch"].columns[:3]) == ["sample", "truth", "predicted"]
    assert len(tables["pytorch"]) == 20
    assert np.abs(tables["pytorch"].to_numpy() - tables["keras/jax"].to_numpy()).max() <= 1e-5


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What PyTorch has learnt in this process."""
    folder = tmp_path_factory.mktemp("models")
    result = worked(job(workload(), folder / "job.log", purpose="learning") | {"models": str(folder)}, LIMIT_S)
    assert result["outcome"] == "ok"
    return folder / "tiny-pytorch-cpu-seed0"


@pytest.fixture
def _asked_here(script: Script) -> None:
    """Workers answer in this process."""
    script.instead = worked


@pytest.mark.usefixtures("_asked_here")
def test_the_answers_go_to_the_output_of_the_command(saved: Path, levelfield: Command, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("a,b,c,d,e,f\n" + "1,2,3,4,5,6\n" * 3)
    found = levelfield("predict", saved, tmp_path / "new.csv")
    assert found.code == 0
    assert found.out.splitlines()[0].startswith("sample,predicted,probability of 0")
    assert len(found.out.splitlines()) == 4
    assert "predicted by pytorch from its own file: the file has no labels" in found.err


@pytest.mark.usefixtures("_asked_here")
def test_a_file_with_labels_is_scored_and_the_number_of_samples_is_told(
    saved: Path, levelfield: Command, tmp_path: Path
) -> None:
    np.savez(tmp_path / "new.npz", inputs=np.ones((4, 6)), targets=[0, 1, 2, 0])
    found = levelfield("predict", saved, tmp_path / "new.npz")
    assert found.code == 0
    assert found.out.startswith("sample,truth,predicted,")
    table = pd.read_csv(StringIO(found.out))
    accuracy = float((table["truth"] == table["predicted"]).mean())
    assert f"accuracy {accuracy:.4f}" in found.err
    assert found.err.endswith(" on 4 samples\n")


@pytest.mark.usefixtures("_asked_here")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["nowhere", "test"],
            "nowhere/model.json: no such file, expected a file that `levelfield run --s",
        ),
        (["MODEL", "nowhere.csv"], "nowhere.csv: no such file, expected a table of separated"),
        (["MODEL", "test", "--framework", "theano"], "--framework: found 'theano', expected one of "),
        (["MODEL", "test", "--device", "tpu"], "--device: found 'tpu', expected cpu, cuda or cuda:N"),
        (["MODEL", "test", "--device", "cpu,cuda"], "--device: found 'cpu,cuda', expected one device"),
        (["MODEL", "test", "--device", "2xcpu"], "--device: found '2xcpu', expected a single device"),
        (["MODEL", "test", "--output", "nowhere/else.csv"], "--output: nowhere/else.csv: cannot be written (No such f"),
    ],
)
def test_a_mistake_ends_with_2_and_one_line(saved: Path, levelfield: Command, arguments: list[str], line: str) -> None:
    known = {"MODEL": str(saved)}
    found = levelfield("predict", *(known.get(word, word) for word in arguments))
    assert (found.code, found.out) == (2, "")
    assert found.err == f"{found.err.splitlines()[0]}\n"
    assert found.err.startswith(f"levelfield: {line}")
