"""A grid and folds make variants; each has the chosen values in its name, its recipe and its data."""

from pathlib import Path

import pytest

from bench.datasets.base import load
from bench.errors import UsageError
from bench.workload import grid_variants
from bench.workload.update_rules import Adam, Sgd
from bench.workload.workload import Workload, load_workload, parse_workload, variants
from tests.bench.workloads import workload


def gridded(**grid: list[object]) -> Workload:
    plain = workload()
    return parse_workload({**plain.content, "grid": grid}, source=Path(plain.source))


def test_every_combination_of_grid_values_is_a_workload_with_its_own_name_and_digest() -> None:
    found = variants(gridded(batch_size=[4, 8], epochs=[1, 3]))
    assert [item.name for item in found] == [
        "tiny@batch_size=4,epochs=1",
        "tiny@batch_size=4,epochs=3",
        "tiny@batch_size=8,epochs=1",
        "tiny@batch_size=8,epochs=3",
    ]
    assert [(item.recipe.batch_size, item.recipe.epochs) for item in found] == [(4, 1), (4, 3), (8, 1), (8, 3)]
    assert len({item.digest for item in found}) == 4


def test_an_optimizer_in_a_grid_is_a_name_or_a_table() -> None:
    by_name, in_full = variants(gridded(optimizer=["adam", {"name": "sgd", "learning_rate": 0.5}]))
    assert (by_name.recipe.optimizer, in_full.recipe.optimizer) == (
        Adam(name="adam"),
        Sgd(name="sgd", learning_rate=0.5),
    )
    chosen = [grid_variants.choices(item.name) for item in (by_name, in_full)]
    assert chosen == ["optimizer adam", "optimizer sgd-learning_rate-0.5"]


def test_different_optimizers_have_different_names_and_equal_values_are_refused() -> None:
    rules: list[object] = [{"name": "adam", "beta_1": 0.5}, {"name": "adam", "beta_2": 0.5}]
    assert len({item.name for item in variants(gridded(optimizer=rules))}) == 2
    with pytest.raises(UsageError, match="grid: found the same value twice for one key"):
        variants(gridded(epochs=[3, 3]))


def test_wine_has_two_optimizers_on_ten_folds() -> None:
    found = variants(load_workload("wine"))
    assert len(found) == 20
    assert found[3].name == "wine@optimizer=sgd-learning_rate-0.01,fold=3"
    assert found[13].name == "wine@optimizer=adam-learning_rate-0.001,fold=3"
    assert load(found[3].dataset).description == load(found[13].dataset).description
    assert found[0].dataset["fold"] == 0


def test_without_grid_and_folds_the_only_variant_is_the_workload() -> None:
    (only,) = variants(workload())
    assert (only.name, only.digest) == ("tiny", workload().digest)


def test_a_grid_does_not_change_the_digest_of_the_workload() -> None:
    assert gridded(epochs=[1, 2]).digest == workload().digest


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (
            {"epoch": [1]},
            r"grid\.epoch: found \[1\] \(did you mean epochs\?\), expected one of optimizer, batch_size, epochs",
        ),
        ({"epochs": []}, r"grid\.epochs: found \[\], expected"),
        ({"epochs": 3}, r"grid\.epochs: found 3, expected"),
    ],
)
def test_a_wrong_grid_is_refused_with_the_file(grid: dict[str, list[object]], message: str) -> None:
    with pytest.raises(UsageError, match=rf"^tiny\.toml: {message}"):
        gridded(**grid)


def test_a_wrong_value_in_a_grid_is_refused_when_variants_are_made() -> None:
    with pytest.raises(UsageError, match=r"^tiny\.toml: grid\.epochs: found 0, expected a number greater than 0"):
        variants(gridded(epochs=[1, 0]))


@pytest.mark.parametrize(
    ("name", "proof", "choices"),
    [
        ("wine@optimizer=adam,fold=3", "wine@optimizer=adam,fold=0", "optimizer adam"),
        ("wine@fold=13", "wine@fold=0", ""),
        ("wine@epochs=3", "wine@epochs=3", "epochs 3"),
        ("wine", "wine", ""),
    ],
)
def test_the_proof_of_fold_0_covers_all_folds(name: str, proof: str, choices: str) -> None:
    assert grid_variants.proven_by(name) == proof
    assert (grid_variants.base(name), grid_variants.choices(name)) == ("wine", choices)
    assert grid_variants.is_variant(name) == ("@" in name)
