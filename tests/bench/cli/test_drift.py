"""`levelfield drift` compares tables and models with later data, writes a page, and ends with a code for CI."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.run.worker_client import ROOT
from bench.workload.model_folders import ABOUT, WEIGHTS
from bench.workload.workload import load_workload
from tests.bench.cli.conftest import Command
from tests.bench.run.scripted_workers import Script, worked
from tests.bench.workloads import job, workload

LIMIT_S = 60.0
SERIES = """
name = "walk"
title = "a noisy sine"

[dataset]
kind = "series"
path = "walk.csv"
target = "level"
time = "step"
steps = 12
horizon = 1
standardise = true

[model]
family = "lstm"
layers = [{ units = 4 }]

[recipe]
optimizer = { name = "adam", learning_rate = 0.02 }
batch_size = 32
epochs = 3
"""
WORKLOAD = """
name = "flats"
title = "prices of flats"

[dataset]
kind = "csv"
path = "before.csv"
target = "price"
task = "regression"
categories = ["town"]
drop = ["day"]
standardise = true
standardise_target = true

[model]
family = "dnn"
hidden = [{ units = 16 }]

[recipe]
optimizer = { name = "adam", learning_rate = 0.01 }
batch_size = 32
epochs = 10
"""
ROWS = 1_500
FOLDERS = [os.environ.get("LEVELFIELD_DATA", ""), str(Path(__file__).parents[3].parent / "shared" / "data")]
HOUSES = [path for folder in FOLDERS if (path := Path(folder, "kc-house", "kc_house_data.csv")).is_file()]


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def flats(seed: int, *, larger: float = 1.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    area = random.gamma(4, 20, ROWS).round(1)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS) % 90, unit="D")
    return pd.DataFrame(
        {
            "area": larger * area,
            "rooms": random.integers(1, 6, ROWS),
            "town": random.choice(["Ulm", "Graz", "Bern"], ROWS, p=[0.5, 0.3, 0.2]),
            "day": days.strftime("%Y-%m-%d"),
            "price": (3_000 * area + random.normal(0, 20_000, ROWS)).round(),
        }
    )


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a reference, equal later data, and later data with larger flats."""
    monkeypatch.chdir(tmp_path)
    for name, table in (("before", flats(0)), ("after", flats(1)), ("larger", flats(1, larger=1.3))):
        table.to_csv(f"{name}.csv", index=False)
    return tmp_path


@pytest.mark.usefixtures("tables")
def test_equal_data_end_with_0_and_a_planted_change_with_3(levelfield: Command) -> None:
    same = levelfield("drift", "before.csv", "after.csv")
    assert same.code == 0
    assert "no: none of 4 tested columns has drifted" in in_one_line(same.out)
    assert "Not compared, since later data have later dates: day." in same.err
    changed = levelfield("drift", "before.csv", "larger.csv")
    assert changed.code == 3
    assert "yes: 1 of 4 tested columns: area (effect 0." in in_one_line(changed.out)


def test_the_page_has_the_change(levelfield: Command, tables: Path) -> None:
    found = levelfield("drift", "before.csv", "larger.csv", "--reports", "pages")
    assert "page: pages/drift.html" in found.err
    assert "area (effect 0." in (tables / "pages" / "drift.html").read_text("utf-8")


@pytest.mark.usefixtures("tables")
def test_json_has_every_number_and_markdown_every_column(levelfield: Command) -> None:
    found = json.loads(levelfield("drift", "before.csv", "larger.csv", "--format", "json").out)
    columns = {item["name"]: item for item in found["parts"][0]["columns"]}
    assert (found["exit_code"], found["parts"][0]["drifted"]) == (3, ["area"])
    assert columns["area"]["psi"] > columns["area"]["psi_limit"] > 0
    assert columns["town"]["test"] == "chi-squared"
    page = levelfield("drift", "before.csv", "larger.csv", "--format", "markdown").out
    assert re.search(r"\| town +\| category \| chi-squared +\|", page)


@pytest.mark.usefixtures("tables")
def test_a_profile_stands_in_place_of_the_reference(levelfield: Command) -> None:
    first = levelfield("drift", "before.csv", "larger.csv", "--format", "json", "--save-profile", "before.json")
    second = levelfield("drift", "before.json", "larger.csv", "--format", "json")
    assert json.loads(first.out)["parts"] == json.loads(second.out)["parts"]
    assert levelfield("drift", "before.json", "after.csv").code == 0


