"""The lines of a log are read back, from all its files; a line that is no prediction is skipped and named."""

import json
import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.records.prediction import Prediction
from bench.records.prediction_log import files_of, read
from bench.records.prediction_writer import PredictionWriter
from bench.run.worker_client import ROOT
from tests.bench.records.prediction_lines import BEGUN, SOURCE, row


def write(path: Path, *samples: int) -> None:
    with PredictionWriter(path, SOURCE, clock=lambda: BEGUN) as writer:
        writer.answered([row(sample) for sample in samples], latency_ns=1_500_000, batch=len(samples))


def test_the_lines_are_read_back_by_json_and_by_the_reader(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    write(log, 0, 1)
    plain = [json.loads(line) for line in log.read_text().splitlines()]
    assert plain[1] == {
        "@timestamp": "2026-03-04T05:00:00.000000Z",
        "event": "prediction",
        "model": "digits-dnn-pytorch-cpu-seed0",
        "model_digest": "0123456789abcdef",
        "workload": "digits-dnn",
        "framework": "pytorch",
        "device": "cpu",
        "latency_ms": 1.5,
        "batch": 2,
        "sample": 1,
        "input_digest": "0000000000000001",
        "output": "3",
        "confidence": 0.9,
        "error": None,
    }
    found = read([log], warn=pytest.fail)
    assert [line.sample for line in found] == [0, 1]
    assert (found[1].timestamp, found[1].latency_ms, found[1].output, found[1].input) == (BEGUN, 1.5, "3", None)


def test_a_line_has_the_fields_of_a_prediction_and_no_others(tmp_path: Path) -> None:
    write(tmp_path / "log.jsonl", 0)
    (line,) = (json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines())
    known = {field.name for field in fields(Prediction)} - {"timestamp", "input"} | {"@timestamp"}
    assert set(line) == known
    assert all(not isinstance(value, dict) for value in line.values()), "expected flat keys"


@pytest.mark.parametrize("output", ["cat", 1.25, [0.5, -2.0], None])
def test_an_output_is_a_class_a_number_or_several(tmp_path: Path, output: object) -> None:
    with PredictionWriter(tmp_path / "log.jsonl", SOURCE) as writer:
        writer.answered([row(0, output=output)], latency_ns=1, batch=1)
    (found,) = read([tmp_path / "log.jsonl"], warn=pytest.fail)
    assert found.output == (tuple(output) if isinstance(output, list) else output)


def test_a_line_that_is_torn_is_skipped_with_a_warning_and_the_next_line_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    write(log, 0, 1)
    log.write_bytes(log.read_bytes()[:-30])
    write(log, 2)
    skipped: list[str] = []
    assert [line.sample for line in read([log], warn=skipped.append)] == [0, 2]
    reason = "found an incomplete or damaged line, expected a prediction as a line of JSON"
    assert skipped == [f"{log}:2: skipped, {reason}"]


def test_a_file_that_ends_in_a_torn_line_has_all_lines_before_it(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    write(log, 0, 1)
    log.write_bytes(log.read_bytes()[:-30])
    skipped: list[str] = []
    assert [line.sample for line in read([log], warn=skipped.append)] == [0]
    assert len(skipped) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("7", "found no table of keys, expected a prediction as a line of JSON"),
        ("{}", '"@timestamp": found no valid value, expected a value: this key is required'),
        ('{"@timestamp":"2026-03-04T05:00:00Z","event":"start","model":"m"}', "event: found no valid value, expected "),
        ('{"@timestamp":"2026-03-04T05:00:00","event":"prediction","model":"m"}', '"@timestamp": found no valid value'),
    ],
)
def test_a_foreign_line_is_skipped_and_the_warning_says_why(tmp_path: Path, text: str, said: str) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(f"{text}\n")
    write(log, 4)
    skipped: list[str] = []
    assert [line.sample for line in read([log], warn=skipped.append)] == [4]
    assert len(skipped) == 1
    assert skipped[0].startswith(f"{log}:1: skipped, {said}")


def test_three_foreign_lines_are_named_and_the_others_are_counted(tmp_path: Path) -> None:
    logs = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for log in logs:
        log.write_text("x\n\ny\nz\n")
    skipped: list[str] = []
    assert read(logs, warn=skipped.append) == []
    places = [line.partition(": skipped")[0] for line in skipped]
    assert places == [f"{logs[0]}:1", f"{logs[0]}:3", f"{logs[0]}:4", "3 more lines were skipped in these logs"]


def test_keys_of_other_programs_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "log").write_text('{"@timestamp":"2026-03-04T05:00:01Z","event":"prediction","model":"m","host":"a"}\n')
    (found,) = read([tmp_path / "log"], warn=pytest.fail)
    assert found.model == "m"
    assert found.timestamp == BEGUN + timedelta(seconds=1)


def test_the_rotated_files_of_a_log_are_read_from_the_oldest_and_each_once(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    names = ("log.jsonl.2", "log.jsonl.10", "log.jsonl.1", "log.jsonl", "log.jsonl.gz", "other.jsonl.1", "log.jsonl.01")
    for number, name in enumerate(names):
        write(tmp_path / name, number)
    assert [path.name for path in files_of(log)] == ["log.jsonl.10", "log.jsonl.2", "log.jsonl.1", "log.jsonl"]
    twice = read([log, tmp_path / "log.jsonl.1"], warn=pytest.fail)
    assert [line.sample for line in twice] == [1, 0, 2, 3]


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.jsonl: no such file, expected a log that"):
        read([tmp_path / "nothing.jsonl"], warn=pytest.fail)
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\), expected a prediction log"):
        read([tmp_path], warn=pytest.fail)


def test_the_guide_explains_every_key_of_a_line() -> None:
    guide = (ROOT / "docs" / "how-to" / "prediction-log.md").read_text()
    explained = {
        name for line in guide.splitlines() if line.startswith("| `") for name in re.findall(r"`(\S+?)`", line)
    }
    keys = {field.name for field in fields(Prediction)} - {"timestamp", "input"} | {"@timestamp"}
    assert keys <= explained
    assert "latency_s" not in explained
    assert "in the key `input`" in guide
