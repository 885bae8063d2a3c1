"""A run whose workloads are sent to a real Ray cluster; its two nodes are one machine, which tests give two names."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.records.store import SEVERAL, RunFolder, find_run
from bench.run.ray_executor import MONITOR, NAMED
from bench.run.worker_client import ROOT

pytestmark = [pytest.mark.study, pytest.mark.timeout(900)]

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


@pytest.fixture
def two_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv(MONITOR, "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "resources": {f"{NAMED}a": 1}})
    try:
        other = cluster.add_node(num_cpus=1, resources={f"{NAMED}b": 1})
        yield TwoNodes(cluster, {"a": cluster.head_node, "b": other}, tmp_path)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def test_workloads_are_sent_to_two_machines_and_leave_one_report(two_nodes: TwoNodes) -> None:
    code, out, err = two_nodes.run("machines")
    assert code == 0, err
    assert re.findall(r"^ *([ab]) +\d", out, re.MULTILINE) == ["a", "b"], out
    code, out, err = two_nodes.run("run", "--workload", "digits-dnn,digits-cnn", *RUN, "--processes", "1")
    assert code == 0, err
    assert "Measured on several machines" in out
    run = two_nodes.stored()
    assert run.folder.parent.name == SEVERAL
    records = run.read(warn=pytest.fail)
    assert {record.case.workload for record in records} == {"digits-dnn", "digits-cnn"}
    machines = {record.case.workload: record.environment.machine for record in records}
    assert sorted(machines.values()) == ["a", "b"]
    assert run.missing(warn=pytest.fail) == []
    code, out, err = two_nodes.run("report", "--last")
    assert code == 0, err
    assert "digits-dnn" in out
    assert "digits-cnn" in out


def test_a_run_whose_machine_is_killed_is_completed_by_resume(two_nodes: TwoNodes) -> None:
    process = two_nodes.command("run", "--workload", "digits-dnn,digits-cnn", *RUN, "--processes", "2")
    _wait_for_a_record(two_nodes.folder)
    two_nodes.cluster.remove_node(two_nodes.nodes["b"], allow_graceful=False)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1, err
    assert "b is lost" in err
    run = two_nodes.stored()
    before = run.read(warn=pytest.fail)
    assert run.missing(warn=pytest.fail), "a part was cut off"
    two_nodes.nodes["b"] = two_nodes.cluster.add_node(num_cpus=1, resources={f"{NAMED}b": 1})
    code, _, err = two_nodes.run("run", "--resume")
    assert code == 0, err
    after = run.read(warn=pytest.fail)
    assert run.missing(warn=pytest.fail) == []
    assert [record for record in after if record in before] == before, "no record is lost or changed"
    assert len({record.case for record in after}) == len(after), "nothing is measured twice"


def test_an_interrupt_ends_the_parts_and_resume_goes_on(two_nodes: TwoNodes) -> None:
    process = two_nodes.command("run", "--workload", "digits-dnn", *RUN, "--processes", "3")
    _wait_for_a_record(two_nodes.folder)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "continue with `levelfield run --resume" in err
    before = two_nodes.stored().read(warn=pytest.fail)
    assert before
    code, _, err = two_nodes.run("run", "--resume")
    assert code == 0, err
    assert two_nodes.stored().missing(warn=pytest.fail) == []


def _wait_for_a_record(folder: Path) -> None:
    """Return when the first record has arrived at the sender."""
    for _ in range(600):
        if any(path.stat().st_size for path in folder.glob("results/*/*/records.jsonl")):
            return
        time.sleep(0.5)
    pytest.fail("no record within 300 s")
