"""Columns are chosen by name, by number, or by nobody; every mistake in the names is found before a cell is read."""

import tomllib
from pathlib import Path

import pytest

from bench.datasets.own_files import header
from bench.datasets.own_files.header import Header, Wanted
from bench.datasets.own_files.rows import Row
from bench.errors import DataError

FILE = Path("flats.csv")


def wanted(target: str = "price", features: tuple[str, ...] | None = None, drop: tuple[str, ...] = ()) -> Wanted:
    return Wanted(target, features, drop)


def chosen(names: str, *asked: object, **options: object) -> tuple[int, tuple[int, ...]]:
    found = header.choose(Header(FILE, 1, tuple(names.split(","))), wanted(*asked, **options))  # type: ignore[arg-type]
    if found.problems:
        raise DataError(f"{'; '.join(found.problems)}; dataset.drop = {header.listed(found.to_drop)}")
    return found.target, found.features


def refused(names: str, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        chosen(names, **options)
    return str(caught.value)


def test_all_columns_but_the_target_and_the_dropped_ones_are_features() -> None:
    assert chosen("a,price,b,c") == (1, (0, 2, 3))
    assert chosen("a,price,b,c", drop=("b",)) == (1, (0, 3))
    assert chosen("a,price,b,c", features=("c", "a")) == (1, (3, 0))


def test_options_that_contradict_each_other_a_dropped_feature_is_left_out() -> None:
    assert chosen("id,long,price", features=("id", "long"), drop=("id",)) == (2, (1,))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"features": ()}, "dataset.features: found an empty list, expected the names of columns"),
        ({"features": ("a",), "drop": ("a",)}, "dataset.drop: found all columns of dataset.features"),
        ({"features": ("a", "price")}, "dataset.features: found 'price', which is the target"),
        ({"drop": ("price",)}, "dataset.drop: found 'price', which is the target"),
        ({"features": ("a", "a")}, "dataset.features: found 'a' more than once"),
        ({"drop": ("a", "a")}, "dataset.drop: found 'a' more than once"),
        ({"drop": ("a", "b")}, "found no column for the inputs"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, object], found: str) -> None:
    assert found in refused("a,b,price", **options)


def test_all_misspelt_names_are_found_at_once_each_with_the_nearest_first() -> None:
    found = refused("width,height,Price", features=("widht",), drop=("heigth",))
    assert found == (
        "dataset.target: found 'price' (did you mean Price?); dataset.features: found 'widht' (did you mean width?); "
        "dataset.drop: found 'heigth' (did you mean height?), expected a column of flats.csv: one of height, width, "
        "Price"
    )


def test_a_column_that_nobody_chose_one_without_a_name_is_refused_by_line_and_column() -> None:
    found = refused(",a,,price")
    assert found.startswith("line 1, column 1, 3: found no name, expected a name for each column")
    assert 'dataset.drop = [""]' in found
    assert "dataset.features" in found


def test_a_column_that_nobody_chose_is_left_out_or_read_if_an_option_names_it() -> None:
    assert chosen(",a,,price", drop=("",)) == (3, (1,))
    assert chosen(",a,,price", features=("a",)) == (3, (1,))
    assert chosen(",a,price", features=("", "a")) == (2, (0, 1))
    assert "which 2 columns have" in refused(",a,,price", features=("", "a"))


@pytest.mark.parametrize("name", ["Unnamed: 0", "Unnamed: 0.1", "unnamed", "Unnamed: 0_level_1"])
def test_a_column_that_nobody_chose_may_have_a_name_that_pandas_made(name: str) -> None:
    assert f'dataset.drop = ["{name}"]' in refused(f"{name},a,price")
    assert chosen(f"{name},a,price", drop=(name,)) == (2, (1,))
    assert chosen(f"{name},a,price", features=(name,)) == (2, (0,))


def test_a_name_that_only_begins_like_one_of_pandas_is_a_name() -> None:
    assert chosen("unnamed road,a,price") == (2, (0, 1))


def test_names_that_are_not_unique_are_refused_if_one_of_their_columns_is_used() -> None:
    found = "line 1: found the name 'price' twice, in the columns 2 and 3, expected different names; rename one"
    assert refused("a,price,price") == f"{found}; dataset.drop = []"
    assert "found the name 'a' 3 times, in the columns 1 and 2 and 4" in refused("a,a,price,a")
    assert "'a' twice" in refused("a,a,b,price", drop=("a",))
    assert chosen("a,a,b,price", features=("b",)) == (3, (2,))


def read(*cells: str, names: bool | None = None) -> Header:
    return header.read(FILE, [Row(1, list(cells))], header=names)


@pytest.mark.parametrize("cells", [("4.9", "3.5", "0"), ("1", "2"), ("5.1", "3.5", "setosa"), ("-1e3", "nan")])
def test_a_file_without_a_header_is_refused_with_both_remedies(cells: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"line 1: found .*set dataset\.header = false .*set dataset\.header = true"):
        read(*cells)
    assert read(*cells, names=False) == Header(FILE, 0, tuple("123"[: len(cells)]))
    assert read(*cells, names=True) == Header(FILE, 1, cells)


@pytest.mark.parametrize("cells", [("city", "2019", "2020"), ("0", "1", "label"), ("a",)])
def test_a_header_may_have_whole_numbers_beside_words(cells: tuple[str, ...]) -> None:
    assert read(*cells).names == cells


def test_a_misspelt_target_in_a_file_without_a_header_is_told_from_a_typing_error() -> None:
    found = Header(FILE, 1, ("5", "3", "setosa"))
    with pytest.raises(DataError, match=r"found 'species'.*found numbers among 5, 3, setosa, expected names.* = false"):
        header.choose(found, wanted("species"))


@pytest.mark.parametrize("line", ["width height price", "# made by a program"])
def test_a_first_line_with_a_single_name_is_told_if_the_target_is_not_there(line: str) -> None:
    assert refused(line).endswith(
        f"; flats.csv, line 1: found the single column '{line}', expected names separated by commas: the first line "
        "must name the columns"
    )
    assert "single column" not in refused(f"{line},height")


def test_blanks_around_names_do_not_count() -> None:
    assert read(" price", "a\N{NO-BREAK SPACE}", "\tb ").names == ("price", "a", "b")


def test_a_name_with_a_line_break_stays_in_one_line() -> None:
    assert "\n" not in refused("a\nb,c", target="x")
    assert header.listed(['a\nb"c\\']) == r"""["a\nb\"c\\"]"""
    found = header.listed(["é", 'a"b'])
    assert tomllib.loads(f"drop = {found}") == {"drop": ["é", 'a"b']}
