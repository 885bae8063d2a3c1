"""`levelfield init data` writes a workload that runs as it is, with what was found in the file."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.run.worker_client import ROOT
from tests.docs import data_of_pages

SLOW = pytest.mark.slow
# With one thread: the threads of two tests that run at once would wait for each other.
LEARN = ("--framework", "pytorch", "--purpose", "learning", "--save-models", "--threads", "1")


def levelfield(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command in a folder of its own, with a cache of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160", "LEVELFIELD_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "bench", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("init")
    data_of_pages.write(place)
    return place


@pytest.mark.parametrize(
    ("file", "written", "parts"),
    [
        ("flats.csv", "flats.toml", ('target = "price"', 'task = "regression"', 'family = "dnn"')),
        pytest.param(
            "passengers.csv",
            "passengers.toml",
            ('"id",  # its whole number differs', '"sex",  # 2 words', 'dates = ["boarded"]', 'missing = "median"'),
            marks=SLOW,
        ),
        pytest.param("walk.csv", "walk.toml", ('kind = "series"', 'time = "step"', 'family = "lstm"'), marks=SLOW),
        pytest.param(
            "keras.npz", "keras.toml", ('test_inputs = "x_test"', "scale = 255", 'family = "cnn"'), marks=SLOW
        ),
        pytest.param("photos", "photos.toml", ('kind = "images"', 'family = "cnn"'), marks=SLOW),
    ],
)
def test_a_workload_of_a_file_is_written_and_shown(
    folder: Path, file: str, written: str, parts: tuple[str, ...]
) -> None:
    done = levelfield(folder, "init", "data", file)
    assert done.returncode == 0, done.stderr
    assert f"wrote {written}" in done.stdout
    for part in parts:
        assert part in (folder / written).read_text(), part
    shown = levelfield(folder, "show", written)
    assert shown.returncode == 0, shown.stderr
    assert written.removesuffix(".toml") in shown.stdout


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    data_of_pages.write(tmp_path)
    (tmp_path / "flats.toml").write_text("mine")
    done = levelfield(tmp_path, "init", "data", "flats.csv")
    assert done.returncode == 2
    assert "flats.toml is there already" in done.stderr
    assert (tmp_path / "flats.toml").read_text() == "mine"
    assert levelfield(tmp_path, "init", "data", "flats.csv", "--output", "other.toml").returncode == 0
    assert 'name = "other"' in (tmp_path / "other.toml").read_text()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.csv", None, "there is no such file"),
        ("text.csv", b"a,b\n1,2,3\n", "found 3 cells, expected 2"),
        ("photo.bmp", b"x", "found the ending '.bmp', expected a table"),
        ("empty.csv", b"", "found an empty file"),
    ],
)
def test_a_file_that_cannot_be_read_ends_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = levelfield(tmp_path, "init", "data", name)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_notation_of_a_file_is_found(tmp_path: Path) -> None:
    lines = ["fuel;weight;use", *(f"{'diesel' if n % 2 else 'petrol'};{n % 7},{n % 10};{n % 23},5" for n in range(60))]
    (tmp_path / "cars.csv").write_bytes("\n".join(lines).replace("fuel", "größe").encode("cp1252"))
    done = levelfield(tmp_path, "init", "data", "cars.csv")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "cars.toml").read_text("utf-8")
    for part in ('separator = ";"', 'decimal = ","', 'encoding = "cp1252"', '"größe",  # 2 words: diesel, petrol'):
        assert part in text, part


def test_the_parent_process_imports_no_scikit_learn(folder: Path) -> None:
    program = (
        "import sys\nfrom bench.workload.workload import load_workload\n"
        "load_workload('flats.toml')\nprint('sklearn' in sys.modules)"
    )
    levelfield(folder, "init", "data", "flats.csv")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LEVELFIELD_CACHE": str(folder / "other-cache")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
    stored = list((folder / "other-cache" / "own-files").glob("*.json"))
    assert len(stored) == 1


@pytest.mark.slow
def test_a_saved_model_predicts_from_the_raw_file_in_another_framework(tmp_path: Path) -> None:
    import pandas as pd

    data_of_pages.write(tmp_path)
    assert levelfield(tmp_path, "init", "data", "passengers.csv").returncode == 0
    done = levelfield(tmp_path, "run", "passengers.toml", *LEARN)
    assert done.returncode in {0, 1}, done.stderr
    (model,) = tmp_path.glob("results/*/*/artifacts/models/passengers-pytorch-cpu-seed0")
    answers = {}
    for framework in ("pytorch", "flax"):
        told = levelfield(
            tmp_path, "predict", str(model), "passengers.csv", "--framework", framework, "--output", f"{framework}.csv"
        )
        assert told.returncode == 0, told.stderr
        assert "on 160 samples" in told.stderr
        answers[framework] = pd.read_csv(tmp_path / f"{framework}.csv")
    first, second = (answers[name]["probability of yes"].to_numpy() for name in ("pytorch", "flax"))
    np.testing.assert_allclose(first, second, atol=1e-5)
    raw = (tmp_path / "passengers.csv").read_text().replace("male,", "robot,", 1)
    (tmp_path / "new.csv").write_text(raw)
    told = levelfield(tmp_path, "predict", str(model), "new.csv", "--output", "new-answers.csv")
    assert "has a word in column 'sex' that is no category: 'robot'" in told.stderr
    other = pd.read_csv(tmp_path / "new-answers.csv")["probability of yes"].to_numpy()
    assert np.abs(other - first).max() > 1e-4


@pytest.mark.slow
def test_a_saved_model_of_a_series_forecasts_from_the_file_and_the_last_window_has_no_truth(tmp_path: Path) -> None:
    import pandas as pd

    data_of_pages.write(tmp_path)
    lines = (tmp_path / "walk.csv").read_text().splitlines()
    lines[100] = "99,"
    (tmp_path / "walk.csv").write_text("\n".join(lines))
    assert levelfield(tmp_path, "init", "data", "walk.csv").returncode == 0
    text = (tmp_path / "walk.toml").read_text().replace("epochs = 20", "epochs = 2")
    (tmp_path / "walk.toml").write_text(text)
    done = levelfield(tmp_path, "run", "walk.toml", *LEARN)
    assert done.returncode in {0, 1}, done.stderr
    (model,) = tmp_path.glob("results/*/*/artifacts/models/walk-pytorch-cpu-seed0")
    answers = []
    for framework in ("pytorch", "flax"):
        told = levelfield(tmp_path, "predict", str(model), "walk.csv", "--framework", framework, "--output", "a.csv")
        assert told.returncode == 0, told.stderr
        answers.append(pd.read_csv(tmp_path / "a.csv"))
    first, second = answers
    assert len(first) == 300 - 12 + 1
    assert np.isnan(first["truth"].iloc[-1])
    levels = pd.read_csv(tmp_path / "walk.csv")["level"].to_numpy()
    np.testing.assert_allclose(first["truth"].iloc[:-1], levels[12:], atol=1e-4)
    np.testing.assert_allclose(first["predicted"], second["predicted"], atol=1e-4)
    assert np.isnan(first["truth"].iloc[99 - 12])  # the gap was filled for the windows, and is no truth
    assert np.abs(first["predicted"].iloc[:-1] - levels[12:]).max() > 1e-4
    (tmp_path / "gap.csv").write_text("\n".join(lines[:3]))
    told = levelfield(tmp_path, "predict", str(model), "gap.csv")
    assert "found 2 rows, expected at least 12" in told.stderr
    told = levelfield(tmp_path, "predict", str(model), "tset")
    assert "found 'tset' (did you mean test?)" in told.stderr
