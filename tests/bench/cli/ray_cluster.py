"""A real Ray cluster whose two nodes are one machine, to which tests give two names."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.records.store import RunFolder, find_run
from bench.run.ray_executor import MONITOR, NAMED, NICENESS
from bench.run.worker_client import ROOT

RUN = ("--framework", "pytorch", "--purpose", "timing", "--scenario", "training", "--threads", "1", "--executor", "ray")


@dataclass
class TwoNodes:
    """A cluster, the nodes that are named a and b, and the folder in which commands run."""

    cluster: Any
    nodes: dict[str, Any]
    folder: Path

    def command(self, *words: str) -> "subprocess.Popen[str]":
        """A command that finds the cluster."""
        environment = os.environ | {"RAY_ADDRESS": self.cluster.address, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
        return subprocess.Popen(
            [sys.executable, "-m", "bench", *words],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        """The exit code of a command, and what it printed."""
        process = self.command(*words)
        out, err = process.communicate()
        return process.returncode, out, err

    def stored(self) -> RunFolder:
        """The newest run."""
        return find_run(self.folder / "results", "latest")

    def join(self, name: str) -> None:
        """Start a node with this name."""
        self.nodes[name] = self.cluster.add_node(num_cpus=1, resources={f"{NAMED}{name}": 1})

    def wait_for_a_record(self) -> None:
        """Return when the first record has arrived at the sender."""
        for _ in range(600):
            if any(path.stat().st_size for path in self.folder.glob("results/*/*/records.jsonl")):
                return
            time.sleep(0.5)
        pytest.fail("no record within 300 s")


@contextmanager
def started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    """The cluster, for as long as a test runs; its caches are below the folder."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv(MONITOR, "0")
    monkeypatch.setenv(NICENESS, "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("LEVELFIELD_CACHE", str(folder / "cache"))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "resources": {f"{NAMED}a": 1}})
    try:
        found = TwoNodes(cluster, {"a": cluster.head_node}, folder)
        found.join("b")
        yield found
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
