"""Logs stored runs to MLflow: one of its runs for each framework on each workload, in the experiment `levelfield`.

A run that is logged again is found by a tag, and its MLflow run is brought up to date.
"""

import hashlib
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.errors import BenchError, UsageError
from bench.export.tracked_runs import TrackedRun, tracked_runs
from bench.records.model_versions import digest_of
from bench.records.record import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "levelfield"
KEY, DIGEST = "levelfield.key", "levelfield.digest"
SQLITE, WEB = "sqlite:///", ("http://", "https://")
EXPECTED = "expected sqlite:///FILE, or http(s)://HOST without a user name, a password, ? and #"
WHERE_SECRETS_GO = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are the variables for name and password"
SECRETS = re.compile(r"//[^\s'\"]*@")
USER = re.compile(r"^([\w+.-]+://)?.*@", re.DOTALL)
QUERY = re.compile("[?#].*", re.DOTALL)
# How a call fails, in the words of the operating system.
SYSTEM = re.compile(r"\[Errno -?\d+\] ([^'\")\]]+)")
MOST, MOST_TAGS = 1000, 100  # metrics and tags in one message
LONGEST = 200  # characters of a reason
# Defaults of MLflow that would keep a user waiting for minutes, print what it does, or send what is used to its makers.
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of a run that are logged with its records: the folder of saved models, and the interactive page."""

    models: Path | None = None
    page: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """How many runs of MLflow are new, were brought up to date, or had everything already."""

    new: int
    updated: int
    known: int

    def __str__(self) -> str:
        """The counts that are not zero."""
        counts = ((self.new, "new"), (self.updated, "updated"), (self.known, "logged before, nothing to add"))
        return ", ".join(f"{count} {what}" for count, what in counts if count)


def check(address: str) -> None:
    """Raise UsageError if this is no address that can be logged to, or if MLflow is not installed."""
    file = address.removeprefix(SQLITE) if address.startswith(SQLITE) else ""
    host = next((address.removeprefix(scheme) for scheme in WEB if address.startswith(scheme)), "").partition("/")[0]
    is_plain = not set("?#") & set(address) and (bool(file.strip("/.")) or (bool(host) and "@" not in address))
    if not is_plain or file == ":memory:":
        shown = QUERY.sub("?***", USER.sub(r"\1***@", address))
        remedy = f"; {WHERE_SECRETS_GO}" if "@" in address and not file else ""
        raise UsageError(f"--mlflow: found {shown!r}, {EXPECTED}{remedy}")
    if find_spec("mlflow") is None:
        raise UsageError("--mlflow: found no MLflow: pip install 'levelfield[mlflow]'")


def log(records: Sequence[Record], address: str, *, files: Mapping[str, Files]) -> Logged:
    """Log all runs among the records. `files` are those of each run, by its id.

    Raises UsageError like `check`, and BenchError if MLflow refuses something or does not answer.
    """
    check(address)
    with _quiet(), _explained(address):
        from mlflow import MlflowClient

        if address.startswith(SQLITE):
            _check_can_be_written(Path(address.removeprefix(SQLITE)))
        client = MlflowClient(tracking_uri=address)
        experiment = _experiment(client, address)
        ends = Counter(_log(client, experiment, item, files.get(item.run, Files())) for item in tracked_runs(records))
    return Logged(new=ends["new"], updated=ends["updated"], known=ends["known"])


def _check_can_be_written(file: Path) -> None:
    """Raise OSError now: MLflow would try it again for 100 seconds. An empty file is an empty database."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab"):
        pass


