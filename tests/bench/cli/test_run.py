"""`levelfield run` measures what was asked for, loses nothing however it ends, and says so by its exit code."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.records.record import Record
from bench.records.store import RunFolder
from bench.run.worker_client import ROOT
from bench.workload import frameworks
from tests.bench.cli.conftest import Command, Finished, Place, prepared
from tests.bench.workloads import toml

PATIENCE_S = 120.0


def records(place: Place) -> list[Record]:
    """What is stored; every line must be a record."""
    return RunFolder(place.records).read(warn=pytest.fail)


def test_a_run_ends_with_0_and_a_record_for_every_case(finished: Finished) -> None:
    assert finished.result.code == 0, finished.result.err
    stored = records(finished.place)
    assert [item.case for item in stored] == list(RunFolder(finished.place.records).load_plan().cases)
    assert len(stored) == 2 * (2 + 2 + 1), "memory, timing and learning, for each framework"
    assert {item.outcome for item in stored} == {"ok"}
    assert all(item.certificate and item.certificate.passed for item in stored)
    assert {item.environment.machine for item in stored} == {finished.place.records.parents[1].name}


def test_a_run_prints_its_summary_where_it_is_and_which_share_was_measuring(finished: Finished) -> None:
    out = finished.result.out
    assert str(finished.place.records) in out.splitlines()[-2]
    assert str(finished.place.reports / "latest.md") in out.splitlines()[-1]
    assert re.search(r"in all: .*\d+% timed rounds.*\d+% proofs, memory, the roof and starting", out)
    assert out.count("certificate tiny") == 2
    disturbed = [line for line in finished.result.err.splitlines() if "cores busy" in line]
    assert finished.result.err.splitlines() == disturbed, "nothing but that other work disturbs, if it does"


def test_a_run_writes_its_report_with_the_command_that_repeats_it(finished: Finished) -> None:
    page = (finished.place.reports / "latest.md").read_text()
    assert f"levelfield run --workload {finished.place.workload} --framework pytorch,flax --batch-size 8" in page
    assert "Tiny" in page or "tiny" in page


def test_the_logs_of_the_libraries_are_kept_beside_the_records(finished: Finished) -> None:
    names = {path.name for path in (finished.place.records.parent / "artifacts" / "logs").iterdir()}
    assert {"tiny-pytorch.log", "tiny-flax.log", "launcher-pytorch-cpu.log"} <= names


@pytest.mark.usefixtures("nothing_starts")
def test_a_dry_run_prints_the_plan_and_its_time_and_does_nothing(levelfield: Command, tmp_path: Path) -> None:
    place = prepared(tmp_path)
    found = levelfield("run", "--dry-run", "--workload", place.workload, "--framework", "pytorch,flax", *place.places)
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0].startswith("tiny pytorch training, memory, batch 8: ")
    assert "tiny flax inference, timing 3, batch 1, 32, 256: " in found.out
    assert lines[-1].startswith(f"{len(lines) - 1} cases, about ")
    assert not place.results.exists()
    assert not place.reports.exists()


@pytest.mark.usefixtures("nothing_starts")
def test_a_dry_run_takes_its_times_from_earlier_runs(levelfield: Command, place: Place) -> None:
    lines = [json.loads(line) | {"duration_s": 45.0} for line in place.records.read_text().splitlines()]
    place.records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = ["--workload", place.workload, "--framework", "pytorch", "--batch-size", 8, "--threads", 1]
    found = levelfield("run", "--dry-run", *asked, "--processes", 1, *place.places)
    assert all(line.endswith(": 45 s") for line in found.out.splitlines()[:-1])
    assert levelfield("run", "--dry-run", *asked, *place.places, "--results", "none").out != found.out


MISTAKES: dict[str, tuple[list[str], str]] = {
    "workload": (["--workload", "digits"], "workload: found 'digits', expected one of "),
    "framework": (["--framework", "theano"], "--framework: found 'theano', expected one of "),
    "suite": (["--suite", "slow"], "--suite: found 'slow', expected one of "),
    "batch of 0": (["--batch-size", "0"], "--batch-size: found '0', expected whole numbers of at least 1"),
    "batch too large": (["--batch-size", "99999"], "--batch-size: found 99999, but digits-dnn has only 1437 training"),
    "time limit": (["--time-limit", "-1"], "--time-limit: found -1, expected seconds above 0"),
    "device": (["--device", "tpu"], "--device: found 'tpu', expected cpu, cuda or cuda:N"),
    "machine": (["--machine", "../elsewhere"], "--machine: found '../elsewhere', expected up to 80 letters"),
    "word for a number": (["--processes", "many"], "Invalid value for '--processes': "),
    "unknown option": (["--speed", "11"], "No such option: --speed"),
    "run without resume": (["20260101"], "found the argument '20260101', expected none"),
}


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_with_2_and_one_line_before_anything_is_started(
    mistake: str, levelfield: Command, tmp_path: Path
) -> None:
    arguments, line = MISTAKES[mistake]
    place = prepared(tmp_path)
    found = levelfield("run", *arguments, *place.places)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"levelfield: {line}")
    assert found.err.count("\n") == 1
    assert not place.results.exists()


TABLE = """\
name = "mine"
dataset = {{ kind = "csv", path = "mine.csv", target = "price", task = "{task}", validation = 0.25 }}

