"""`--mlflow` logs what is stored; if that fails, nothing of it is lost or changed."""

import shlex
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench.cli.conftest import SMALL, Command, Place, prepared, records

if TYPE_CHECKING:
    from mlflow.entities import Run

NOWHERE = "http://127.0.0.1:9"
ASKED = ("--framework", "pytorch", "--scenario", "training", *SMALL)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """MLflow's libraries warn of themselves, and it tries again whom it cannot reach."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def address(folder: Path) -> str:
    return f"sqlite:///{folder / 'tracking.db'}"


def logged(where: str) -> "list[Run]":
    from mlflow import MlflowClient

    client = MlflowClient(where)
    experiment = client.get_experiment_by_name("levelfield")
    return [] if experiment is None else list(client.search_runs([experiment.experiment_id]))


def test_a_stored_run_is_logged_with_its_page(levelfield: Command, place: Place) -> None:
    found = levelfield("report", *place.places, "--mlflow", address(place.folder))
    assert found.code == 0
    assert f"mlflow: {address(place.folder)}, experiment levelfield: 2 new" in found.err
    runs = logged(address(place.folder))
    name = place.records.parent.name
    assert {run.info.run_name for run in runs} == {"tiny pytorch", "tiny flax"}
    assert {run.data.tags["levelfield.run"] for run in runs} == {name}
    assert all(Path(run.info.artifact_uri, f"{name}.html").is_file() for run in runs)
    again = levelfield("report", *place.places, "--mlflow", address(place.folder))
    assert "2 logged before, nothing to add" in again.err
    assert len(logged(address(place.folder))) == 2


@pytest.mark.usefixtures("script", "only_pytorch")
def test_a_run_is_logged_at_its_end_and_again_by_the_report(levelfield: Command, tmp_path: Path) -> None:
    place = prepared(tmp_path / "new")
    found = levelfield("run", "--workload", place.workload, *ASKED, *place.places, "--mlflow", address(tmp_path))
    assert "experiment levelfield: 1 new" in found.out, found.err
    assert address(tmp_path) not in (place.records.parent / "artifacts" / "plan.json").read_text()
    assert address(tmp_path) not in (place.reports / "latest.html").read_text()
    known = levelfield("report", *place.places, "--mlflow", address(tmp_path))
    assert "1 logged before, nothing to add" in known.err
    (run,) = logged(address(tmp_path))
    assert run.data.tags["levelfield.run"] == place.records.parent.name


@pytest.mark.usefixtures("script", "only_pytorch")
def test_a_run_whose_server_does_not_answer_ends_as_without_it(levelfield: Command, tmp_path: Path) -> None:
    ends = []
    for folder, more in (("without", ()), ("with", ("--mlflow", NOWHERE))):
        place = prepared(tmp_path / folder)
        found = levelfield("run", "--workload", place.workload, *ASKED, *place.places, *more)
        ends.append((found.code, len(records(place)), (place.reports / "latest.html").is_file()))
    assert ends[0] == ends[1]
    assert f"warning: --mlflow: {NOWHERE}: could not be logged to (Connection refused); the records" in found.err
    command = found.err.rpartition("log them with `")[2].partition("`")[0]
    repeated = levelfield(*shlex.split(command.replace(NOWHERE, address(tmp_path)))[1:])
    assert "experiment levelfield: 1 new" in repeated.err


def test_a_report_whose_server_does_not_answer_fails(levelfield: Command, place: Place) -> None:
    before = place.records.read_bytes()
    found = levelfield("report", *place.places, "--mlflow", NOWHERE)
    assert found.code == 1
    assert f"--mlflow: {NOWHERE}: could not be logged to (Connection refused)" in found.err
    assert place.records.read_bytes() == before
    assert "tiny" in found.out


@pytest.mark.usefixtures("nothing_starts")
def test_a_wrong_address_ends_a_run_before_anything_is_measured(levelfield: Command, tmp_path: Path) -> None:
    place = prepared(tmp_path)
    for words in (("run", "--workload", place.workload), ("run", "--resume"), ("report",)):
        found = levelfield(*words, *place.places, "--mlflow", "http://me:pa55word@example.org")
        assert found.code == 2
        assert "--mlflow: found 'http://***@example.org', expected sqlite:///FILE" in found.err
        assert "pa55word" not in found.err + found.out
    assert not place.results.exists()


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--self-check"), "--mlflow: found with --against or --self-check, expected without"),
        (("report", "--format", "csv"), "--mlflow: found --format csv beside it, expected one of them"),
    ],
)
def test_what_cannot_be_logged_is_refused(
    levelfield: Command, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    found = levelfield(*words, "--mlflow", address(tmp_path))
    assert found.code == 2
    assert said in found.err
    assert not list(tmp_path.iterdir())


def test_an_interrupted_run_is_continued_with_its_address(tmp_path: Path) -> None:
    from bench.cli.stored_runs import resuming
    from bench.records.store import RunFolder

    run = RunFolder(tmp_path / "results" / "machine" / "20260101" / "records.jsonl")
    command = resuming(run, mlflow="sqlite:///my file.db")
    assert command.endswith(" --mlflow 'sqlite:///my file.db'")
    assert "--mlflow" not in resuming(run)


@pytest.mark.usefixtures("script")
def test_a_resumed_run_is_logged_whole(levelfield: Command, place: Place) -> None:
    _, *others = place.records.read_text().splitlines(keepends=True)
    place.records.write_text("".join(others))
    partial = levelfield("report", *place.places, "--mlflow", address(place.folder))
    assert (partial.code, "2 new" in partial.err) == (1, True)
    found = levelfield("run", "--resume", *place.places, "--mlflow", address(place.folder))
    assert "1 updated, 1 logged before, nothing to add" in found.out, found.err
