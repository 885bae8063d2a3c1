"""Tables are split and scaled as in scikit-learn; sizes are known without the rows; every cell is checked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import StandardScaler

from bench.datasets import tables
from bench.datasets.description import Part
from bench.datasets.tables import Splitting, Table
from bench.errors import DataError

PARTS: tuple[Part, ...] = ("train", "validation", "test")
GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(3, 2, (57, 4))
LABELS = GENERATOR.integers(0, 3, 57)
NUMBERS = GENERATOR.normal(100, 20, (57, 1))
CLASSES, REGRESSION = Table(INPUTS, LABELS), Table(INPUTS, NUMBERS)


def test_validation_rows_are_a_share_of_the_remaining_rows() -> None:
    options = Splitting(test=0.2, validation=0.25, seed=21)
    rest, test = train_test_split(INPUTS, test_size=0.2, random_state=21)
    train, validation = train_test_split(rest, test_size=0.25, random_state=21)
    for part, expected in zip(PARTS, (train, validation, test), strict=True):
        np.testing.assert_array_equal(tables.split(REGRESSION, options, part).inputs, expected.astype(np.float32))


def test_validation_rows_can_be_a_share_of_the_test_rows() -> None:
    options = Splitting(test=0.3, validation=0.5, validation_from="test", seed=42)
    train, rest = train_test_split(INPUTS, test_size=0.3, random_state=42)
    validation, test = train_test_split(rest, test_size=0.5, random_state=42)
    for part, expected in zip(PARTS, (train, validation, test), strict=True):
        np.testing.assert_array_equal(tables.split(REGRESSION, options, part).inputs, expected.astype(np.float32))


@pytest.mark.parametrize("rows", [20, 57, 208, 569, 1000, 20640, 21179])
@pytest.mark.parametrize(
    "options",
    [
        Splitting(),
        Splitting(test=0.3),
        Splitting(test=0.2, validation=0.25),
        Splitting(test=0.3, validation=0.5, validation_from="test"),
        Splitting(test=0.3, validation=0.3, validation_from="test"),
        Splitting(test=0.1, validation=0.2),
        Splitting(folds=10, fold=9),
        Splitting(folds=7, fold=2, validation=0.25),
    ],
)
def test_sizes_are_known_without_the_rows(rows: int, options: Splitting) -> None:
    table = Table(np.zeros((rows, 1)), np.zeros((rows, 1)))
    found = {part: len(chosen) for part, chosen in tables.indices(table, options).items()}
    assert sum(found.values()) == rows
    assert found == dict(tables.sizes(rows, options))


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (1, Splitting()),
        (4, Splitting(test=0.99)),
        (2, Splitting(test=0.5, validation=0.5)),
        (10, Splitting(test=0.3, validation=0.3, validation_from="test")),
    ],
)
def test_a_part_without_rows_is_refused(rows: int, options: Splitting) -> None:
    with pytest.raises(
        DataError, match=rf"found {rows} rows?, which leaves? .* expected at least one row in each part"
    ):
        tables.sizes(rows, options)


def test_no_row_is_in_two_parts() -> None:
    rows = tables.indices(CLASSES, Splitting(validation=0.25))
    assert sorted(np.concatenate(list(rows.values())).tolist()) == list(range(57))


def test_mean_and_deviation_come_from_the_training_rows_alone() -> None:
    options = Splitting(validation=0.25, standardise=True, standardise_target=True)
    train = tables.indices(REGRESSION, options)["train"]
    scaler = StandardScaler().fit(INPUTS[train])
    found = tables.split(REGRESSION, options, "test")
    test = tables.indices(REGRESSION, options)["test"]
    np.testing.assert_allclose(found.inputs, scaler.transform(INPUTS[test]), rtol=1e-5)
    everything = StandardScaler().fit(INPUTS).transform(INPUTS[test])
    assert np.abs(found.inputs - everything).max() > 1e-2
    own_unit = found.targets * found.target_deviation + found.target_mean
    np.testing.assert_allclose(own_unit, NUMBERS[test], rtol=1e-5)
    assert found.target_deviation[0] > 5


def test_every_target_column_is_scaled_by_itself() -> None:
    targets = np.hstack([NUMBERS, 1000 * NUMBERS[::-1] - 7])
    table = Table(inputs=INPUTS, targets=targets)
    found = tables.split(table, Splitting(standardise_target=True), "test")
    test = tables.indices(table, Splitting())["test"]
    np.testing.assert_allclose(found.targets * found.target_deviation + found.target_mean, targets[test], rtol=1e-5)
    by_the_first = found.targets * found.target_deviation[0] + found.target_mean[0]
    assert np.abs(by_the_first - targets[test])[:, 1].max() > 1000


def test_each_pixel_of_an_image_is_standardised_by_itself() -> None:
    images = np.random.default_rng(1).normal(size=(50, 3, 2)) * np.arange(1, 7).reshape(3, 2)
    table = Table(inputs=images, targets=np.arange(50) % 2)
    found = tables.split(table, Splitting(standardise=True), "train").inputs
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-5)


def test_without_the_options_nothing_is_scaled() -> None:
    found = tables.split(REGRESSION, Splitting(), "train")
    assert (*found.target_mean, *found.target_deviation) == (0.0, 1.0)
    assert {found.inputs.dtype, found.targets.dtype} == {np.dtype(np.float32)}
    assert found.inputs.mean() > 2


def test_stratified_parts_keep_the_shares_of_the_classes() -> None:
    labels = np.repeat([0, 1], [90, 10])
    table = Table(np.arange(100.0)[:, None], labels)
    shares = [
        tables.split(table, Splitting(stratify=stratify, seed=3), "test").targets.mean() for stratify in (True, False)
    ]
    assert shares[0] == pytest.approx(0.1)
    assert shares[1] != pytest.approx(0.1)


def test_a_quantity_that_is_declared_as_classes_is_refused_with_the_remedy() -> None:
    table = Table(np.arange(50.0)[:, None], np.arange(50))
    with pytest.raises(
        DataError, match=r'found 50 classes but only \d+ rows in the train part.* use task = "regression"'
    ):
        tables.split(table, Splitting(), "test")


def test_a_part_without_a_row_of_some_class_is_refused() -> None:
    labels = np.zeros(57, np.int64)
    labels[0] = 1
    with pytest.raises(DataError, match=r"found 1 row of class 1, expected one or more in each of 2 parts; add rows"):
        tables.split(Table(INPUTS, labels), Splitting(), "train")
    labels[:2] = 1
    with pytest.raises(
        DataError, match=r"found no sample of class 1 in the (train|test) part .* set dataset\.stratify = true"
    ):
        tables.split(Table(INPUTS, labels), Splitting(), "train")


def test_folds_are_those_of_scikit_learn_and_cover_all_rows() -> None:
    dealt = list(KFold(10, shuffle=True, random_state=7).split(INPUTS))
    seen = []
    for number, (train, test) in enumerate(dealt):
        options = Splitting(folds=10, fold=number, seed=7, standardise=True)
        scaler = StandardScaler().fit(INPUTS[train])
        found = tables.split(REGRESSION, options, "test")
        np.testing.assert_allclose(found.inputs, scaler.transform(INPUTS[test]), rtol=1e-5, atol=1e-6)
        assert tables.sizes(57, options) == {"train": len(train), "validation": 0, "test": len(test)}
        seen += found.targets[:, 0].tolist()
    assert sorted(seen) == sorted(NUMBERS[:, 0].astype(np.float32).tolist())


@pytest.mark.parametrize("rows", [57, 60, 41])
def test_stratified_folds_keep_the_shares_of_the_classes_and_the_usual_sizes(rows: int) -> None:
    labels = np.random.default_rng(rows).permutation(np.repeat([0, 1, 2], [rows - 15, 9, 6]))
    table = Table(np.arange(float(rows))[:, None], labels)
    seen: list[float] = []
    for number in range(4):
        options = Splitting(folds=4, fold=number, stratify=True)
        found = tables.split(table, options, "test")
        assert len(found) == tables.sizes(rows, options)["test"]
        assert all(abs((found.targets == label).sum() - (labels == label).sum() / 4) < 1 for label in range(3))
        seen += found.inputs[:, 0].tolist()
    assert sorted(seen) == list(range(rows))
    plain = (tables.indices(table, Splitting(folds=4, seed=seed))["test"] for seed in range(8))
    assert any(abs((labels[part] == 1).sum() - 9 / 4) >= 1 for part in plain), (
        "otherwise this test would also pass for folds that are not stratified"
    )


def test_a_class_with_fewer_rows_than_folds_is_refused() -> None:
    table = Table(np.arange(20.0)[:, None], np.repeat([0, 1], [17, 3]))
    with pytest.raises(
        DataError, match=r"dataset.folds: found 4 folds, and only 3 rows of class 1; expected at most 3 folds"
    ):
        tables.split(table, Splitting(folds=4, stratify=True), "test")


def test_stratify_is_refused_for_numbers() -> None:
    with pytest.raises(DataError, match=r"dataset\.stratify: found true for a task with numbers"):
        tables.split(REGRESSION, Splitting(folds=4, stratify=True), "test")


def test_a_fold_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="found fold = 10, expected 0 to 9"):
        Splitting(folds=10, fold=10)


@pytest.mark.parametrize("other", [{"validation": 0.5, "validation_from": "test"}, {"fold": 3}])
def test_folds_are_refused_with_options_that_contradict_them(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Splitting(folds=3, **other)


def test_the_fingerprint_depends_on_options_and_sources() -> None:
    found = {
        tables.fingerprint(Splitting(), "a"),
        tables.fingerprint(Splitting(), "b"),
        tables.fingerprint(Splitting(seed=1), "a"),
        tables.fingerprint(Splitting(standardise=True), "a"),
    }
    assert len(found) == 4
    assert tables.fingerprint(Splitting(), "a") in found


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("cell", "found"), [("x", "'x'"), ("", "an empty cell"), ("nan", "'nan'"), ("inf", "'inf'"), ("7", "'7'")]
)
def test_a_cell_that_is_not_a_number_in_the_range_is_refused_with_line_and_column(
    tmp_path: Path, cell: str, found: str
) -> None:
    path = write(tmp_path, f"a,b\n1,2\n3,{cell}\n5,6\n")
    frame = tables.read_csv(path, header=True)
    message = rf"table\.csv, line 3, column 'b': found {found}, expected a number from 0 to 6$"
    with pytest.raises(DataError, match=message):
        tables.numbers(frame, path, header=True, lowest=0.0, highest=6.0)
    headless = tables.read_csv(write(tmp_path, f"1,2\n3,{cell}\n"))
    with pytest.raises(DataError, match=r"line 2, column 1: found"):
        tables.numbers(headless, path, lowest=0.0, highest=6.0)


def test_valid_cells_become_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n1,.5\n-3,2e3\n")
    found = tables.numbers(tables.read_csv(path, header=True), path, header=True)
    np.testing.assert_array_equal(found, [[1, 0.5], [-3, 2000]])


def test_an_unknown_class_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "R\nM\nX\n")
    column = tables.read_csv(path, text=(0,))[0]
    assert tables.labels(column[:2], ("R", "M"), path).tolist() == [0, 1]
    with pytest.raises(DataError, match=r"table\.csv, line 3, column 0: found 'X', expected one of R, M"):
        tables.labels(column, ("R", "M"), path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r": found an empty file, expected a table"),
        ("1,2\n3,4,5\n", r", line 2: found 3 cells, expected 2, as the first line has$"),
        ("1,2\n", r": found 1 row, expected 2; replace the file"),
        ("1\n2\n", r": found 1 column, expected 2; replace the file"),
    ],
)
def test_a_file_with_wrong_rows_or_columns_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"table\.csv{message}"):
        tables.read_csv(write(tmp_path, text), rows=2, columns=2)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: no such file, expected a table of comma-separated values$"):
        tables.read_csv(tmp_path / "none.csv")
