"""Paths in the code and in the configuration exist; a moved file would otherwise break them silently."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from bench.analysis.deviations import relative_deviation
from bench.cli import compare_commits
from bench.records.environment import commit, environment
from bench.run import option_search, plan_exchange, proofs
from bench.run.worker_client import ROOT
from bench.worker import quality_metrics
from bench.workload import frameworks, suite, workload_files
from models.layers import spec as layers

FOLDERS = (".", "engines", "custom_loops", "data_parallel", "optimizers", "losses")
DRIVING = [
    "pytorch.py",
    "engines/torch.py",
    "custom_loops/jax_compilation.py",
    "data_parallel/pytorch.py",
    "optimizers/pytorch.py",
    "losses/pytorch.py",
]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize(
    ("folder", "pattern", "expected"),
    [
        (frameworks.ADAPTERS, "*.py", "pytorch.py"),
        (frameworks.ADAPTERS, "engines/*.py", "torch.py"),
        (frameworks.ADAPTERS, "custom_loops/*.py", "jax_compilation.py"),
        (suite.SUITES, "*.toml", "quick.toml"),
        (workload_files.WORKLOADS, "*.toml", "digits-dnn.toml"),
    ],
)
def test_searched_folders_contain_the_expected_files(folder: Path, pattern: str, expected: str) -> None:
    assert expected in {path.name for path in folder.glob(pattern)}


@pytest.mark.parametrize(
    "file",
    DRIVING,
)
def test_the_digest_of_sources_changes_with_every_file_that_drives_a_framework(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = frameworks.adapter_source("pytorch")
    for path in (path for folder in FOLDERS for path in (frameworks.ADAPTERS / folder).glob("*.py")):
        copy = tmp_path / path.relative_to(frameworks.ADAPTERS)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text())
    monkeypatch.setattr(frameworks, "ADAPTERS", tmp_path)
    assert frameworks.adapter_source("pytorch") == before
    with (tmp_path / file).open("a") as source:
        source.write("CHANGED = True\n")
    assert frameworks.adapter_source("pytorch") != before


def test_files_that_decide_cache_keys_exist() -> None:
    decisive = [*(proofs.HARNESS / name for name in proofs.DECISIVE), *option_search.TIMING]
    assert [path for path in decisive if not path.is_file()] == []


def test_a_record_names_the_commit_of_this_checkout(tmp_path: Path) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = environment({}).commit
    assert found is not None
    assert found.removesuffix("-dirty") == head.strip()
    assert commit(tmp_path) is None, "a folder that is not a checkout has no commit"


def jaxtyping_packages() -> list[str]:
    options: list[str] = PROJECT["tool"]["pytest"]["ini_options"]["addopts"]
    (option,) = (word for word in options if "jaxtyping" in word)
    return option.partition("=")[2].split(",")[:-1]


def test_modules_with_shape_checks_exist() -> None:
    assert jaxtyping_packages()
    assert [name for name in jaxtyping_packages() if importlib.util.find_spec(name) is None] == []


def test_an_array_of_a_wrong_shape_is_refused_in_all_checked_modules() -> None:
    layer = layers.DenseLayer(units=2)
    weights = {"hidden0.kernel": np.ones((3, 2)), "hidden0.bias": np.zeros(2)}
    assert layers.dense(layer, weights, "hidden0", np.ones((4, 3))).shape == (4, 2)
    with pytest.raises(TypeCheckError):
        layers.dense(layer, weights, "hidden0", np.ones((4, 4, 3)))
    with pytest.raises(TypeCheckError):
        quality_metrics.classes(np.ones(3))
    with pytest.raises(TypeCheckError):
        relative_deviation("no array", np.ones(3))  # type: ignore[arg-type]


def test_lint_rules_for_single_files_name_existing_files() -> None:
    files = [
        path.relative_to(ROOT).as_posix()
        for folder in ("bench", "docs", "models", "tests")
        for path in (ROOT / folder).rglob("*.py")
    ]
    files += [path.name for path in ROOT.glob("*.py")]
    for pattern in PROJECT["tool"]["ruff"]["lint"]["per-file-ignores"]:
        simple = re.sub(r"\{.*?\}", "*", pattern).replace("**", "*")
        assert any(fnmatch(file, simple) for file in files), pattern


def test_import_contracts_name_existing_modules() -> None:
    for contract in PROJECT["tool"]["importlinter"]["contracts"]:
        lists = (
            contract.get(key, [])
            for key in ("source_modules", "forbidden_modules", "protected_modules", "allowed_importers")
        )
        for name in (name for names in lists for name in names if name.startswith("bench.")):
            path = ROOT.joinpath(*name.split("."))
            assert path.with_suffix(".py").is_file() or path.is_dir(), name


def test_the_interleaving_protocol_is_read_from_each_checkout(tmp_path: Path) -> None:
    assert compare_commits._protocol(ROOT) == str(plan_exchange.PROTOCOL)
    for place in compare_commits.EXCHANGES:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("PROTOCOL = 77\n")
        assert compare_commits._protocol(tmp_path) == "77"
        (tmp_path / place).unlink()
    assert compare_commits._protocol(tmp_path) == "1"


@pytest.mark.parametrize("searched", ["", ".", "the folder"])
def test_the_command_and_the_module_start_in_any_folder(tmp_path: Path, searched: str) -> None:
    """Also if the current folder has packages with the names of ours, and even if PYTHONPATH names this folder."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise RuntimeError('the models of the user')\n")
    path = {"": "", ".": ".:", "the folder": f"{tmp_path}:"}[searched] + str(ROOT)
    for command in ([sys.executable, "-m", "bench"], [Path(sys.executable).with_name("levelfield")]):
        done = subprocess.run(
            [*command, "list", "workloads"],
            cwd=tmp_path,
            env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "digits-dnn" in done.stdout
