"""The import contracts hold, and for each contract an example shows that it fails when it is broken."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

OFFENCES = [
    ("The harness is layered, and every room has a place", "bench/errors.py", "import bench.records.record"),
    ("The harness is layered, and every room has a place", "bench/utils.py", "import bench.errors"),
    ("The harness is layered, and every room has a place", "bench/worker/main.py", "import bench.run.runner"),
    ("The harness is layered, and every room has a place", "bench/plan/cases.py", "import bench.run.runner"),
    ("The harness is layered, and every room has a place", "bench/workload/suite.py", "import bench.records.record"),
    ("The harness is layered, and every room has a place", "bench/adapters/base.py", "import bench.analysis.learning"),
    ("Models know nothing of the harness", "models/layers/spec.py", "import bench.errors"),
    ("The parent process imports nothing that runs", "bench/cli/run.py", "import bench.worker.main"),
    ("The parent process imports nothing that runs", "bench/run/runner.py", "import bench.datasets.digits"),
    ("The parent process imports nothing that runs", "bench/run/runner.py", "import bench.adapters.base"),
    ("The parent process imports nothing that runs", "bench/cli/run.py", "def late() -> None:\n    import sklearn"),
    ("What reads records imports nothing that runs", "bench/records/timing_metrics.py", "import models.dnn.spec"),
    ("What reads records imports nothing that runs", "bench/api/runs.py", "import bench.run.runner"),
    ("Analysis reads no clock and no file", "bench/analysis/statistics.py", "from pathlib import Path"),
    ("Adapters are loaded by name", "bench/worker/measure/training.py", "from bench.adapters import pytorch"),
    (
        "Only PyTorch models import PyTorch models",
        "bench/worker/measure/training.py",
        "import models.dnn.pytorch",
    ),
    ("Only PyTorch models import PyTorch models", "models/cnn/keras.py", "from models.cnn import pytorch"),
    ("Only Keras models import Keras models", "models/lstm/flax.py", "from models.layers import keras"),
    ("Only Flax models import Flax models", "models/lstm/pytorch.py", "from models.lstm import flax"),
    ("PyTorch stays in its files", "bench/worker/measure/memory.py", "import torch"),
    ("PyTorch stays in its files", "models/dnn/keras.py", "from torch import nn"),
    ("Keras stays in its files", "models/layers/flax.py", "from keras import layers"),
    ("TensorFlow stays in its engine", "models/dnn/keras.py", "import tensorflow as tf"),
    ("JAX stays in its files", "models/dnn/keras.py", "import jax.numpy as jnp"),
    ("Engines are loaded by name", "bench/adapters/keras.py", "import bench.adapters.engines.jax"),
    ("Flax and Optax stay in their files", "bench/adapters/keras.py", "import optax"),
    (
        "LoadGen stays in the process of the load generator",
        "bench/worker/serving/load_generator.py",
        "import mlperf_loadgen",
    ),
    ("Only the clock reads the time while something is measured", "bench/adapters/flax.py", "import time"),
    (
        "Only the command line and the terminal report know Rich",
        "bench/report/tables.py",
        "from rich.table import Table",
    ),
    (
        "Only the exports know the libraries of Prometheus and MLflow",
        "bench/cli/report.py",
        "from mlflow import MlflowClient",
    ),
    (
        "Only the exports know the libraries of Prometheus and MLflow",
        "bench/export/csv.py",
        "import prometheus_client",
    ),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("bench", "models"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_holds(copy: Path) -> None:
    assert broken_contracts(copy) == []


@pytest.mark.parametrize(("contract", "file", "line"), OFFENCES)
def test_a_wrong_import_breaks_its_contract_and_no_other(copy: Path, contract: str, file: str, line: str) -> None:
    with (copy / file).open("a") as source:
        source.write(f"\n{line}\n")
    assert broken_contracts(copy) == [contract]


def test_every_contract_has_an_example_that_breaks_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} == {contract for contract, _, _ in OFFENCES}


def broken_contracts(folder: Path) -> list[str]:
    done = subprocess.run([LINT_IMPORTS, "--no-cache"], cwd=folder, check=False, capture_output=True, text=True)
    summary = re.search(r"^Contracts: (\d+) kept, (\d+) broken\.$", done.stdout, re.MULTILINE)
    assert summary, f"import-linter gave no result: {done.stdout}{done.stderr}"
    broken = re.findall(r"^(.+) BROKEN$", done.stdout, re.MULTILINE)
    assert (len(broken), bool(done.returncode)) == (int(summary[2]), bool(broken))
    return broken
