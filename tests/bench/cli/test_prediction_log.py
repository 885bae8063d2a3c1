"""`levelfield predict --log` logs every prediction and every request that fails, and no values unless it was asked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cli import predict
from bench.plan.log_options import size_bytes
from bench.records.prediction_writer import SIZE_BYTES
from bench.worker.measure.inference import EVALUATION_BATCH
from tests.bench.cli.conftest import Command
from tests.bench.run.scripted_workers import Script, told, worked
from tests.bench.workloads import job, workload

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What PyTorch has learnt in this process."""
    folder = tmp_path_factory.mktemp("models")
    result = worked(job(workload(), folder / "job.log", purpose="learning") | {"models": str(folder)}, LIMIT_S)
    assert result["outcome"] == "ok"
    return folder / "tiny-pytorch-cpu-seed0"


@pytest.fixture(autouse=True)
def _asked_here(script: Script) -> None:
    """Workers answer in this process."""
    script.instead = worked


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_every_prediction_is_a_line_with_what_the_table_says(saved: Path, levelfield: Command, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    found = levelfield("predict", saved, "test", "--log", log, "--batch-size", 8)
    assert found.code == 0, found.err
    table = [row.split(",") for row in found.out.splitlines()]
    said = lines(log)
    assert [line["output"] for line in said] == [row[table[0].index("predicted")] for row in table[1:]]
    assert [line["sample"] for line in said] == list(range(20))
    assert {line["batch"] for line in said} == {8}
    assert len({line["latency_ms"] for line in said}) > 1, "expected three calls"
    first = said[0]
    assert (first["model"], first["workload"], first["framework"]) == ("tiny-pytorch-cpu-seed0", "tiny", "pytorch")
    assert len(first["model_digest"]) == 12
    assert "input" not in first
    chances = [float(row[table[0].index(f"probability of {row[2]}")]) for row in table[1:]]
    assert [line["confidence"] for line in said] == pytest.approx(chances, abs=1e-6)


def test_values_are_logged_if_they_were_asked_for(saved: Path, levelfield: Command, tmp_path: Path) -> None:
    np.savez(tmp_path / "new.npz", inputs=np.arange(12.0).reshape(2, 6))
    asked = ("predict", saved, tmp_path / "new.npz", "--log", tmp_path / "log.jsonl")
    assert levelfield(*asked, "--log-inputs").code == 0
    assert levelfield(*asked).code == 0
    assert [line.get("input") for line in lines(tmp_path / "log.jsonl")] == [
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
        [6.0, 7.0, 8.0, 9.0, 10.0, 11.0],
        None,
        None,
    ]


def test_the_size_of_a_batch_changes_no_prediction(saved: Path, levelfield: Command, script: Script) -> None:
    usual, single = levelfield("predict", saved, "test"), levelfield("predict", saved, "test", "--batch-size", 1)
    assert (usual.code, single.code) == (0, 0)
    sizes = [asked.job["batch_size"] for asked in script.of("predict")]
    assert sizes == [None, 1]
    tables = [[row.split(",")[:3] for row in found.out.splitlines()] for found in (usual, single)]
    assert tables[0] == tables[1]
    assert len(tables[0]) == 21


def test_a_request_that_fails_in_the_worker_is_a_line(saved: Path, levelfield: Command, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    found = levelfield("predict", saved, tmp_path / "nothing.csv", "--log", log)
    assert found.code == 2
    (line,) = lines(log)
    assert found.err == f"levelfield: {line['error']}\n"
    assert (line["sample"], line["workload"], line["framework"]) == (None, "tiny", "pytorch")


def test_a_request_whose_worker_dies_is_a_line(
    saved: Path, levelfield: Command, tmp_path: Path, script: Script
) -> None:
    script.instead = lambda _, __: told("failed", "the process was killed by SIGKILL")
    log = tmp_path / "log.jsonl"
    assert levelfield("predict", saved, "test", "--log", log).code == 1
    (line,) = lines(log)
    assert (line["sample"], line["error"]) == (None, "the process was killed by SIGKILL")
    assert levelfield("predict", saved, "test").code == 1


@pytest.mark.parametrize(
    ("options", "framework"),
    [(["--framework", "theano"], None), (["--device", "cpu,cuda"], "pytorch"), (["--device", "cuda:99"], "pytorch")],
)
def test_a_request_that_fails_before_its_worker_is_a_line(
    saved: Path, levelfield: Command, tmp_path: Path, options: list[str], framework: str | None
) -> None:
    log = tmp_path / "log.jsonl"
    found = levelfield("predict", saved, "test", "--log", log, *options)
    assert found.code == 2
    (line,) = lines(log)
    assert found.err == f"levelfield: {line['error']}\n"
    assert (line["framework"], line["output"]) == (framework, None)


def test_a_failed_request_that_cannot_be_logged_says_both(saved: Path, levelfield: Command, tmp_path: Path) -> None:
    found = levelfield("predict", saved, "test", "--log", tmp_path / "no" / "log", "--framework", "theano")
    assert found.code == 2
    assert "cannot be written" in found.err
    assert "--framework: " in found.err


def test_a_request_to_a_damaged_model_is_a_line_and_one_to_no_model_is_none(
    levelfield: Command, tmp_path: Path
) -> None:
    log, folder = tmp_path / "log.jsonl", tmp_path / "gone"
    assert levelfield("predict", folder, "test", "--log", log).code == 2
    assert not log.exists()
    folder.mkdir()
    assert levelfield("predict", folder, "test", "--log", log).code == 2
    (line,) = lines(log)
    assert (line["model"], line["model_digest"], line["framework"]) == ("gone", None, None)
    assert "model.json: no such file" in line["error"]


def test_a_request_without_a_mistake_has_no_line_of_one(saved: Path, levelfield: Command, tmp_path: Path) -> None:
    assert levelfield("predict", saved, "test", "--log", tmp_path / "log.jsonl").code == 0
    assert {line["error"] for line in lines(tmp_path / "log.jsonl")} == {None}


def test_a_log_is_rotated_at_the_size_that_was_asked_for(saved: Path, levelfield: Command, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert levelfield("predict", saved, "test", "--log", log, "--log-size", "2kB", "--batch-size", 1).code == 0
    files = [log.with_name(f"log.jsonl.{number}") for number in (3, 2, 1)] + [log]
    found = [line["sample"] for path in files if path.exists() for line in lines(path)]
    assert found == list(range(20))[-len(found) :]
    assert log.with_name("log.jsonl.1").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--log-inputs"], "--log-inputs: found it without --log, expected both: only a log has it"),
        (["--log-size", "1MB"], "--log-size: found it without --log, expected both: only a log has it"),
        (["--log", "log.jsonl", "--log-size", "much"], "--log-size: found 'much', expected at least 1kB"),
        (["--log", "/nowhere/log.jsonl"], "--log: /nowhere/log.jsonl: cannot be written (No such file or directory)"),
        (["--batch-size", "0"], "--batch-size: found 0, expected a whole number of at least 1"),
    ],
)
def test_a_mistake_ends_with_2_and_one_line(saved: Path, levelfield: Command, arguments: list[str], said: str) -> None:
    found = levelfield("predict", saved, "test", *arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"levelfield: {said}")
    assert len(found.err.splitlines()) == 1


def test_the_defaults_in_the_help_are_those_of_the_code() -> None:
    hints = predict.predict.__annotations__
    assert hints["batch_size"].__metadata__[0].show_default == str(EVALUATION_BATCH)
    assert size_bytes(hints["log_size"].__metadata__[0].show_default) == SIZE_BYTES
