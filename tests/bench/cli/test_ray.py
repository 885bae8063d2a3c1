"""A run whose workloads are sent to a real Ray cluster of two nodes."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.records.store import SEVERAL
from tests.bench.cli.ray_cluster import RUN, TwoNodes, started

pytestmark = [pytest.mark.study, pytest.mark.timeout(900)]


@pytest.fixture
def two_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    with started(tmp_path, monkeypatch) as found:
        yield found


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
    two_nodes.wait_for_a_record()
    two_nodes.cluster.remove_node(two_nodes.nodes["b"], allow_graceful=False)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1, err
    assert "b is lost" in err
    run = two_nodes.stored()
    before = run.read(warn=pytest.fail)
    assert run.missing(warn=pytest.fail), "a part was cut off"
    two_nodes.join("b")
    code, _, err = two_nodes.run("run", "--resume")
    assert code == 0, err
    after = run.read(warn=pytest.fail)
    assert run.missing(warn=pytest.fail) == []
    assert [record for record in after if record in before] == before, "no record is lost or changed"
    assert len({record.case for record in after}) == len(after), "nothing is measured twice"


def test_an_interrupt_ends_the_parts_and_resume_goes_on(two_nodes: TwoNodes) -> None:
    process = two_nodes.command("run", "--workload", "digits-dnn", *RUN, "--processes", "3")
    two_nodes.wait_for_a_record()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "continue with `levelfield run --resume" in err
    before = two_nodes.stored().read(warn=pytest.fail)
    assert before
    code, _, err = two_nodes.run("run", "--resume")
    assert code == 0, err
    assert two_nodes.stored().missing(warn=pytest.fail) == []
