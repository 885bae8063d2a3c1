"""A commit from before the harness was divided into rooms can still be compared with this one, in turns."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.run.worker_client import ROOT
from tests.bench.cli.conftest import prepared

BEFORE_THE_ROOMS = "9625a0c"  # its `bench/meeting.py` is `bench/run/plan_exchange.py` today

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """The earlier commit in a folder of its own, as `nox -s compare -- --base REF` makes one."""
    folder = tmp_path / "base"
    known = subprocess.run(["git", "cat-file", "-e", BEFORE_THE_ROOMS], cwd=ROOT, capture_output=True, check=False)
    reference = BEFORE_THE_ROOMS if known.returncode == 0 else "HEAD"  # a shallow clone has no earlier commit
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", folder, reference], cwd=ROOT, check=True)
    yield folder
    subprocess.run(["git", "worktree", "remove", "--force", folder], cwd=ROOT, check=True)


def test_a_commit_from_before_the_rooms_is_measured_in_turns_with_this_one(checkout: Path, tmp_path: Path) -> None:
    place = prepared(tmp_path / "head")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench", "run", "--against", str(checkout), "--workload", str(place.workload)),
            *("--framework", "pytorch", "--scenario", "training", "--batch-size", "8", "--processes", "2"),
            *("--threads", "1", "--inject", "90%", *place.places),  # a change that is planted is measured but once
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 3, 4}, done.stderr
    assert "Interleaved timing" in " ".join(done.stdout.split())
    assert len(list(place.results.glob("turns-*/*/*/*/records.jsonl"))) >= 2
