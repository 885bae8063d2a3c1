"""The tests of a Keras backend run in another process, and their results are reported in this one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TESTS = """\
import os
import pytest

@pytest.fixture
def prepared(contender):
    assert contender != "keras/torch", "in the fixture"

def test_where(contender):
    assert os.environ.get("KERAS_BACKEND", "") == contender.partition("/")[2]

def test_one(contender):
    assert contender != "keras/jax", "in the test"

def test_two(prepared):
    pass

def test_left_out(contender):
    os._exit(3)
"""


def run(folder: Path, *options: str) -> tuple[int, list[str]]:
    """The exit status and the output lines of pytest on these tests."""
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.contenders"]\n')
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    return ended.returncode, ended.stdout.splitlines()


def test_results_come_from_the_process_of_each_backend(tmp_path: Path) -> None:
    status, lines = run(tmp_path, "-k", "not left_out")
    assert status == pytest.ExitCode.TESTS_FAILED, lines
    for name in ("pytorch", "flax", "keras/tensorflow", "keras/jax", "keras/torch"):
        assert f"PASSED test_it.py::test_where[{name}]" in lines
    failed = {line.split(" ")[1] for line in lines if line.startswith("FAILED")}
    assert failed == {"test_it.py::test_one[keras/jax]", "test_it.py::test_two[keras/torch]"}
    assert any("AssertionError: in the test" in line for line in lines)
    assert any("AssertionError: in the fixture" in line for line in lines)


def test_a_process_that_dies_fails_its_tests(tmp_path: Path) -> None:
    status, lines = run(tmp_path, "-k", "left_out and keras/jax or where and keras/torch")
    assert status == pytest.ExitCode.TESTS_FAILED, lines
    assert {line.split(" ")[1] for line in lines if line.startswith("FAILED")} == {
        "test_it.py::test_left_out[keras/jax]"
    }
    assert "pytest ended with status 3 and no result:" in lines
