"""What a process has not imported when it is forked, it does not import when it is at work: that would be measured.

Keras itself imports JAX, whatever its backend is, where Orbax is installed; it does so before a process is forked.
"""

import os
import subprocess
import sys

import pytest

from bench.run.worker_client import ROOT
from tests.contenders import CONTENDERS

OWN = {"pytorch": "torch", "flax": "jax"}  # Keras' is its backend

# Whatever a case does with a network that has dropout, and which engines are there before it and after it.
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
    """The engines in a process of its own, before it works and after it, which may do more than that."""
    framework, _, backend = contender.partition("/")
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | ({"KERAS_BACKEND": backend} if backend else {})
    command = [sys.executable, "-c", "\n".join((AT_WORK, *more, AFTER)), framework]
    ended = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    before, after = ended.stdout.splitlines()
    return set(before.split()), set(after.split())


@pytest.mark.parametrize("name", CONTENDERS)
def test_no_engine_comes_along_when_a_process_is_at_work(name: str) -> None:
    framework, _, backend = name.partition("/")
    before, after = engines_of(name)
    assert OWN.get(framework, backend) in before
    assert after == before


def test_an_engine_that_comes_along_is_seen() -> None:
    before, after = engines_of("pytorch", "import jax")
    assert after - before == {"jax"}


@pytest.mark.slow
def test_a_seed_of_keras_brings_tensorflow_along() -> None:
    before, after = engines_of("keras/torch", "import keras", "keras.utils.set_random_seed(0)")
    assert after - before == {"tensorflow"}
