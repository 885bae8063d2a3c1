"""MLflow returns what was measured, also if a run is logged several times."""

import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.errors import BenchError, UsageError
from bench.export import mlflow
from bench.export.mlflow import Files, Logged, check, log
from bench.export.tracked_runs import tracked_runs
from bench.records.record import Record
from bench.records.record_lines import from_line
from tests.bench.sample_records import record

if TYPE_CHECKING:
    from mlflow.entities import Run

SECRET = "pa55word"  # noqa: S105 (of nobody)
RECORDS = [
    record(purpose="learning"),
    record(purpose="learning", seed=1),
    *(record(replicate=number) for number in range(3)),
    record("digits-cnn", "flax", "inference", batch_sizes=(1, 32)),
    record("digits-cnn", "keras/jax", outcome="failed", error="no memory"),
]


@dataclass(frozen=True)
class Server:
    """An MLflow in a file, read by its own client."""

    file: Path

    @property
    def address(self) -> str:
        """What `--mlflow` takes."""
        return f"sqlite:///{self.file}"

    def log(self, records: Sequence[Record], *, models: Path | None = None) -> Logged:
        """Log these records, with the models in a folder."""
        return log(records, self.address, files={record.run: Files(models=models) for record in records})

    def runs(self) -> "dict[str, Run]":
        """The runs of our experiment by their names."""
        from mlflow import MlflowClient

        client = MlflowClient(self.address)
        experiment = client.get_experiment_by_name("levelfield")
        assert experiment is not None
        found = client.search_runs([experiment.experiment_id])
        assert len({run.info.run_name for run in found}) == len(found)
        return {run.info.run_name: run for run in found}

    def curve(self, run: "Run", name: str) -> list[tuple[int, float]]:
        """The steps and the values of a metric."""
        from mlflow import MlflowClient

        found = MlflowClient(self.address).get_metric_history(run.info.run_id, name)
        return sorted((item.step, item.value) for item in found)

    def artifact(self, run: "Run", name: str) -> Path:
        """The path of an artefact."""
        return Path(run.info.artifact_uri, name)


@pytest.fixture(autouse=True)
def _quiet_library() -> Iterator[None]:
    """MLflow's libraries warn of themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def named(folder: Path) -> Server:
    return Server(folder / "tracking.db")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Three frameworks, with the page of their run and one saved model."""
    folder = tmp_path_factory.mktemp("logged")
    server = named(folder)
    model = folder / "models" / "digits-dnn-pytorch-cpu-seed0"
    (model / "orbax").mkdir(parents=True)
    (model / "model.json").write_text("{}")
    (model / "orbax" / "weights").write_bytes(b"weights")
    (folder / "models" / "digits-dnn-pytorch-cpu-seed1").mkdir()  # no model: it has no model.json
    page = folder / "page.html"
    page.write_text("<html>")
    files = {RECORDS[0].run: Files(models=folder / "models", page=page)}
    assert log(RECORDS, server.address, files=files) == Logged(new=3, updated=0, known=0)
    return server


def test_there_is_a_run_for_each_framework_and_workload(logged: Server) -> None:
    found = logged.runs()
    assert {name: run.info.status for name, run in found.items()} == {
        "digits-dnn pytorch": "FINISHED",
        "digits-cnn flax": "FINISHED",
        "digits-cnn keras/jax": "FAILED",
    }
    assert {run.info.user_id for run in found.values()} == {"unknown"}


def test_metrics_parameters_and_tags_are_read_back(logged: Server) -> None:
    found = logged.runs()
    for item in tracked_runs(RECORDS):
        data = found[item.name].data
        last = {point.curve: point.value for point in item.curves}
        assert data.metrics == pytest.approx({**item.metrics, **last})
        assert data.params == item.params
        assert item.tags.items() <= data.tags.items()
    metrics = found["digits-dnn pytorch"].data.metrics
    assert metrics["samples_per_second.low"] < metrics["samples_per_second"] < metrics["samples_per_second.high"]


def test_a_value_that_differs_is_seen(logged: Server) -> None:
    item = tracked_runs([replace(RECORDS[0], workload_digest="another"), *RECORDS[1:]])[0]
    assert not item.tags.items() <= logged.runs()[item.name].data.tags.items()
    slower = tracked_runs([*RECORDS[:2], *(record(replicate=number, slowdown=2) for number in range(3))])[0]
    assert logged.runs()[item.name].data.metrics["samples_per_second"] != pytest.approx(
        slower.metrics["samples_per_second"]
    )


