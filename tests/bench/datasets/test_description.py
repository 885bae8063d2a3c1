import subprocess
import sys
from pathlib import Path

import pytest

from bench.datasets import description
from bench.datasets.description import Description, dataset_names, describe, fingerprint
from bench.errors import UsageError

SYNTHETIC: dict[str, object] = {"name": "synthetic", "shape": [4, 3], "classes": 5}


def test_each_module_is_a_data_set_except_shared_modules_and_kinds_of_files() -> None:
    files = {path.stem.replace("_", "-") for path in Path(description.__file__).parent.glob("[a-z]*.py")}
    shared = {"base", "class-shares", "csv-mistakes", "description", "tables"}
    kinds = {"csv", "idx", "images", "npz", "parquet", "series"}
    assert set(dataset_names()) == files - shared - kinds
    assert {"digits", "mnist", "synthetic"} <= set(dataset_names())


def test_the_description_depends_on_the_options() -> None:
    table = {"name": "synthetic", "shape": [28, 28, 1], "outputs": 3, "train": 7, "test": 5, "seed": 2}
    assert describe(table) == Description(
        name="synthetic",
        task="regression",
        sample_shape=(28, 28, 1),
        outputs=3,
        train=7,
        test=5,
        source="generated, seed 2",
        download=False,
    )
    assert describe({**table, "outputs": 4}) != describe(table)


def test_mnist_is_described_without_its_files() -> None:
    found = describe({"name": "mnist", "scaling": "standard"})
    assert (found.train, found.test, found.sample_shape, found.outputs) == (60000, 10000, (28, 28), 10)
    assert found.download


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"name": "mnits"},
            r"dataset\.name: found 'mnits', expected one of breast-cancer, .*digits, .*synth",
        ),
        ({"name": ["mnist"]}, r"dataset\.name: found \['mnist'\], expected one of"),
        ({"name": "base"}, r"dataset\.name: found 'base'"),
        ({}, r"dataset\.name: found nothing, expected one of"),
        ({"name": "mnist", "scaling": "none"}, r"dataset\.scaling: found 'none', expected 'unit' or 'standard'"),
        (
            {"name": "mnist", "scale": "unit"},
            r"dataset\.scale: unknown key \(did you mean scaling\?\), expected one of name",
        ),
        (
            {"name": "wine", "standardize": True},
            r"dataset\.standardize: unknown key \(did you mean standardise or standardise_target\?\), expected one of",
        ),
        ({"name": "wine", "stratify": "yes"}, r'dataset\.stratify: found the text "yes", expected true or false \('),
        ({"name": "wine", "standardise": 1}, r"dataset\.standardise: found 1, expected true or false"),
        ({**SYNTHETIC, "train": "32"}, r'dataset\.train: found the text "32", expected a whole number: leave out the'),
        ({"name": "digits", "seed": 1}, r"dataset\.seed: unknown key, expected one of name"),
        ({"name": "synthetic", "classes": 2}, r"dataset\.shape: found nothing, expected a value: this key is required"),
        ({**SYNTHETIC, "shape": []}, r"dataset\.shape: found \[\], expected a list of length 1 or more"),
        ({**SYNTHETIC, "shape": [3, 0]}, r"dataset\.shape\[1\]: found 0, expected a number greater than 0"),
        ({**SYNTHETIC, "classes": 1}, r"dataset\.classes: found 1, expected a number of at least 2"),
        ({**SYNTHETIC, "train": True}, r"dataset\.train: found true, expected a whole number"),
        ({**SYNTHETIC, "seed": -1}, r"dataset\.seed: found -1, expected a number of at least 0"),
        ({**SYNTHETIC, "outputs": 3}, r"dataset: found both classes and outputs, expected exactly one of the two"),
        ({"name": "synthetic", "shape": [3]}, r"dataset: found neither classes nor outputs, expected exactly one"),
    ],
)
def test_a_wrong_table_is_refused_with_key_found_and_expected(table: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}") as raised:
        describe(table)
    assert "\n" not in str(raised.value)
    with pytest.raises(UsageError, match=f"^{message}"):
        fingerprint(table)


@pytest.mark.parametrize("name", ["breast-cancer", "sonar", "generated-classification"])
def test_classes_are_not_standardised(name: str) -> None:
    assert describe({"name": name, "standardise_target": False}).task == "classification"
    with pytest.raises(
        UsageError, match=r"^dataset\.standardise_target: found true, expected false: the task is class"
    ):
        describe({"name": name, "standardise_target": True})
    assert describe({"name": "generated-regression", "standardise_target": True}).task == "regression"


def test_the_fingerprint_changes_if_and_only_if_the_samples_change() -> None:
    tables: list[dict[str, object]] = [
        {"name": "digits"},
        {"name": "mnist"},
        {"name": "mnist", "scaling": "standard"},
        SYNTHETIC,
        {**SYNTHETIC, "seed": 1},
        {**SYNTHETIC, "shape": [3, 4]},
        {**SYNTHETIC, "test": 100},
    ]
    assert len({fingerprint(table) for table in tables}) == len(tables)
    assert fingerprint({**SYNTHETIC, "seed": 0}) == fingerprint(SYNTHETIC)


def _imported(statements: str) -> set[str]:
    program = f"import sys\n{statements}\nprint(*(name for name in ('numpy', 'sklearn') if name in sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def test_scikit_learn_is_imported_for_reading_but_not_for_descriptions() -> None:
    imports = "from bench.datasets.base import load; from bench.datasets.description import describe, fingerprint"
    table = "{'name': 'digits'}"
    assert _imported("import bench.datasets.description") == set()
    assert _imported(f"{imports}; describe({table}); fingerprint({table}); load({table})") == {"numpy"}
    assert _imported(f"{imports}; load({table}).test") == {"numpy", "sklearn"}


def test_sizes_that_no_machine_can_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # The second shape has a product of 0 in 64 bits.
    enormous: tuple[dict[str, object], ...] = (
        {"train": 10**60},
        {"shape": [2**32, 2**32]},
        {"shape": [2**62], "test": 10},
    )
    for sizes in enormous:
        with pytest.raises(
            UsageError, match=r"^dataset: found samples that together have more than 1e\+18 numbers, wh"
        ):
            describe(SYNTHETIC | sizes)
    assert describe(SYNTHETIC | {"train": 10**6}).train == 10**6
    monkeypatch.setattr(description, "MOST_NUMBERS", 10**100)
    assert describe(SYNTHETIC | enormous[1]).sample_shape == (2**32, 2**32), "without the limit it would be described"
