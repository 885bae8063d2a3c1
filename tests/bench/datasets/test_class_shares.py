"""Every part that decides something has every class: test, validation, what the recipe holds out, and each fold."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from bench.datasets import class_shares, tables
from bench.datasets.base import validation_split
from bench.datasets.tables import Splitting, Table
from bench.errors import DataError

SORTED = np.repeat([0, 1, 2], [40, 20, 20])
TABLE = Table(np.arange(80.0)[:, None], SORTED)


def parts(options: Splitting, table: Table = TABLE) -> tuple[np.ndarray, np.ndarray]:
    """The targets that are learnt from, and those that the recipe holds out."""
    learnt, held_out = validation_split(tables.split(table, options, "train"), options.held_out)
    return learnt.targets, held_out.targets


@pytest.mark.parametrize("options", [{"folds": 5}, {"folds": 5, "fold": 4}, {"test": 0.2}])
def test_a_split_that_nobody_checks_rows_of_a_sorted_file_are_held_out_in_the_shares_of_the_classes(
    options: dict[str, int],
) -> None:
    for targets in parts(Splitting(stratify=True, held_out=0.25, **options)):  # type: ignore[arg-type]
        shares = np.bincount(targets) / len(targets)
        np.testing.assert_allclose(shares, [0.5, 0.25, 0.25], atol=0.05)


def test_without_the_share_that_is_held_out_the_last_rows_of_a_sorted_file_would_have_one_class() -> None:
    train = tables.split(TABLE, Splitting(stratify=True, folds=5), "train")
    assert set(validation_split(train, 0.25)[1].targets.tolist()) == {2}


def test_rows_of_a_sorted_file_are_held_out_by_chance_if_folds_are_not_stratified() -> None:
    table = Table(np.arange(80.0)[:, None], np.arange(80.0)[:, None])
    learnt, held_out = parts(Splitting(folds=5, held_out=0.25), table)
    assert held_out.min() < 20
    assert learnt.max() > 60
    assert sorted([*learnt[:, 0], *held_out[:, 0]]) == sorted(tables.split(table, Splitting(folds=5), "train").targets)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_part_without_a_class_is_refused_by_its_name_and_the_name_of_the_class(part: str) -> None:
    rows = {"train": np.arange(80), "validation": np.arange(80), "test": np.arange(80)}
    class_shares.check(SORTED, rows)  # type: ignore[arg-type]
    rows[part] = np.arange(60)
    with pytest.raises(DataError, match=rf"found no sample of class 'oak' in the {part} part \(60 rows\)"):
        class_shares.check(SORTED, rows, names=("ash", "elm", "oak"))  # type: ignore[arg-type]


def test_rows_that_the_recipe_holds_out_are_checked_like_a_part() -> None:
    labels = np.array([0, 1] * 30 + [0] * 20)
    class_shares.check(labels, {"train": np.arange(80)})
    with pytest.raises(
        DataError, match=r"found no sample of class 1 in the validation part .* recipe\.validation_frac"
    ):
        class_shares.check(labels, {"train": np.arange(80)}, held_out=0.25)
    with pytest.raises(DataError, match=r"found no sample of class 2 in the train part"):
        class_shares.check(SORTED, {"train": np.arange(80)}, held_out=0.25)


def test_the_remedy_does_not_name_an_option_that_is_already_set() -> None:
    for stratify in (False, True):
        with pytest.raises(DataError) as caught:
            class_shares.check(SORTED, {"train": np.arange(60)}, stratify=stratify)
        assert ("set dataset.stratify = true" in str(caught.value)) != stratify


@pytest.mark.parametrize(
    ("labels", "options", "found"),
    [
        ([0] * 19 + [1], {}, r"only 1 row of class 1 to divide by dataset\.test, expected at least one row of each"),
        ([0] * 17 + [1] * 3, {"folds": 4}, r"found 4 folds, and only 3 rows of class 1"),
        (
            [0] * 19 + [1],
            {"folds": 4},
            r"found 4 folds, and only 1 row of class 1; add rows of this class, or leave it",
        ),
        ([0, 1, 2, 3] * 5, {"test": 0.1}, r"and 4 classes for a part of 2 rows.*change dataset\.test"),
        ([0, 1] * 10, {"held_out": 0.06}, r"2 classes for a part of 1 row, .*change recipe\.validation_fraction"),
    ],
)
def test_a_class_that_is_too_small_for_its_share_is_refused_in_plain_words(
    labels: list[int], options: dict[str, float], found: str
) -> None:
    table = Table(np.arange(20.0)[:, None], np.array(labels))
    with pytest.raises(DataError, match=found):
        tables.check(table, Splitting(stratify=True, **options))  # type: ignore[arg-type]


def test_a_class_that_is_just_large_enough_is_accepted() -> None:
    table = Table(np.arange(20.0)[:, None], np.array([0] * 18 + [1] * 2))
    with pytest.raises(DataError):
        tables.check(Table(table.inputs, np.array([0] * 19 + [1])), Splitting(stratify=True, test=0.4))
    tables.check(table, Splitting(stratify=True, test=0.4))


@pytest.mark.parametrize("options", [{}, {"folds": 5}, {"validation": 0.2}])
def test_leakage_mean_and_deviation_come_from_the_rows_that_are_learnt_from(options: dict[str, float]) -> None:
    values = np.random.default_rng(0).normal(5, 3, (80, 2)) * np.arange(80)[:, None]
    table = Table(values, values[:, :1].copy())
    held_out = Splitting(standardise=True, standardise_target=True, held_out=0.25, **options)  # type: ignore[arg-type]
    train = tables.indices(table, held_out)["train"]
    learnt = train[: len(train) - round(0.25 * len(train))]
    scaler = StandardScaler().fit(values[learnt])
    for part in ("train", "test"):
        found = tables.split(table, held_out, part)
        np.testing.assert_allclose(found.input_mean, scaler.mean_)
        np.testing.assert_allclose(found.input_deviation, scaler.scale_)
        np.testing.assert_allclose(found.target_mean, scaler.mean_[:1])
    leaked = StandardScaler().fit(values[train])
    assert np.abs(leaked.mean_ - scaler.mean_).max() > 1e-3, "otherwise leakage would pass too"


def test_the_fingerprint_depends_on_the_rows_that_are_held_out_and_is_what_it_was_without_them() -> None:
    plain = tables.fingerprint(Splitting(), "a")
    assert plain == tables.fingerprint(Splitting(held_out=0.0), "a")
    assert plain != tables.fingerprint(Splitting(held_out=0.25), "a")
    assert plain == "f5b60d128aa022a815045ade93edb7499c063bcb05622c7d852403138fdbd3a9"
