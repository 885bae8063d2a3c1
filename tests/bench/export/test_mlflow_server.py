"""A server of MLflow shows what was logged over the network, artefacts too."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from bench.export.mlflow import EXPERIMENT, Files, log
from bench.export.tracked_runs import tracked_runs
from bench.records.record_lines import from_line
from tests.bench.sample_records import record

PATIENCE_S = 120
RECORDS = [record(purpose="learning"), record()]

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server that keeps everything in a folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{tmp_path / 'all.db'}"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--workers", "1"],
        cwd=tmp_path,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        start_new_session=True,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(address: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            with urlopen(address, timeout=5):  # noqa: S310 (of our own server)
                return
        except (URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"{address}: no answer")


def test_a_server_shows_what_was_logged(server: str, tmp_path: Path) -> None:
    model = tmp_path / "models" / "digits-dnn-pytorch-cpu-seed0"
    model.mkdir(parents=True)
    (model / "model.json").write_text("{}")
    files = {RECORDS[0].run: Files(models=model.parent)}
    assert str(log(RECORDS, server, files=files)) == "1 new"
    assert str(log(RECORDS, server, files=files)) == "1 logged before, nothing to add"
    from mlflow import MlflowClient

    client, (wanted,) = MlflowClient(server), tracked_runs(RECORDS)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert wanted.metrics.items() <= run.data.metrics.items()
    assert wanted.tags.items() <= run.data.tags.items()
    lines = Path(client.download_artifacts(run.info.run_id, "records.jsonl", str(tmp_path))).read_text().splitlines()
    assert [from_line(line) for line in lines] == RECORDS
    assert [item.path for item in client.list_artifacts(run.info.run_id, "models")] == [f"models/{model.name}"]
