"""Two versions of a network of the user are measured in turns, if only the files of frameworks differ."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bench.cli import network_versions
from bench.plan.options import Options
from bench.records.store import RunFolder
from tests.bench.cli.conftest import Command
from tests.bench.cli.test_init import levelfield as started
from tests.bench.workload.own_family import change, write_family

SLOW = "        import time\n\n        time.sleep(0.02)\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A git repository with a network in a folder, and its first commit in the worktree `before`."""
    root = tmp_path / "project"
    write_family(root / "networks", "pytorch", "flax")
    change(
        root / "networks" / "mine" / "pytorch.py",
        "        values = torch.relu(self",
        f"{SLOW}        values = torch.relu(self",
    )
    user = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (
        ("init", "-q"),
        ("add", "."),
        (*user, "commit", "-qm", "Slow"),
        ("worktree", "add", "-q", "../before"),
    ):
        subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
    change(root / "networks" / "mine" / "pytorch.py", SLOW, "")
    return root


def test_a_space_after_a_comma_is_no_part_of_a_path() -> None:
    assert network_versions.files(Options(workload="a.toml, b.toml")) == (Path("a.toml"), Path("b.toml"))
    assert network_versions.files(Options(workload="a.toml, digits-dnn")) == ()


def test_a_version_with_another_file_of_a_framework_can_be_compared(levelfield: Command, project: Path) -> None:
    file, before = project / "networks" / "mine.toml", project.parent / "before"
    found = levelfield("run", file, "--against", before, "--framework", "pytorch", "--dry-run")
    assert found.code == 0, found.err
    assert "mine pytorch training" in found.out


@pytest.mark.parametrize("name", ["mine/spec.py", "mine.toml"])
def test_a_version_that_does_different_work_is_not_comparable(levelfield: Command, project: Path, name: str) -> None:
    file, before = project / "networks" / "mine.toml", project.parent / "before"
    old, new = ("filters: int = 8", "filters: int = 9") if name.endswith("py") else ("epochs = 10", "epochs = 11")
    change(before / "networks" / name, old, new)
    found = levelfield("run", file, "--against", before, "--framework", "pytorch", "--dry-run")
    assert (found.code, found.out, found.err.count("\n")) == (5, "", 1)
    assert f"{before}/networks/mine.toml and {file} describe different work, expected the same content" in found.err


def test_a_folder_without_the_file_is_no_other_version(levelfield: Command, project: Path) -> None:
    (project.parent / "empty").mkdir()
    file = project / "networks" / "mine.toml"
    found = levelfield("run", file, "--against", project.parent / "empty", "--framework", "pytorch", "--dry-run")
    assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
    assert (
        f"found no {project.parent}/empty/networks/mine.toml, expected a checkout of Levelfield, or of the" in found.err
    )


def test_a_version_of_levelfield_that_loads_no_folders_is_refused(
    levelfield: Command, project: Path, tmp_path: Path
) -> None:
    from bench.run.plan_exchange import PROTOCOL

    other = tmp_path / "levelfield" / "bench"
    other.mkdir(parents=True)
    (other / "__main__.py").touch()
    (other / "meeting.py").write_text(f"PROTOCOL = {PROTOCOL}\n")
    words = ("run", "--against", other.parent, "--framework", "pytorch", "--dry-run")
    found = levelfield(*words, "--workload", project / "networks" / "mine.toml")
    assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
    assert "is a version of Levelfield that loads no network from a folder, which" in found.err
    assert levelfield(*words, "--workload", "wine").code == 0, "a family of Levelfield is known there"


@pytest.mark.study
@pytest.mark.timeout(900)
def test_both_versions_are_measured_in_turns_and_the_faster_one_is_found(project: Path) -> None:
    asked = ("--framework", "pytorch", "--scenario", "inference", "--batch-size", "1", "--processes", "2")
    done = started(project, "run", "networks/mine.toml", "--against", "../before", *asked, "--threads", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Interleaved timing" in " ".join(done.stdout.split())
    assert "improved" in done.stdout
    digests = []
    for side in ("base", "head"):
        (path, *_) = sorted(project.glob(f"results/turns-*/{side}/*/*/records.jsonl"))
        digests.append({(item.workload_digest, item.source_digest) for item in RunFolder(path).read(warn=pytest.fail)})
    ((work, base),), ((same, head),) = digests
    assert (work == same, base == head) == (True, False)
    shutil.rmtree(project.parent / "before")
