"""A job imports no engine that was not imported before the fork, since the import would be measured.

If Orbax is installed, Keras imports JAX with any backend, but before a process is forked.
"""

import os
import subprocess
import sys

import pytest

from bench.run.worker_client import ROOT
from tests.contenders import CONTENDERS

OWN = {"pytorch": "torch", "flax": "jax"}  # for Keras it is the backend

# Everything that a case does with a network with dropout; prints the imported engines before and after it.
AT_WORK = """
import sys
from pathlib import Path
from bench.worker.prepared_workload import load_adapter, prepare
from bench.workload.workload import load_workload, parse_workload
ENGINES = {"torch", "tensorflow", "jax"}
load_adapter(sys.argv[1])
print(*ENGINES & set(sys.modules))
content = {**load_workload("digits-dnn").content}
content["model"] = {"family": "dnn", "hidden": [{"units": 5, "dropout": 0.5}]}
workload = parse_workload(content, source=Path("digits-dnn.toml"))
subject = prepare(sys.argv[1], workload, device="cpu", precision="fp32", threads=1, seed=0)
model, adapter, train = subject.build(), subject.adapter, subject.encoded(subject.split("train"))
adapter.wait(adapter.train([adapter.put(train.inputs[:4], train.targets[:4])]))
adapter.to_numpy(adapter.predict(adapter.put(train.inputs[:4])))
subject.export(model)
"""
AFTER = "print(*ENGINES & set(sys.modules))"


def engines_of(contender: str, *more: str) -> tuple[set[str], set[str]]:
    """The engines that a new process has imported before and after its work and the lines in `more`."""
    framework, _, backend = contender.partition("/")
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | ({"KERAS_BACKEND": backend} if backend else {})
    command = [sys.executable, "-c", "\n".join((AT_WORK, *more, AFTER)), framework]
    ended = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    before, after = ended.stdout.splitlines()
    return set(before.split()), set(after.split())


# Keras on JAX could import the most: its adapter can drive three engines. The others are tested with `--slow`.
MOST = "keras/jax"


@pytest.mark.parametrize(
    "name", [name if name == MOST else pytest.param(name, marks=pytest.mark.slow) for name in CONTENDERS]
)
def test_a_job_imports_no_engine_that_was_not_imported_before_the_fork(name: str) -> None:
    framework, _, backend = name.partition("/")
    before, after = engines_of(name)
    assert OWN.get(framework, backend) in before
    assert after == before


def test_an_engine_imported_by_a_job_is_detected() -> None:
    before, after = engines_of("pytorch", "import jax")
    assert after - before == {"jax"}


@pytest.mark.slow
def test_setting_the_random_seed_of_keras_imports_tensorflow() -> None:
    before, after = engines_of("keras/torch", "import keras", "keras.utils.set_random_seed(0)")
    assert after - before == {"tensorflow"}
