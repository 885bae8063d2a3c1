"""Options of a user's own files: a file without a header, images with channels first, columns that are not used."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.datasets.base import load
from bench.datasets.description import describe, held_out
from bench.errors import DataError, UsageError
from bench.workload.workload import Workload, parse_workload

LINES = [f"{number % 7},{number * 3 % 11},{'yes' if number % 3 else 'no'}" for number in range(30)]
IMAGES = np.random.default_rng(0).normal(size=(40, 3, 6, 6))


def written(folder: Path, *lines: str) -> Path:
    path = folder / "flats.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def table(path: Path, **options: object) -> dict[str, object]:
    return {"kind": "csv", "path": str(path), "task": "classification", "target": "sold", **options}


def images(folder: Path, shape: tuple[int, ...] = (40, 3, 6, 6), **options: object) -> dict[str, object]:
    path = folder / "own.npz"
    np.savez(path, inputs=np.resize(IMAGES, shape), targets=np.arange(40) % 2)
    return {"kind": "npz", "path": str(path), "task": "classification", **options}


@pytest.mark.parametrize("target", ["3", 3])
def test_a_file_without_a_header_is_read_with_columns_by_number(tmp_path: Path, target: object) -> None:
    found = describe(table(written(tmp_path, *LINES), header=False, target=target))
    assert (found.features, found.labels, found.train + found.test) == (("1", "2"), ("no", "yes"), 30)
    chosen = describe(table(tmp_path / "flats.csv", header=False, target=target, features=[2]))
    assert chosen.features == ("2",)
    with_names = load(table(written(tmp_path, "a,b,sold", *LINES), seed=1)).train.inputs
    without = load(table(written(tmp_path, *LINES), header=False, target=target, seed=1)).train.inputs
    np.testing.assert_array_equal(with_names, without)


def test_a_file_without_a_header_whose_target_is_a_word_is_not_read_as_if_it_had_one(tmp_path: Path) -> None:
    path = written(tmp_path, *LINES)
    with pytest.raises(DataError, match=r"found the name '0' twice.* set dataset\.header = false"):
        describe(table(path, target="no", seed=1))
    written(tmp_path, *LINES[1:])
    with pytest.raises(DataError, match=r"found 'yes' as the name of the target and as one of its values.*= false"):
        describe(table(path, target="yes"))
    assert describe(table(path, target="yes", header=True)).features == ("1", "3")


def test_true_is_no_name_of_a_column(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"dataset\.target: found true, expected text in quotes"):
        describe(table(written(tmp_path, *LINES), header=False, target=True))


def test_blanks_around_labels_and_options_do_not_count(tmp_path: Path) -> None:
    lines = [line.replace("yes", ["yes", " yes", "yes\t"][number % 3]) for number, line in enumerate(LINES)]
    found = describe(table(written(tmp_path, "a,b, sold ", *lines), target=" sold", classes=["yes ", "no"]))
    assert found.labels == ("yes", "no")


def test_a_class_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found classes with 'yes' more than once"):
        describe(table(written(tmp_path, "a,b,sold", *LINES), classes=["yes", "no", " yes"]))


def test_all_problems_of_a_table_are_told_at_once_numbers_of_rows_included(tmp_path: Path) -> None:
    lines = [f"{number},{line},x" for number, line in enumerate(LINES)]
    path = written(tmp_path, "id,a,b,sold,note", *lines[:5], "5,,1,,x", *lines[6:])
    with pytest.raises(DataError) as caught:
        describe(table(path))
    message = str(caught.value)
    for problem in ("column 'a': found an empty cell", "column 'note': found 'x'", "column 'id': found whole numbers"):
        assert problem in message
    assert "line 7, column 'sold': found an empty cell, expected one of no, yes" in message
    assert 'dataset.drop = ["id"]' in message
    assert 'set dataset.categories = ["note"]' in message
    assert "1 row has no value in column 'a'" in message
    cured = written(tmp_path, "id,a,b,sold,note", *lines)
    assert describe(table(cured, drop=["id", "a", "note"])).features == ("b",)


def test_a_column_of_row_numbers_may_be_named_as_an_input(tmp_path: Path) -> None:
    path = written(tmp_path, "id,a,b,sold", *(f"{number},{line}" for number, line in enumerate(LINES)))
    found = describe(table(path, features=["id", "a"]))
    assert found.features == ("id", "a")
    assert found.remarks == (
        f"{path}: column 'id' counts the rows and is an input; leave it out with dataset.drop = [\"id\"]",
    )


def test_a_layout_that_fits_by_accident_channels_first_is_refused_with_the_option(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"own\.npz, inputs: found images of shape \(3, 6, 6\).*channels = \"first\""):
        describe(images(tmp_path))
    dataset = load(images(tmp_path, channels="first"))
    assert dataset.description.sample_shape == (6, 6, 3)
    first = load(images(tmp_path, channels="first", seed=1)).train.inputs
    last = load(images(tmp_path, channels="last", seed=1)).train.inputs
    np.testing.assert_array_equal(first, last.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("shape", [(40, 6, 6, 3), (40, 6, 6, 1), (40, 3, 6, 3), (40, 8, 6, 6), (40, 3, 6)])
def test_other_layouts_are_read_as_they_are(tmp_path: Path, shape: tuple[int, ...]) -> None:
    assert describe(images(tmp_path, shape)).sample_shape == shape[1:]


@pytest.mark.parametrize("channels", ["1", "4"])
def test_one_and_four_channels_are_found_too(tmp_path: Path, channels: str) -> None:
    with pytest.raises(DataError, match="whose first axis looks like channels"):
        describe(images(tmp_path, (40, int(channels), 6, 6)))


def test_channels_of_what_is_no_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset\.channels: found 'first', and inputs of shape \(40, 6\)"):
        describe(images(tmp_path, (40, 6), channels="first"))


def test_a_large_label_is_refused_without_counting_up_to_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", inputs=np.ones((4, 2)), targets=np.array([0, 1, 2, 10**15]))
    with pytest.raises(DataError, match=r"found 4 different labels in 4 samples"):
        describe({"kind": "npz", "path": str(tmp_path / "own.npz"), "task": "classification"})


def test_arrays_with_one_class_and_arrays_without_targets_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, inputs=np.ones((4, 2)), targets=np.zeros(4, int), none=np.ones((4, 0)))
    own: dict[str, object] = {"kind": "npz", "path": str(path)}
    with pytest.raises(DataError, match="targets: found a single class"):
        describe({**own, "task": "classification"})
    with pytest.raises(DataError, match=r"none of shape \(4, 0\)"):
        describe({**own, "task": "regression", "target": "none"})


def workload(dataset: dict[str, object], **recipe: Any) -> Workload:  # noqa: ANN401 (keys of a recipe)
    content = {
        "name": "mine",
        "dataset": dataset,
        "model": {"family": "dnn"},
        "recipe": {"optimizer": {"name": "adam"}, "batch_size": 4, "epochs": 1, **recipe},
    }
    return parse_workload(content, source=Path("mine.toml"))


def test_leakage_the_share_that_the_recipe_holds_out_reaches_the_data_set(tmp_path: Path) -> None:
    price = {"target": "b", "task": "regression", "features": ["a"], "standardise": True}
    path = written(tmp_path, "a,b,sold", *LINES)
    found = workload(table(path, **price), validation_fraction=0.25)
    train = load(found.dataset).train
    learnt = train.inputs[: len(train) - round(0.25 * len(train))]
    np.testing.assert_allclose(learnt.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(learnt.std(), 1, atol=1e-5)
    everything = load(workload(table(path, **price)).dataset).train
    assert abs(everything.inputs[: len(learnt)].mean()) > 1e-3, "otherwise leakage would pass too"
    assert found.digest != workload(table(path, **price), validation_fraction=0.2).digest


def test_a_split_that_nobody_checks_is_refused_before_anything_starts(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b,sold", *LINES)
    with pytest.raises(UsageError, match=r"mine\.toml: .* only 1 row in the validation part.*recipe\.validation_fra"):
        workload(table(path), validation_fraction=0.04)
    assert workload(table(path), validation_fraction=0.25).recipe.validation_fraction


@pytest.mark.parametrize(
    ("dataset", "depends"),
    [
        ({"name": "breast-cancer", "validation": 0.1}, True),
        ({"name": "sonar"}, False),
        ({"name": "sonar", "stratify": True}, True),
        ({"name": "wine"}, True),
        ({"name": "temperatures"}, True),
        ({"name": "digits"}, False),
    ],
)
def test_the_share_is_set_only_where_rows_or_scales_depend_on_it(dataset: dict[str, object], depends: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    assert ("held_out" in held_out(dataset, 0.1)) == depends
    assert held_out(dataset, 0.0) == dataset