def _experiment(client: "MlflowClient", address: str) -> str:
    """The id of our experiment. The artefacts of a file go beside it, those of a server where the server says."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    file = Path(address.removeprefix(SQLITE)).absolute()
    beside = str(file.with_name(f"{file.name}-artifacts")) if address.startswith(SQLITE) else None
    return str(client.create_experiment(EXPERIMENT, artifact_location=beside))


def _log(client: "MlflowClient", experiment: str, item: TrackedRun, files: Files) -> str:
    """Log one of the runs: whether it is new, updated or known."""
    models = _models(item, files)
    contents = {folder: _digest_of(folder) for folder in models}
    digest = hashlib.sha256(" ".join((item.digest, *contents.values())).encode()).hexdigest()
    digests = {f"levelfield.model.{folder.name}": digest_of(folder) or content for folder, content in contents.items()}
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{item.key}'", max_results=1)
    if found and found[0].data.tags.get(DIGEST) == digest:
        return "known"
    began = _milliseconds(item.began)
    begun = {KEY: item.key, "levelfield.run": _text(item.run)}
    run = found[0] if found else client.create_run(experiment, began, begun, run_name=_text(item.name))
    _log_values(client, run, item, tags={**item.tags, **digests})
    _log_files(client, run.info.run_id, item, files=(*models, *filter(None, [files.page])))
    client.set_tag(run.info.run_id, DIGEST, digest)  # at the end: whoever is interrupted logs again
    client.set_terminated(run.info.run_id, "FINISHED" if item.is_whole else "FAILED", _milliseconds(item.ended))
    return "updated" if found else "new"


def _log_values(client: "MlflowClient", run: "Run", item: TrackedRun, *, tags: Mapping[str, str]) -> None:
    """Log metrics, parameters and tags. MLflow keeps the first value of a parameter for ever."""
    from mlflow.entities import Metric, Param, RunTag

    ended, name = _milliseconds(item.ended), run.info.run_id
    new = [Param(key, _text(value)) for key, value in item.params.items() if key not in run.data.params]
    marks = [RunTag(_text(key), _text(value)) for key, value in tags.items()]
    metrics = [Metric(key, value, ended, 0) for key, value in item.metrics.items()]
    metrics += [Metric(item.curve, item.value, _milliseconds(item.wall_time), item.epoch) for item in item.curves]
    client.log_batch(name, params=new)
    for start in range(0, len(marks), MOST_TAGS):
        client.log_batch(name, tags=marks[start : start + MOST_TAGS])
    for start in range(0, len(metrics), MOST):
        client.log_batch(name, metrics=metrics[start : start + MOST])


def _log_files(client: "MlflowClient", run: str, item: TrackedRun, *, files: Sequence[Path]) -> None:
    client.log_text(run, item.lines, "records.jsonl")
    for path in files:
        if path.is_dir():
            client.log_artifacts(run, str(path), f"models/{path.name}")
        else:
            client.log_artifact(run, str(path))


def _models(item: TrackedRun, files: Files) -> list[Path]:
    """The folders of the networks that were saved; a name in a record never leads out of their folder."""
    if files.models is None:
        return []
    folders = [files.models / name for name in item.models if Path(name).name == name]
    return [folder for folder in folders if (folder / "model.json").is_file()]


def _digest_of(folder: Path) -> str:
    """The sha256 of the names and the contents of all files in a folder."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return found.hexdigest()


def _milliseconds(seconds: float) -> int:
    return max(0, int(seconds * 1000))


def _text(value: str) -> str:
    """The text without what no database can have, half of a character."""
    return value.encode(errors="backslashreplace").decode()


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow with our defaults where the user has set none, and without its own warnings."""
    ours = {name: value for name, value in DEFAULTS.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in ours:
            del os.environ[name]


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """Turn whatever goes wrong into a BenchError: MLflow has errors of its own, of SQLAlchemy and of requests."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (whatever it is, what was measured must not depend on it)
        system = SYSTEM.findall(str(error))
        first = _without_secrets(str(error).strip().partition("\n")[0])
        reason = system[-1].rstrip(": ") if system else f"{type(error).__name__}: {first[:LONGEST]}"
        raise BenchError(f"--mlflow: {address}: could not be logged to ({reason})") from None


def _without_secrets(text: str) -> str:
    return SECRETS.sub("//***@", text)
