"""Chosen cells become numbers; wrong cells of all columns are told at once, with their lines and remedies."""

from pathlib import Path

import numpy as np
import pytest

from bench.datasets.own_files import columns
from bench.datasets.own_files.columns import Cells, Column
from bench.datasets.own_files.header import Header
from bench.datasets.own_files.notation import Notation
from bench.datasets.own_files.remedies import Names
from bench.datasets.own_files.rows import Row
from bench.errors import DataError

FILE = Path("flats.csv")


def read(names: str, *lines: str, numbers: tuple[int, ...] | None = None, text: int | None = None) -> Cells:
    """The cells of these lines, which begin on line 2."""
    known = tuple(names.split(","))
    rows = (Row(number, line.split(",")) for number, line in enumerate(lines, 2))
    every = tuple(place for place in range(len(known)) if place != text)
    chosen = [Column(place) for place in (every if numbers is None else numbers)]
    return columns.read(Header(FILE, 1, known), rows, columns=chosen, text=text)


def refused(cells: Cells, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        columns.check(cells, **{"names": Names(), **options})  # type: ignore[arg-type]
    return str(caught.value)


def test_numbers_are_read_with_blanks_around_them() -> None:
    cells = read("a,b", "1, 2.5", "-3\t,\N{NO-BREAK SPACE}2e3")
    columns.check(cells)
    np.testing.assert_array_equal(columns.matrix(cells), [[1, 2.5], [-3, 2000]])


def test_columns_that_were_not_chosen_are_not_read() -> None:
    cells = read("a,note", "1,word", "2,", numbers=(0,))
    columns.check(cells)
    assert columns.matrix(cells).tolist() == [[1], [2]]
    assert "'word'" in refused(read("a,note", "1,word", "2,"))


def test_all_wrong_columns_are_told_at_once_each_with_its_first_line_and_one_remedy() -> None:
    found = refused(read("a,b,c,d", "1,x,,4", "2,y,3,4", "3,5,6,7"))
    assert found == (
        "flats.csv, line 2, column 'b': found 'x', expected a number (and 1 more cell); "
        "line 2, column 'c': found an empty cell, expected a number, since every cell needs a value; "
        'for words set dataset.categories = ["b"]; or correct the cells; '
        '1 row has no value in column \'c\': set dataset.missing = "median" (or "mean", "drop", or a number), or '
        "delete these rows; `levelfield init data flats.csv` writes a workload with such options"
    )


def test_many_wrong_columns_are_counted_and_named() -> None:
    names = [f"c{number}" for number in range(30)]
    found = refused(read(",".join(names), ",".join("x" * 30)))
    assert "column 'c19': found 'x'" in found
    assert "10 more columns have such cells: column 'c20', column 'c21'" in found


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("NA", "since every cell needs a value"),
        ("nan", "since every cell needs a value"),
        ("?", "since every cell needs a value"),
        ("inf", "expected a number;"),
        ("-Infinity", "expected a number;"),
        ("1e400", "expected a number from -3.40282e+38 to 3.40282e+38, which float32 can hold"),
        ("1e39", "expected a number from -3.40282e+38"),
        ("1_000", "expected a number without an underscore, such as 1000;"),
        ("0x1f", "expected a number;"),
        ("2020-01-01", "expected a number;"),
        ("1.234.567", "expected a number;"),
    ],
)
def test_a_cell_that_is_no_number_is_refused(cell: str, expected: str) -> None:
    found = refused(read("a,b", "1,2", f"{cell},2"))
    assert found.startswith(f"flats.csv, line 3, column 'a': found '{cell}'")
    assert expected in found


@pytest.mark.parametrize("cell", ["1.234,5", "1,234,567.8", "1'234.5"])
def test_decimal_commas_and_thousands_are_named(cell: str) -> None:
    cells = columns.read(Header(FILE, 1, ("a",)), iter([Row(2, [cell])]), columns=[Column(0)])
    assert "a number with a decimal point and without other signs, such as 1234.5" in refused(cells)


