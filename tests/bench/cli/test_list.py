"""`levelfield list` shows what there is to choose from, and the runs that are stored."""

from dataclasses import asdict
from pathlib import Path

import pytest

from bench.plan.options import Options
from bench.records.machine_files import set_baseline
from bench.records.store import Plan, RunFolder, new_run
from bench.workload import frameworks
from bench.workload.workload_files import workload_names
from tests.bench.cli.conftest import Command
from tests.bench.sample_records import record


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("workloads", workload_names()),
        ("frameworks", tuple(map(str, frameworks.every_contender()))),
        ("datasets", ("digits", "mnist", "synthetic")),
        ("suites", ("quick", "standard")),
    ],
)
def test_list_shows_every_name(what: str, names: tuple[str, ...], levelfield: Command) -> None:
    found = levelfield("list", what)
    assert found.code == 0
    assert all(name in found.out for name in names)


def test_list_runs_names_each_with_what_it_was_asked_for(levelfield: Command, tmp_path: Path) -> None:
    planned = new_run(tmp_path, machine="here")
    planned.save_plan(
        Plan(cases=(record().case,), options={"options": asdict(Options(workload="digits-dnn", seeds=3))})
    )
    bare = new_run(tmp_path, machine="here")
    for number in range(2):
        bare.append(record(replicate=number))
    set_baseline(tmp_path, bare, who="me", why="a test")
    found = levelfield("list", "runs", "--results", str(tmp_path))
    rows = [line for line in found.out.splitlines() if "here" in line]
    assert found.code == 0
    assert rows[0].split() == [bare.name, *began(bare), "here", "n/a", "2", "n/a", "yes"]
    asked = ["--workload", "digits-dnn", "--seeds", "3"]
    assert rows[1].split() == [planned.name, *began(planned), "here", *asked, "0", "1"]


def began(run: RunFolder) -> list[str]:
    name = run.name
    return [f"{name[:4]}-{name[4:6]}-{name[6:8]}", f"{name[9:11]}:{name[11:13]}"]


def test_list_runs_without_any_says_how_to_get_one(levelfield: Command, tmp_path: Path) -> None:
    found = levelfield("list", "runs", "--results", str(tmp_path))
    assert (found.code, found.out) == (6, "")
    assert found.err == f"levelfield: {tmp_path}: no runs yet; measure one with `levelfield run`\n"


@pytest.mark.usefixtures("only_pytorch")
def test_list_devices_is_what_each_framework_sees(levelfield: Command) -> None:
    found = levelfield("list", "devices")
    assert found.code == 0
    (line,) = found.out.splitlines()
    assert line.startswith("  pytorch: ")
    assert "sees cpu" in line
