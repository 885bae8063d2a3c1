"""A trained and saved model predicts the same after loading, in its own framework and in another one."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.datasets import base as datasets
from bench.worker import main
from bench.worker.measure import memory
from bench.workload.workload import Workload
from tests.bench.workloads import Change, job, workload

HERE = ("pytorch", "flax")  # Keras needs its own processes, see tests/bench/cli/test_predict.py

IMAGES: tuple[Change, ...] = (
    ("shape = [6]", "shape = [6, 6, 1]"),
    ('family = "dnn"', 'family = "cnn"'),
    (
        "hidden = [{ units = 5 }]",
        """convolutions = [{ filters = 3, padding = "same", batch_norm = {}, pool = 2 }]
        dense = [{ units = 4, dropout = 0.3 }]""",
    ),
)
ROWS = [f"{number % 7},{number * 3 % 11},{number * number % 13},{20 + number % 5 * 3.5}" for number in range(40)]
TABLE: tuple[Change, ...] = (
    (
        'dataset = { name = "synthetic", shape = [6], classes = 3, train = 48, test = 20 }',
        """[dataset]
        kind = "csv"
        path = "rows.csv"
        target = "price"
        task = "regression"
        standardise = true
        standardise_target = true""",
    ),
    ("batch_size = 8", 'batch_size = 8\nloss = "mean_squared_error"'),
)

Message = dict[str, Any]


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore the cores of this process after a test, and leave its allocator as it is."""
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: None)
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


def worked(asked: Message) -> Message:
    emitted: list[Message] = []
    main.run(asked, emit=emitted.append, receive=lambda: None)
    return emitted[-1]


def trained(made: Workload, framework: str, folder: Path) -> tuple[Path, Message]:
    asked = job(made, Path(os.devnull), framework=framework, purpose="learning") | {"models": str(folder)}
    result = worked(asked)
    assert result["outcome"] == "ok", result["error"]
    return folder / f"{made.name}-{framework}-cpu-seed0", result["measurement"]["learning"]


def asked(framework: str, folder: Path, data: object) -> Message:
    answers = folder.parent / "answers.csv"
    asked = {"kind": "predict", "framework": framework, "device": "cpu", "threads": 1}
    result = worked(asked | {"folder": str(folder), "data": str(data), "output": str(answers)})
    return result | ({"table": pd.read_csv(answers)} if result["outcome"] == "ok" else {})


@pytest.fixture(params=HERE)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workload:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("\n".join(["width,height,rooms,price", *ROWS]) + "\n")
    return workload(*TABLE)


def test_a_saved_image_model_predicts_the_same_in_both_frameworks(tmp_path: Path, framework: str) -> None:
    folder, learning = trained(workload(*IMAGES), framework, tmp_path)
    found = {name: asked(name, folder, "test") for name in HERE}
    assert {name: item["source"] for name, item in found.items()} == {
        name: "its own file" if name == framework else "the canonical weights" for name in HERE
    }
    assert found[framework]["quality"] == pytest.approx(learning["quality"], abs=1e-5)
    tables = [item["table"].to_numpy(float) for item in found.values()]
    assert np.abs(tables[0] - tables[1]).max() <= 1e-5
    assert list(found[framework]["table"].columns[:3]) == ["sample", "truth", "predicted"]


def test_changed_weights_give_other_predictions(tmp_path: Path) -> None:
    folder, _ = trained(workload(*IMAGES), "pytorch", tmp_path)
    before = asked("flax", folder, "test")["table"].to_numpy(float)
    with np.load(folder / "weights.npz") as file:
        changed = {**file, "head.bias": file["head.bias"] + [0.01, 0, 0]}
    np.savez(folder / "weights.npz", **changed)
    assert np.abs(asked("flax", folder, "test")["table"].to_numpy(float) - before).max() > 1e-4