def test_the_curve_of_each_seed_has_a_value_for_each_epoch(logged: Server) -> None:
    run = logged.runs()["digits-dnn pytorch"]
    for seed, end in ((0, ""), (1, ".seed1")):
        learning = RECORDS[seed].measurement.learning
        assert learning is not None
        losses = [(number, epoch.train_loss) for number, epoch in enumerate(learning.epochs, start=1)]
        quality = [(number, epoch.evaluation_quality) for number, epoch in enumerate(learning.epochs, start=1)]
        assert logged.curve(run, f"train/loss{end}") == losses
        assert logged.curve(run, f"validation/accuracy{end}") == quality
    assert len(losses) == 12


def test_records_page_and_models_are_artefacts(logged: Server) -> None:
    runs = logged.runs()
    run = runs["digits-dnn pytorch"]
    lines = logged.artifact(run, "records.jsonl").read_text().splitlines()
    assert [from_line(line) for line in lines] == RECORDS[:5]
    assert logged.artifact(run, "page.html").read_text() == "<html>"
    models = logged.artifact(run, "models")
    assert [path.name for path in models.iterdir()] == ["digits-dnn-pytorch-cpu-seed0"]
    assert (models / "digits-dnn-pytorch-cpu-seed0" / "orbax" / "weights").read_bytes() == b"weights"
    assert len(run.data.tags["levelfield.model.digits-dnn-pytorch-cpu-seed0"]) == 64
    assert not logged.artifact(runs["digits-cnn flax"], "models").exists()
    assert logged.artifact(run, "").is_relative_to(logged.file.with_name("tracking.db-artifacts"))


def test_logging_twice_makes_no_second_run(tmp_path: Path) -> None:
    server = named(tmp_path)
    server.log(RECORDS)
    before = server.runs()
    again = server.log(RECORDS)
    assert again == Logged(new=0, updated=0, known=3)
    assert str(again) == "3 logged before, nothing to add"
    assert {name: run.info.run_id for name, run in server.runs().items()} == {
        name: run.info.run_id for name, run in before.items()
    }
    other = server.log([replace(item, run="run-2", case=replace(item.case, workload="wine")) for item in RECORDS[:1]])
    assert str(other) == "1 new"


def test_a_run_that_has_more_records_now_is_brought_up_to_date(tmp_path: Path) -> None:
    server = named(tmp_path)
    server.log(RECORDS[:3])
    (first,) = server.runs().values()
    later = [replace(item, started="2026-01-01T00:10:00Z") for item in RECORDS[3:5]]
    more = [*RECORDS[:3], *later, record(scenario="inference", batch_sizes=(1,))]
    assert str(server.log(more)) == "1 updated"
    (second,) = server.runs().values()
    (wanted,) = tracked_runs(more)
    assert second.info.run_id == first.info.run_id
    assert wanted.metrics.items() <= second.data.metrics.items()
    assert second.data.metrics["samples_per_second"] != first.data.metrics["samples_per_second"]
    assert second.data.params == wanted.params != first.data.params
    assert len(server.curve(second, "train/loss")) == 12


def test_a_model_that_changed_is_logged_again(tmp_path: Path) -> None:
    server, models = named(tmp_path), tmp_path / "models"
    model = models / "digits-dnn-pytorch-cpu-seed0"
    model.mkdir(parents=True)
    (model / "model.json").write_text("{}")
    digests = []
    for text, said in (("{}", "1 new"), ("{}", "1 logged before, nothing to add"), ('{"a": 1}', "1 updated")):
        (model / "model.json").write_text(text)
        assert str(server.log(RECORDS[:1], models=models)) == said
        (run,) = server.runs().values()
        digests.append(run.data.tags[f"levelfield.model.{model.name}"])
        assert json.loads(server.artifact(run, f"models/{model.name}/model.json").read_text()) == json.loads(text)
    assert digests[0] == digests[1] != digests[2]


