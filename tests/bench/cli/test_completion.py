"""What the shell offers after Tab."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.completion import COMPLETIONS, workloads
from bench.plan.options import Options
from bench.workload.suite import suite_names
from bench.workload.workload_files import workload_names
from tests.bench.cli.conftest import Place


def test_every_word_of_an_option_is_offered_and_none_twice() -> None:
    assert COMPLETIONS["mode"]("") == ["idiomatic", "tuned"]
    assert COMPLETIONS["mode"]("idiomatic,") == ["idiomatic,tuned"]
    assert COMPLETIONS["precision"]("f") == ["fp32"], "fp64 is for proofs"
    assert COMPLETIONS["framework"]("pytorch,keras/t") == ["pytorch,keras/tensorflow", "pytorch,keras/torch"]
    assert tuple(COMPLETIONS["suite"]("")) == suite_names()


def test_only_options_that_exist_are_completed() -> None:
    assert set(COMPLETIONS) <= set(Options.__dataclass_fields__)


def test_workloads_are_names_and_toml_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine.toml").write_text("")
    (tmp_path / "mine.csv").write_text("")
    monkeypatch.chdir(tmp_path)
    assert tuple(workloads("")) == workload_names()
    assert workloads("mi") == ["mine/", "mine.toml"]
    assert workloads("**") == []
    assert workloads("digits-dnn,mi") == ["digits-dnn,mine/", "digits-dnn,mine.toml"]


SHELL = """
import sys
from bench.cli import main
sys.argv = ["levelfield"]
main()
"""


def offered(line: str) -> list[str]:
    """What bash is told for a line that ends where Tab is pressed, by the script of `--show-completion`."""
    words = line.split(" ")
    variables = {"_LEVELFIELD_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", SHELL],
        env={"PYTHONPATH": ":".join(sys.path)} | variables,
        capture_output=True,
        check=False,
    )
    return done.stdout.decode().split()


@pytest.fixture
def runs(place: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    monkeypatch.chdir(place.folder)
    return offered


def test_bash_completes_commands_workloads_options_and_runs(runs: Callable[[str], list[str]], place: Place) -> None:
    assert runs("levelfield com") == ["compare"]
    assert runs("levelfield run digits-dn") == ["digits-dnn"]
    assert runs("levelfield run --framework fl") == ["flax"]
    assert runs("levelfield run --resume 2") == [place.records.parent.name]
    assert runs("levelfield compare base") == ["baseline"]
    assert runs("levelfield report ") == ["latest", place.records.parent.name]
    assert runs("levelfield run no-such-name") == []
