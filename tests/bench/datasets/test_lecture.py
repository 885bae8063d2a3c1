"""The data sets of the lecture have the known rows, ranges, splits and values; tests of public files need the files."""

import os
from pathlib import Path

import numpy as np
import pytest

from bench.datasets import base
from bench.datasets.base import Dataset, load
from bench.errors import DataError

FOLDERS = [os.environ.get("LEVELFIELD_DATA", ""), str(Path(__file__).parents[3].parent / "shared" / "data")]
FOLDER = next((folder for folder in FOLDERS if folder and Path(folder).is_dir()), None)

PUBLIC = {
    "house-sales": (16943, 0, 4236),
    "california-housing": (12384, 4128, 4128),
    "sonar": (145, 0, 63),
    "wine": (160, 0, 18),
    "temperatures": (3255, 0, 365),
}
EMBEDDED = {
    "breast-cancer": (341, 114, 114),
    "generated-classification": (800, 0, 200),
    "generated-regression": (800, 0, 200),
    "xor": (4, 0, 4),
    "counting": (90, 0, 1),
}


def parts(dataset: Dataset) -> list[base.Split]:
    return [dataset.train, *([dataset.validation] if dataset.description.validation else []), dataset.test]


@pytest.mark.parametrize(("name", "sizes"), EMBEDDED.items())
def test_data_sets_without_a_file_have_the_documented_sizes(name: str, sizes: tuple[int, int, int]) -> None:
    dataset = load({"name": name})
    found = dataset.description
    assert (found.train, found.validation, found.test) == sizes
    assert not found.download
    assert [len(part) for part in parts(dataset)] == [size for size in sizes if size]


def test_breast_cancer_is_standardised_by_its_training_rows() -> None:
    dataset = load({"name": "breast-cancer"})
    np.testing.assert_allclose(dataset.train.inputs.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(dataset.train.inputs.std(axis=0), 1, atol=1e-5)
    assert np.abs(dataset.test.inputs.mean(axis=0)).max() > 1e-2
    assert np.bincount(dataset.test.targets.astype(int)).tolist() == [39, 75], (
        "the published confusion matrix has these sums"
    )


def test_other_data_in_scikit_learn_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.datasets.breast_cancer.SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"found sha256 .*, expected 0000"):
        _ = load({"name": "breast-cancer"}).train


def test_the_four_points_of_xor_have_the_right_classes() -> None:
    train = load({"name": "xor"}).train
    points = [tuple(point) for point in train.inputs.tolist()]
    assert dict(zip(points, train.targets.tolist(), strict=True)) == {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}


def test_counting_is_tested_with_the_number_after_the_last_one() -> None:
    dataset = load({"name": "counting"})
    assert dataset.train.inputs[0, :, 0].tolist() == list(range(10))
    assert dataset.train.targets[[0, -1], 0].tolist() == [10, 99]
    assert dataset.test.inputs[0, :, 0].tolist() == list(range(90, 100))
    assert dataset.test.targets.tolist() == [[100]]


@pytest.mark.parametrize(
    "table",
    [
        {"name": "counting", "steps": 100},
        {"name": "generated-classification", "informative": 19, "redundant": 2},
        {"name": "generated-regression", "informative": 21},
        {"name": "wine", "fold": 10},
        {"name": "temperatures", "steps": 4000},
    ],
)
def test_impossible_options_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(Exception, match=r"^dataset: found .*, expected "):
        load(table)


def test_a_public_file_with_other_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVELFIELD_DATA", str(tmp_path))
    (tmp_path / "sonar").mkdir()
    (tmp_path / "sonar" / "sonar.csv").write_text("1,2,R\n")
    with pytest.raises(DataError, match=r"sonar\.csv: found sha256"):
        _ = load({"name": "sonar"}).train


if FOLDER:

    @pytest.fixture(autouse=True)
    def files(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEVELFIELD_DATA", str(FOLDER))

    @pytest.mark.parametrize(("name", "sizes"), PUBLIC.items())
    def test_public_files_have_the_documented_sizes(name: str, sizes: tuple[int, int, int]) -> None:
        dataset = load({"name": name})
        found = dataset.description
        assert (found.train, found.validation, found.test) == sizes
        assert found.download
        assert [len(part) for part in parts(dataset)] == [size for size in sizes if size]

    def test_house_prices_are_between_the_first_and_the_last_percentile() -> None:
        dataset = load({"name": "house-sales"})
        prices = [part.targets * part.target_deviation + part.target_mean for part in (dataset.train, dataset.test)]
        everything = np.concatenate(prices)
        assert 153_000 < everything.min() < 160_000
        assert 1_950_000 < everything.max() < 1_970_000
        assert dataset.train.inputs.shape[1] == 18
        assert abs(dataset.train.targets.mean()) < 1e-5

    def test_california_housing_has_the_features_of_scikit_learn() -> None:
        dataset = load({"name": "california-housing", "standardise": False})
        inputs = np.concatenate([part.inputs for part in parts(dataset)]).astype(np.float64)
        expected = [3.870671, 28.639486, 5.429000, 1.096675, 1425.476744, 3.070655, 35.631861, -119.569704]
        np.testing.assert_allclose(inputs.mean(axis=0), expected, rtol=1e-6)
        targets = np.concatenate([part.targets for part in parts(dataset)])
        assert targets.mean() == pytest.approx(2.068558, rel=1e-5)
        assert int((targets > 5).sum()) == 965

    def test_sonar_has_97_rocks_and_111_mines() -> None:
        dataset = load({"name": "sonar"})
        labels = np.concatenate([part.targets for part in parts(dataset)])
        assert np.bincount(labels.astype(int)).tolist() == [97, 111]

    def test_every_wine_is_in_the_test_part_of_one_fold() -> None:
        held_out = [load({"name": "wine", "fold": fold}).test.targets for fold in range(10)]
        assert np.unique(np.concatenate(held_out), return_counts=True)[1].tolist() == [59, 71, 48]

    def test_leakage_temperatures_are_scaled_by_the_days_that_are_learnt_from() -> None:
        train = load({"name": "temperatures", "held_out": 0.25}).train
        learnt = train.targets[: len(train) - round(0.25 * len(train))]
        degrees = learnt * train.target_deviation + train.target_mean
        everything = load({"name": "temperatures"}).train
        assert abs(train.target_mean[0] - degrees.mean()) < 0.1
        assert train.target_mean[0] != everything.target_mean[0]

    def test_temperatures_are_windows_and_the_last_year_is_the_test_part() -> None:
        dataset = load({"name": "temperatures"})
        test = dataset.test
        degrees = test.targets[:, 0] * test.target_deviation + test.target_mean
        assert degrees[-1] == pytest.approx(13.0, abs=1e-4), "the temperature of 31 December 1990"
        np.testing.assert_array_equal(test.inputs[1:, -1, 0], test.targets[:-1, 0])
        np.testing.assert_array_equal(test.inputs[0, :-1, 0], dataset.train.inputs[-1, 1:, 0])
