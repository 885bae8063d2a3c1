"""A network of the user in the real commands: interrupted and continued, saved and carried away, tuned."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.records.store import RunFolder
from bench.run.worker_client import ROOT
from tests.bench.cli.test_init import levelfield
from tests.bench.workload.own_family import change, write_family

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE_S = 300.0
FEW = ("--framework", "pytorch", "--batch-size", "8", "--threads", "1")


def interrupted(project: Path) -> RunFolder:
    """A run in the folder of the project that is interrupted after its second record."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LEVELFIELD_CACHE": str(project / "cache")}
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run = subprocess.Popen(
            [sys.executable, "-m", "bench", "run", "mine.toml", *FEW, "--processes", "2"],
            cwd=project,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    finally:
        signal.signal(signal.SIGINT, heard)
    deadline = time.monotonic() + PATIENCE_S
    while sum(path.read_bytes().count(b"\n") for path in project.glob("results/*/*/records.jsonl")) < 2:
        assert time.monotonic() < deadline, "there are no two records"
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 130, said
    (records,) = project.glob("results/*/*/records.jsonl")
    return RunFolder(records)


def test_an_interrupted_run_goes_on_elsewhere_and_is_refused_after_a_file_of_the_network_has_changed(
    tmp_path: Path,
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    family = write_family(project, "pytorch")
    elsewhere.mkdir()
    (elsewhere / "cache").symlink_to(project / "cache")  # which names this machine
    run = interrupted(project)
    before = run.read(warn=pytest.fail)
    assert str(tmp_path) not in run.plan.read_text() + run.records.read_text(), "nothing stored names a folder above"
    again = ("run", "--resume", "--results", str(project / "results"))
    for name, changed in (("spec.py", "mine.toml"), ("pytorch.py", "mine/pytorch.py")):
        text = (family / name).read_text()
        (family / name).write_text(f"{text}\nCHANGED = True\n")
        refused = levelfield(elsewhere, *again)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"{project / changed}: changed since {run.name} was started" in refused.stderr
        (family / name).write_text(f"{text}\n# a comment changes nothing\n")
    done = levelfield(elsewhere, *again)
    assert done.returncode == 0, done.stderr
    after = run.read(warn=pytest.fail)
    assert after[: len(before)] == before
    assert {item.case for item in after} == set(run.load_plan().cases)
    assert {item.outcome for item in after} == {"ok"}


def test_a_saved_network_predicts_in_another_place_without_its_first_folder(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    write_family(project, "pytorch", "flax")
    change(project / "mine.toml", "epochs = 10", "epochs = 1")
    asked = ("--framework", "pytorch", "--purpose", "learning", "--save-models")
    done = levelfield(project, "run", "mine.toml", *asked)
    assert done.returncode == 0, done.stderr
    (model,) = project.glob("results/*/*/artifacts/models/*")
    elsewhere.mkdir()
    shutil.move(model, elsewhere / "model")
    shutil.rmtree(project)
    answers = {}
    for framework in ("pytorch", "flax"):
        words = ("predict", "model", "test", "--framework", framework, "--output", f"{framework}.csv")
        told = levelfield(elsewhere, *words)
        assert told.returncode == 0, told.stderr
        answers[framework] = [line.split(",")[:2] for line in (elsewhere / f"{framework}.csv").read_text().splitlines()]
    assert len(answers["pytorch"]) == 361, "a header, and the digits of the test set"
    assert answers["pytorch"] == answers["flax"]


def test_a_search_for_options_writes_a_script_that_runs_without_the_folder(tmp_path: Path) -> None:
    project = tmp_path / "project"
    write_family(project, "flax")
    change(project / "mine.toml", "filters = 8", "filters = 2")
    asked = ("--framework", "flax", "--batch-size", "4", "--scenario", "inference", "--threads", "1")
    done = levelfield(project, "tune", "mine.toml", *asked, "--scripts", "scripts")
    assert done.returncode == 0, done.stderr
    (script,) = (project / "scripts").glob("*.py")
    shutil.move(script, tmp_path / "script.py")
    shutil.rmtree(project)
    command = [sys.executable, "-I", "-W", "ignore", "script.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[1:] == ["ms", "a", "query"]