[model]
family = "dnn"

[recipe]
optimizer = {{ name = "adam" }}
batch_size = 4
epochs = 2
{more}
"""
ROWS = ["width,price", *(f"{number},{number % 2}" for number in range(20))]
WRONG_TABLES: dict[str, tuple[list[str], str, str, str]] = {
    "a missing column": (["width,prize", *ROWS[1:]], "regression", "", "dataset.target: found 'price', expected a col"),
    "a cell that is no number": ([*ROWS, "x,1"], "regression", "", "mine.csv, line 22, column 'width': found 'x', exp"),
    "a target that is nan": ([*ROWS, "1,nan"], "regression", "", "mine.csv, line 22, column 'price': found 'nan', exp"),
    "an empty class": ([*ROWS, "1,7"], "classification", "", "found no sample of class 2 in the"),
    "a metric of another task": (
        ROWS,
        "regression",
        'early_stopping = { patience = 3, metric = "accuracy" }',
        "recipe.early_stopping.metric: found 'accuracy', expected one of r2, mae, rmse, loss: the task is regression",
    ),
}


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("mistake", WRONG_TABLES)
def test_a_mistake_in_a_users_table_ends_with_2_and_one_line(mistake: str, levelfield: Command, tmp_path: Path) -> None:
    rows, task, more, line = WRONG_TABLES[mistake]
    place = prepared(tmp_path)
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    place.workload.write_text(TABLE.format(task=task, more=more))
    found = levelfield("run", "--workload", place.workload, *place.places)
    assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
    assert found.err.startswith(f"levelfield: {place.workload}: ")
    assert line in found.err
    assert not place.results.exists()


@pytest.mark.usefixtures("nothing_starts")
def test_patience_without_validation_ends_with_2(levelfield: Command, tmp_path: Path) -> None:
    place = prepared(tmp_path)
    place.workload.write_text(toml(("epochs = 2", "epochs = 2\nearly_stopping = { patience = 3 }")))
    found = levelfield("run", "--workload", place.workload, *place.places)
    assert found.code == 2
    assert "recipe.early_stopping: found no validation data to judge by" in found.err


def test_a_folder_that_cannot_be_written_ends_with_2_before_anything_is_measured(
    levelfield: Command, tmp_path: Path
) -> None:
    place = prepared(tmp_path)
    (tmp_path / "file").write_text("")
    asked = ["--workload", place.workload, "--framework", "pytorch"]
    found = levelfield("run", *asked, "--results", place.results, "--reports", tmp_path / "file" / "reports")
    assert found.code == 2
    assert f"{tmp_path / 'file' / 'reports'}: cannot be written (Not a directory)" in found.err


@pytest.mark.usefixtures("nothing_starts")
def test_a_mistake_in_a_users_workload_ends_with_2_and_the_file_and_the_key(
    levelfield: Command, tmp_path: Path
) -> None:
    place = prepared(tmp_path)
    place.workload.write_text(toml(("batch_size = 8", "batch_size = 49")))
    found = levelfield("run", "--workload", place.workload, *place.places)
    assert found.code == 2
    assert found.err == (
        f"levelfield: {place.workload}: recipe.batch_size: found 49, expected at most 48, the training samples\n"
    )


def test_a_gpu_that_is_not_there_ends_with_2_and_what_each_framework_sees(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    place = prepared(tmp_path)
    asked = ["--workload", place.workload, "--framework", "pytorch,flax", "--device", "cuda"]
    found = levelfield("run", *asked, *place.places)
    assert found.code == 2
    assert found.err.startswith("levelfield: --device: found 'cuda', but pytorch, flax cannot use it: ")
    assert "pytorch sees cpu; flax sees cpu" in found.err
    assert not place.results.exists()


@pytest.mark.usefixtures("nothing_starts")
def test_a_framework_that_is_not_installed_is_named_with_its_extra_and_the_others_are_planned(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = frameworks._version
    monkeypatch.setattr(frameworks, "_version", lambda name: None if name == "optax" else real(name))
    place = prepared(tmp_path)
    asked = ["run", "--dry-run", "--workload", place.workload, "--framework"]
    found = levelfield(*asked, "pytorch,flax", *place.places)
    assert found.code == 0
    assert found.err == "warning: flax is not installed: `pip install 'levelfield[flax]'`\n"
    assert "tiny pytorch training" in found.out
    assert "tiny flax" not in found.out
    assert levelfield(*asked, "flax", *place.places).code == 2


@pytest.mark.usefixtures("nothing_starts")
def test_installed_pairs_that_a_suite_leaves_out_are_named_and_none_where_pairs_were_asked_for(
    levelfield: Command, place: Place
) -> None:
    asked = ["run", "--dry-run", "--workload", place.workload]
    found = levelfield(*asked, *place.places)
    assert found.err == "not measured: keras/jax, keras/torch, installed too; `--framework all` measures every pair\n"
    assert "tiny keras/jax" not in found.out
    for pairs in ("pytorch", "all"):
        assert levelfield(*asked, "--framework", pairs, *place.places).err == ""


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.parametrize("percent", [100.0, 0.0])
def test_other_work_is_warned_of_before_a_run_begins_or_goes_on(
    levelfield: Command, place: Place, monkeypatch: pytest.MonkeyPatch, *, goes_on: bool, percent: float
) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: percent * (interval > 0))
    monkeypatch.setattr("bench.plan.options.check_devices", lambda *_, **__: None)
    monkeypatch.setattr("bench.run.runner.run", lambda *_: [])
    place.records.write_text("")
    found = levelfield("run", *(("--resume",) if goes_on else ("--workload", place.workload)), *place.places)
    assert ("cores busy" in found.err) == (percent > 0)
    assert "nothing was measured" in found.err


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(("percent", "warned"), [(100.0, True), (0.0, False)])
def test_other_work_is_warned_of_before_a_search(
    levelfield: Command, monkeypatch: pytest.MonkeyPatch, *, percent: float, warned: bool
) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: percent * (interval > 0))
    monkeypatch.setattr("bench.run.option_search.search", lambda *_, **__: {})
    found = levelfield("tune", "digits-dnn", "--framework", "pytorch")
    assert ("cores busy" in found.err) == warned
    assert "nothing could be timed" in found.err


@pytest.mark.usefixtures("nothing_starts")
def test_a_dry_run_of_what_is_left_prints_it_and_does_nothing(levelfield: Command, place: Place) -> None:
    first, *others = place.records.read_text().splitlines(keepends=True)
    place.records.write_text("".join(others))
    result = levelfield("run", "--resume", "--dry-run", "--results", place.results)
    assert result.code == 0, result.err
    assert "1 cases" in result.out
    assert first not in place.records.read_text()


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_that_goes_on_names_no_pairs_that_were_left_out_since_it_takes_no_others(
    levelfield: Command, place: Place
) -> None:
    path = place.records.parent / "artifacts" / "plan.json"
    plan = json.loads(path.read_text())
    plan["options"]["options"]["framework"] = None
    path.write_text(json.dumps(plan))
    place.records.write_text("")
    found = levelfield("run", "--resume", "--dry-run", "--results", place.results)
    assert found.code == 0
    assert "not measured" not in found.err


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_goes_on_with_its_own_options_and_no_others(levelfield: Command, place: Place) -> None:
    result = levelfield("run", "--resume", "--seeds", "3", "--results", place.results)
    assert result.code == 2
    assert "--resume: found other options" in result.err


@pytest.mark.usefixtures("nothing_starts")
def test_a_run_whose_workload_has_changed_is_not_continued(levelfield: Command, place: Place) -> None:
    run = RunFolder(place.records)
    plan = run.load_plan()
    run.save_plan(replace(plan, options={**plan.options, "workloads": {"tiny": "another digest"}}))
    place.records.write_text("")
    result = levelfield("run", "--resume", run.name, "--results", place.results)
    assert result.code == 2
    assert "tiny.toml: changed since" in result.err


def test_where_no_framework_can_do_it_a_run_and_a_search_end_with_6(levelfield: Command, tmp_path: Path) -> None:
    """PyTorch's LSTM has tanh built in."""
    folders = ("--results", tmp_path / "results", "--reports", tmp_path / "reports")
    asked = ("--framework", "pytorch", "--scenario", "inference", "--batch-size", 1)
    run = ("run", "--workload", "counting-lstm-relu", "--purpose", "timing", "--processes", 1)
    assert levelfield(*run, *asked, *folders).code == 6
    found = levelfield("tune", "counting-lstm-relu", *asked)
    assert found.code == 6
    assert "nothing could be timed" in found.err
    assert "import" not in found.out, "there is no script for what cannot run"