def test_a_damaged_model_file_is_an_error_of_one_line(tmp_path: Path, framework: str) -> None:
    folder, _ = trained(workload(), framework, tmp_path)
    own = [path for path in folder.rglob("*") if path.is_file() and path.name not in {"model.json", "weights.npz"}]
    assert own
    for path in own:
        path.write_bytes(b"damaged")
    refused = asked(framework, folder, "test")
    assert refused["exit_code"] == 2
    assert refused["error"].startswith(f"{folder}: {framework} cannot read the model file that it saved there: ")
    assert "\n" not in refused["error"]
    other = next(name for name in HERE if name != framework)
    assert asked(other, folder, "test")["outcome"] == "ok"


def test_a_csv_file_is_predicted_in_its_own_units(houses: Workload, tmp_path: Path, framework: str) -> None:
    folder, learning = trained(houses, framework, tmp_path / "models")
    known = asked(framework, folder, "test")["table"]
    error = (known["predicted"] - known["truth"]).abs().mean()
    assert error == pytest.approx(learning["quality"]["mae"], rel=1e-4)
    assert known["truth"].between(20, 34).all()
    # The same rows from a file with shuffled columns and one unrelated column.
    Path("new.csv").write_text("note,rooms,width,height\nx,0,0,0\ny,1,1,3\n")
    new = asked(framework, folder, "new.csv")
    assert (new["quality"], new["labelled"], new["samples"]) == ({}, 0, 2)
    assert "truth" not in new["table"]
    everything = pd.concat([asked(framework, folder, part)["table"] for part in ("train", "test")])
    assert set(new["table"]["predicted"].round(3)) <= set(everything["predicted"].round(3))


def test_a_file_without_a_header_is_predicted_like_the_file_that_was_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("\n".join(ROWS) + "\n")
    made = workload(*TABLE, ('target = "price"', "target = 4\nheader = false"))
    folder, _ = trained(made, "pytorch", tmp_path / "models")
    Path("new.csv").write_text("0,0,0\n1,3,1\n")
    assert len(asked("pytorch", folder, "new.csv")["table"]) == 2
    Path("new.csv").write_text("width,height,rooms\n0,0,0\n")
    assert "new.csv, line 1, column 1: found 'width', expected a number" in asked("pytorch", folder, "new.csv")["error"]


def test_images_with_channels_first_are_predicted_like_those_that_were_learnt(tmp_path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(40, 3, 6, 6))
    np.savez(tmp_path / "own.npz", inputs=images, targets=np.arange(40) % 3)
    table = f'[dataset]\nkind = "npz"\ntask = "classification"\nchannels = "first"\npath = "{tmp_path}/own.npz"'
    dataset = ('dataset = { name = "synthetic", shape = [6], classes = 3, train = 48, test = 20 }', table)
    folder, _ = trained(workload(dataset, *IMAGES[1:]), "pytorch", tmp_path)
    np.savez(tmp_path / "new.npz", inputs=images)
    first = asked("pytorch", folder, tmp_path / "new.npz")["table"]
    known = asked("pytorch", folder, "test")["table"]
    assert set(known["predicted"]) <= set(first["predicted"])
    columns = [name for name in known.columns if name.startswith("probability")]
    assert set(known[columns[0]].round(4)) <= set(first[columns[0]].round(4))


def test_an_npz_file_is_predicted_in_the_shape_of_a_sample(tmp_path: Path) -> None:
    folder, _ = trained(workload(*IMAGES), "pytorch", tmp_path)
    np.savez(tmp_path / "new.npz", inputs=np.zeros((3, 6, 6, 1)))
    assert len(asked("pytorch", folder, tmp_path / "new.npz")["table"]) == 3
    np.savez(tmp_path / "flat.npz", inputs=np.zeros((3, 36)))
    refused = asked("pytorch", folder, tmp_path / "flat.npz")
    assert "found samples of shape (3, 36), expected (samples, 6, 6, 1)" in refused["error"]
    assert refused["exit_code"] == 2


