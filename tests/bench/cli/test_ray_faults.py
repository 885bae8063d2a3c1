"""Faults of a real Ray cluster in the middle of a run: a killed worker, a killed sender, a node that stands still."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.records.record import Record
from tests.bench.cli.ray_cluster import RUN, TwoNodes, started

pytestmark = [pytest.mark.study, pytest.mark.timeout(900)]

Process = subprocess.Popen[str]
ATTEMPTS = 5
STEP_S = 1.3  # each attempt breaks the run later by this


@pytest.fixture
def two_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    monkeypatch.setenv("RAY_health_check_period_ms", "1000")
    monkeypatch.setenv("RAY_health_check_timeout_ms", "2000")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "3")
    with started(tmp_path, monkeypatch) as found:
        yield found


def killed_worker(nodes: TwoNodes, process: Process) -> None:
    """Kill the process of node b in which Ray runs the part."""
    workers = [item for item in _raylet(nodes, "b").children() if "run_part" in " ".join(item.cmdline())]
    for worker in workers:
        worker.kill()
    _, err = process.communicate(timeout=600)
    assert workers
    assert process.returncode == 1, err
    assert "b is lost" in err


def killed_sender(nodes: TwoNodes, process: Process) -> None:
    """Kill the command; Ray ends its tasks."""
    del nodes
    process.kill()
    process.communicate(timeout=60)


def stopped_node(nodes: TwoNodes, process: Process) -> None:
    """Stop all processes of node b, as if its network were cut; Ray gives it up, and a node with its name joins."""
    raylet = _raylet(nodes, "b")
    processes = [raylet, *raylet.children(recursive=True)]
    for item in processes:
        item.send_signal(signal.SIGSTOP)
    assert process.stderr is not None
    told = next((line for line in process.stderr if "b is lost" in line), "")
    for item in processes:
        item.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1, err
    assert "Ray has given up its node" in told
    psutil.wait_procs([raylet], timeout=60)
    nodes.join("b")


@pytest.mark.parametrize("attempt", range(ATTEMPTS))
@pytest.mark.parametrize("fault", [killed_worker, killed_sender, stopped_node])
def test_after_a_fault_no_record_is_lost_and_resume_measures_the_rest_once(
    two_nodes: TwoNodes, fault: Callable[[TwoNodes, Process], None], attempt: int
) -> None:
    process = two_nodes.command("run", "--workload", "digits-dnn,digits-cnn", *RUN, "--processes", "4")
    _wait_for_b(two_nodes)
    time.sleep(attempt * STEP_S)
    fault(two_nodes, process)
    run = two_nodes.stored()
    before = run.read(warn=pytest.fail)
    code, _, err = two_nodes.run("run", "--resume")
    assert code == 0, err
    after = run.read(warn=pytest.fail)
    assert run.missing(warn=pytest.fail) == []
    assert [record for record in after if record in before] == before, "no record is lost or changed"
    assert len({record.case for record in after}) == len(after), "nothing is measured twice"
    assert len(_machines(after)) == 2, "no workload is divided"


def _wait_for_b(nodes: TwoNodes) -> None:
    """Return when the first record of node b has arrived at the sender."""
    for _ in range(1200):
        if any(path.stat().st_size for path in nodes.folder.glob("results/b/*/records.jsonl")):
            return
        time.sleep(0.25)
    pytest.fail("no record within 300 s")


def _machines(records: list[Record]) -> set[tuple[str, str]]:
    return {(record.case.workload, record.environment.machine) for record in records}


def _raylet(nodes: TwoNodes, name: str) -> psutil.Process:
    """The process of a node that starts its workers."""
    (found,) = nodes.nodes[name].all_processes["raylet"]
    return psutil.Process(found.process.pid)