def test_a_name_in_a_record_does_not_lead_out_of_the_folder_of_models(tmp_path: Path) -> None:
    server = named(tmp_path)
    outside = tmp_path / "outside-pytorch-cpu-seed0"
    outside.mkdir()
    (outside / "model.json").write_text("{}")
    (tmp_path / "models").mkdir()
    log(
        [record("../outside", purpose="learning")],
        server.address,
        files={RECORDS[0].run: Files(models=tmp_path / "models")},
    )
    (run,) = server.runs().values()
    assert not server.artifact(run, "models").exists()
    shutil.copytree(outside, tmp_path / "models" / "inside-pytorch-cpu-seed0")
    log(
        [record("inside", purpose="learning")],
        server.address,
        files={RECORDS[0].run: Files(models=tmp_path / "models")},
    )
    assert server.artifact(server.runs()["inside pytorch"], "models").is_dir()


def test_text_that_no_database_can_have_is_logged_as_an_escape(tmp_path: Path) -> None:
    server = named(tmp_path)
    server.log([record("half \ud800", outcome="failed", error="'quotes' \ud800\n" * 1000)])
    (run,) = server.runs().values()
    assert run.info.run_name == "half \\ud800 pytorch"
    assert run.data.tags["levelfield.error"].startswith("'quotes' \\ud800\n")


def test_many_seeds_need_several_messages(tmp_path: Path) -> None:
    server = named(tmp_path)
    server.log([record(purpose="learning", seed=seed) for seed in range(30)])
    (run,) = server.runs().values()
    assert len(server.curve(run, "train/loss.seed29")) == 12


def test_the_environment_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    before = dict(os.environ)
    named(tmp_path).log(RECORDS[:1])
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    "address",
    [
        "",
        "mlruns",
        "file:///tmp/mlruns",
        "databricks",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        f"sqlite://me:{SECRET}@/file.db",
        "http://",
        "https:///path",
        f"http://me:{SECRET}@example.org",
        f"https://me:{SECRET}/{SECRET}@example.org:5000/mlflow",
        f"https://example.org/?token={SECRET}",
        f"https://example.org/#{SECRET}",
        f"me:{SECRET}@example.org",
        f"postgresql://me:{SECRET}@example.org/db",
    ],
)
def test_an_address_that_cannot_be_logged_to_is_refused_without_its_secret(address: str) -> None:
    with pytest.raises(UsageError, match=r"^--mlflow: found '.*', expected sqlite:///FILE, or http") as caught:
        log(RECORDS, address, files={})
    assert SECRET not in str(caught.value)
    assert ("MLFLOW_TRACKING_PASSWORD" in str(caught.value)) == ("@" in address)


@pytest.mark.parametrize("address", ["sqlite:///a.db", "sqlite:////x@y/a b.db", "http://h:5000", "https://h/mlflow"])
def test_an_address_of_a_file_or_a_server_is_taken(address: str) -> None:
    check(address)


def test_without_mlflow_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setattr(mlflow, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"--mlflow: found no MLflow: pip install 'levelfield\[mlflow\]'"):
        check("sqlite:///a.db")


def test_a_server_that_does_not_answer_is_one_clear_error_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(BenchError) as caught:
        log(RECORDS, "http://127.0.0.1:9", files={})
    assert str(caught.value) == "--mlflow: http://127.0.0.1:9: could not be logged to (Connection refused)"
    assert caught.value.exit_code == 1


def test_an_error_of_the_library_never_shows_a_password() -> None:
    text = f"cannot reach 'http://me:{SECRET}@proxy:8080' or http://me:{SECRET}@127.0.0.1/"
    with pytest.raises(BenchError) as caught, mlflow._explained("http://h"):
        raise ValueError(text)
    assert SECRET not in str(caught.value)
    assert "ValueError: cannot reach 'http://***@" in str(caught.value)


def test_a_file_that_is_no_database_and_a_folder_are_clear_errors(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.db"
    wrong.write_text("no database" * 1000)
    for path, reason in ((wrong, "file is not a database"), (tmp_path, "Is a directory"), (wrong / "a.db", "")):
        with pytest.raises(
            BenchError, match=rf"--mlflow: sqlite:///{re.escape(str(path))}: could not be logged to \(.*{reason}"
        ):
            log(RECORDS, f"sqlite:///{path}", files={})
    assert wrong.read_text() == "no database" * 1000
