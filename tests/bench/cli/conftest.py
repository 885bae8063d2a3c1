"""The command line in the process of the tests, and one real run that all tests read."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.cli import main
from bench.records.record import Record
from bench.records.store import RunFolder
from bench.records.variable_rules import OVERRULED, REFUSED, SET
from bench.report.charts import files
from bench.run.worker_client import ROOT
from bench.workload import frameworks
from bench.workload.frameworks import Contender
from tests.bench.cli.stored_files import store
from tests.bench.run.scripted_workers import Script, scripted
from tests.bench.sample_records import quick_run
from tests.bench.workloads import toml


@dataclass(frozen=True)
class Result:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of its own, for the tests and for every process that they start."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEVELFIELD_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def shell() -> Iterator[None]:
    """A shell without variables of which a command would tell: those of the user, and those that other tests set."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (*OVERRULED, *SET, *(rule.name for rule in REFUSED)):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def empty_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are drawn in tests/bench/report/charts; a command only has to write and to link them."""
    monkeypatch.setattr(files, "svg", lambda _: "<svg xmlns='http://www.w3.org/2000/svg'/>")


@pytest.fixture
def levelfield(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """`levelfield` with these arguments; pages of a comparison or a search go to the folder of the test."""

    def run(*arguments: object) -> Result:
        writes = {*arguments[:1]} & {"compare", "tune"} and not {"--reports", "--help"} & {*arguments}
        place = ["--reports", str(tmp_path / "reports")] if writes else []
        monkeypatch.setattr(sys, "argv", ["levelfield", *map(str, arguments), *place])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        captured = capsys.readouterr()
        return Result(code=code, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts a process fails."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)


@dataclass(frozen=True)
class Place:
    """A folder with a workload, results and reports."""

    folder: Path

    @property
    def workload(self) -> Path:
        """The file of the workload."""
        return self.folder / "tiny.toml"

    @property
    def results(self) -> Path:
        """The folder of the runs."""
        return self.folder / "results"

    @property
    def reports(self) -> Path:
        """The folder of the pages."""
        return self.folder / "reports"

    @property
    def records(self) -> Path:
        """The records of the only run."""
        (path,) = self.results.glob("*/*/records.jsonl")
        return path

    @property
    def places(self) -> list[str]:
        """The options that name these folders."""
        return ["--results", str(self.results), "--reports", str(self.reports)]

    def command(self, *arguments: object) -> list[str]:
        """`python -m bench run` in this folder."""
        return [sys.executable, "-m", "bench", "run", *map(str, arguments), *self.places]


def records(place: Place) -> list[Record]:
    """What is stored; every line must be a record."""
    return RunFolder(place.records).read(warn=pytest.fail)


def prepared(folder: Path) -> Place:
    """A place with a workload and nothing else."""
    folder.mkdir(exist_ok=True)
    place = Place(folder)
    place.workload.write_text(toml())
    return place


SMALL = ("--processes", 1, "--batch-size", 8, "--threads", 1)


@dataclass(frozen=True)
class Finished:
    """A run that ended well: where it is, and how the command ended."""

    place: Place
    result: Result


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Finished:
    """One workload in two frameworks, by the real command in a process of its own."""
    place = prepared(tmp_path_factory.mktemp("finished"))
    asked = ("--workload", place.workload, "--framework", "pytorch,flax", "--scenario", "training", *SMALL)
    done = subprocess.run(
        place.command(*asked),
        env={**os.environ, "LEVELFIELD_CACHE": str(cache)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return Finished(place=place, result=Result(code=done.returncode, out=done.stdout, err=done.stderr))


@pytest.fixture
def place(finished: Finished, tmp_path: Path) -> Place:
    """A copy of the finished run, which a test may change; the workload is the original's."""
    shutil.copytree(finished.place.folder, tmp_path / "copy")
    return Place(tmp_path / "copy")


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """The file of a run like the quick suite."""
    return store(tmp_path / "baseline.jsonl", quick_run())


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Workers that answer at once, in the place of processes."""
    return scripted(monkeypatch, Script())


@pytest.fixture
def only_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing else were known: the others take seconds to start."""
    monkeypatch.setattr(frameworks, "every_contender", lambda: (Contender("pytorch"),))
