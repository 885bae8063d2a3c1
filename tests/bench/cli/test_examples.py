"""The stored example of the suite quick is comparable with what this checkout measures."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.run.worker_client import ROOT
from tests.bench.cli.conftest import Command, Place, Result, prepared

MACHINE = "amd-epyc-2c-24g-6be573"  # that of the example: runners of one class count as one
EXAMPLE = next((ROOT / "results" / "examples" / MACHINE).iterdir())

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One workload of the example in one framework, measured now."""
    place = prepared(tmp_path_factory.mktemp("fresh"))
    command = place.command("--workload", "digits-dnn", "--framework", "pytorch", "--purpose", "timing")
    measured = [*command, "--processes", "1", "--machine", MACHINE]
    done = subprocess.run(measured, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def compared(levelfield: Command, fresh: Place) -> Callable[[Path], Result]:
    """`compare` of a run that was stored before with the fresh one."""
    return lambda baseline: levelfield("compare", baseline, fresh.records, "--subset", "--results", fresh.results)


def test_a_fresh_run_is_compared_with_the_example(compared: Callable[[Path], Result]) -> None:
    found = compared(EXAMPLE / "records.jsonl")
    assert found.code in {0, 3, 4}, found.err  # faster, slower or too noisy to tell: all three are comparable
    assert "digits-dnn" in found.out
    assert "digest" not in found.out


def test_an_example_of_other_work_would_not_be_comparable(compared: Callable[[Path], Result], tmp_path: Path) -> None:
    other = shutil.copy(EXAMPLE / "records.jsonl", tmp_path)
    text = Path(other).read_text()
    Path(other).write_text(re.sub(r'"workload_digest":"\w+"', '"workload_digest":"0123456789abcdef"', text))
    found = compared(Path(other))
    assert found.code == 5
    assert "digest" in found.out
