"""A real run under load, from the command line to the report, and a budget for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.records.store import runs
from bench.run.worker_client import ROOT
from tests.bench.workloads import toml

pytestmark = pytest.mark.slow
LOADS = "single_stream,offline,server"
BUDGET = '[[budget]]\nworkload = "tiny"\nscenario = "single_stream"\np99_ms = {most}\n'


def levelfield(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LEVELFIELD_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "bench", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_network_under_load_from_the_command_to_the_report(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(toml())
    asked = ("--framework", "pytorch", "--scenario", LOADS, "--processes", "1")
    done = levelfield(tmp_path, "run", "tiny.toml", *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "since the load generator has a core of its own" in done.stdout + done.stderr
    (run,) = runs(tmp_path / "results")
    records = run.read(warn=pytest.fail)
    served = {record.case.serving.load: record for record in records if record.case.serving}
    assert list(served) == LOADS.split(",")
    for record in served.values():
        loaded = record.measurement.loaded
        assert loaded is not None
        assert all(
            found.checked > 0 and found.deviation is not None and found.deviation < 1e-5 for found in loaded.runs
        )
        assert all(
            (run.folder / "artifacts" / "load" / str(found.file) / "times.npz").exists() for found in loaded.runs
        )
    page = (tmp_path / "reports" / "latest.md").read_text()
    for words in ("Single queries", "All queries at once", "Every run under load"):
        assert words in page
    for most, code in ((60_000, 0), (1e-6, 3)):
        (tmp_path / "budgets.toml").write_text(BUDGET.format(most=float(most)))
        assert levelfield(tmp_path, "check", "budgets.toml").returncode == code


def test_a_run_under_load_takes_no_turns_with_another(tmp_path: Path) -> None:
    done = levelfield(tmp_path, "run", "digits-dnn", "--scenario", "server", "--self-check")
    assert done.returncode == 2
    assert "expected training or inference: only their calls are timed in turns" in " ".join(done.stderr.split())


def test_options_are_searched_for_calls_and_not_for_a_server(tmp_path: Path) -> None:
    done = levelfield(tmp_path, "tune", "digits-dnn", "--scenario", "server")
    assert done.returncode == 2
    assert "--scenario: found server, expected training or inference" in " ".join(done.stderr.split())
