"""`levelfield demo` measures one small network as `run` does, and ends with the report and with what to do next."""

import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest

from bench.cli import demo
from bench.cli.page import DEMONSTRATION
from bench.records.store import runs
from bench.run.worker_client import ROOT
from bench.workload import frameworks
from tests.bench.cli.conftest import Command


def folders(where: Path) -> tuple[str, ...]:
    return "--results", str(where / "results"), "--reports", str(where / "reports")


@pytest.mark.usefixtures("script")
def test_it_says_what_it_does_measures_it_and_says_where_the_report_is(levelfield: Command, tmp_path: Path) -> None:
    found = levelfield("demo", "--no-open", *folders(tmp_path))
    assert found.code == 0, found.err
    assert found.out.splitlines()[:3] == list(demo.BEFORE)
    assert "Answers: cpu, mode idiomatic, fp32" in found.out
    assert "all 3 pairs of workload and framework" in found.out
    assert f"Open the report in a browser: {tmp_path / 'reports' / 'latest.html'}" in found.out
    assert all(command in found.out for command, _ in demo.NEXT)
    (run,) = runs(tmp_path / "results")
    plan = run.load_plan()
    assert {case.contender for case in plan.cases} == {"pytorch", "keras/tensorflow", "flax"}
    assert {(case.workload, case.replicate, case.threads) for case in plan.cases} == {("digits-dnn", 0, 1)}
    assert {case.scenario for case in plan.cases} == {"training", "inference"}
    assert len(plan.estimates_s) == len(plan.cases), "what `watch` needs"
    assert not run.process.exists(), "nobody measures it any more"


@pytest.mark.usefixtures("script")
def test_every_report_on_it_says_that_it_is_a_demonstration_and_one_on_another_run_does_not(
    levelfield: Command, tmp_path: Path
) -> None:
    asked = ("--framework", "pytorch", "--scenario", "inference", "--purpose", "timing", "--threads", 1)
    pages = []
    for suite in ("demo", "quick"):
        levelfield("run", "--suite", suite, "--processes", 1, *asked, *folders(tmp_path))
        shown = levelfield("report", *folders(tmp_path))
        pages.append((" ".join(shown.out.split()), (tmp_path / "reports" / "latest.md").read_text()))
    assert [[DEMONSTRATION.partition(":")[0] in page for page in each] for each in pages] == [
        [True, True],
        [False, False],
    ]
    assert DEMONSTRATION in pages[0][0]


@pytest.mark.usefixtures("script")
def test_a_framework_that_is_missing_is_named_with_how_to_install_it(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_there = frameworks.is_installed
    monkeypatch.setattr(frameworks, "is_installed", lambda item: item.framework != "keras" and is_there(item))
    found = levelfield("demo", "--no-open", *folders(tmp_path))
    assert found.code == 0, found.err
    assert "warning: keras is not installed: " in found.err
    assert "pip install" in found.err
    assert "all 2 pairs of workload and framework" in found.out


@pytest.mark.usefixtures("nothing_starts")
def test_without_any_framework_it_ends_with_2(
    levelfield: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frameworks, "is_installed", lambda _: False)
    found = levelfield("demo", *folders(tmp_path))
    assert (found.code, found.out) == (2, "")
    assert all(f"{name} is not installed" in found.err for name in ("pytorch", "keras", "flax"))


@pytest.mark.parametrize(
    ("is_terminal", "display", "is_opened"), [(True, ":0", True), (True, "", False), (False, ":0", False)]
)
def test_a_browser_opens_only_for_somebody_at_a_terminal_with_a_display(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool, display: str, is_opened: bool
) -> None:
    asked: list[str] = []

    def start(url: str) -> bool:
        asked.append(url)
        return True

    for name in demo.DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    monkeypatch.setattr(webbrowser, "open", start)
    assert demo.opened(tmp_path / "latest.html") is is_opened
    assert asked == [f"file://{tmp_path}/latest.html"] * is_opened


def test_a_browser_that_does_not_start_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> bool:
        raise webbrowser.Error("no runnable browser")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(webbrowser, "open", fail)
    assert demo.opened(tmp_path / "latest.html") is False


@pytest.mark.slow
def test_a_whole_demo_proves_measures_and_ends_with_0(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "demo", "--no-open", *folders(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = runs(tmp_path / "results")
    stored = run.read(warn=pytest.fail)
    assert {item.case.framework for item in stored} == {"pytorch", "keras", "flax"}
    assert all(item.outcome == "ok" and item.certificate and item.certificate.passed for item in stored)
    assert (tmp_path / "reports" / "latest.html").stat().st_size > 100_000
    assert DEMONSTRATION.partition(":")[0] in (tmp_path / "reports" / "latest.md").read_text()
