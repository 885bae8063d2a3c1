"""`levelfield check` takes the result of `levelfield drift` and logs of predictions, with or without runs."""

from pathlib import Path

import pytest

from bench.export import json
from bench.records.prediction_writer import PredictionWriter
from tests.bench.cli.conftest import Command
from tests.bench.records.prediction_lines import SOURCE, row
from tests.bench.report.test_drift import drift_of


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a result of drift, and with a log of two predictions that took 2 ms each."""
    monkeypatch.chdir(tmp_path)
    Path("drift.json").write_text(json.render(drift_of(shifted="column 4", right=0.95)))
    with PredictionWriter(Path("log.jsonl"), SOURCE, size_bytes=10**6) as writer:
        for sample in range(2):
            writer.answered([row(sample)], latency_ns=2_000_000, batch=1)
    return tmp_path


def budgets(text: str) -> str:
    Path("use.toml").write_text(text)
    return "use.toml"


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ("drifted_share = 0.05", 0),
        ("drifted_share = 0.01", 3),
        ("accuracy = 0.9", 0),
        ("accuracy = 0.99", 3),
        ("mae = 1.0", 6),
    ],
)
def test_drift_keeps_or_breaks_its_budget(levelfield: Command, limits: str, code: int) -> None:
    found = levelfield("check", budgets(f"[drift]\n{limits}\n"), "--drift", "drift.json")
    assert found.code == code
    assert "after.csv" in found.out


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("limits", "code"), [("latency_p50_ms = 3.0", 0), ("latency_p50_ms = 1.0", 3), ("latency_p99_ms = 3.0", 6)]
)
def test_a_log_keeps_or_breaks_its_budget(levelfield: Command, limits: str, code: int) -> None:
    found = levelfield("check", budgets(f"[log]\n{limits}\n"), "--log", "log.jsonl", "--format", "json")
    assert found.code == code
    assert limits.partition(" ")[0] in found.out


def test_runs_and_drift_are_checked_together(levelfield: Command, files: Path, baseline: Path) -> None:
    path = budgets('[[budget]]\nworkload = "digits-dnn"\nlatency_p90_ms = 1e9\n[drift]\ndrifted_share = 0.0\n')
    found = levelfield("check", path, baseline, "--drift", files / "drift.json")
    assert found.code == 3
    assert "latency_p90_ms" in found.out
    assert "drifted_share" in found.out
    alone = levelfield("check", path, "--drift", files / "drift.json")
    assert "[[budget]] is not checked, since no run is named" in alone.err


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("text", "arguments", "line"),
    [
        (
            "[drift]\nmae = 1.0",
            ["--log", "log.jsonl"],
            "use.toml: found [drift] without --drift, expected `--drift FILE",
        ),
        ("[drift]\nmae = 1.0", ["--log", "log.jsonl"], "--log: use.toml has no table [log], expected one with limits"),
        ("[drift]\nmae = 1.0", ["--drift", "nowhere.json"], "--drift: nowhere.json: no such file, expected what `lev"),
        ("[drift]\nmae = 1.0", ["--drift", "use.toml"], "--drift: use.toml: found another content, expected what `lev"),
        ("[log]\nrate_per_s = 1.0", ["--log", "nowhere.jsonl"], "nowhere.jsonl"),
    ],
)
def test_a_mistake_ends_with_2_and_one_line(levelfield: Command, text: str, arguments: list[str], line: str) -> None:
    found = levelfield("check", budgets(text), *arguments)
    assert (found.code, found.out) == (2, "")
    assert line in found.err
    assert found.err.count("\n") == 1
