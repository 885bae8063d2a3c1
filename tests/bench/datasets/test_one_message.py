"""One message has all mistakes of a file, and what it advises can be pasted: the next run has no new message."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from bench.datasets.description import Description, describe
from bench.errors import DataError

ROWS = [
    f"{row},{100 + row},2020-01-{row % 28 + 1:02},{['Berlin', 'Bonn'][row % 2]},{row * 7 % 31},{row * 5 % 97}\n"
    for row in range(120)
]
NAMES = ",id,date,city,area,price\n"


def read(folder: Path, content: str, **options: object) -> Description:
    number = len(list(folder.iterdir()))  # a file is read once, so each has its own name
    path = folder / f"flats{number}.csv"
    path.write_text(content, "utf-8")
    return describe({"kind": "csv", "path": str(path), "task": "regression", "target": "price", **options})


def refused(folder: Path, content: str, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content, **options)
    return str(caught.value)


def advised(message: str) -> object:
    """The list that a message suggests for dataset.drop."""
    return every(message)["drop"]


def every(message: str) -> dict[str, object]:
    """All options that a message suggests."""
    found = re.findall(r"dataset\.((?:drop|categories|dates) = \[.*?\]|missing = (?:\{.*?\}|\"\w+\"))", message)
    assert found, message
    return tomllib.loads("\n".join(found))


def gaps(content: str) -> str:
    """The same file with no value for the area in each row of number 3 modulo 17."""
    lines = content.splitlines(keepends=True)
    return "".join(re.sub(r",\d+,(\d+)$", r",,\1", line) if n % 17 == 4 else line for n, line in enumerate(lines))


@pytest.mark.parametrize("drop", [[], [""], ["city"], ["", "id"]])
def test_advice_is_complete_and_can_be_pasted(tmp_path: Path, drop: list[str]) -> None:
    message = refused(tmp_path, NAMES + "".join(ROWS), drop=drop)
    options = every(message)
    left_out = set(options.get("drop", drop))  # type: ignore[call-overload]
    assert left_out == {"", "id", *drop}
    assert options["dates"] == ["date"]
    assert options.get("categories", []) == ([] if "city" in drop else ["city"])
    found = read(tmp_path, NAMES + "".join(ROWS), **{"drop": drop} | options)
    assert set(found.features) == {"date", "city", "area"} - set(drop)
    assert ("found no name" in message) == ("" not in drop)


def test_all_mistakes_of_a_file_are_told_together_with_a_column_without_a_name(tmp_path: Path) -> None:
    message = refused(tmp_path, gaps(NAMES + "".join(ROWS)))
    for part in (
        "column 1: found no name",
        "'date': found '2020-01-01'",
        "'city': found 'Berlin'",
        "'id': found whole",
    ):
        assert part in message
    assert every(message) == {"drop": ["", "id"], "categories": ["city"], "dates": ["date"], "missing": "median"}
    assert "7 rows have no value in column 'area': set dataset.missing = \"median\"" in message


def test_a_column_with_a_name_that_occurs_twice_does_not_hide_words_in_another(tmp_path: Path) -> None:
    message = refused(tmp_path, "a,a,b,c,price\n" + "1,2,3,x,4\n" * 9)
    assert "found the name 'a' twice" in message
    assert "column 'c': found 'x'" in message
    assert every(message) == {"categories": ["c"]}


def test_a_few_gaps_have_their_own_remedy_beside_one_for_many_gaps(tmp_path: Path) -> None:
    few = refused(tmp_path, "a,b,price\n" + "1,2,3\n" * 8 + "1,,4\n")
    assert (
        '1 row has no value in column \'b\': set dataset.missing = "median" (or "mean", "drop", or a number), or '
        "delete these rows"
    ) in few
    many = refused(tmp_path, "a,b,price\n" + "1,,3\n" * 8 + "1,2,4\n")
    assert "delete these rows" not in many
    assert advised(many) == ["b"]
    target = refused(tmp_path, "a,price\n" + "1,3\n" * 8 + "1,\n")
    assert (
        "1 row has no value in column 'price', the target: set dataset.missing = { price = \"drop\" }, or delete these "
        "rows"
    ) in target
    assert read(tmp_path, "a,price\n" + "1,3\n2,4\n" * 8 + "1,\n", missing={"price": "drop"}).train == 12


def test_no_advice_to_drop_the_last_input(tmp_path: Path) -> None:
    names = "".join(f"name {number},1,{number}\n" for number in range(40))
    assert "dataset.drop" not in refused(tmp_path, "a,price\n" + names.replace(",1,", ","))
    assert "dataset.drop" in refused(tmp_path, "a,b,price\n" + names)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_separator_and_decimal_commas_are_told_in_one_message(tmp_path: Path, separator: str) -> None:
    rows = "".join(f"{row},5;{row};{row},7\n" for row in range(9))
    message = refused(tmp_path, ("a;b;price\n" + rows).replace(";", separator))
    sign = json.dumps(separator)
    assert message.endswith(f'Set dataset.separator = {sign} and dataset.decimal = ","')
    without = refused(tmp_path, ("a;b;price\n" + "1.5;2;3\n" * 9).replace(";", separator))
    assert without.endswith(f"Set dataset.separator = {sign}")
    first = refused(tmp_path, rows.replace(";", separator), header=False, target="3")
    assert first.endswith(f'Set dataset.separator = {sign} and dataset.decimal = ","')


@pytest.mark.parametrize("names", ["a,price", "price,a"])
def test_a_decimal_comma_is_a_notation_and_no_word(tmp_path: Path, names: str) -> None:
    message = refused(tmp_path, f"{names}\n" + '"62,88",1\n"3,5",2\n' * 9)
    assert "such as 62.88: this number has a decimal comma" in message
    assert 'if a comma stands before decimals, set dataset.decimal = ","' in message
    assert "dataset.drop" not in message
    assert "classification" not in message
    words = refused(tmp_path, f"b,{names}\n" + "1,x,1\n2,y,2\n" * 9)
    assert "classification" in words or "dataset.categories" in words


@pytest.mark.parametrize("before", ["sep=,", "# flats, 2020", "Flats in Berlin", "Flats; Berlin", "\n# a\n# b"])
def test_lines_before_the_names_are_told(tmp_path: Path, before: str) -> None:
    content = "a,price\n" + "1,2\n2,3\n" * 9
    message = refused(tmp_path, f"{before}\n{content}")
    line = before.count("\n") + 2
    assert f"is not the header, the names seem to be in line {line}; delete the lines before it" in message
    assert read(tmp_path, content).features == ("a",)
    assert "is not the header" not in refused(tmp_path, "a,prise\n1,price\n2,3\n"), "a row with a number has no names"


def test_a_header_that_lacks_one_name_is_told_from_a_cell_with_a_comma(tmp_path: Path) -> None:
    lacks = "does the header lack the name of one column"
    assert lacks in refused(tmp_path, "a,price\n" + "1,2,3\n2,3,4\n" * 9)
    some = refused(tmp_path, "a,price\n" + "1,2,3\n2,3\n" * 9)
    assert lacks not in some
    assert "numbers need a decimal point" in some


def test_lines_before_the_names_do_not_hide_another_separator(tmp_path: Path) -> None:
    message = refused(tmp_path, "sep=;\na;price\n1;2\n")
    assert message.endswith('delete the lines before it, and set dataset.separator = ";"')


def test_a_target_with_a_name_in_a_file_without_a_header_is_told_to_be_a_number(tmp_path: Path) -> None:
    assert 'dataset.target is such a number, for example "3"' in refused(tmp_path, "1,2\n2,3\n" * 9)
    message = refused(tmp_path, "1,2\n2,3\n" * 9, header=False)
    assert "with dataset.header = false the columns are called by their numbers, from 1" in message


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("\N{MINUS SIGN}0.461", "this sign is '\N{MINUS SIGN}' (the character 'minus sign')"),
        ("1_000", "a number without an underscore, such as 1000"),
        ("5%", "a number without the sign '%'"),
        ("\N{EURO SIGN}5", "a number without the sign '\N{EURO SIGN}'"),
        ("\N{ARABIC-INDIC DIGIT FIVE}", "a number in the digits 0 to 9, such as 5"),
    ],
)
def test_a_notation_of_a_number_is_named_with_what_to_write(tmp_path: Path, row: str, found: str) -> None:
    message = refused(tmp_path, f"a,b,price\n1,2,3\n{row},2,3\n-,2,3\nn/a,3,4\n1e99,3,4\n1,2,3\n1,2,4\n")
    assert found in message
    assert "line 6 of this column: found '1e99', expected a number from -3.4" in message
    assert "2 of these cells have no value (the first in line 4)" in message
    assert "dataset.drop" not in message.split("2 rows have no value")[0]
    assert "expected a number (and" in refused(tmp_path, "a,b,price\nx,1,2\ny,1,3\n")


def test_columns_that_are_constant_switches_or_left_out_are_told(tmp_path: Path) -> None:
    rows = "".join(f"{n * 7 % 23},5,{['true', 'false'][n % 2]},{n * n % 17},{n * 5 % 97}\n" for n in range(30))
    names = "a,same,garden,b,price\n"
    switches, constant = read(tmp_path, names + rows, drop=["b"]).remarks
    assert switches.endswith("column 'garden': true and false are read as 1 and 0")
    assert "column 'same' has the same value in every row and is an input" in constant
    assert advised(constant) == ["b", "same"]
    (both,) = read(tmp_path, names + rows, features=["a", "b"], drop=["b"]).remarks
    assert both.endswith("'b' is in dataset.features and in dataset.drop, and is left out")
    assert read(tmp_path, names + rows, features=["a", "b"]).remarks == ()


def test_a_target_that_is_the_same_in_every_row_is_refused(tmp_path: Path) -> None:
    assert "there is nothing to learn" in refused(tmp_path, "a,price\n" + "1,7\n2,7\n" * 9)
    assert read(tmp_path, "a,price\n" + "1,7\n2,8\n" * 9).outputs == 1
