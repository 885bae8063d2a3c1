"""`levelfield doctor` shows its findings, and calibrates."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cli import compare_commits, diagnosis
from bench.plan.options import Options
from bench.records.measurement import Measurement, Turns
from bench.records.store import new_run
from tests.bench.cli.conftest import Command
from tests.bench.sample_records import ENVIRONMENT, block, record


@pytest.mark.usefixtures("only_pytorch", "script")
@pytest.mark.parametrize("percent", [0.0, 100.0])
def test_doctor_has_a_line_for_everything_marks_what_has_a_remedy_and_ends_with_a_verdict(
    levelfield: Command, monkeypatch: pytest.MonkeyPatch, *, percent: float
) -> None:
    monkeypatch.setattr(diagnosis, "busy_cores", lambda _: percent / 50)
    found = levelfield("doctor")
    *lines, last = found.out.splitlines()
    if percent:
        assert found.code == 1
        assert last.startswith("not ready: ")
        assert "cores are busy with other work (stop it, or expect many inconclusive verdicts)" in last
    else:
        assert found.code == 0, last
        assert last.startswith("ready: 1 framework")
    subjects = [line[2:].partition(":")[0] for line in lines]
    assert subjects[:2] == ["pytorch", "machine"]
    assert len(subjects) == len(set(subjects)) > 8
    assert all((line[0] == "!") == ("  -> " in line) for line in lines)


@pytest.mark.usefixtures("only_pytorch", "script", "nothing_starts")
def test_doctor_for_frameworks_alone_does_not_look_at_the_machine(levelfield: Command) -> None:
    found = levelfield("doctor", "--frameworks")
    assert found.code == 0
    assert [line.partition(":")[0] for line in found.out.splitlines()] == ["  pytorch", "ready"]


def test_a_calibration_is_printed_stored_and_used(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_: Path, options: Options, *, results: Path) -> tuple[list[Path], list[Path]]:
        assert (options.suite, options.processes) == ("quick", 5)
        return [stored_in_turns(results, seed=1)], [stored_in_turns(results, seed=2)]

    monkeypatch.setattr(compare_commits, "measure", measure)
    found = levelfield("doctor", "--calibrate", "--processes", 5, "--results", tmp_path)
    assert found.code == 0, found.err
    assert f"{ENVIRONMENT.machine} compared with itself" in found.out
    assert "0 of 3 (at most " in found.out, "two metrics, and both together"
    stored = tmp_path / ENVIRONMENT.machine / "calibration.json"
    assert json.loads(stored.read_text())["pairs"] == 5
    pair = [next(tmp_path.glob("*/*/records.jsonl"))] * 2
    assert levelfield("compare", *pair, "--results", tmp_path).code in {0, 4}
    stored.write_text("{}")
    damaged = levelfield("compare", *pair, "--results", tmp_path)
    assert (damaged.code, damaged.out) == (1, "")
    assert "run `levelfield doctor --calibrate` again" in damaged.err


def stored_in_turns(results: Path, *, seed: int) -> Path:
    """A run of one cell in five processes, each of which had turns with another's."""
    run = new_run(results, machine=ENVIRONMENT.machine)
    for number in range(5):
        timed = block(32, samples=80, seed=10 * seed + number)
        turns = Turns(session="one", synchronised_calls=4, pipelined_rounds=2)
        measurement = Measurement(blocks=(replace(timed, turns=turns),))
        run.append(record(replicate=number, order=number, run=run.name, measurement=measurement))
    return run.folder


def test_a_calibration_needs_the_pairs_of_a_comparison(levelfield: Command, tmp_path: Path) -> None:
    found = levelfield("doctor", "--calibrate", "--processes", 4, "--results", tmp_path)
    assert (found.code, found.err) == (
        2,
        "levelfield: --processes: found 4, expected at least 5: the pairs of one comparison (or 0 with --add)\n",
    )


def test_pairs_that_were_measured_before_are_a_calibration_too(levelfield: Command, tmp_path: Path) -> None:
    place = tmp_path / "turns-before"
    for seed, side in enumerate(("base", "head")):
        stored_in_turns(place / side, seed=seed)
    found = levelfield("doctor", "--calibrate", "--processes", 0, "--add", place, "--results", tmp_path)
    assert found.code == 0, found.err
    assert "5 interleaved pairs of processes" in found.out
    nowhere = levelfield("doctor", "--calibrate", "--add", tmp_path / "nowhere", "--results", tmp_path)
    assert (nowhere.code, nowhere.out) == (2, "")
    assert f"found no records of both sides in {tmp_path / 'nowhere'}" in nowhere.err
