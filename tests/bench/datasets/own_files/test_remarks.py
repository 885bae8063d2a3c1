"""A feature that only numbers the rows is refused by its name, or told with the option that leaves it out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.datasets.own_files import columns, remarks
from bench.datasets.own_files.columns import Column
from bench.datasets.own_files.header import Header
from bench.datasets.own_files.rows import Row

FILE = Path("flats.csv")


def numbering(name: str, values: Sequence[float]) -> list[int]:
    rows = (Row(line, [str(value), "7"]) for line, value in enumerate(values, 2))
    cells = columns.read(Header(FILE, 1, (name, "a")), rows, columns=[Column(0), Column(1)])
    return remarks.numbers_of_rows(cells, (0, 1))


@pytest.mark.parametrize("name", ["id", "Index", "row", "row_id", "customer id", "No.", "#", "level_0", "number"])
def test_a_column_that_nobody_chose_counts_the_rows_and_is_called_like_it(name: str) -> None:
    assert numbering(name, range(30)) == [0]
    assert numbering(name, [3, 5, 9, 11, 40]) == [0]


@pytest.mark.parametrize("name", ["day", "width", "period", "solid", "idea", "2"])
def test_a_column_with_another_name_may_count_up(name: str) -> None:
    assert numbering(name, range(30)) == []


@pytest.mark.parametrize("values", [[1, 2, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [0.5, 1.5, 2.5, 3.5, 4.5], [0, 1, 2, 3]])
def test_a_column_that_does_not_count_up_is_an_input_whatever_its_name(values: list[float]) -> None:
    assert numbering("id", values) == []


def told(values: np.ndarray, targets: np.ndarray, *, scaled: bool = False) -> tuple[str, ...]:
    inputs = np.stack([values, np.arange(len(values)) % 3], axis=1)
    return remarks.remarks(inputs, targets, Header(FILE, 1, ("day", "a", "price")), (0, 1), scaled=scaled)


def test_a_feature_that_counts_the_rows_is_told_with_the_option_that_leaves_it_out() -> None:
    price = np.random.default_rng(0).normal(size=(20, 1))
    (remark,) = told(np.arange(20.0) + 1, price)
    assert remark == (
        "flats.csv: column 'day' counts the rows and is an input; leave it out with dataset.drop = [\"day\"]"
    )
    assert told(np.arange(20.0) // 2, price) == ()


def test_a_feature_that_differs_in_every_row_is_told_as_names_of_rows_are() -> None:
    price = np.random.default_rng(0).normal(size=(30, 1))
    order = np.random.default_rng(1).permutation(30)
    (remark,) = told(order + 700.0, price)
    assert "column 'day' has another value in every row, as names and numbers of rows have," in remark
    assert told(order + 0.5, price) == ()
    assert told(order * 3.0, price) == ()
    assert told(np.append(order[:-1], order[0]) + 0.0, price) == ()


def test_a_feature_that_is_a_copy_of_the_target_is_told() -> None:
    price = np.random.default_rng(0).normal(size=(20, 1))
    (remark,) = told(price[:, 0], price)
    assert "column 'day' has the same values as the target" in remark
    (remark,) = told(2.2 * price[:, 0] + 1, price)
    assert "column 'day' is the target in another unit" in remark
    assert told(price[:, 0] ** 3, price) == ()


def test_numbers_that_float32_cannot_tell_apart_are_told_with_the_option_that_helps() -> None:
    price = np.random.default_rng(0).normal(size=(20, 1))
    times = 1.6e12 + np.arange(20.0) ** 2 / 8
    (remark,) = told(times, price)
    assert "column 'day' has numbers that float32 cannot tell apart; set dataset.standardise = true" in remark
    assert told(times, price, scaled=True) == ()
    assert told(np.arange(20.0) ** 2, price) == ()