def test_a_model_file_that_lost_weights_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here loading reads nothing, so the model keeps the zeros with which it was built."""
    monkeypatch.setattr("bench.adapters.pytorch.PyTorchAdapter.load", lambda _, model, __: model)
    asked = job(workload(*IMAGES), Path(os.devnull), framework="pytorch", purpose="learning")
    result = worked(asked | {"models": str(tmp_path)})
    assert result["outcome"] == "failed"
    assert "the model file of pytorch: found other values than were saved in conv0.kernel" in result["error"]
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width,height\n1,2\n", "new.csv: found no column 'rooms', expected width, height, rooms"),
        ("width,height,rooms\n1,2,many\n", "new.csv, line 2, column 'rooms': found 'many', expected a number"),
        ("width,height,rooms\n", "new.csv: found the names of the columns and 0 rows, expected at least one row"),
    ],
)
def test_a_wrong_data_file_is_an_error_of_one_line(houses: Workload, tmp_path: Path, text: str, message: str) -> None:
    folder, _ = trained(houses, "pytorch", tmp_path / "models")
    Path("new.csv").write_text(text)
    refused = asked("pytorch", folder, "new.csv")
    assert refused["error"] == message
    assert refused["exit_code"] == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("validation", "DATA: found 'validation', but synthetic has no validation data of its own"),
        ("new.txt", "DATA: found 'new.txt', expected a .csv, .parquet or .npz file, or one of train, validation, test"),
        ("nowhere.csv", "nowhere.csv: no such file"),
    ],
)
def test_missing_data_is_an_error(tmp_path: Path, data: str, message: str) -> None:
    folder, _ = trained(workload(), "pytorch", tmp_path)
    assert asked("pytorch", folder, data)["error"].startswith(message)


def test_the_saved_model_has_the_weights_that_early_stopping_restored(tmp_path: Path) -> None:
    made = workload(
        ("epochs = 2", "epochs = 40\nvalidation_fraction = 0.2\nearly_stopping = { patience = 2 }"),
        ("learning_rate = 1e-2", "learning_rate = 0.5"),
    )
    folder, learning = trained(made, "flax", tmp_path)
    assert learning["restored_epoch"] < len(learning["epochs"])
    assert asked("flax", folder, "test")["quality"] == pytest.approx(learning["quality"], abs=1e-5)
    assert json.loads((folder / "model.json").read_text())["quality"] == learning["quality"]


CLASSES: tuple[Change, ...] = (
    (
        'dataset = { name = "synthetic", shape = [6], classes = 3, train = 48, test = 20 }',
        """[dataset]
        kind = "csv"
        path = "flowers.csv"
        target = "kind"
        stratify = true
        task = "classification\"""",
    ),
)


@pytest.fixture
def flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workload:
    monkeypatch.chdir(tmp_path)
    rows = [f"{number % 7},{number * 3 % 11},{'abc'[number % 3]}" for number in range(60)]
    Path("flowers.csv").write_text("\n".join(["width,height,kind", *rows]) + "\n")
    return workload(*CLASSES)


def test_a_csv_file_with_numbers_to_predict_is_scored_like_the_same_rows_of_a_run(
    houses: Workload, tmp_path: Path, framework: str
) -> None:
    folder, _ = trained(houses, framework, tmp_path / "models")
    found = asked(framework, folder, "rows.csv")
    assert (found["labelled"], found["samples"]) == (40, 40)
    table = found["table"]
    assert list(table.columns[:3]) == ["sample", "truth", "predicted"]
    assert table["truth"].to_numpy() == pytest.approx([float(row.split(",")[3]) for row in ROWS], abs=1e-4)
    off = (table["predicted"] - table["truth"]).to_numpy()
    assert found["quality"]["mae"] == pytest.approx(np.abs(off).mean(), rel=1e-4)
    assert found["quality"]["rmse"] == pytest.approx(np.sqrt((off**2).mean()), rel=1e-4)
    parts = [asked(framework, folder, part) for part in ("train", "test")]
    assert found["quality"]["mae"] == pytest.approx(
        sum(part["quality"]["mae"] * part["samples"] for part in parts) / 40, rel=1e-4
    )


