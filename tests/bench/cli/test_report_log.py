"""`levelfield report --log` shows logs as tables or JSON, and never together with stored runs."""

import json
from pathlib import Path

import pytest

from bench.records.prediction_writer import PredictionWriter
from tests.bench.cli.conftest import Command
from tests.bench.records.prediction_lines import BEGUN, SOURCE, row


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of two models, of which one has failed."""
    path = tmp_path / "log.jsonl"
    with PredictionWriter(path, SOURCE, clock=lambda: BEGUN) as writer:
        writer.answered([row(0), row(1, output="4")], latency_ns=2_000_000, batch=2)
    with PredictionWriter(path, SOURCE._replace(framework="flax"), clock=lambda: BEGUN) as writer:
        writer.failed("no memory")
    return path


def test_the_report_of_a_log_is_printed(levelfield: Command, log: Path) -> None:
    found = levelfield("report", "--log", log)
    assert found.code == 0
    assert found.out.startswith(f"Predictions in {log}")
    assert "no memory" in found.out
    assert "Times are in UTC." in found.out


def test_the_report_has_all_numbers_as_json(levelfield: Command, log: Path) -> None:
    found = json.loads(levelfield("report", "--log", log, "--format", "json", "--every", "1h").out)
    assert found["every_s"] == 3600
    flax, torch = found["models"]
    assert (flax["summary"]["errors"], flax["summary"]["error_texts"]) == (1, {"no memory": 1})
    assert torch["summary"]["latency_p50_ms"] == 2.0
    assert torch["summary"]["latency_p99_ms"] is None
    assert torch["intervals"][0]["summary"]["classes"] == {"3": 0.5, "4": 0.5}


def test_several_logs_are_one_report_as_markdown(levelfield: Command, log: Path, tmp_path: Path) -> None:
    with PredictionWriter(tmp_path / "other.jsonl", SOURCE._replace(model="other")) as writer:
        writer.answered([row(0)], latency_ns=1, batch=1)
    found = levelfield("report", "--log", log, "--log", tmp_path / "other.jsonl", "--format", "markdown")
    assert found.code == 0
    assert "| other" in found.out
    assert "| digits-dnn-pytorch-cpu-seed0" in found.out


def test_a_line_that_was_skipped_is_named_and_ends_with_1(levelfield: Command, log: Path) -> None:
    with log.open("a") as file:
        file.write('{"torn')
    found = levelfield("report", "--log", log)
    assert found.code == 1
    assert f"{log}:4: skipped, found an incomplete or damaged line" in found.err
    assert "no memory" in found.out


def test_a_log_without_predictions_ends_with_6(levelfield: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    found = levelfield("report", "--log", tmp_path / "empty.jsonl")
    assert found.code == 6
    assert "empty.jsonl: found no predictions, expected lines of `levelfield predict --log`" in found.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--last"], "--log: found --last beside it, expected logs or stored runs: they are two reports"),
        (["latest", "--full"], "--log: found latest --full beside it, expected logs or stored runs"),
        (["--format", "csv"], "--format: found 'csv' with --log, expected one of terminal, markdown, json"),
        (["--every", "soon"], "--every: found 'soon', expected a time with its unit, such as 30s"),
    ],
)
def test_a_mistake_ends_with_2_and_one_line(levelfield: Command, log: Path, arguments: list[str], said: str) -> None:
    found = levelfield("report", "--log", log, *arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"levelfield: {said}")
    assert len(found.err.splitlines()) == 1


def test_intervals_are_of_logs_alone_and_not_too_many(levelfield: Command, log: Path) -> None:
    alone = levelfield("report", "--every", "1h")
    assert (alone.code, alone.out) == (2, "")
    assert alone.err.startswith("levelfield: --every: found '1h' without --log, expected both")
    with PredictionWriter(log, SOURCE) as writer:
        writer.answered([row(0)], latency_ns=1, batch=1)
    many = levelfield("report", "--log", log, "--every", "1s")
    assert many.code == 2
    assert "intervals, expected at most 1000" in many.err
