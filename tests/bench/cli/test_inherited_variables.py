"""What starts workers refuses variables of the shell that would spoil its results, before anything is started."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cli import compare_commits, diagnosis, run
from bench.plan.request import check_variables
from bench.records import control_groups
from bench.records import environment as surroundings
from bench.records.environment import changed_to_now, inherited_variables
from bench.records.record_lines import to_line
from bench.records.shell import shell
from bench.records.store import RunFolder
from bench.workload import frameworks
from bench.workload.frameworks import Contender
from tests.bench.cli.conftest import Command, Place, records
from tests.bench.records.fake_root import lay_out

COMMANDS: Sequence[Sequence[str]] = (
    ("run", "digits-dnn"),
    ("run", "digits-dnn", "--dry-run"),
    ("run", "digits-dnn", "--self-check"),
    ("run", "digits-dnn", "--against", "."),
    ("tune", "digits-dnn"),
    ("verify", "digits-dnn"),
    ("doctor", "--calibrate"),
)


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_that_starts_workers_refuses_such_variables_all_at_once(
    command: Sequence[str], levelfield: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_DISABLE_JIT", "1")
    monkeypatch.setenv("PYTHONMALLOC", "debug")
    found = levelfield(*command)
    assert compare_commits.HERE.is_dir(), "imported before the fixture forbids processes"
    assert found.code == 2
    (line,) = found.err.splitlines()
    assert "JAX_DISABLE_JIT=1 (JAX compiles nothing), PYTHONMALLOC=debug (Python checks each allocation)" in line
    assert line.endswith("run `unset JAX_DISABLE_JIT PYTHONMALLOC` first")


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("framework", "name", "code"),
    [
        ("pytorch", "JAX_DISABLE_JIT", 0),
        ("keras/tensorflow", "JAX_DISABLE_JIT", 0),
        ("flax", "JAX_DISABLE_JIT", 2),
        ("pytorch,keras/jax", "JAX_DISABLE_JIT", 2),
        ("flax", "TF_CPP_MAX_VLOG_LEVEL", 0),
        ("keras/tensorflow", "TF_CPP_MAX_VLOG_LEVEL", 2),
        ("keras/torch", "TORCH_COMPILE_DISABLE", 2),
        ("pytorch", "PYTHONDEVMODE", 2),
    ],
)
def test_a_variable_is_refused_only_where_a_chosen_framework_reads_it(
    framework: str, name: str, code: int, levelfield: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    assert levelfield("run", "digits-dnn", "--framework", framework, "--dry-run").code == code


@pytest.mark.usefixtures("nothing_starts")
def test_verify_and_tune_refuse_only_what_a_chosen_framework_reads(
    levelfield: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_COMPILE_DISABLE", "1")
    for command in ("verify", "tune"):
        found = levelfield(command, "digits-dnn", "--framework", "keras/torch")
        assert (found.code, "TORCH_COMPILE_DISABLE=1 (torch.compile" in found.err) == (2, True)
    assert check_variables(("cpu",), (Contender("keras", "jax"), Contender("flax"))) == (), "TensorFlow is the second"


def test_what_the_plan_of_a_run_imports_is_not_on_its_records(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan deals the rows of a table to its parts by scikit-learn, which sets variables."""
    monkeypatch.delenv("KMP_INIT_AT_FORK", raising=False)
    seen = []

    def plan(*_: object, **__: object) -> None:
        monkeypatch.setenv("KMP_INIT_AT_FORK", "FALSE")
        seen.append((inherited_variables(), dict(shell())))
        raise SystemExit(0)

    monkeypatch.setattr(run, "tell_plan", plan)
    assert levelfield("run", "digits-dnn", "--dry-run", "--results", tmp_path).code == 0
    assert all("KMP_INIT_AT_FORK" not in found for pair in seen for found in pair)
    assert len(seen) == 1