def test_a_csv_file_with_classes_is_scored_and_a_changed_label_changes_the_score(
    flowers: Workload, tmp_path: Path, framework: str
) -> None:
    folder, _ = trained(flowers, framework, tmp_path / "models")
    found = asked(framework, folder, "flowers.csv")
    table = found["table"]
    right = (table["truth"] == table["predicted"]).mean()
    assert found["quality"]["accuracy"] == pytest.approx(right)
    lines = Path("flowers.csv").read_text().splitlines()
    others = [f"{line[:-1]}{'bca'['abc'.index(line[-1])]}" for line in lines[1:]]
    Path("others.csv").write_text("\n".join([lines[0], *others]) + "\n")
    assert asked(framework, folder, "others.csv")["quality"] != found["quality"]


def test_rows_without_a_label_are_predicted_and_not_scored(flowers: Workload, tmp_path: Path) -> None:
    folder, _ = trained(flowers, "pytorch", tmp_path / "models")
    Path("some.csv").write_text("kind,height,width\na,1,2\n,3,4\n  ,5,6\nb,7,8\n")
    some = asked("pytorch", folder, "some.csv")
    assert (some["labelled"], some["samples"]) == (2, 4)
    assert some["table"]["truth"].fillna("").tolist() == ["a", "", "", "b"]
    Path("whole.csv").write_text("kind,height,width\na,1,2\nb,7,8\n")
    assert some["quality"] == asked("pytorch", folder, "whole.csv")["quality"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width,height,kind\n1,2,a\n3,4,d\n", "new.csv, line 3, column 'kind': found 'd', expected one of a, b, c; "),
        ("widht,kind\n1,a\n", "new.csv: found no columns 'width' (did you mean widht?), 'height', expected width, he"),
    ],
)
def test_a_label_that_the_model_does_not_know_is_told_with_its_line(
    flowers: Workload, tmp_path: Path, text: str, message: str
) -> None:
    folder, _ = trained(flowers, "pytorch", tmp_path / "models")
    Path("new.csv").write_text(text)
    refused = asked("pytorch", folder, "new.csv")
    assert refused["error"].startswith(message)
    assert refused["exit_code"] == 2


def test_a_number_to_predict_that_is_none_is_told_with_its_line(houses: Workload, tmp_path: Path) -> None:
    folder, _ = trained(houses, "pytorch", tmp_path / "models")
    Path("new.csv").write_text("width,height,rooms,price\n1,2,3,\n1,2,3,cheap\n")
    refused = asked("pytorch", folder, "new.csv")
    assert refused["error"] == (
        "new.csv, line 3, column 'price': found 'cheap', expected a number; correct it, or predict without labels: "
        "leave out the column 'price'"
    )


def test_an_npz_file_with_labels_is_scored_like_the_same_part_of_a_run(tmp_path: Path, framework: str) -> None:
    made = workload(*IMAGES)
    folder, learning = trained(made, framework, tmp_path)
    part = datasets.load(made.dataset).test
    np.savez(tmp_path / "new.npz", inputs=part.inputs, targets=part.targets)
    found = asked(framework, folder, tmp_path / "new.npz")
    assert found["quality"] == pytest.approx(learning["quality"], abs=1e-5)
    assert found["labelled"] == found["samples"] == 20
    np.savez(tmp_path / "new.npz", inputs=part.inputs, targets=(part.targets + 1) % 3)
    assert asked(framework, folder, tmp_path / "new.npz")["quality"] != found["quality"]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.array([0, 1, 3]), "sample 2: found 3, expected the number of a class, 0 to 2"),
        (np.array([0, 1, 0.5]), "sample 2: found 0.5, expected the number of a class, 0 to 2"),
        (np.array([0, 1]), "found shape (2,) for 3 samples, expected a label for each; correct it, or predict"),
        (np.zeros((3, 3)), "found labels of shape (3, 3), expected the number of a class, 0 to 2"),
        (np.array([0, np.nan, 1]), "sample 1: found NaN or infinity"),
    ],
)
def test_an_array_of_labels_that_does_not_fit_is_an_error_of_one_line(
    targets: np.ndarray, message: str, tmp_path: Path
) -> None:
    folder, _ = trained(workload(), "pytorch", tmp_path)
    np.savez(tmp_path / "new.npz", inputs=np.zeros((3, 6)), targets=targets)
    refused = asked("pytorch", folder, tmp_path / "new.npz")
    assert message in refused["error"]
    assert refused["exit_code"] == 2
