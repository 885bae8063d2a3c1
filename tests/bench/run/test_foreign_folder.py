"""A worker imports our packages and the installed libraries, whatever files are in the current folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.run.device_probe import probe
from bench.run.worker_client import ROOT, WorkerClient
from bench.workload.frameworks import Contender

NAMES = ("bench/__init__.py", "models/__init__.py", "keras.py", "torch.py", "numpy.py")


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with files of the user that have the names of modules that a worker imports."""
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"raise RuntimeError('this is the {name} of the user')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("foreign")
def test_a_worker_starts_in_a_folder_with_files_named_like_its_packages(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    log = tmp_path_factory.mktemp("logs") / "fork-server.log"
    client = WorkerClient("keras", "torch", device="cpu", log=log)
    try:
        client.wait_until_ready()
    finally:
        client.close()


@pytest.mark.slow
@pytest.mark.usefixtures("foreign")
def test_a_framework_is_asked_for_its_devices_from_such_a_folder() -> None:
    keras = Contender("keras", "torch")
    result = probe([keras], waiting=lambda _: None)[keras]
    assert result["outcome"] == "ok", result
    assert {"keras", "torch"} <= result["versions"].keys()


@pytest.mark.parametrize("name", ["bench", "models", "keras", "torch", "numpy"])
def test_python_imports_the_users_files_without_its_option_for_a_safe_path(name: str, foreign: Path) -> None:
    for options, hidden in (([], True), (["-P"], False)):
        done = subprocess.run(
            [sys.executable, *options, "-c", f"import importlib.util as u; print(u.find_spec({name!r}).origin)"],
            cwd=foreign,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith(str(foreign)) == hidden
