"""`levelfield watch` shows what is stored of a run, ends with it, and does nothing to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cli import watch
from bench.cli.console import console
from bench.records.record import Record
from bench.records.record_lines import to_line
from bench.records.store import RECORDS, Plan, RunFolder
from bench.report.case_lines import line
from bench.run.worker_client import ROOT
from tests.bench.cli.conftest import Command
from tests.bench.sample_records import quick_run, record

RECORDS_OF_RUN = quick_run(workloads=("digits-dnn",))
NUMBER = len(RECORDS_OF_RUN)
HALF = NUMBER // 2


@pytest.fixture(autouse=True)
def priority(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The priorities that were asked for: the process of the tests keeps its own."""
    asked: list[int] = []
    monkeypatch.setattr(os, "nice", asked.append)
    monkeypatch.setattr(watch, "LOOK_S", 0.01)
    return asked


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run with a plan and no records, which no process measures."""
    made = RunFolder(tmp_path / "results" / "machine-1" / "20260101T000000Z-0000" / RECORDS)
    cases = tuple(item.case for item in RECORDS_OF_RUN)
    made.save_plan(Plan(cases=cases, options={}, estimates_s=(3.0,) * len(cases)))
    return made


def results(run: RunFolder) -> tuple[str, Path]:
    return "--results", run.folder.parents[1]


def store(run: RunFolder, records: Sequence[Record]) -> None:
    for item in records:
        run.append(item)


def printed(records: Sequence[Record]) -> list[str]:
    return [line(item) for item in records]


def test_a_finished_run_is_a_line_for_each_case_and_ends_with_0(levelfield: Command, run: RunFolder) -> None:
    store(run, RECORDS_OF_RUN)
    found = levelfield("watch", *results(run))
    assert found.code == 0, found.err
    *cases, end = found.out.splitlines()
    assert cases == printed(RECORDS_OF_RUN)
    again = f"levelfield report {run.name} --results {run.folder.parents[1]}"
    assert end == f"{run.name} is finished: {NUMBER} of {NUMBER} cases; `{again}` shows the results"
    assert found.err == f"{run.name} on machine-1: digits-dnn; pytorch, keras/tensorflow, flax; cpu; idiomatic; fp32\n"


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (replace(RECORDS_OF_RUN[-1], outcome="failed", error="it broke"), f"{NUMBER} of {NUMBER} cases, 1 failed"),
        (record(certificate="failed"), f"{NUMBER} of {NUMBER} cases;"),
    ],
)
def test_a_case_that_failed_or_is_not_proven_ends_with_1(
    levelfield: Command, run: RunFolder, last: Record, said: str
) -> None:
    store(run, [*RECORDS_OF_RUN, replace(last, case=RECORDS_OF_RUN[-1].case, attempt=2)])
    found = levelfield("watch", run.name, *results(run))
    assert (found.code, said in found.out) == (1, True)


def test_where_nothing_was_measured_it_ends_with_6(levelfield: Command, run: RunFolder) -> None:
    found = levelfield("watch", *results(run))
    assert found.code == 6
    assert f"interrupted after 0 of {NUMBER} cases; continue with `levelfield run --resume {run.name}" in found.out
    assert f"{run.records}: nothing was measured\n" in found.err


def test_without_a_run_it_says_where_it_looked_and_what_to_do(levelfield: Command, tmp_path: Path) -> None:
    found = levelfield("watch", "--results", tmp_path / "nowhere")
    assert (found.code, found.out) == (6, "")
    assert f"{tmp_path / 'nowhere'}: found no run, expected one; start one with `levelfield run`" in found.err


def test_a_name_that_no_run_has_ends_with_2(levelfield: Command, run: RunFolder) -> None:
    store(run, RECORDS_OF_RUN)
    found = levelfield("watch", "1999", *results(run))
    assert (found.code, found.out) == (2, "")
    assert "run '1999': no such run" in found.err
    assert run.name in found.err, "what there is"


def test_a_run_that_ended_early_was_interrupted(levelfield: Command, run: RunFolder) -> None:
    store(run, RECORDS_OF_RUN[:HALF])
    found = levelfield("watch", "latest", *results(run))
    assert found.code == 1
    assert f"interrupted after {HALF} of {NUMBER} cases; continue with `levelfield run --resume" in found.out


WRITER = """
import sys, time
from pathlib import Path
from bench.records.store import RunFolder
with RunFolder(Path(sys.argv[1])).measuring():
    print("ready", flush=True)
    time.sleep(600)
