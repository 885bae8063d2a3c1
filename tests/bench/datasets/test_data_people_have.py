"""Data as people have them: words, gaps, dates, other separators, a published test part, pixels in rows, groups."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.datasets.base import Dataset, load
from bench.datasets.description import describe
from bench.datasets.own_files.prepared_columns import NO_VALUE
from bench.errors import DataError, UsageError
from bench.run.worker_client import ROOT

CARS = ["fuel;weight;power;use"] + [
    f"{('diesel', 'petrol', 'electric')[row % 3]};{row % 7},{row % 10};{'?' if row % 9 == 4 else 60 + row * row};"
    f"{row % 5},5"
    for row in range(60)
]
PASSENGERS = ["id,boarded,class,sex,age,fare,survived"] + [
    f"{row + 1},2019-{row % 12 + 1:02}-{row % 27 + 1:02},{row % 3 + 1},{'male' if row % 2 else 'female'},"
    f"{'' if row % 10 == 3 else 20 + row % 41},{row % 13}.5,{'yes' if row % 4 else 'no'}"
    for row in range(120)
]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def cars(folder: Path, **options: object) -> dict[str, object]:
    path = written(folder / "cars.csv", CARS)
    table = {"kind": "csv", "path": str(path), "target": "use", "task": "regression", "separator": ";", "decimal": ","}
    return table | {"missing": "median", "categories": ["fuel"]} | options


def passengers(folder: Path, **options: object) -> dict[str, object]:
    path = written(folder / "passengers.csv", PASSENGERS)
    table = {"kind": "csv", "path": str(path), "target": "survived", "task": "classification", "drop": ["id"]}
    return table | {"missing": "median", "categories": ["sex"], "dates": ["boarded"]} | options


def whole(dataset: Dataset) -> np.ndarray:
    return np.concatenate([dataset.train.inputs, dataset.test.inputs])


def test_a_file_with_semicolons_decimal_commas_gaps_and_words_is_read_by_options(tmp_path: Path) -> None:
    dataset = load(cars(tmp_path, seed=3))
    rows = whole(dataset)
    assert rows.shape == (60, 5)  # three fuels, weight, power
    assert set(rows[:, :3].sum(axis=1).tolist()) == {1.0}
    np.testing.assert_allclose(sorted(rows[:, 3]), sorted(np.float32(row % 7 + row % 10 / 10) for row in range(60)))
    assert dataset.description.features == ("fuel", "weight", "power")


@pytest.mark.parametrize(("rule", "function"), [("median", np.median), ("mean", np.mean)])
def test_gaps_are_filled_from_the_rows_that_are_learnt_from_and_from_no_others(
    tmp_path: Path, rule: str, function: Callable[[list[float]], float]
) -> None:
    powers = {60.0 + row * row for row in range(60) if row % 9 != 4}
    dataset = load(cars(tmp_path, missing=rule, seed=3, test=0.3))
    fills = {float(value) for value in whole(dataset)[:, 4]} - powers
    known = [value for value in dataset.train.inputs[:, 4].tolist() if value in powers]
    everything = [*known, *(value for value in dataset.test.inputs[:, 4].tolist() if value in powers)]
    fill = float(np.float32(function(known)))
    assert float(np.float32(function(everything))) != fill  # else this test could not fail
    assert set(dataset.train.inputs[:, 4].tolist()) - powers <= {fill}
    assert fills <= {fill}
    assert fill in whole(dataset)[:, 4]


def test_a_number_fills_gaps_and_drop_leaves_rows_out_and_says_so(tmp_path: Path) -> None:
    assert -1.0 in whole(load(cars(tmp_path, missing=-1)))[:, 4]
    found = describe(cars(tmp_path, missing="drop"))
    gaps = sum(row % 9 == 4 for row in range(60))
    assert found.train + found.test == 60 - gaps
    assert f"{gaps} rows of 60 left out, since a cell has no value" in " ".join(found.remarks)


def test_words_gaps_and_dates_without_options_end_in_one_message_with_every_option(tmp_path: Path) -> None:
    path = written(tmp_path / "passengers.csv", PASSENGERS)
    with pytest.raises(DataError) as caught:
        describe({"kind": "csv", "path": str(path), "target": "survived", "task": "classification"})
    message = str(caught.value)
    for part in (
        "line 2, column 'boarded': found '2019-01-01'",
        "line 2, column 'sex': found 'female'",
        "line 5, column 'age': found an empty cell",
        "column 'id': found whole numbers",
        'set dataset.categories = ["sex"]',
        'set dataset.dates = ["boarded"]',
        'dataset.drop = ["id"]',
        'set dataset.missing = "median"',
        "levelfield init data passengers.csv",
    ):
        assert part in message, part


def test_the_wrong_separator_and_decimal_commas_are_told_with_their_options(tmp_path: Path) -> None:
    path = written(tmp_path / "cars.csv", CARS)
    with pytest.raises(DataError, match=r'Set dataset\.separator = ";" and dataset\.decimal = ","'):
        describe({"kind": "csv", "path": str(path), "target": "use", "task": "regression"})


def test_what_was_made_of_each_column_is_told(tmp_path: Path) -> None:
    told = {use.name: (use.was, use.became) for use in describe(passengers(tmp_path, standardise=True)).columns}
    assert told["sex"] == ("2 words: female, male", "2 numbers of 0 or 1, one for each word")
    assert told["boarded"][0].startswith("dates from 2019-01-")
    assert "days since 1970-01-01" in told["boarded"][1]
    assert "12 gaps" in told["age"][0]
    assert "the median" in told["age"][1]
    assert told["id"] == ("not read", "left out by dataset.drop")
    assert told["survived"][0].startswith("2 classes: no 30, yes 90")


def test_a_date_is_the_number_of_days_since_1970(tmp_path: Path) -> None:
    rows = whole(load(passengers(tmp_path, features=["boarded"], missing=None, categories=[])))
    dates = [np.datetime64(line.split(",")[1]) for line in PASSENGERS[1:]]
    days = {float((date - np.datetime64("1970-01-01")).astype(int)) for date in dates}
    assert set(rows[:, 0].tolist()) == days


def test_dates_in_another_form_are_told_with_the_option_and_read_by_it(tmp_path: Path) -> None:
    lines = ["day,b,c", *(f"{row % 28 + 1:02}.{row % 12 + 1:02}.2020,{row % 5},{row % 7}" for row in range(40))]
    table: dict[str, object] = {"kind": "csv", "path": str(written(tmp_path / "days.csv", lines)), "target": "c"}
    table |= {"task": "regression", "dates": ["day"]}
    with pytest.raises(DataError, match=r'set dataset\.date_format = "%d\.%m\.%Y"'):
        describe(table)
    found = load({**table, "date_format": "%d.%m.%Y"})
    first = float((np.datetime64("2020-01-01") - np.datetime64("1970-01-01")).astype(int))
    assert whole(found)[:, 0].min() == first


def test_categories_are_the_same_in_every_fold(tmp_path: Path) -> None:
    colours = ["rare" if row == 7 else ("red", "green")[row % 2] for row in range(40)]
    lines = ["colour,a,b", *(f"{colour},{row},{row % 5}" for row, colour in enumerate(colours))]
    path = written(tmp_path / "colours.csv", lines)
    table: dict[str, object] = {"kind": "csv", "path": str(path), "target": "b", "task": "regression", "folds": 5}
    table |= {"categories": ["colour"], "features": ["colour", "a"]}
    folds = [describe({**table, "fold": fold}) for fold in range(5)]
    assert {found.sample_shape for found in folds} == {(4,)}
    told = [found.remarks for found in folds if "no row that is learnt from has 'rare'" in " ".join(found.remarks)]
    assert len(told) == 1


def test_a_word_that_dataset_categories_does_not_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found 'electric', expected one of diesel, petrol"):
        describe(cars(tmp_path, categories={"fuel": ["diesel", "petrol"]}))
    found = load(cars(tmp_path, categories={"fuel": ["petrol", "hydrogen", "diesel", "electric"]}))
    assert whole(found).shape == (60, 6)
    assert not whole(found)[:, 1].any()
    assert "no row that is learnt from has 'hydrogen'" in " ".join(found.description.remarks)


def test_words_without_a_value_are_a_category_of_their_own(tmp_path: Path) -> None:
    lines = [line.replace("female", "") for line in PASSENGERS]
    path = written(tmp_path / "passengers.csv", lines)
    table = passengers(tmp_path)
    written(path, lines)
    found = describe(table)
    told = {use.name: use.became for use in found.columns}
    assert NO_VALUE in told["sex"]
    with pytest.raises(DataError, match=r"found an empty cell, expected a value.*dataset\.missing"):
        describe({**table, "missing": {"age": "mean"}})


def test_a_published_test_part_is_taken_in_its_order_and_scaled_by_the_training_part(tmp_path: Path) -> None:
    train = written(tmp_path / "train.csv", ["a,b,y", *(f"{row},{row % 3},{row * 2}" for row in range(40))])
    test = written(tmp_path / "test.csv", ["y,b,a", *(f"{-row},1,{100 - row}" for row in range(9))])
    table = {"kind": "csv", "path": str(train), "test_path": str(test), "target": "y", "task": "regression"}
    found = load({**table, "features": ["a", "b"], "standardise": True})
    assert (found.description.train, found.description.test) == (40, 9)
    mean, deviation = np.mean(range(40)), np.std(range(40))
    np.testing.assert_allclose(found.test.inputs[:, 0], (100 - np.arange(9) - mean) / deviation, rtol=1e-6)
    np.testing.assert_array_equal(found.test.targets[:, 0], -np.arange(9))
    with pytest.raises(UsageError, match="found test_path together with folds"):
        describe({**table, "folds": 3})


def test_a_word_that_only_the_test_part_has_is_told_and_becomes_zeros(tmp_path: Path) -> None:
    train = written(tmp_path / "train.csv", ["c,y", *(f"{'ab'[row % 2]},{row}" for row in range(20))])
    test = written(tmp_path / "test.csv", ["c,y", "a,1", "violet,2"])
    table = {"kind": "csv", "path": str(train), "test_path": str(test), "target": "y", "task": "regression"}
    found = load({**table, "categories": ["c"]})
    np.testing.assert_array_equal(found.test.inputs, [[1, 0], [0, 0]])
    assert "1 row has a word in column 'c' that is no category: 'violet'" in " ".join(found.description.remarks)


def test_rows_of_pixels_become_images(tmp_path: Path) -> None:
    names = ",".join(f"p{place}" for place in range(16))
    rows = [f"{row % 3},{','.join(str((row * place) % 256) for place in range(16))}" for row in range(60)]
    path = written(tmp_path / "pixels.csv", [f"label,{names}", *rows])
    table: dict[str, object] = {"kind": "csv", "path": str(path), "target": "label", "task": "classification"}
    found = load({**table, "shape": [4, 4], "scale": 255, "stratify": True})
    assert found.description.sample_shape == (4, 4)
    values = whole(found)
    assert values.shape == (60, 4, 4)
    assert values.max() == 1.0
    with pytest.raises(DataError, match=r"dataset\.shape: found \[3, 5\], which is 3 times 5 = 15 numbers"):
        describe({**table, "shape": [3, 5]})


def test_a_group_stays_in_one_part(tmp_path: Path) -> None:
    lines = ["patient,a,y", *(f"p{row // 5},{row},{row % 2}" for row in range(60))]
    path = written(tmp_path / "patients.csv", lines)
    table: dict[str, object] = {"kind": "csv", "path": str(path), "target": "y", "task": "classification"}
    table |= {"groups": "patient", "validation": 0.25}

    def groups(values: np.ndarray) -> set[int]:
        return set((values[:, 0] // 5).astype(int).tolist())

    found = load(table)
    parts = [groups(found.train.inputs), groups(found.validation.inputs), groups(found.test.inputs)]
    assert sum(map(len, parts)) == 12
    assert found.description.features == ("a",)
    divided = load({**table, "groups": None, "drop": ["patient"]})
    torn = [groups(divided.train.inputs), groups(divided.validation.inputs), groups(divided.test.inputs)]
    assert sum(map(len, torn)) > 12  # a planted leak: without `groups` patients are in several parts
    for fold in range(4):
        folds = load({**table, "validation": None, "folds": 4, "fold": fold})
        assert not groups(folds.train.inputs) & groups(folds.test.inputs)


def test_an_encoding_and_texts_for_gaps_are_options(tmp_path: Path) -> None:
    lines = ["größe,b,y", *(f"{-999 if row == 3 else row},{row % 3},{row}" for row in range(20))]
    path = tmp_path / "latin.csv"
    path.write_text("\n".join(lines), "cp1252")
    table: dict[str, object] = {"kind": "csv", "path": str(path), "target": "y", "task": "regression"}
    with pytest.raises(DataError, match=r'set dataset\.encoding = "cp1252"'):
        describe(table)
    assert whole(load({**table, "encoding": "cp1252", "features": ["größe"]})).min() == -999
    with pytest.raises(DataError, match="found '-999'"):
        describe({**table, "encoding": "cp1252", "gaps": ["-999"], "features": ["größe"]})
    filled = load({**table, "encoding": "cp1252", "gaps": ["-999"], "missing": "mean", "features": ["größe"]})
    assert whole(filled).min() == 0


def test_identifiers_that_nobody_chose_are_told(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(40)
    lines = ["code,a,y", *(f"{1000 + order[row]},{row % 11}.5,{row % 5}" for row in range(40))]
    path = written(tmp_path / "codes.csv", lines)
    table: dict[str, object] = {"kind": "csv", "path": str(path), "target": "y", "task": "regression"}
    assert "column 'code' has another value in every row" in " ".join(describe(table).remarks)
    assert not describe({**table, "drop": ["code"]}).remarks


def test_a_parquet_file_is_read_by_the_same_options_with_the_same_samples(tmp_path: Path) -> None:
    import pandas as pd

    table = cars(tmp_path, standardise=True)
    frame = pd.read_csv(str(table["path"]), sep=";", decimal=",", na_values=["?"])
    frame.to_parquet(tmp_path / "cars.parquet")
    options = {key: value for key, value in table.items() if key not in {"kind", "path", "separator", "decimal"}}
    found = load({"kind": "parquet", "path": str(tmp_path / "cars.parquet"), **options})
    np.testing.assert_array_equal(whole(found), whole(load(table)))
    with pytest.raises(DataError, match=r"row 1, column 'fuel': found 'diesel'"):
        describe({"kind": "parquet", "path": str(tmp_path / "cars.parquet"), **options, "categories": []})


def test_a_scaler_that_is_fitted_on_all_rows_would_be_seen(tmp_path: Path) -> None:
    dataset = load(cars(tmp_path, standardise=True, missing="mean", seed=1))
    columns = dataset.train.inputs[:, 3:].astype(float)
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(columns.std(axis=0), 1, atol=1e-6)
    assert np.abs(whole(dataset)[:, 3:].mean(axis=0)).max() > 1e-3  # the planted fault: fitted on everything


def test_another_split_gives_other_bits_and_the_same_one_the_same(tmp_path: Path) -> None:
    first, second = (load(passengers(tmp_path, standardise=True)) for _ in range(2))
    assert first.train.inputs.tobytes() == second.train.inputs.tobytes()
    other = load(passengers(tmp_path, standardise=True, seed=9))
    assert first.train.inputs.tobytes() != other.train.inputs.tobytes()


PROGRAM = """
import hashlib, json, sys
import {library}
from bench.datasets.base import load
data = load(json.loads(sys.argv[1]))
arrays = [data.train.inputs, data.train.targets, data.test.inputs, data.test.targets]
print(hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
"""


@pytest.mark.slow
def test_the_processes_of_all_frameworks_get_the_same_bits(tmp_path: Path) -> None:
    table = json.dumps(passengers(tmp_path, standardise=True))
    digests = set()
    for library in ("torch", "tensorflow", "jax", "keras", "flax"):
        command = [sys.executable, "-c", PROGRAM.format(library=library), table]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "LEVELFIELD_CACHE": str(tmp_path / library)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        digests.add(done.stdout.strip().splitlines()[-1])
    assert len(digests) == 1
    data = load(json.loads(table))
    parts = [data.train.inputs, data.train.targets, data.test.inputs, data.test.targets]
    own = hashlib.sha256(b"".join(array.tobytes() for array in parts)).hexdigest()
    assert digests == {own}
    assert own != hashlib.sha256(b"".join(array.tobytes() for array in parts[::-1])).hexdigest()
