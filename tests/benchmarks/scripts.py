"""Runs a script of `bare/` in a process of its own, in the environment in which the harness starts its processes."""

import json
import subprocess
import sys
from typing import Any

from bench.run.worker_client import ROOT, process_environment
from bench.workload.frameworks import Contender
from bench.workload.workload import Workload
from tests.benchmarks.subjects import job
from tests.benchmarks.turns import Rounds

LIMIT_S = 240.0


def interleave(
    script: str, framework: Contender, workload: Workload, *, batch_size: int
) -> tuple[Rounds, Rounds, float]:
    """The synchronised and the pipelined rounds, and how far the weights were apart after the same steps."""
    found = run(script, framework, workload, batch_size=batch_size)
    return Rounds(**found["synchronised"]), Rounds(**found["pipelined"]), found["deviation"]


def run(script: str, framework: Contender, workload: Workload, **what: object) -> dict[str, Any]:
    """What a script prints that is asked for a workload in one framework."""
    asked = json.dumps(job(framework, workload, **what))
    ended = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.bare.{script}", asked],
        cwd=ROOT,
        env=process_environment(framework.backend, device="cpu"),
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert ended.returncode == 0, f"{script} for {framework} ended with {ended.returncode}:\n{ended.stderr[-2000:]}"
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found
