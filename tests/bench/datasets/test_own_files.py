"""A user's own CSV or .npz file becomes a data set, and each mistake in it is reported in one line."""

from pathlib import Path

import numpy as np
import pytest

from bench.datasets.base import load
from bench.datasets.description import dataset_names, fingerprint
from bench.errors import DataError, UsageError
from bench.workload.workload import load_workload

ROWS = [f"{number % 7},{number * 3 % 11},{number / 10},{'yes' if number % 3 else 'no'}" for number in range(30)]
HEADER = "width,height,price,sold"

TOML = """\
name = "mine"
dataset = { kind = "csv", path = "flats.csv", target = "sold", task = "classification", drop = ["price"] }

[model]
family = "dnn"

[recipe]
optimizer = { name = "adam" }
batch_size = 8
epochs = 2
"""


def csv(folder: Path, rows: list[str] = ROWS, header: str = HEADER) -> Path:
    path = folder / "flats.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def table(path: Path, **options: object) -> dict[str, object]:
    return {"kind": "csv", "path": str(path), "target": "sold", "task": "classification", **options}


def test_a_csv_file_for_classification(tmp_path: Path) -> None:
    dataset = load(table(csv(tmp_path)))
    found = dataset.description
    assert (found.name, found.task, found.sample_shape, found.outputs) == ("flats", "classification", (3,), 2)
    assert (found.labels, found.train, found.test) == (("no", "yes"), 24, 6)
    assert set(dataset.train.targets.tolist()) == {0, 1}


def test_a_csv_file_for_regression(tmp_path: Path) -> None:
    options = {"target": "price", "task": "regression", "features": ["height"], "unit": "euros"}
    dataset = load(table(csv(tmp_path), **options, standardise_target=True))
    assert (dataset.description.sample_shape, dataset.description.outputs, dataset.description.unit) == (
        (1,),
        1,
        "euros",
    )
    assert abs(dataset.train.targets.mean()) < 1e-6


def test_the_option_classes_gives_the_order_of_labels(tmp_path: Path) -> None:
    usual, other = (load(table(csv(tmp_path), classes=names)) for names in (["no", "yes"], ["yes", "no"]))
    np.testing.assert_array_equal(usual.train.targets, 1 - other.train.targets)


def test_the_fingerprint_depends_on_the_rows_but_not_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    here, there = csv(tmp_path), csv(tmp_path / "elsewhere")
    assert fingerprint(table(here)) == fingerprint(table(there))
    (tmp_path / "changed").mkdir()
    changed = csv(tmp_path / "changed", ["1,2,3,yes", *ROWS[1:]])
    assert fingerprint(table(changed)) != fingerprint(table(here))
    assert fingerprint(table(here, seed=1)) != fingerprint(table(here))


