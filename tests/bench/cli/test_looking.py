"""`levelfield verify`, `list` and `doctor`, and what all commands share."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.analysis import equivalence
from bench.cli import catalogue, compare_commits
from bench.plan.options import Options
from bench.records.measurement import Measurement, Turns
from bench.records.store import Plan, RunFolder, new_run, set_baseline
from bench.workload import frameworks
from bench.workload.frameworks import Contender
from bench.workload.workload import workload_names
from tests.bench.cli.conftest import Command, Finished
from tests.bench.sample_records import ENVIRONMENT, block, record

FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "flax", "sklearn"}


def verify(finished: Finished) -> list[str]:
    """The command whose traces the finished run has left in the cache."""
    return ["verify", "--workload", str(finished.place.workload), "--framework", "pytorch,flax"]


def test_verify_as_json_says_whether_all_passed_and_by_how_much(levelfield: Command, finished: Finished) -> None:
    found = levelfield(*verify(finished), "--format", "json")
    assert found.code == 0
    content = json.loads(found.out)
    assert content["passed"] is True
    assert [(item["workload"], item["contender"], item["passed"]) for item in content["certificates"]] == [
        ("tiny", "pytorch", True),
        ("tiny", "flax", True),
    ]
    deviations = content["certificates"][0]["deviations"]
    assert {"float64 forward", "float64 weights after 100 steps", "float32 forward"} <= {
        item["check"] for item in deviations
    }
    assert all(0 <= item["found"] <= item["allowed"] for item in deviations)


def test_verify_as_a_table_names_the_largest_deviations(levelfield: Command, finished: Finished) -> None:
    found = levelfield(*verify(finished))
    assert found.code == 0
    assert found.out.count("passed") == 2


def test_verify_ends_with_1_where_a_deviation_is_too_large(
    levelfield: Command, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equivalence, "FLOAT32_LIMIT", 1e-30)
    found = levelfield(*verify(finished), "--format", "json")
    assert found.code == 1
    assert json.loads(found.out)["passed"] is False


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["verify", "--format", "yaml"], "--format: found 'yaml', expected one of table, json"),
        (["verify", "--framework", "theano"], "--framework: found 'theano', expected one of "),
        (["verify", "--framework", ""], "--framework: found '', expected names separated by commas"),
        (["verify", "--workload", "digits"], "workload: found 'digits', expected one of "),
        (["verify", "--device", "tpu"], "--device: found 'tpu', expected cpu, cuda or cuda:N"),
        (
            ["list", "models"],
            "list: found 'models', expected one of workloads, frameworks, datasets, suites, devices, runs",
        ),
        (["verify", "--workload", "mnist-ddn"], "workload: found 'mnist-ddn', expected one of "),
        (["list"], "Missing argument"),
        (["sing"], "No such command 'sing'"),
    ],
)
def test_a_mistake_ends_with_2_and_one_line(arguments: list[str], line: str, levelfield: Command) -> None:
    found = levelfield(*arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"levelfield: {line}")
    assert found.err.count("\n") == 1


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


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["--workload", "mnist-ddn"], "(did you mean mnist-dnn or mnist-cnn or mnist-dnn-sgd?)"),
        (["--framework", "pytorhc"], "(did you mean pytorch?)"),
    ],
)
@pytest.mark.usefixtures("nothing_starts")
def test_a_misspelt_name_is_answered_by_those_like_it(arguments: list[str], near: str, levelfield: Command) -> None:
    assert levelfield("verify", *arguments).err.endswith(f"{near}\n")
    assert "did you mean" not in levelfield("verify", arguments[0], "zzzz").err


def test_list_runs_names_each_with_what_it_was_asked_for(levelfield: Command, tmp_path: Path) -> None:
    planned = new_run(tmp_path, machine="here")
    planned.save_plan(
        Plan(cases=(record().case,), options={"options": asdict(Options(workload="digits-dnn", seeds=3))})
    )
    bare = new_run(tmp_path, machine="here")
    for _ in range(2):
        bare.append(record())
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


@pytest.fixture
def only_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing else were known: the others take seconds to start."""
    monkeypatch.setattr(frameworks, "every_contender", lambda: (Contender("pytorch"),))


@pytest.mark.usefixtures("only_pytorch")
def test_list_devices_is_what_each_framework_sees(levelfield: Command) -> None:
    found = levelfield("list", "devices")
    assert found.code == 0
    (line,) = found.out.splitlines()
    assert line.startswith("  pytorch: ")
    assert "sees cpu" in line


@pytest.mark.usefixtures("only_pytorch")
def test_doctor_has_a_line_for_everything_and_marks_what_has_a_remedy(levelfield: Command) -> None:
    found = levelfield("doctor")
    assert found.code == 0
    lines = found.out.splitlines()
    subjects = [line[2:].partition(":")[0] for line in lines]
    assert subjects[:2] == ["pytorch", "machine"]
    assert len(subjects) == len(set(subjects)) > 8
    assert all((line[0] == "!") == ("  -> " in line) for line in lines)