def test_nothing_to_resume_ends_with_6(levelfield: Command, place: Place, tmp_path: Path) -> None:
    complete = levelfield("run", "--resume", *place.places)
    assert (complete.code, complete.err) == (6, f"levelfield: {place.results}: no unfinished run to go on with\n")
    assert levelfield("run", "--resume", "--results", tmp_path / "nowhere").code == 6


def test_a_run_whose_records_are_incomplete_is_completed(levelfield: Command, place: Place) -> None:
    lines = place.records.read_text().splitlines(keepends=True)
    place.records.write_text("".join([*lines[:4], lines[5], *lines[7:]]))
    before = records(place)
    found = levelfield("run", "--resume", *place.places)
    assert found.code == 0, found.err
    after = records(place)
    assert after[: len(before)] == before, "what was measured is not measured again"
    assert {item.case for item in after} == set(RunFolder(place.records).load_plan().cases)
    assert len(after) == len(lines)
    orders = [item.order for item in after]
    assert orders == sorted(set(orders)), "what is measured later is in the order of the run, not of its second start"


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, which hears Ctrl-C even where the tests do not."""
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, heard)
    try:
        yield run
    finally:
        run.kill()
        run.communicate()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.01)


def descendants(run: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(run.pid).children(recursive=True)


def interrupt(run: subprocess.Popen[str]) -> tuple[int, str, list[psutil.Process]]:
    """Ctrl-C: the exit code, what was said, and the processes that there were."""
    there = descendants(run)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=PATIENCE_S)
    return run.returncode, said, there


def stored_lines(place: Place) -> int:
    return sum(path.read_bytes().count(b"\n") for path in place.results.glob("*/*/records.jsonl"))


@pytest.mark.usefixtures("finished")  # whose traces are in the cache
def test_a_killed_worker_and_an_interrupt_lose_nothing_and_the_run_can_be_completed(
    levelfield: Command, tmp_path: Path
) -> None:
    place = prepared(tmp_path)
    asked = [
        "--workload",
        place.workload,
        "--framework",
        "pytorch",
        "--batch-size",
        8,
        "--processes",
        2,
        "--threads",
        1,
    ]

    def workers(run: subprocess.Popen[str]) -> list[psutil.Process]:
        launchers = psutil.Process(run.pid).children()
        return [worker for launcher in launchers for worker in launcher.children()]

    with started(place.command(*asked)) as run:
        until(lambda: stored_lines(place) >= 3)  # memory, and a case that was timed: from now on workers are of cases
        until(lambda: workers(run))
        os.kill(workers(run)[0].pid, signal.SIGKILL)
        until(lambda: stored_lines(place) >= 5)
        code, said, there = interrupt(run)
    assert code == 130
    assert said.splitlines()[-1].startswith(
        f"levelfield: interrupted; what was measured is in {place.records}: go on with "
    )
    assert "Traceback" not in said
    assert there, "the launchers at least"
    assert not any(process.is_running() for process in there)

    before = records(place)
    killed = [item for item in before if item.outcome != "ok"]
    assert [(item.outcome, item.error) for item in killed] == [("failed", "the process was killed by SIGKILL")]
    planned = RunFolder(place.records).load_plan().cases
    assert len(before) < len(planned)

    found = levelfield("run", "--resume", place.records.parent.name, *place.places)
    assert found.code == 1, "a case has failed"
    after = records(place)
    assert after[: len(before)] == before
    assert [item.case for item in after] == list(planned)
    assert [item.order for item in after] == list(range(len(planned)))
    assert [item.outcome for item in after].count("ok") == len(planned) - 1
    assert "the process was killed by SIGKILL" in (place.reports / "latest.md").read_text()


def test_an_interrupt_before_anything_was_measured_ends_every_process(tmp_path: Path) -> None:
    place = prepared(tmp_path)
    place.workload.write_text(toml(("epochs = 2", "epochs = 3")))  # whose traces are not in the cache
    with started(place.command("--workload", place.workload, "--framework", "pytorch,flax")) as run:
        until(lambda: len(psutil.Process(run.pid).children()) >= 3)  # two launchers, and a process for memory
        code, said, there = interrupt(run)
    assert code == 130
    assert said.splitlines()[-1].startswith("levelfield: interrupted; ")
    assert "Traceback" not in said
    assert not any(process.is_running() for process in there)
    assert stored_lines(place) == 0