def test_csv_and_npz_are_kinds_and_not_names() -> None:
    assert not {"csv", "npz", "images", "idx", "series", "parquet"} & set(dataset_names())
    with pytest.raises(
        UsageError, match=r"dataset\.kind: found 'xls', expected one of csv, idx, images, npz, parquet, s"
    ):
        load({"kind": "xls"})
    with pytest.raises(
        UsageError, match=r"dataset\.name: found 'csv', .* or kind = 'csv' or 'idx' or .*'series' for a file of your"
    ):
        load({"name": "csv"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"target": "sould"},
            r"dataset\.target: found 'sould' \(did you mean sold\?\), expected a column of .*: one of sold, width, ",
        ),
        ({"features": ["width", "area"]}, r"dataset\.features: found 'area', expected a column"),
        ({"drop": ["area"]}, r"dataset\.drop: found 'area', expected a column"),
        (
            {"features": ["width", "sold"]},
            r"dataset\.features: found 'sold', which is the target; expected other columns",
        ),
        (
            {"drop": ["width", "height", "price"]},
            r"found no column for the inputs, expected at least one beside the target",
        ),
        ({"target": "price", "task": "regression"}, r"line 2, column 'sold': found 'no', expected a number"),
        ({"classes": ["no", "maybe"]}, r"line 3, column 'sold': found 'yes', expected one of no, maybe"),
        ({"classes": ["no", "yes", "maybe"]}, r"column 'sold': found no row of class 'maybe'"),
        (
            {"target": "width", "drop": ["sold"], "test": 0.27},
            r"found no sample of class '.' in the test part \(9 rows\)",
        ),
        (
            {"target": "width", "drop": ["sold"], "test": 0.05},
            r"found 7 classes but only 2 rows .* task = \"regression\"",
        ),
    ],
)
def test_options_that_do_not_fit_the_table_are_refused(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(table(csv(tmp_path), **options))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,x,3,yes", r"flats\.csv, line 6, column 'height': found 'x', expected a number; .* dataset\.categories = "),
        ("1,,3,yes", r"line 6, column 'height': found an empty cell"),
        ("1,2,3,", r"line 6, column 'sold': found an empty cell, expected one of no, yes"),
        (
            "1,2,3,yes,5",
            r"flats\.csv, line 6: found 5 cells, expected 4, as the header has; a cell that contains a comma needs q",
        ),
        ("1,1e300,3,yes", r"line 6, column 'height': found '1e300', expected a number from -3\.40282e\+38 to 3"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    rows = [*ROWS[:4], row, *ROWS[5:]]
    with pytest.raises(DataError, match=message):
        load(table(csv(tmp_path, rows)))


def test_a_target_that_is_no_number_is_named(tmp_path: Path) -> None:
    rows = ["1,2,nan,yes", *ROWS]
    options = {"target": "price", "task": "regression", "drop": ["sold"]}
    with pytest.raises(DataError, match=r"line 2, column 'price': found 'nan', expected a number"):
        load(table(csv(tmp_path, rows), **options))


def test_one_extra_cell_in_every_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"flats\.csv, line 2: found 5 cells, expected 4, as the header has \(and 29 more lines\)"
    ):
        load(table(csv(tmp_path, [f"{row},1" for row in ROWS])))


@pytest.mark.parametrize(("separator", "name"), [(";", "';'"), ("\t", "a tab")])
def test_another_separator_than_a_comma_is_named(tmp_path: Path, separator: str, name: str) -> None:
    header, *rows = (line.replace(",", separator) for line in (HEADER, *ROWS))
    message = f"flats\\.csv, line 1: found the single column .*: is the separator {name}\\? Set dataset.separator"
    with pytest.raises(DataError, match=message):
        load(table(csv(tmp_path, rows, header)))


def test_decimal_commas_do_not_hide_the_separator(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r'is the separator .;., and does a comma .* Set dataset\.separator = ";" and dataset\.decimal = ","$',
    ):
        load(table(csv(tmp_path, ["1,5;2,5;no"] * 9, "width;height;sold")))


def test_a_semicolon_in_one_of_several_names_is_allowed(tmp_path: Path) -> None:
    assert load(table(csv(tmp_path, header="width;cm,height,price,sold"))).description.sample_shape == (3,)


def test_a_file_without_a_header_is_told_from_a_misspelt_target(tmp_path: Path) -> None:
    rows = [f"{number},{number / 2},{number % 2},-1e3" for number in range(30)]
    found = (
        r"flats\.csv, line 1: found the numbers 0, 0\.0, 0, \.\.\., expected names: the first line must name the col"
    )
    with pytest.raises(DataError, match=found):
        load(table(csv(tmp_path, rows[1:], rows[0])))
    path = csv(tmp_path, header="1,2,3,4")
    assert load(table(path, target="4", header=True)).description.features == ("1", "2", "3")


def test_an_empty_file_and_another_encoding_are_named(tmp_path: Path) -> None:
    path = csv(tmp_path)
    for content, found in ((b"", "found an empty file, exp"),):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"flats\\.csv: {found}"):
            load(table(path, seed=len(content)))


