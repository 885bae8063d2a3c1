"""`levelfield drift` reads tables as people have them: codes, flags, dates, gaps, odd names, CSV and Parquet."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.bench.cli.conftest import Command

ROWS = 1_000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def chosen(values: list[Any], seed: int, rows: int = ROWS) -> np.ndarray:
    return np.array(values, dtype=object)[np.random.default_rng(seed).integers(len(values), size=rows)]


def found(levelfield: Command, before: pd.DataFrame, after: pd.DataFrame, *more: str, kind: str = "csv") -> Any:  # noqa: ANN401 (JSON)
    for name, frame in (("before", before), ("after", after)):
        frame.to_csv(f"{name}.csv", index=False) if kind == "csv" else frame.to_parquet(f"{name}.parquet")
    done = levelfield("drift", f"before.{kind}", f"after.{kind}", *more, "--format", "json")
    return json.loads(done.out) if done.out else done


def drifted(result: Any) -> list[str]:  # noqa: ANN401 (JSON)
    return list(result["parts"][0]["drifted"])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    "values",
    [["01234", "02234", "x10001", "1000000"], [1.0, 2.0, 3.0], [20240101, 20240131], [True, False], ["a, b", "", "c"]],
    ids=["codes", "numbers", "dates as numbers", "truth values", "words with commas"],
)
def test_equal_columns_have_not_drifted_however_they_are_written(
    levelfield: Command, values: list[Any], kind: str
) -> None:
    before, after = (pd.DataFrame({"x": chosen(values, seed), "y": np.arange(ROWS) % 7}) for seed in (0, 1))
    assert drifted(found(levelfield, before, after, kind=kind)) == []
    changed = pd.DataFrame({"x": chosen(values[:1], 1), "y": np.arange(ROWS) % 7})
    assert [name.partition(":")[0] for name in drifted(found(levelfield, before, changed, kind=kind))][:1] == ["x"]


def test_large_whole_numbers_are_told_apart(levelfield: Command) -> None:
    before, after = (pd.DataFrame({"v": [number] * ROWS, "y": np.arange(ROWS) % 7}) for number in (20240101, 20240131))
    assert drifted(found(levelfield, before, after)) == ["v"]


def test_a_column_of_rare_amounts_has_an_effect_if_they_become_frequent(levelfield: Command) -> None:
    random = np.random.default_rng(0)
    amounts = random.lognormal(size=100_000)
    before = pd.DataFrame({"fee": np.where(random.random(100_000) < 0.004, amounts, 0.0)})
    after = pd.DataFrame({"fee": np.where(random.random(100_000) < 0.6, amounts, 0.0)})
    result = found(levelfield, before, after)
    assert drifted(result) == ["fee"]
    assert result["parts"][0]["columns"][0]["effect"] > 0.5


def test_words_in_a_column_that_was_empty_are_drift(levelfield: Command) -> None:
    before = pd.DataFrame({"note": [None] * ROWS, "y": np.arange(ROWS) % 7})
    after = pd.DataFrame({"note": ["a", "b"] * (ROWS // 2), "y": np.arange(ROWS) % 7})
    assert drifted(found(levelfield, before, after)) == ["note: missing"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_dates_are_not_compared_and_make_periods(levelfield: Command, kind: str) -> None:
    random = np.random.default_rng(0)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS) % 91, unit="D")
    before = pd.DataFrame({"when": days - pd.Timedelta(days=400), "x": random.normal(size=ROWS)})
    after = pd.DataFrame({"when": days, "x": random.normal(size=ROWS)})
    result = found(levelfield, before, after, "--by", "when:month", kind=kind)
    assert [part["name"] for part in result["parts"]] == ["", "2024-01", "2024-02", "2024-03"]
    assert {column["name"] for column in result["parts"][0]["columns"]} == {"x"}


@pytest.mark.parametrize("form", ["%m/%d/%Y", "%d.%m.%Y", "%Y%m%d"])
def test_sorted_dates_in_any_form_make_the_right_months(levelfield: Command, form: str) -> None:
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(np.arange(ROWS) % 91), unit="D")
    random = np.random.default_rng(0)
    before, after = (pd.DataFrame({"when": days.strftime(form), "x": random.normal(size=ROWS)}) for _ in range(2))
    result = found(levelfield, before, after, "--by", "when:month")
    assert [part["name"] for part in result["parts"]] == ["", "2024-01", "2024-02", "2024-03"]


def test_a_cell_that_is_no_date_is_told(levelfield: Command) -> None:
    random = np.random.default_rng(0)
    before, after = (pd.DataFrame({"when": ["2024-01-01"] * ROWS, "x": random.normal(size=ROWS)}) for _ in range(2))
    after.loc[3, "when"] = "unknown"
    result = found(levelfield, before, after, "--by", "when:month")
    assert [part["name"] for part in result["parts"]] == ["", "2024-01", "(no value)"]
    assert any("1 cell of when without a date" in remark for remark in result["remarks"])


def test_a_blank_value_is_a_part_without_a_name_and_not_all_rows(levelfield: Command) -> None:
    random = np.random.default_rng(0)
    before, after = (pd.DataFrame({"c": chosen(["a", "  "], seed), "x": random.normal(size=ROWS)}) for seed in (0, 1))
    result = found(levelfield, before, after, "--by", "c", kind="parquet")
    assert [part["name"] for part in result["parts"]] == ["", "a", "(no value)"]


def test_cells_of_the_reference_that_are_no_numbers_are_told(levelfield: Command) -> None:
    values = [str(number) for number in range(3_000)]
    before = pd.DataFrame({"x": [*values, *["bad"] * 2_000]})
    result = found(levelfield, before, pd.DataFrame({"x": values}))
    assert any("before.csv: 2000 cells of x without a number" in remark for remark in result["remarks"])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_with_numbers_as_names_are_read(levelfield: Command, kind: str) -> None:
    before, after = (pd.DataFrame(np.random.default_rng(seed).normal(size=(ROWS, 2))) for seed in (0, 1))
    assert {item["name"] for item in found(levelfield, before, after, kind=kind)["parts"][0]["columns"]} == {"0", "1"}


def test_two_columns_with_one_name_are_refused(levelfield: Command) -> None:
    Path("before.csv").write_text("a ,a\n1,2\n3,4\n")
    done = levelfield("drift", "before.csv", "before.csv")
    assert (done.code, done.out) == (2, "")
    assert "found several columns a, expected names that differ" in done.err


def test_a_table_of_tabs_is_read_by_its_ending(levelfield: Command) -> None:
    frame = pd.DataFrame({"a": np.arange(ROWS) % 11, "b": np.arange(ROWS) % 7})
    frame.to_csv("table.tsv", sep="\t", index=False)
    done = levelfield("drift", "table.tsv", "table.tsv")
    assert (done.code, "none of 2 tested columns" in done.out) == (0, True)