@pytest.mark.usefixtures("nothing_starts")
def test_an_interrupt_of_any_command_ends_with_130(levelfield: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(catalogue.LISTS, "workloads", interrupted)
    found = levelfield("list", "workloads")
    assert found.code == 130
    assert found.err.strip() == "levelfield: interrupted"


def test_without_a_command_there_is_help(levelfield: Command) -> None:
    found = levelfield()
    assert found.code in {0, 2}
    assert "run" in found.out + found.err
    assert levelfield("--help").code == 0
    assert "verify" in levelfield("--help").out


SCRIPT = """
import sys
from bench.cli import main
sys.argv = ["levelfield", *sys.argv[1:]]
try:
    main()
finally:
    print(sorted({names!r} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list", "workloads"],
        ["list", "frameworks"],
        ["run", "--dry-run"],
        ["report", "--format", "csv", "RECORDS"],
        ["report", "RECORDS", "--reports", "REPORTS"],
        ["compare", "RECORDS", "RECORDS"],
    ],
    ids=" ".join,
)
def test_what_plans_and_shows_imports_no_framework(arguments: list[str], finished: Finished, tmp_path: Path) -> None:
    known = {"RECORDS": str(finished.place.records), "REPORTS": str(tmp_path)}
    command = [sys.executable, "-c", SCRIPT.format(names=FRAMEWORKS), *(known.get(word, word) for word in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 4}
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_list_of_workloads_does_not_wait_for_numpy() -> None:
    command = [sys.executable, "-c", SCRIPT.format(names={"numpy", "pandas", "scipy"}), "list", "workloads"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_check_for_imports_can_fail() -> None:
    command = [sys.executable, "-c", SCRIPT.format(names={"typer"}), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "['typer']"


def test_a_calibration_is_printed_stored_and_used(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_: Path, options: Options, *, results: Path) -> tuple[list[Path], list[Path]]:
        assert (options.suite, options.processes) == ("quick", 5)
        return [stored_in_turns(results, seed=1)], [stored_in_turns(results, seed=2)]

    monkeypatch.setattr(compare_commits, "measure", measure)
    found = levelfield("doctor", "--calibrate", "--processes", 5, "--results", tmp_path)
    assert found.code == 0, found.err
    assert f"{ENVIRONMENT.machine} against itself" in found.out
    assert "0 of 3 (at most " in found.out, "two metrics, and both together"
    stored = tmp_path / ENVIRONMENT.machine / "calibration.json"
    assert json.loads(stored.read_text())["pairs"] == 5
    pair = [next(tmp_path.glob("*/*/records.jsonl"))] * 2
    assert levelfield("compare", *pair, "--results", tmp_path).code in {0, 4}
    stored.write_text("{}")
    damaged = levelfield("compare", *pair, "--results", tmp_path)
    assert (damaged.code, damaged.out) == (1, "")
    assert "calibrate again" in damaged.err


def stored_in_turns(results: Path, *, seed: int) -> Path:
    """A run of one cell in five processes, each of which had turns with another's."""
    run = new_run(results, machine=ENVIRONMENT.machine)
    for number in range(5):
        timed = block(32, samples=80, seed=10 * seed + number)
        turns = Turns(session="one", synchronised_calls=4, pipelined_rounds=2)
        measurement = Measurement(blocks=(replace(timed, turns=turns),))
        run.append(record(replicate=number, order=number, run=run.name, measurement=measurement))
    return run.folder


def test_a_calibration_needs_the_pairs_of_a_comparison(levelfield: Command, tmp_path: Path) -> None:
    found = levelfield("doctor", "--calibrate", "--processes", 4, "--results", tmp_path)
    assert (found.code, found.err) == (
        2,
        "levelfield: --processes: found 4, expected at least 5: pairs of one comparison (or 0 with --add)\n",
    )


def test_pairs_that_were_measured_before_are_a_calibration_too(levelfield: Command, tmp_path: Path) -> None:
    place = tmp_path / "turns-before"
    for seed, side in enumerate(("base", "head")):
        stored_in_turns(place / side, seed=seed)
    found = levelfield("doctor", "--calibrate", "--processes", 0, "--add", place, "--results", tmp_path)
    assert found.code == 0, found.err
    assert "5 pairs of processes for each cell" in found.out
    nowhere = levelfield("doctor", "--calibrate", "--add", tmp_path / "nowhere", "--results", tmp_path)
    assert (nowhere.code, nowhere.out) == (2, "")
    assert f"found no records of both sides in {tmp_path / 'nowhere'}" in nowhere.err