def test_a_class_may_have_the_name_none(tmp_path: Path) -> None:
    rows = [row.replace("no", "None") for row in ROWS]
    assert load(table(csv(tmp_path, rows))).description.labels == ("None", "yes")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 31}, r"dataset\.folds: found 31, expected at most 30, the number of rows"),
        (
            {"stratify": True, "test": 0.01},
            r"dataset\.stratify: found true, and 2 classes for a part of 1 row, expected at least one row of each",
        ),
        (
            {"stratify": True, "target": "price", "task": "regression", "drop": ["sold"]},
            r"stratify: found true for a task with numbers",
        ),
        ({"standardise_target": True}, r"dataset\.standardise_target: found true, expected false: the task is classif"),
    ],
)
def test_an_impossible_split_is_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises((DataError, UsageError), match=message):
        load(table(csv(tmp_path), **options))


def test_a_target_with_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found a single class"):
        load(table(csv(tmp_path, ["1,2,3,yes"] * 9)))


def test_the_path_of_a_data_file_is_relative_to_the_workloads_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv(tmp_path)
    (tmp_path / "mine.toml").write_text(TOML)
    found = load_workload(str(tmp_path / "mine.toml"))
    assert found.spec.outputs == 2
    monkeypatch.chdir(tmp_path)
    assert load_workload("mine.toml").digest == found.digest
    (tmp_path / "mine.toml").write_text(TOML.replace("cross_entropy", "x").replace("epochs = 2", "epochs = 3"))
    assert load_workload("mine.toml").digest != found.digest


def test_a_mistake_in_a_data_file_also_names_the_workloads_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    with pytest.raises(
        UsageError, match=r"mine\.toml: .*flats\.csv: no such file, expected a table of separated values"
    ):
        load_workload(str(tmp_path / "mine.toml"))


def arrays(folder: Path, **changes: np.ndarray) -> dict[str, object]:
    images = np.random.default_rng(0).normal(size=(30, 4, 3))
    np.savez(folder / "own.npz", **{"inputs": images, "targets": np.arange(30) % 3, **changes})  # type: ignore[arg-type]
    return {"kind": "npz", "path": str(folder / "own.npz"), "task": "classification"}


def test_an_npz_file_for_classification_and_for_regression(tmp_path: Path) -> None:
    found = load(arrays(tmp_path))
    assert (found.description.sample_shape, found.description.outputs) == ((4, 3), 3)
    assert found.train.inputs.shape == (24, 4, 3)
    numbers = {**arrays(tmp_path, targets=np.arange(60.0).reshape(30, 2)), "task": "regression"}
    numbers["path"] = str((tmp_path / "own.npz").rename(tmp_path / "numbers.npz"))
    assert load(numbers).description.outputs == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": np.arange(30) - 1}, r"targets: found 30 different labels in 30 samples, expected a few samples"),
        ({"targets": np.arange(30) / 3}, r"found numbers with decimals, expected labels"),
        (
            {"targets": np.arange(29) % 3},
            r"expected inputs of shape \(samples, ...\) .* and one target for each sample",
        ),
        ({"inputs": np.full((30, 2), np.nan)}, r"inputs, sample 0: found NaN or infinity"),
        ({"inputs": np.full((30, 2), "x")}, r"inputs: found an array of text, expected real numbers: if the text has"),
        (
            {"inputs": np.ones((30, 2), complex)},
            r"inputs: found an array of complex numbers, expected real numbers",
        ),
        ({"inputs": np.zeros((0, 2))}, r"found inputs of shape \(0, 2\)"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(arrays(tmp_path, **changes))


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"own\.npz, inputs: found Python objects, expected numbers: if all"):
        load(arrays(tmp_path, inputs=np.array([object()] * 30)))


def test_a_file_in_another_format_is_refused(tmp_path: Path) -> None:
    table = {"kind": "npz", "path": str(csv(tmp_path)), "task": "classification"}
    with pytest.raises(DataError, match=r"flats\.csv: found another format, expected an \.npz file of NumPy"):
        load(table)
    with pytest.raises(DataError, match=r"none\.npz: no such file, expected an \.npz file of NumPy"):
        load({**table, "path": str(tmp_path / "none.npz")})


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"dataset\.target: found 'target' \(did you mean targets\?\), expected an array of .*: one of inputs, t",
    ):
        load({**arrays(tmp_path), "target": "target"})
