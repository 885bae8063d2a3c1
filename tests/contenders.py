"""Tests that run once for every contender, each backend of Keras in a pytest process of its own.

Keras takes its backend when it is imported, so one process can hold only one. A test that takes the fixture `contender`
is written as if that were not so: PyTorch and Flax run right here, while the tests of a Keras backend are handed to one
more pytest, which runs beside this one, and are reported here one by one. To debug them, run that pytest by hand:
`KERAS_BACKEND=jax LEVELFIELD_TEST_RESULTS=/dev/null pytest --pdb -k keras/jax`.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

import pytest

from bench.workload import frameworks

CONTENDERS = tuple(str(contender) for contender in frameworks.every_contender())
KERAS = tuple(name for name in CONTENDERS if name.startswith("keras/"))

RESULTS = (
    "LEVELFIELD_TEST_RESULTS"  # the file in which a process of one backend writes what failed, a line for each test
)
LINES, OUTPUT = "results.jsonl", "output"
PAUSE_S = 0.05

# Compiling is most of what small networks cost on JAX; nothing that a test looks at depends on how fast they are.
QUICKLY_COMPILED = "--xla_backend_optimization_level=0"

# So that JAX keeps every program that it compiles, for all processes of the tests.
COMPILED_ONCE = {
    "JAX_COMPILATION_CACHE_DIR": "{folder}",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}

Failures = dict[str, list[str]]  # what went wrong in each test, by its id; nothing where it passed


@pytest.fixture(params=CONTENDERS)
def contender(request: pytest.FixtureRequest) -> str:
    """The framework and backend under test: `pytorch`, `keras/jax`."""
    return str(request.param)


class ElsewhereError(Exception):
    """A test that failed in another process; its text is all that there is to say."""


@final
class Elsewhere(pytest.Item):
    """The stand-in of a test of a Keras backend, which takes its result from the process of that backend."""

    def __init__(self, *, backend: str, **kwargs: Any) -> None:  # noqa: ANN401 (pytest's own)
        super().__init__(**kwargs)
        self.backend = backend

    def runtest(self) -> None:
        """Fail if the test failed there."""
        failures = self.config.stash[PROCESSES][self.backend].failures(self.nodeid)
        if failures:
            raise ElsewhereError("\n".join(failures))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 (pytest's own)
        """What the other process said."""
        return str(excinfo.value) if excinfo.errisinstance(ElsewhereError) else super().repr_failure(excinfo, style)


@dataclass
class BackendProcess:
    """The pytest that runs the tests of one backend."""

    folder: TemporaryDirectory[str]
    process: subprocess.Popen[bytes]

    def failures(self, test: str) -> list[str]:
        """What failed in this test, once it has run there."""
        while True:
            ended = self.process.poll() is not None
            found = self._results()
            if test in found:
                return found[test]
            if ended:
                said = Path(self.folder.name, OUTPUT).read_text("utf-8", "replace")
                return [f"pytest ended with status {self.process.returncode} and no result:\n{said}"]
            time.sleep(PAUSE_S)

    def close(self) -> None:
        """End it, wherever it is."""
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def _results(self) -> Failures:
        """Those of the lines that are whole."""
        lines = Path(self.folder.name, LINES).read_text().splitlines(keepends=True)
        return dict(json.loads(line) for line in lines if line.endswith("\n"))


PROCESSES = pytest.StashKey[dict[str, BackendProcess]]()


def pytest_configure(config: pytest.Config) -> None:
    """Let JAX compile quickly in this process and in those that it starts, unless they are to be timed."""
    if not config.getoption("benchmark_only"):
        os.environ.setdefault("XLA_FLAGS", QUICKLY_COMPILED)
        # Many tests build the same small networks; workers, which are measured, compile everything themselves.
        compiled = TemporaryDirectory(prefix="levelfield-compiled-")
        config.add_cleanup(compiled.cleanup)
        for name, value in COMPILED_ONCE.items():
            os.environ.setdefault(name, value.format(folder=compiled.name))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put a stand-in in the place of each test of a Keras backend, unless this is the process of that backend."""
    if RESULTS in os.environ:
        return
    for number, item in enumerate(items):
        backend = _backend(item)
        if backend and item.parent:
            items[number] = Elsewhere.from_parent(item.parent, name=item.name, backend=backend)
    items.sort(key=lambda item: isinstance(item, Elsewhere))  # their processes need time, and this one has work to do


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Start the process of each backend, so that it is under way when its first test is asked for."""
    session.config.stash[PROCESSES] = {}
    if not session.config.option.collectonly:
        for backend in sorted({item.backend for item in session.items if isinstance(item, Elsewhere)}):
            process = session.config.stash[PROCESSES][backend] = _start(session, backend)
            session.config.add_cleanup(process.close)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In the process of a backend, note what failed in the test that runs."""
    if RESULTS in os.environ and report.failed:
        _noted.append(report.longreprtext)


def pytest_runtest_logfinish(nodeid: str) -> None:
    """In the process of a backend, hand on what was noted."""
    if RESULTS in os.environ:
        with Path(os.environ[RESULTS]).open("a") as file:
            file.write(json.dumps([nodeid, _noted]) + "\n")
        _noted.clear()


_noted: list[str] = []


def _backend(item: pytest.Item) -> str | None:
    if not isinstance(item, pytest.Function) or "contender" not in item.fixturenames:
        return None
    framework, _, backend = str(item.callspec.params["contender"]).partition("/")
    return backend if framework == "keras" else None


def _start(session: pytest.Session, backend: str) -> BackendProcess:
    """Begin all tests of this backend that were chosen, in one process."""
    chosen = [item.nodeid for item in session.items if isinstance(item, Elsewhere) and item.backend == backend]
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="levelfield-")
    results = Path(folder.name, LINES)
    results.touch()
    with Path(folder.name, OUTPUT).open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *chosen],
            cwd=session.config.rootpath,
            env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", RESULTS: str(results)},
            stdout=output,
            stderr=output,
        )
    return BackendProcess(folder=folder, process=process)