def test_a_harmless_value_is_not_refused(levelfield: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_DISABLE_JIT", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    found = levelfield("run", "digits-dnn", "--dry-run")
    assert found.code == 0
    assert "warning: no effect of OMP_NUM_THREADS=7: --threads sets the number of threads" in found.err


def resumable(place: Place, variables: dict[str, str]) -> RunFolder:
    """The run without its last record, as if it had been measured in a shell with these variables."""
    run = RunFolder(place.records)
    kept = records(place)[:-1]
    here = changed_to_now(kept[0].environment)
    shell = replace(here, variables={**(here.variables or {}), **variables})
    place.records.write_text("".join(f"{to_line(replace(item, environment=shell))}\n" for item in kept))
    return run


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_that_is_continued_in_another_shell_is_told_before_anything_is_measured(
    levelfield: Command, place: Place
) -> None:
    run = resumable(place, {"TF_ENABLE_ONEDNN_OPTS": "0"})
    found = levelfield("run", "--resume", run.name, "--dry-run", "--results", place.results)
    assert found.code == 0, found.err
    assert f"{run.name} was begun in another environment" in found.err
    assert "TF_ENABLE_ONEDNN_OPTS (0 / not set)" in found.err


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_that_is_continued_in_the_same_shell_is_told_nothing(levelfield: Command, place: Place) -> None:
    run = resumable(place, {})
    found = levelfield("run", "--resume", run.name, "--dry-run", "--results", place.results)
    assert found.code == 0, found.err
    assert "another environment" not in found.err


def test_the_records_of_a_run_have_the_variables_of_its_shell(place: Place) -> None:
    assert all(item.environment.variables is not None for item in records(place))
    names = {
        name for line in place.records.read_text().splitlines() for name in json.loads(line)["environment"]["variables"]
    }
    assert "KERAS_BACKEND" not in names, "what the harness sets is not inherited"


def quota_of_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with one of 16 processors and 1 GiB of memory."""
    monkeypatch.setattr(control_groups, "ROOT", lay_out(root, {"cpu.max": "100000 100000", "memory.max": str(2**30)}))
    monkeypatch.setattr(surroundings, "affinity", lambda: list(range(16)))
    monkeypatch.setattr(surroundings, "host_cores", lambda: 16)


@pytest.mark.usefixtures("nothing_starts")
def test_more_threads_or_memory_than_the_control_group_allows_are_refused_with_the_reason(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota_of_one(tmp_path, monkeypatch)
    found = levelfield("run", "digits-dnn", "--threads", 8)
    assert found.code == 2
    assert found.err.startswith(
        "levelfield: --threads: found 8, expected 1, the cores that this process may use (1 of 16 processors ("
    )
    found = levelfield("run", "digits-dnn", "--batch-size", "auto:8GB")
    assert found.code == 2
    assert (
        "--batch-size: found 'auto:8GB', expected at most 1.1 GB, the memory that this process may use (" in found.err
    )


def test_the_doctor_and_the_list_of_devices_name_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [item.subject for item in diagnosis.examine_limits() if "control group" in item.found] == []
    quota_of_one(tmp_path, monkeypatch)
    first, second = (item.found for item in diagnosis.examine_limits())
    assert first == "1 of 16 processors (quota of the control group)"
    assert second.startswith("1 of ")


def test_the_doctor_names_refused_variables_with_the_command_that_removes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_DISABLE_JIT", "1")
    (found,) = (item for item in diagnosis._variables() if not item.ready)
    assert (found.subject, found.remedy) == ("variable JAX_DISABLE_JIT", "`unset JAX_DISABLE_JIT`")
    monkeypatch.delenv("JAX_DISABLE_JIT")
    assert all(item.ready for item in diagnosis._variables())


def test_the_doctor_names_variables_without_effect_as_a_run_does(
    levelfield: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    line = "no effect of OMP_NUM_THREADS=7: --threads sets the number of threads"
    assert line in [item.found for item in diagnosis._variables()]
    assert all(item.ready and item.remedy is None for item in diagnosis._variables() if item.found == line)
    assert line in levelfield("run", "digits-dnn", "--dry-run").err
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert line not in [item.found for item in diagnosis._variables()]


def test_the_doctor_tells_of_a_variable_that_an_installed_framework_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_DISABLE_JIT", "1")
    monkeypatch.setattr(frameworks, "is_installed", lambda contender: contender.library == "torch")
    assert all(item.ready for item in diagnosis._variables())
    monkeypatch.setattr(frameworks, "is_installed", lambda contender: contender.library == "jax")
    assert not all(item.ready for item in diagnosis._variables())
