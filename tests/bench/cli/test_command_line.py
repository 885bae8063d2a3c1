"""What all commands share: mistakes, interrupts, help, and what they import."""

import errno
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from typer.main import get_group

from bench.cli import app, catalogue
from bench.cli.examples import EXAMPLES
from bench.plan.options import COMPARE, HOW, WHAT, WHERE
from tests.bench.cli.conftest import Command, Finished


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["verify", "--format", "yaml"], "--format: found 'yaml', expected table or json"),
        (["verify", "--framework", "theano"], "--framework: found 'theano', expected one of "),
        (["verify", "--framework", ""], "--framework: found '', expected names separated by commas"),
        (
            ["verify", "--workload", "digits"],
            "workload: found 'digits' (did you mean digits-",
        ),
        (["verify", "--device", "tpu"], "--device: found 'tpu', expected cpu, cuda or cuda:N"),
        (
            ["list", "models"],
            "list: found 'models', expected one of workloads, frameworks, datasets, suites, devices, runs",
        ),
        (["verify", "--workload", "mnist-ddn"], "workload: found 'mnist-ddn' (did you mean mnist-dnn or "),
        (["compare", "--threshold", "abc"], "--threshold: found 'abc', expected a number\n"),
        (["tune", "--threads", "2.5"], "--threads: found '2.5', expected a whole number\n"),
        (["list"], "Missing argument"),
        (["sing"], "No such command 'sing'"),
    ],
)
def test_a_mistake_ends_with_2_and_one_line(arguments: list[str], line: str, levelfield: Command) -> None:
    found = levelfield(*arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"levelfield: {line}")
    assert found.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (
            ["--workload", "mnist-ddn"],
            (
                "(did you mean mnist-dnn or mnist-cnn or mnist-dnn-sgd?), expected the name of a workload or the path "
                "of a TOML file; `levelfield list workloads` names all\n"
            ),
        ),
        (["--framework", "pytorhc"], "(did you mean pytorch?), expected one of "),
    ],
)
@pytest.mark.usefixtures("nothing_starts")
def test_a_misspelt_name_is_answered_by_those_like_it(arguments: list[str], near: str, levelfield: Command) -> None:
    assert f"found {arguments[1]!r} {near}" in levelfield("verify", *arguments).err
    assert "did you mean" not in levelfield("verify", arguments[0], "zzzz").err


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("command", ["report", "show", "run", "run --resume", "compare latest", "baseline set --why x"])
def test_a_path_that_nobody_can_look_at_ends_with_2_and_one_line(command: str, levelfield: Command) -> None:
    found = levelfield(*command.split(), f"{'x' * 300}.toml")
    assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
    assert "(File name too long), expected " in found.err


def test_an_error_of_the_system_that_is_not_about_such_a_path_is_not_hidden(
    levelfield: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (OSError(errno.EIO, "broken", "disk"), OSError(errno.EACCES, "no path")):
        monkeypatch.setitem(catalogue.LISTS, "workloads", Mock(side_effect=error))
        with pytest.raises(OSError, match=r"broken|no path"):
            levelfield("list", "workloads")


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


COMMANDS: dict[str, Any] = dict(get_group(app).commands)
BASELINE: dict[str, Any] = {f"baseline {name}": command for name, command in COMMANDS["baseline"].commands.items()}


def test_every_option_has_a_help_text() -> None:
    silent = [
        f"{name} {option.name}"
        for name, command in (COMMANDS | BASELINE).items()
        for option in command.params
        if not (option.help or getattr(option, "hidden", False))
    ]
    assert silent == []


def test_the_options_of_run_are_in_four_groups() -> None:
    groups = {option.rich_help_panel for option in COMMANDS["run"].params if option.name != "names"}
    assert groups - {None} == {WHAT, HOW, COMPARE, WHERE}
    apart = [item for item in COMMANDS["run"].params if not item.rich_help_panel and item.name != "names"]
    assert [item.name for item in apart] == ["turns", "only", "unreported"]
    assert all(item.hidden for item in apart), "these are for processes of Levelfield, and --help leaves them out"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_three_examples_that_it_understands(name: str, levelfield: Command) -> None:
    assert len(EXAMPLES[name]) == 3
    shown = " ".join(levelfield(name, "--help").out.split())
    for call, what in EXAMPLES[name]:
        assert f"# {what} {call}" in shown
        _, command, *arguments = shlex.split(call.partition(" > ")[0])
        assert COMMANDS[command].make_context(command, arguments).command.name == command


def test_an_example_with_an_option_that_does_not_exist_is_found() -> None:
    with pytest.raises(Exception, match="No such option: --speed"):
        COMMANDS["run"].make_context("run", ["--speed", "11"])


FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "flax", "sklearn"}
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
