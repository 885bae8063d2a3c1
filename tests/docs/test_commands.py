"""The command line understands every command on a page, and the shell blocks of a page run from top to end."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer import Context
from typer.main import get_group

from bench.cli import app
from tests.docs import data_of_pages
from tests.docs.pages import EVERY, ROOT, Block, blocks, commands, text

GROUP: Any = get_group(app)
COMPLETION = {"--install-completion", "--show-completion"}  # which typer adds when the command line runs
SESSIONS = re.findall(r"@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text())

# `nox -s bench` takes what `levelfield run` takes. A suite takes a minute or more: here it is only planned.
# A comparison may end inconclusive or with a false alarm, and `doctor` finds other work, on a busy machine.
SHELL = """
set -eu
levelfield() {{
    code=0
    "{python}" -m bench "$@" || code=$?
    case "$1 $code" in "compare 3" | "compare 4" | "doctor 1" | "drift 3" | "drift 4") return 0 ;; esac
    return "$code"
}}
nox() {{
    case "$1 $2" in "-s demo") set -- --suite demo ;; *) shift 2 ;; esac
    [ "${{1:-}}" != "--" ] || shift
    levelfield run "$@" --dry-run
}}
python() {{ [ "$*" = "-m pip install nox" ] || "{python}" "$@"; }}
"""


def _understood(command: str) -> None:
    """Fail unless the command line takes this command."""
    words = shlex.split(command.replace("python -m bench", "levelfield").partition(" > ")[0])
    if words[0] == "nox":
        name, *more = words[2:]
        assert name in SESSIONS, f"{command}: found {name!r}, expected one of {', '.join(SESSIONS)}"
        if name not in {"demo", "bench", "compare"}:
            return  # the rest goes to pytest or to another program
        taken = 3 if more[1:2] == ["--base"] else 1  # what nox itself takes
        words = ["levelfield", "demo" if name == "demo" else "run", *more[taken:]]
    found, rest = GROUP, words[1:]
    while hasattr(found, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in found.commands, f"{command}: found {rest[0]!r}, expected one of {', '.join(found.commands)}"
        found, rest = found.commands[rest[0]], rest[1:]
    known = {option for parameter in found.get_params(Context(found)) for option in parameter.opts} | COMPLETION
    if hasattr(found, "commands"):
        assert set(rest) <= known, f"{command}: found {rest}, expected options among {', '.join(sorted(known))}"
    else:
        found.make_context(words[1], rest)


@pytest.mark.parametrize("page", [page for page in EVERY if commands(text(page))])
def test_the_command_line_understands_every_command_of_a_page(page: str) -> None:
    for command in commands(text(page)):
        _understood(command)


@pytest.mark.parametrize(
    "wrong",
    [
        "levelfield run --speed 11",
        "nox -s sing",
        "levelfield sing",
        "levelfield baseline sing",
        "levelfield --sing",
        "nox -s compare -- --base main --speed 11",
        "nox -s demo -- --speed 11",
    ],
)
def test_a_command_that_does_not_exist_is_found(wrong: str) -> None:
    with pytest.raises(Exception, match=r"--speed|sing"):
        _understood(wrong)


def _script(found: list[Block], folder: Path) -> str:
    """The shell blocks of a page as one script; TOML blocks with a name are files in the folder."""
    for block in found:
        if block.file:
            (folder / block.file).write_text(block.text)
    return SHELL.format(python=sys.executable) + "\n".join(block.text for block in found if block.language == "sh")


def _run(content: str, folder: Path) -> subprocess.CompletedProcess[str]:
    data_of_pages.write(folder)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    script = _script(blocks(content), folder)
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.timeout(900)  # a page is minutes of commands
@pytest.mark.parametrize("page", [page for page in EVERY if any(item.language == "sh" for item in blocks(text(page)))])
def test_the_shell_blocks_of_a_page_run_from_top_to_end(page: str, tmp_path: Path) -> None:
    done = _run(text(page), tmp_path)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_a_shell_block_that_fails_is_found(tmp_path: Path) -> None:
    page = "```toml\n# wrong.toml\nname = 1\n```\n\n```sh\nlevelfield show wrong.toml\n```\n"
    done = _run(page, tmp_path)
    assert done.returncode == 2
    assert "wrong.toml" in done.stderr
