"""A survey says of each column what it has, and why it is better left out."""

from pathlib import Path

import pytest

from bench.datasets.own_files import survey


def looked(folder: Path, cells: list[str]) -> survey.SeenColumn:
    path = folder / "flats.csv"
    path.write_text("it,price\n" + "".join(f'"{cell}",{row * 7 % 83}\n' for row, cell in enumerate(cells)))
    return survey.look(path).column("it")


@pytest.mark.parametrize("cells", [["30-39", "40-49", "50-59"], ["<5", ">5", ">=9"], ["10:30", "11:30"]])
def test_ranges_and_limits_are_words(tmp_path: Path, cells: list[str]) -> None:
    found = looked(tmp_path, [cells[row % len(cells)] for row in range(60)])
    assert (found.kind, found.reason) == ("category", "")


@pytest.mark.parametrize("form", ["${:,}.00", "{} %", "{}\N{EURO SIGN}"])
def test_amounts_of_money_and_shares_are_no_words(tmp_path: Path, form: str) -> None:
    found = looked(tmp_path, [form.format(row * 317 % 9001) for row in range(60)])
    assert found.reason.startswith("its cells are numbers with other signs, such as")


def test_numbers_that_differ_in_every_row_are_identifiers_only_in_a_narrow_range(tmp_path: Path) -> None:
    assert looked(tmp_path, [str(500 + row * 7 % 60) for row in range(60)]).reason.startswith(
        "its whole number differs"
    )
    assert looked(tmp_path, [str(100_000 + row * 1317) for row in range(60)]).reason == ""


def test_a_number_with_a_few_words_is_told_with_the_option(tmp_path: Path) -> None:
    cells = ["inf" if row == 7 else f"{row * 37 % 61}.5" for row in range(60)]
    assert looked(tmp_path, cells).reason == "these cells are no numbers: inf; correct them, or name them with gaps"
