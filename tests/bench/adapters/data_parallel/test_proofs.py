"""Two devices with half of each batch do the work of one device with the whole batch, in float64."""

import json
import os
import subprocess
import sys

import pytest

from bench.analysis.data_parallel import SAME_BITS, weights_check
from bench.run.worker_client import ROOT

CONTENDERS = ["pytorch", "flax", "keras/jax", "keras/tensorflow"]


def checks(contender: str, *plant: str) -> dict[str, tuple[float, bool]]:
    """The deviation in each check, and whether it holds."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "KERAS_BACKEND": contender.partition("/")[2] or "jax",
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.adapters.data_parallel.proof_process", contender, *plant],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: (found, holds) for name, (found, holds) in json.loads(done.stdout.splitlines()[-1]).items()}


@pytest.mark.slow
@pytest.mark.parametrize("contender", CONTENDERS)
def test_two_devices_do_the_work_of_one(contender: str) -> None:
    found = checks(contender)
    assert found[weights_check(2)][0] < 1e-12
    assert found[SAME_BITS] == (0, True)


@pytest.mark.slow
@pytest.mark.parametrize("contender", ["pytorch", "flax", "keras/tensorflow"])  # the plant on JAX is the same for Keras
def test_gradients_that_are_not_the_mean_over_all_devices_are_found(contender: str) -> None:
    deviation, holds = checks(contender, "planted")[weights_check(2)]
    assert deviation > 1e-4
    assert not holds
