"""Samples and outputs of a model become columns that later data can be compared with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.records import profile_files
from bench.records.column_profile import SCORES
from bench.worker import observed_columns, prediction
from bench.workload import saved_model
from bench.workload.model_folders import PROFILE
from bench.workload.saved_model import SavedModel, Scale
from tests.bench.run.scripted_workers import worked
from tests.bench.workloads import job, workload

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What PyTorch has learnt in this process."""
    place = tmp_path_factory.mktemp("models")
    result = worked(job(workload(), place / "job.log", purpose="learning") | {"models": str(place)}, LIMIT_S)
    assert result["outcome"] == "ok"
    return place / "tiny-pytorch-cpu-seed0"


@pytest.fixture
def about(folder: Path) -> SavedModel:
    return saved_model.read(folder)


def test_a_saved_model_has_the_profile_of_its_data_and_outputs(folder: Path, about: SavedModel) -> None:
    profile = profile_files.read(folder / PROFILE)
    groups = {item.name: item.group for item in profile.columns}
    assert groups["(predicted)"] == groups["(confidence)"] == "output"
    assert "input" in groups.values()
    (predicted,) = (item for item in profile.columns if item.name == "(predicted)")
    assert predicted.rows == about.description.test
    assert profile.metric == "accuracy"
    assert profile.quality == pytest.approx(about.quality["accuracy"])


def test_the_outputs_for_the_test_data_have_the_stored_profile(folder: Path) -> None:
    found = prediction.observe("pytorch", folder, "test", device="cpu", threads=1)
    (stored,) = (item for item in profile_files.read(folder / PROFILE).columns if item.name == "(predicted)")
    words, counts = np.unique(found["(predicted)"].astype(str), return_counts=True)
    assert dict(zip(words.tolist(), counts.tolist(), strict=True)) == {
        word: count for word, count in zip(stored.categories, stored.counts, strict=False) if count
    }
    assert set(np.unique(found[SCORES])) <= {0.0, 1.0}


def test_columns_are_in_their_original_unit(about: SavedModel) -> None:
    about = replace(about, inputs=Scale(mean=(10.0, 20.0), deviation=(2.0, 5.0)))
    found = observed_columns.of_samples(np.array([[0.0, 1.0], [1.0, 0.0]]), about)
    assert [values.tolist() for values in found.values()] == [[10.0, 12.0], [25.0, 20.0]]
    assert list(found) == ["input 1", "input 2"]


def test_images_have_the_statistics_of_their_pixels(about: SavedModel) -> None:
    about = replace(about, inputs=Scale())
    images = np.zeros((2, 8, 8, 3))
    images[1, :4, :, 0] = 1.0
    found = observed_columns.of_samples(images, about)
    assert found["brightness"].tolist() == pytest.approx([0.0, 1 / 6])
    assert found["brightness of the upper half"].tolist() == pytest.approx([0.0, 1 / 3])
    assert found["channel 1"].tolist() == pytest.approx([0.0, 0.5])
    assert found["edges"][1] > found["edges"][0] == 0.0
    assert set(observed_columns.of_samples(images[..., 0], about)) >= {"brightness", "contrast"}


def test_series_have_the_statistics_of_their_steps(about: SavedModel) -> None:
    about = replace(about, inputs=Scale())
    found = observed_columns.of_samples(np.arange(12.0).reshape(1, 6, 2), about)
    assert found["last feature 2"].tolist() == [11.0]
    assert found["mean of feature 1"].tolist() == [5.0]


def test_long_rows_are_described_by_their_statistics(about: SavedModel) -> None:
    found = observed_columns.of_samples(np.ones((4, 100)), replace(about, inputs=Scale()))
    assert set(found) == {"mean", "standard deviation", "smallest", "largest"}


def test_a_class_is_scored_by_right_or_wrong_and_a_number_by_its_error() -> None:
    classes = pd.DataFrame(
        {"truth": ["a", None, "b"], "predicted": ["a", "a", "a"], "probability of a": [0.9, 0.8, 0.7]}
    )
    np.testing.assert_array_equal(observed_columns.scores(classes), [1.0, np.nan, 0.0])
    numbers = pd.DataFrame({"truth": [1.0, np.nan], "predicted": [3.0, 4.0]})
    np.testing.assert_array_equal(observed_columns.scores(numbers), [2.0, np.nan])
    assert np.isnan(observed_columns.scores(numbers.drop(columns="truth"))).all()


def test_a_training_is_kept_though_its_profile_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(observed_columns, "profile", broken)
    result = worked(job(workload(), tmp_path / "job.log", purpose="learning") | {"models": str(tmp_path)}, LIMIT_S)
    assert result["outcome"] == "ok"
    folder = tmp_path / "tiny-pytorch-cpu-seed0"
    assert saved_model.read(folder).quality
    assert not (folder / PROFILE).exists()
