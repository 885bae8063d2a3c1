"""Tables are read in chunks: numbers, words, dates and gaps, in CSV and in Parquet."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.datasets.own_files import dates, streamed_columns
from bench.datasets.own_files.notation import Notation
from bench.datasets.own_files.streamed_columns import BY, Source, StreamedColumns, source_of
from bench.errors import DataError

TEXT = """size, colour ,day,flag
1.5,red,2024-01-31,0
?,blue,2024-02-01,1
n/a,,2024-02-02,1
2,red,2024-03-01,0
"""


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TEXT)
    return path


def whole(table: StreamedColumns, *, by: str = "") -> dict[str, np.ndarray]:
    chunks = list(table.chunks(by=by))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def test_the_first_rows_decide_what_is_in_a_column(csv: Path) -> None:
    assert StreamedColumns(Source(path=csv)).kinds == {
        "size": "number",
        "colour": "category",
        "day": "date",
        "flag": "number",
    }


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_every_row_is_read_in_whichever_chunks(csv: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(streamed_columns, "ROWS", rows)
    found = whole(StreamedColumns(Source(path=csv)))
    np.testing.assert_array_equal(found["size"], [1.5, np.nan, np.nan, 2.0])
    assert found["colour"].tolist() == ["red", "blue", None, "red"]
    assert found["day"].tolist() == ["2024-01-31", "2024-02-01", "2024-02-02", "2024-03-01"]


def test_parquet_is_read_like_csv(csv: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(csv, na_values="?", skipinitialspace=True).rename(columns=str.strip)
    frame.to_parquet(tmp_path / "table.parquet")
    found, right = (
        whole(StreamedColumns(Source(path=path), kinds={"size": "number", "colour": "category"}))
        for path in (tmp_path / "table.parquet", csv)
    )
    np.testing.assert_array_equal(found["size"], right["size"])
    assert found["colour"].tolist() == right["colour"].tolist()


def test_words_that_look_like_numbers_stay_words(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("code\n007\n008\n")
    table = StreamedColumns(Source(path=path), kinds={"code": "category"})
    assert whole(table)["code"].tolist() == ["007", "008"]


def test_cells_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    path.write_text("size\n" + "1\n" * 30 + "broken\n\n?\n")
    table = StreamedColumns(Source(path=path))
    found = whole(table)["size"]
    assert np.isnan(found).sum() == 2
    assert table.unread == {"size": 1}


def test_a_table_with_other_signs_is_read_as_its_workload_says(tmp_path: Path) -> None:
    path = tmp_path / "german.csv"
    path.write_text("a;b\n1,5;x\n-999;y\n", encoding="cp1252")
    source = source_of(path, {"separator": ";", "decimal": ",", "encoding": "cp1252", "gaps": ["-999"]})
    np.testing.assert_array_equal(whole(StreamedColumns(source))["a"], [1.5, np.nan])
    assert source.notation == Notation(";", ",", "cp1252", frozenset({"-999"}))


def test_columns_without_names_have_numbers(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("1,2\n3,4\n")
    table = StreamedColumns(source_of(path, {"header": False}))
    assert table.names == ("1", "2")
    assert whole(table)["2"].tolist() == [2.0, 4.0]


def test_another_column_can_be_read_beside_them(csv: Path) -> None:
    table = StreamedColumns(Source(path=csv), kinds={"size": "number"})
    assert whole(table, by="flag")[BY].tolist() == ["0", "1", "1", "0"]
    assert set(whole(table)) == {"size"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", r"table\.csv: found no row, expected a table with a header and rows"),
        ("", r"table\.csv: found an empty file"),
        ("a,b\n1,2,3\n1,2,3\n", r"table\.csv, line 2: found more cells than names in the header"),
        ("a,b\n1,2\n1,2,3\n", r"table\.csv, line 3: found 3 cells, expected 2"),
        ("x\n1\n", r"table\.csv: found 'size'.* expected"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        list(StreamedColumns(Source(path=path), kinds={"size": "number"} if text.startswith("x") else None).chunks())


@pytest.mark.parametrize("name", ["missing.csv", "missing.parquet"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{name}: "):
        StreamedColumns(Source(path=tmp_path / name))


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="found a damaged file or another format, expected a Parquet file"):
        StreamedColumns(Source(path=path))


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("day", ["2024-12-30", None]),
        ("week", ["2025-W01", None]),
        ("month", ["2024-12", None]),
        ("quarter", ["2024-Q4", None]),
        ("year", ["2024", None]),
    ],
)
def test_dates_are_put_into_periods(period: str, expected: list[str | None]) -> None:
    assert dates.periods(["2024-12-30", None], period, "") == expected
    assert dates.periods(["2024-12-30", "no date"], period, "") == expected


@pytest.mark.parametrize(
    ("texts", "period", "expected"),
    [
        (["31.01.2024", "01.02.2024"], "month", ["2024-01", "2024-02"]),
        (["20141013T000000"], "quarter", ["2014-Q4"]),
        ([f"01/{day:02}/2024" for day in range(1, 32)], "month", ["2024-01"] * 31),
        (["2024-01-01", "unknown", "2024-02-01"], "month", ["2024-01", None, "2024-02"]),
    ],
)
def test_dates_are_read_in_the_form_that_most_of_them_have(
    texts: list[str], period: str, expected: list[str | None]
) -> None:
    assert dates.periods(texts, period, dates.usual_form(texts)) == expected