@pytest.mark.usefixtures("tables")
def test_each_month_and_each_town_is_judged_by_itself(levelfield: Command) -> None:
    months = json.loads(levelfield("drift", "before.csv", "larger.csv", "--by", "day:month", "--format", "json").out)
    assert [part["name"] for part in months["parts"]] == ["", "2024-01", "2024-02", "2024-03"]
    assert all(part["drifted"] == ["area"] for part in months["parts"])
    towns = json.loads(levelfield("drift", "before.csv", "after.csv", "--by", "town", "--format", "json").out)
    assert [part["name"] for part in towns["parts"]] == ["", "Bern", "Graz", "Ulm"]
    assert sum(part["rows"] for part in towns["parts"][1:]) == ROWS


@pytest.mark.usefixtures("tables")
def test_columns_and_limits_can_be_chosen(levelfield: Command) -> None:
    assert levelfield("drift", "before.csv", "larger.csv", "--without", "area").code == 0
    assert levelfield("drift", "before.csv", "larger.csv", "--columns", "area,town").code == 3
    assert levelfield("drift", "before.csv", "larger.csv", "--max-share", "0.3").code == 0
    assert levelfield("drift", "before.csv", "larger.csv", "--effect", "2").code == 0


def test_few_rows_end_with_4(levelfield: Command, tables: Path) -> None:
    flats(2).head(20).to_csv(tables / "few.csv", index=False)
    found = levelfield("drift", "before.csv", "few.csv")
    assert found.code == 4
    assert "too few rows: " in found.out


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere.csv", "after.csv"], "nowhere.csv: no such file"),
        (["before.csv", "nowhere.csv"], "nowhere.csv: no such file"),
        (
            ["before.csv", "after.csv", "--columns", "aera"],
            "--columns: found 'aera' (did you mean area?), expected one of",
        ),
        (["before.csv", "before.csv", "--without", "area,rooms,town,price"], "--without: found every column, expected"),
        (
            ["before.csv", "after.csv", "--by", "twon"],
            "--by: found 'twon' (did you mean town?), expected one of area",
        ),
        (
            ["before.csv", "after.csv", "--by", "day:hour"],
            "--by: found the period 'hour', expected one of day, week, mo",
        ),
        (["before.csv", "after.csv", "--effect", "0"], "--effect: found 0, expected a number above 0"),
        (
            ["before.csv", "after.csv", "--max-share", "2", "--effect", "-1"],
            "--effect: found -1, expected a number abov",
        ),
        (["before.csv", "after.csv", "--separator", ",,"], "--separator: found ',,', expected one sign"),
        (["before.csv", "after.csv", "--decimal", ","], "--separator: found ',', which is --decimal too"),
        (
            ["before.csv", "after.csv", "--retrain-at", "0.9"],
            "--retrain-at: found 0.9 without a model, expected a mode",
        ),
        (["before.csv", "after.csv", "--format", "junit"], "--format: found 'junit', expected one of terminal, mar"),
        (["before.csv", "after.csv", "--save-profile", "no/where"], "--save-profile: no/where: cannot be written"),
        ([".", "after.csv"], "model.json: no such file, expected a file that"),
    ],
)
def test_a_mistake_ends_with_2_and_one_line(levelfield: Command, arguments: list[str], line: str) -> None:
    found = levelfield("drift", *arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"levelfield: {line}"), found.err


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What PyTorch has learnt in this process."""
    folder = tmp_path_factory.mktemp("models")
    result = worked(job(workload(), folder / "job.log", purpose="learning") | {"models": str(folder)}, LIMIT_S)
    assert result["outcome"] == "ok"
    return folder / "tiny-pytorch-cpu-seed0"


@pytest.fixture
def _asked_here(script: Script) -> None:
    """Workers answer in this process."""
    script.instead = worked


@pytest.mark.usefixtures("_asked_here", "tables")
def test_the_outputs_and_the_quality_of_a_model_are_judged(saved: Path, levelfield: Command) -> None:
    found = json.loads(levelfield("drift", saved, "test", "--format", "json").out)
    (whole,) = found["parts"]
    groups = {item["name"]: item["group"] for item in whole["columns"]}
    assert {groups["(predicted)"], groups["(confidence)"]} == {"output"}
    assert whole["quality"]["metric"] == "accuracy"
    assert whole["quality"]["samples"] == 20
    worse = json.loads(levelfield("drift", saved, "test", "--retrain-at", "1.5", "--format", "json").out)
    assert worse["parts"][0]["quality"]["limit"] == 1.5


@pytest.mark.usefixtures("_asked_here", "tables")
def test_a_model_without_a_profile_must_be_trained_again(saved: Path, levelfield: Command, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    for name in (ABOUT, WEIGHTS):
        (folder / name).write_bytes((saved / name).read_bytes())
    found = levelfield("drift", folder, "test")
    assert found.code == 2
    assert "found no profile.json, expected the profile of the training data; train the model again with" in found.err


@pytest.mark.slow
@pytest.mark.usefixtures("tables")
def test_a_model_of_a_table_is_compared_month_by_month(levelfield: Command, cache: Path) -> None:
    Path("flats.toml").write_text(WORKLOAD)
    command = [sys.executable, "-m", "bench", "run", "flats.toml"]
    done = subprocess.run(
        [*command, "--framework", "pytorch", "--purpose", "learning", "--save-models"],
        env={**os.environ, "LEVELFIELD_CACHE": str(cache), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (model,) = Path("results").glob("*/*/artifacts/models/*")
    found = json.loads(levelfield("drift", model, "larger.csv", "--by", "day:month", "--format", "json").out)
    assert {"area", "(predicted)"} <= set(found["parts"][0]["drifted"])
    assert {part["quality"]["metric"] for part in found["parts"]} == {"mae"}
    assert levelfield("drift", model, "after.csv", "--by", "day:month").code in {0, 4}
    refused = levelfield("drift", model, "test")
    assert (refused.code, "expected a table (.csv or .parquet)" in refused.err) == (2, True)


@pytest.mark.usefixtures("_asked_here")
def test_a_model_that_cannot_predict_is_undecided_and_no_success(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    walk(0).to_csv("walk.csv", index=False)
    Path("walk.toml").write_text(SERIES)
    asked = job(load_workload("walk.toml"), tmp_path / "job.log", purpose="learning") | {"models": str(tmp_path)}
    assert worked(asked, LIMIT_S)["outcome"] == "ok"
    model, broken = tmp_path / "walk-pytorch-cpu-seed0", walk(1)
    broken.loc[5, "level"] = np.nan
    broken.to_csv("broken.csv", index=False)
    done = levelfield("drift", model, "broken.csv")
    assert done.code == 4
    assert "unknown: the model could not predict these data" in in_one_line(done.out)
    refused = levelfield("drift", model, "broken.csv", "--retrain-at", "0.5")
    assert (refused.code, refused.out) == (2, "")


def walk(seed: int, *, scale: float = 1.0) -> pd.DataFrame:
    noise = np.random.default_rng(seed).normal(0, 0.2, 600)
    return pd.DataFrame({"step": np.arange(600), "level": scale * (np.sin(np.arange(600) / 10) + noise)})


@pytest.mark.usefixtures("_asked_here")
def test_the_outputs_for_a_series_belong_to_the_last_row_of_each_window(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, table in (("walk", walk(0)), ("later", walk(1)), ("wider", walk(1, scale=2.0))):
        table.to_csv(f"{name}.csv", index=False)
    Path("walk.toml").write_text(SERIES)
    series = load_workload("walk.toml")
    result = worked(job(series, tmp_path / "job.log", purpose="learning") | {"models": str(tmp_path)}, LIMIT_S)
    assert result["outcome"] == "ok"
    model = tmp_path / "walk-pytorch-cpu-seed0"
    found = json.loads(levelfield("drift", model, "wider.csv", "--format", "json").out)
    rows = {item["name"]: item["rows"][1] for item in found["parts"][0]["columns"]}
    assert rows == {"level": 600, "(predicted)": 600 - 11}
    assert set(found["parts"][0]["drifted"]) == {"level", "(predicted)"}
    assert found["parts"][0]["quality"]["samples"] == 600 - 12
    assert "judge by the effect" in found["remarks"][0]
    assert json.loads(levelfield("drift", model, "later.csv", "--format", "json").out)["parts"][0]["drifted"] == []


if HOUSES:

    def test_king_county_a_planted_change_of_one_column_is_found_and_nothing_else(
        levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        table = pd.read_csv(HOUSES[0]).sample(frac=1.0, random_state=1)
        before, after = table[: len(table) // 2], table[len(table) // 2 :].copy()
        before.to_csv("before.csv", index=False)
        after.to_csv("after.csv", index=False)
        same = levelfield("drift", "before.csv", "after.csv")
        assert (same.code, "no: none of 20 tested columns has drifted" in in_one_line(same.out)) == (0, True)
        after["sqft_living"] = (1.3 * after["sqft_living"]).round()
        after.to_csv("changed.csv", index=False)
        changed = levelfield("drift", "before.csv", "changed.csv")
        assert changed.code == 3
        assert "yes: 1 of 20 tested columns: sqft_living (effect 0." in in_one_line(changed.out)
        assert "sqft_living" in Path("reports/drift.html").read_text("utf-8")