"""


@contextmanager
def measuring(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that says that it measures the run."""
    command = [sys.executable, "-c", WRITER, str(run.records)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_a_run_that_was_killed_while_it_wrote_is_told_from_one_that_goes_on(
    levelfield: Command, run: RunFolder
) -> None:
    store(run, RECORDS_OF_RUN[:HALF])
    with run.records.open("a") as file:
        file.write(to_line(RECORDS_OF_RUN[HALF])[:200])
    with measuring(run) as process:
        going_on = levelfield("watch", "--once", *results(run))
        process.kill()
        process.wait()
        killed = levelfield("watch", *results(run))
    assert run.process.exists(), "a process that is killed removes nothing"
    assert going_on.code == 0
    assert going_on.out.splitlines()[-1].startswith(f"{run.name} is running: {HALF} of {NUMBER} cases, ")
    assert going_on.out.endswith(" left\n")
    assert "skipped" not in going_on.err, "the line may still be written"
    assert killed.code == 1
    assert f"interrupted after {HALF} of {NUMBER} cases (its process is gone); continue with" in killed.out
    assert "the file is cut off here" in killed.err
    assert going_on.out.splitlines()[:-1] == killed.out.splitlines()[:-1] == printed(RECORDS_OF_RUN[:HALF])


def test_a_run_is_followed_while_it_is_written_and_ends_with_it(levelfield: Command, run: RunFolder) -> None:
    """A thread writes every line in two parts."""

    def write() -> None:
        for item in RECORDS_OF_RUN:
            whole = f"{to_line(item)}\n".encode()
            for part in (whole[:300], whole[300:]):
                with run.records.open("ab") as file:
                    file.write(part)
                time.sleep(0.02)

    with ThreadPoolExecutor(1) as pool, run.measuring():
        writing = pool.submit(write)
        writing.add_done_callback(lambda _: run.process.unlink())  # as at the end of a run
        found = levelfield("watch", *results(run))
        writing.result()
    assert found.code == 0, found.err
    assert found.out.splitlines()[:-1] == printed(RECORDS_OF_RUN)
    assert "skipped" not in found.err


def test_a_process_on_another_machine_cannot_be_seen(levelfield: Command, run: RunFolder) -> None:
    store(run, RECORDS_OF_RUN[:-1])
    with run.measuring():
        elsewhere = run.process.read_text()
        run.process.write_text(elsewhere.replace(str(os.getpid()), "1").replace('"boot": "', '"boot": "another-'))
        open_ended = levelfield("watch", "--once", *results(run))
        store(run, RECORDS_OF_RUN[-1:])
        whole = levelfield("watch", *results(run))
    assert f"{NUMBER - 1} of {NUMBER} cases; its process is on another machine" in open_ended.out
    assert f"warning: {run.name}: its process is on another machine" in open_ended.err
    assert whole.code == 0
    assert "is finished" in whole.out


def test_a_damaged_process_file_does_not_say_that_the_run_has_ended(levelfield: Command, run: RunFolder) -> None:
    store(run, RECORDS_OF_RUN[:HALF])
    run.process.write_text("{")
    found = levelfield("watch", "--once", *results(run))
    assert "artifacts/process.json cannot be read, so it is not known whether it still runs" in found.err
    assert "interrupted" not in found.out
    run.process.unlink()
    assert "interrupted" in levelfield("watch", "--once", *results(run)).out


def test_text_of_a_plan_stays_on_its_line_and_colours_nothing(levelfield: Command, run: RunFolder) -> None:
    case = replace(RECORDS_OF_RUN[0].case, workload="own\x1b[31m\nwine")
    run.save_plan(replace(run.load_plan(), cases=(case,)))
    store(run, RECORDS_OF_RUN)
    found = levelfield("watch", "--once", *results(run))
    assert "own\\x1b[31m wine; " in found.err.splitlines()[0]
    assert "\x1b[31m" not in found.err


def test_a_records_file_without_a_plan_is_shown(levelfield: Command, run: RunFolder) -> None:
    store(run, RECORDS_OF_RUN)
    run.plan.unlink()
    found = levelfield("watch", run.records, *results(run))
    assert found.code == 0
    assert "found no plan, so it is not known which cases are left" in found.err
    assert f"is measured by no process: {NUMBER} cases are stored; `levelfield report {run.records}" in found.out


def test_it_writes_nothing_and_goes_behind_everything_else(
    levelfield: Command, run: RunFolder, priority: list[int]
) -> None:
    def state() -> dict[Path, tuple[int, bytes]]:
        files = [path for path in run.folder.parents[1].rglob("*") if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    store(run, RECORDS_OF_RUN)
    before = state()
    levelfield("watch", *results(run))
    assert state() == before
    assert priority == [19]


@contextmanager
def watching(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, with pipes in place of a terminal."""
    command = [sys.executable, "-m", "bench", "watch", run.name, *map(str, results(run))]
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:  # type: ignore[call-overload]
            try:
                yield process
            finally:
                process.kill()
    finally:
        signal.signal(signal.SIGINT, heard)


def test_a_pipe_gets_a_line_as_soon_as_a_case_is_finished_and_ctrl_c_ends_only_the_watching(run: RunFolder) -> None:
    store(run, RECORDS_OF_RUN[:1])
    with run.measuring(), watching(run) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{line(RECORDS_OF_RUN[0])}\n"
        store(run, RECORDS_OF_RUN[1:2])
        assert process.stdout.readline() == f"{line(RECORDS_OF_RUN[1])}\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert run.process.exists()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == f"levelfield: interrupted; {run.name} was not touched"
    assert RunFolder(run.records).read(warn=pytest.fail) == list(RECORDS_OF_RUN[:2])


IMPORTS = """
import sys
from bench.cli import main
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_it_imports_no_framework_and_no_scipy(run: RunFolder) -> None:
    store(run, RECORDS_OF_RUN)
    command = [sys.executable, "-c", IMPORTS, "watch", *map(str, results(run))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    imported = set(done.stderr.splitlines()[-1].split())
    assert imported & {"torch", "tensorflow", "keras", "jax", "flax", "scipy", "sklearn", "altair"} == set()
    assert {"numpy", "rich", "pydantic"} <= imported, "the list is that of the imported modules"


def test_on_a_terminal_it_shows_how_far_the_run_is_and_what_comes_next(
    run: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, levelfield: Command
) -> None:
    monkeypatch.setattr(console, "_force_terminal", True)
    store(run, [replace(RECORDS_OF_RUN[0], outcome="oom", error="no memory left"), *RECORDS_OF_RUN[1:3]])
    with run.measuring():
        found = levelfield("watch", "--once", *results(run))
    capsys.readouterr()
    assert f"3 of {NUMBER} cases" in found.out
    assert "1 failed, " in found.out
    assert "waiting for the record of digits-dnn pytorch inference, timing 2" in found.out
    assert found.code == 1


@pytest.mark.parametrize("change", [lambda plan: replace(plan, estimates_s=()), lambda plan: plan])
def test_the_time_left_is_known_for_plans_with_and_without_estimates(
    levelfield: Command, run: RunFolder, change: Callable[[Plan], Plan]
) -> None:
    run.save_plan(change(run.load_plan()))
    store(run, RECORDS_OF_RUN[:HALF])
    with run.measuring():
        found = levelfield("watch", "--once", *results(run))
    assert found.out.splitlines()[-1].endswith(" s left")