def test_true_and_false_become_one_and_zero_if_a_column_has_nothing_else() -> None:
    cells = read("a", "True", "false", "TRUE")
    columns.check(cells)
    assert columns.matrix(cells).tolist() == [[1], [0], [1]]
    assert "found 'True'" in refused(read("a", "True", "1"))


def test_rows_of_another_length_and_rows_of_empty_cells_are_told_and_never_left_out() -> None:
    found = refused(read("a,b", "1,2", "1", "1,2,3", ",", "3,4"))
    assert "line 3: found 1 cell, expected 2, as the header has (and 1 more line)" in found
    assert "line 5: found a row of empty cells, expected values; delete such rows" in found
    cells = read("a,b", "1,2", "3,4")
    columns.check(cells)
    assert len(cells.lines) == 2


def test_a_wrong_cell_of_the_target_is_not_to_be_dropped() -> None:
    found = refused(read("a,price", "1,cheap"), target=1)
    assert "dataset.drop" not in found
    assert 'dataset.task = "classification"' in found


def test_a_first_row_of_names_is_told_if_the_file_was_read_without_a_header() -> None:
    rows = iter([Row(1, ["width", "price"]), Row(2, ["1", "2"])])
    cells = columns.read(Header(FILE, 0, ("1", "2")), rows, columns=[Column(0), Column(1)])
    found = refused(cells)
    assert "line 1, column 1: found 'width'" in found
    assert "if line 1 has the names of the columns, leave dataset.header out" in found


def test_cells_of_many_blocks_of_rows_keep_their_order_and_their_lines() -> None:
    count = columns.AT_ONCE * 2 + 3
    good = read("a", *map(str, range(count)))
    assert columns.matrix(good)[:, 0].tolist() == list(range(count))
    found = refused(read("a", *map(str, range(count)), "x"))
    assert f"line {count + 2}, column 'a': found 'x'" in found


def test_a_column_that_may_have_gaps_has_none_that_are_wrong() -> None:
    known = Header(FILE, 1, ("a", "b"))
    lines = [["1", "red"], ["?", ""], ["", "NA"], ["-4", "green"], ["7", "red"]]
    chosen = [Column(0, may_have_gaps=True), Column(1, kind="category", may_have_gaps=True)]
    cells = columns.read(known, iter([Row(number, cells) for number, cells in enumerate(lines, 2)]), columns=chosen)
    columns.check(cells)
    np.testing.assert_array_equal(columns.matrix(cells)[:, 0], [1, np.nan, np.nan, -4, 7])
    np.testing.assert_array_equal(columns.matrix(cells)[:, 1], [0, np.nan, np.nan, 1, 0])
    assert [column.gaps.number for column in chosen] == [2, 2]


def test_only_the_first_of_many_wrong_cells_are_kept_and_all_are_counted() -> None:
    cells = read("a", *["x"] * (columns.KEPT + 5))
    assert len(cells.columns[0].wrong.first) == columns.KEPT
    assert f"(and {columns.KEPT + 4} more cells)" in refused(cells)


def test_numbers_with_decimal_commas_are_read_by_the_notation() -> None:
    notation = Notation(separator=";", decimal=",")
    lines = [["1,5"], ["-2"], ["1.500"]]
    cells = columns.read(
        Header(FILE, 1, ("a",)),
        iter([Row(number, cells) for number, cells in enumerate(lines, 2)]),
        columns=[Column(0)],
        notation=notation,
    )
    np.testing.assert_array_equal(columns.matrix(cells)[:, 0], [1.5, -2, np.nan])
    assert "found '1.500', expected a number with a decimal comma and without other signs" in refused(cells)


def test_a_long_cell_is_cut_in_the_message() -> None:
    assert len(refused(read("a", "x" * 10_000))) < 400
