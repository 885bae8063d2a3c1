"""A part keeps its records on its machine until the sender has taken its end, and says why it failed."""

import json
import os
import sys
from pathlib import Path

import pytest

from bench.records.record_lines import to_line
from bench.records.store import PLAN, RECORDS, RunFolder
from bench.run import part_on_machine
from bench.run.part_on_machine import Job
from tests.bench.sample_records import record

# Another test of this process may have started the threads of JAX, which warns of each fork.
pytestmark = pytest.mark.filterwarnings(r"ignore:os\.fork:RuntimeWarning")

LINES = tuple(to_line(record(order=number, replicate=number)) for number in range(3))
# It stands for Python: it stores what is left to measure, writes a log, and ends as the plan says.
PROGRAM = """#!{python}
import json, os, pathlib, sys
words = dict(zip(sys.argv, sys.argv[1:]))
(folder,) = pathlib.Path(words["--results"]).glob(f"*/{{words['--resume']}}")
plan = json.loads((folder / "{plan}").read_text())
with (folder / "records.jsonl").open("a") as file:
    file.writelines(line + "\\n" for line in plan["lines"])
logs = folder / "artifacts" / "logs"
logs.mkdir(parents=True)
(logs / "digits-dnn-pytorch.log").write_text("a library was here")
print("levelfield: something is wrong")
if plan["signal"]:
    os.kill(os.getpid(), plan["signal"])
sys.exit(plan["code"])
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a machine on which the program stands for Python."""
    program = tmp_path / "python"
    program.write_text(PROGRAM.format(python=sys.executable, plan=PLAN))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def job(*, code: int = 0, signal: int = 0) -> Job:
    plan = json.dumps({"lines": LINES[1:], "code": code, "signal": signal})
    return Job(run="20260101T000000Z-0001", machine="m", plan=plan, lines=LINES[:1])


def test_the_folder_of_a_part_stays_until_its_end_is_taken(home: Path) -> None:
    told = part_on_machine.run(job(), environment=os.environ)
    found = [next(told) for _ in range(len(LINES[1:]) + 2)]
    assert [item["kind"] for item in found] == ["line", "line", "log", "ended"]
    assert [item["text"] for item in found[:3]] == [*LINES[1:], "a library was here"]
    (kept,) = home.rglob("records.jsonl")
    assert kept.read_text().splitlines() == list(LINES)
    assert list(told) == []
    assert not list(home.rglob("records.jsonl"))


@pytest.mark.parametrize(
    ("job", "code", "text"),
    [
        (job(code=0), 0, ""),
        (job(code=5), 5, "levelfield: something is wrong"),
        (job(signal=9), 1, "ended by SIGKILL"),
    ],
)
def test_a_part_that_fails_says_why(home: Path, job: Job, code: int, text: str) -> None:
    assert home.name == "cache"
    *_, end = part_on_machine.run(job, environment=os.environ)
    assert (end["code"], end["text"]) == (code, text)


def test_an_earlier_attempt_that_still_runs_keeps_its_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_on_machine, "PATIENCE_S", 0.4)
    earlier = RunFolder(home / "parts" / f"{job().run}-m" / "m" / job().run / RECORDS)
    with earlier.measuring():
        (end,) = part_on_machine.run(job(), environment=os.environ)
        assert (end["kind"], end["code"]) == ("ended", 1)
        assert "an earlier attempt still runs there" in end["text"]
        assert earlier.process.is_file()
    *_, end = part_on_machine.run(job(), environment=os.environ)
    assert end["code"] == 0, "it has ended"
