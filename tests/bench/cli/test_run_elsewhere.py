"""Options that cannot be used on other machines are refused before anything is asked of a cluster."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cli import run_elsewhere
from bench.records.record import Record
from bench.records.store import RECORDS, SEVERAL, Plan, RunFolder
from bench.run.sender import Part
from tests.bench.cli.conftest import Command
from tests.bench.sample_records import ENVIRONMENT, quick_run

CORES = {"a": 4, "b": 8}
OPTIONS = {"suite": "quick", "executor": "ray"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--executor", "slurm"), "--executor: found 'slurm', expected local or ray"),
        (("--executor", "slurm", "--dry-run"), "--executor: found 'slurm', expected local or ray"),
        (("--executor", "ray", "--self-check"), "--against or --self-check: found with --executor ray"),
        (("--executor", "ray", "--machine", "lab"), "--machine: found with --executor ray"),
        (("--executor", "ray", "--save-models", "--tensorboard"), "--save-models, --tensorboard: found with"),
    ],
)
def test_a_mistake_is_one_line(levelfield: Command, words: tuple[str, ...], said: str) -> None:
    done = levelfield("run", "digits-dnn", "--framework", "pytorch", *words)
    assert done.code == 2
    assert said in done.err


def stored(results: Path, name: str, *, slowdown: float = 1.0) -> RunFolder:
    """A complete run of two workloads on two machines, whose cores are not those of the machine that sent them."""
    found: list[Record] = []
    for record in quick_run(slowdown=slowdown):
        machine = "a" if record.case.workload == "digits-dnn" else "b"
        case = replace(record.case, threads=CORES[machine])
        found.append(replace(record, run=name, case=case, environment=replace(ENVIRONMENT, machine=machine)))
    cases = tuple(replace(record.case, threads=1) for record in found)
    run = RunFolder(results / SEVERAL / name / RECORDS)
    run.save_plan(Plan(cases=cases, options={"options": OPTIONS}))
    for machine in CORES:
        own = [record for record in found if record.environment.machine == machine]
        part = RunFolder(results / machine / name / RECORDS)
        part.save_plan(Plan(cases=tuple(record.case for record in own), options={"options": OPTIONS}))
        for record in own:
            part.append(record)
    return run


def test_a_complete_run_on_machines_with_other_cores_lacks_nothing(levelfield: Command, tmp_path: Path) -> None:
    stored(tmp_path, "20260101T000000Z-0001")
    done = levelfield("report", "latest", "--results", tmp_path)
    assert (done.code, "no record" in done.err) == (0, False), done.err
    (tmp_path / "b" / "20260101T000000Z-0001" / RECORDS).unlink()
    cut = levelfield("report", "latest", "--results", tmp_path)
    assert cut.code == 1
    assert "planned cases have no record" in cut.err


def test_a_run_on_several_machines_is_a_baseline_for_the_next_one(levelfield: Command, tmp_path: Path) -> None:
    first = stored(tmp_path, "20260101T000000Z-0001")
    stored(tmp_path, "20260102T000000Z-0002", slowdown=1.5)
    there = ("--results", tmp_path)
    assert levelfield("baseline", "set", first.name, "--why", "a test", *there).code == 0
    same = levelfield("compare", "baseline", first.name, *there)
    assert same.code == 0, same.err
    slower = levelfield("compare", "baseline", "latest", *there)
    assert slower.code == 3, slower.err


@pytest.mark.parametrize(("devices", "threads"), [(("cpu",), 8), (("cpu", "2xcpu"), 4), (("cpu", "3xcpu"), 2)])
def test_devices_share_the_cores_of_the_machine(tmp_path: Path, devices: tuple[str, ...], threads: int) -> None:
    case = quick_run()[0].case
    cases = tuple(replace(case, device=device) for device in devices)
    run = RunFolder(tmp_path / "b" / "20260101T000000Z-0001" / RECORDS)
    plan = Plan(cases=cases, options={"options": OPTIONS | {"threads": None}})
    job = run_elsewhere._job(Part(case.workload), run, plan, {"cores": CORES["b"], "given": None})
    planned = json.loads(job.plan)
    assert {item["threads"] for item in planned["cases"]} == {threads}
    assert planned["options"]["options"]["unreported"], "the sender writes the report"
