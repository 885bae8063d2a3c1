"""A command that a message names can be pasted: it has the folders that are not the usual ones."""

import shlex
from pathlib import Path

import pytest

from bench.cli.stored_runs import at, resuming
from bench.records.store import RunFolder
from tests.bench.cli.conftest import Command, Place


def interrupted(place: Place) -> RunFolder:
    """The run without its last record."""
    lines = place.records.read_text().splitlines(keepends=True)
    place.records.write_text("".join(lines[:-1]))
    return RunFolder(place.records)


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_in_another_folder_is_resumed_by_the_command_that_the_report_names(
    levelfield: Command, place: Place
) -> None:
    interrupted(place)
    found = levelfield("report", *place.places)
    assert found.code == 1
    _, command, _ = found.err.split("`", 2)
    program, *words = shlex.split(command)
    assert (program, *words[:2]) == ("levelfield", "run", "--resume")
    assert levelfield(*words, "--dry-run").code == 0
    assert levelfield(*words[:3], "--dry-run").code == 2, "without the folder there is no such run"


def test_the_whole_report_is_shown_by_the_command_that_the_screen_names(levelfield: Command, place: Place) -> None:
    found = levelfield("report", *place.places)
    _, command, _ = found.out.rpartition("Everything: ")[2].split("`", 2)
    _, *words = shlex.split(command)
    whole = levelfield(*words, "--reports", place.reports)
    assert whole.code == 0
    assert len(whole.out) > len(found.out)
    words.remove("--results")
    assert levelfield(*words).code != 0


def test_the_usual_folders_are_not_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    run = RunFolder(Path("results", "machine", "20260101", "records.jsonl"))
    assert resuming(run) == "levelfield run --resume 20260101"
    assert resuming(run, reports=tmp_path / "reports") == "levelfield run --resume 20260101"
    elsewhere = RunFolder(Path("my results", "machine", "20260101", "records.jsonl"))
    assert resuming(elsewhere) == "levelfield run --resume 20260101 --results 'my results'"
    assert at(results=Path("results"), reports=Path("pages")) == ("--reports", "pages")


def test_a_run_in_no_folder_of_results_is_named_by_its_own() -> None:
    assert resuming(RunFolder(Path("/run/records.jsonl"))) == "levelfield run --resume /run"
