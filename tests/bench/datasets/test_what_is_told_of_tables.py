"""What the owner of a table has to know is told: sentinels, copies of the target, rows in two parts, wrong options."""

from pathlib import Path

import pytest

from bench.datasets.description import describe
from bench.errors import UsageError


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def clean_table(folder: Path, header: str, rows: list[str], **options: object) -> dict[str, object]:
    path = written(folder / "clean.csv", [header, *rows])
    return {"kind": "csv", "path": str(path), "target": "y", "task": "classification", **options}


def told(table: dict[str, object]) -> str:
    return " ".join(describe(table).remarks)


def test_numbers_that_stand_for_a_missing_value_are_told(tmp_path: Path) -> None:
    rows = [f"{-999 if row % 9 == 2 else 20 + row % 31},{row % 5}.5,{row % 2}" for row in range(60)]
    assert "column 'age' has a number such as -999 in several rows" in told(clean_table(tmp_path, "age,b,y", rows))
    real = [f"{-9 if row % 9 == 2 else row % 31},{row % 5}.5,{row % 2}" for row in range(60)]
    assert "-999" not in told(clean_table(tmp_path, "age,b,y", real))


def test_a_column_that_says_the_same_as_the_target_by_other_names_is_told(tmp_path: Path) -> None:
    rows = [f"{('ill', 'well')[row % 2]},{10 + 10 * (row % 2)},{row % 7}.5,{row % 2}" for row in range(60)]
    found = told(clean_table(tmp_path, "state,code,b,y", rows, categories=["state"]))
    assert "column 'state' says the same as the target" in found
    assert "column 'code' says the same as the target" in found
    rows[0] = "well,20,0.5,0"
    assert "says the same" not in told(clean_table(tmp_path, "state,code,b,y", rows, categories=["state"]))


def test_rows_that_are_in_two_parts_are_told(tmp_path: Path) -> None:
    rows = [f"{row % 31},{row % 29},{row % 7}.5,{row % 2}" for row in range(60)]
    assert "same as another row" not in told(clean_table(tmp_path, "a,b,c,y", rows))
    assert "2 rows are the same as another row" in told(clean_table(tmp_path, "a,b,c,y", [*rows, *rows[:2]]))
    test = written(tmp_path / "test.csv", ["a,b,c,y", *rows[:5], "99,99,9,1"])
    found = told(clean_table(tmp_path, "a,b,c,y", rows, test_path=str(test)))
    assert "5 rows of the test data are training rows too" in found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"missing": True}, r'dataset\.missing: found true, expected a number, "mean", "median", "drop"'),
        ({"missing": "medain"}, r"found missing = 'medain' \(did you mean median"),
        ({"categories": 5}, r"dataset\.categories: found 5, expected a list of columns"),
        ({"decimal": ";"}, r"dataset\.decimal: found ';', expected '\.' or ','"),
        ({"dates": "a"}, r"dataset\.dates: found 'a', expected a list in square brackets"),
        ({"shape": []}, r"dataset\.shape: found \[\], expected a list of length 1 or more"),
        ({"date_format": "%Y"}, "found date_format without dates"),
        ({"missing": {"y": "median"}}, "for the target, expected 'drop'"),
        ({"task": "regression", "classes": ["0", "1"]}, "numbers have no classes"),
        ({"groups": "a", "stratify": True}, "leave stratify out, or use folds without validation"),
        ({"steps": 3}, r"dataset\.steps: unknown key, which belongs to kind = 'series', expected one of"),
        ({"separator": '"'}, "expected another sign"),
        ({"encoding": "utf8x"}, "expected an encoding such as 'utf-8'"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_the_words_of_the_file(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    rows = [f"{row % 31},{row % 29},{row % 2}" for row in range(60)]
    assert describe(clean_table(tmp_path, "a,b,y", rows)).outputs == 2
    with pytest.raises(UsageError, match=message):
        describe(clean_table(tmp_path, "a,b,y", rows, **options))
