"""What every command that reads stored runs says where there are none, or where lines are damaged."""

from pathlib import Path

import pytest

from bench.cli.stored_runs import known_noise
from bench.records.machine_files import save_calibration
from tests.bench.cli.conftest import Command, Place
from tests.bench.sample_records import ENVIRONMENT, record


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["report"], 6, "no runs yet; measure one with `levelfield run`"),
        (["report", "20260101"], 2, "run '20260101': no such run, folder or records file"),
        (["report", "--format", "pdf"], 2, "--format: found 'pdf', expected one of terminal, markdown, csv, json"),
        (
            ["compare", "a", "b", "--format", "csv"],
            2,
            "--format: found 'csv', expected one of terminal, markdown, json",
        ),
        (["baseline", "show"], 6, "no baseline yet; set one with `levelfield baseline set RUN --why TEXT`"),
        (["baseline", "clear"], 6, "found no baseline to remove"),
        (["compare", "latest", "latest"], 6, "no runs yet"),
        (["compare", "latest"], 2, "expected `compare BASELINE CANDIDATE` or `compare RUN --self-check`"),
        (["compare", "a", "b", "--threshold", "0"], 2, "--threshold: found 0, expected percent above 0 and below 1000"),
        (["compare", "a", "b", "--threshold", "nan"], 2, "--threshold: found nan, expected percent above 0"),
    ],
)
def test_nothing_to_read_ends_with_6_and_a_mistake_with_2(
    arguments: list[str], code: int, line: str, levelfield: Command, tmp_path: Path
) -> None:
    found = levelfield(*arguments, "--results", tmp_path)
    assert (found.code, found.out) == (code, "")
    assert found.err.startswith("levelfield: ")
    assert line in found.err
    assert found.err.count("\n") == 1


def test_a_file_without_a_record_ends_with_6(levelfield: Command, tmp_path: Path) -> None:
    empty = tmp_path / "records.jsonl"
    empty.write_text("")
    found = levelfield("report", empty)
    assert (found.code, found.err) == (6, f"levelfield: {empty}: found no records\n")


def test_a_torn_and_a_foreign_line_are_skipped_with_file_and_line(levelfield: Command, place: Place) -> None:
    lines = place.records.read_text().splitlines()
    place.records.write_text("\n".join([lines[0], '{"format": "of another program"}', *lines[1:], lines[0][:99]]))
    found = levelfield("report", "--format", "csv", *place.places)
    assert found.code == 1, "the table lacks what these lines had"
    warnings = found.err.splitlines()
    assert [warning.split(" skipped")[0] for warning in warnings] == [
        f"warning: {place.records}:{number}:" for number in (2, len(lines) + 2)
    ]
    place.records.write_text("\n".join(lines))
    assert levelfield("report", "--format", "csv", *place.places).out == found.out


def test_a_damaged_calibration_costs_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How far processes may differ is then judged by the run itself."""
    assert known_noise([record()], results=None) == {}
    assert known_noise([record()], results=tmp_path) == {}
    save_calibration(tmp_path, ENVIRONMENT.machine, {"machine": ENVIRONMENT.machine})
    assert known_noise([record()], results=tmp_path) == {}
    assert "calibration" in capsys.readouterr().err


def test_a_calibration_tells_how_far_processes_differ_on_its_machine(tmp_path: Path) -> None:
    rate = {"found": 0, "of": 20, "low": 0.0, "high": 0.1}
    stored = {
        **dict.fromkeys(("machine", "run", "when"), ENVIRONMENT.machine),
        **dict.fromkeys(("threshold", "within_percent", "pair_percent", "detectable_ratio"), 1.0),
        **dict.fromkeys(("pairs", "comparisons"), 5),
        **dict.fromkeys(("alarms", "inconclusive", "slowdowns", "speedups"), rate),
        "between_percent": 4.5,
        "known": [],
    }
    save_calibration(tmp_path, ENVIRONMENT.machine, stored)
    assert known_noise([record()], results=tmp_path) == {ENVIRONMENT.machine: 4.5}
    save_calibration(tmp_path, ENVIRONMENT.machine, stored | {"between_percent": None})
    assert known_noise([record()], results=tmp_path) == {}
