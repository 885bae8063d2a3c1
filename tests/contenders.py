"""Runs tests once for every framework, with one pytest process for each backend of Keras.

Keras takes its backend when it is imported, so a process can have only one. Tests with the fixture `contender` need not
know that: PyTorch and Flax run in this process. The tests of a Keras backend run in another pytest process at the same
time, and are reported here one by one. To debug them, run that pytest by hand:
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
    "LEVELFIELD_TEST_RESULTS"  # the file into which the process of a backend writes failures, a line for each test
)
LINES, OUTPUT = "results.jsonl", "output"
PAUSE_S = 0.05

# Small networks on JAX spend most of their time on compiling; no test depends on how fast they are.
QUICKLY_COMPILED = "--xla_backend_optimization_level=0"

# These make JAX keep every program that it compiles, for all processes of the tests.
COMPILED_ONCE = {
    "JAX_COMPILATION_CACHE_DIR": "{folder}",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}

Failures = dict[str, list[str]]  # the failures of each test, by its id; empty if it passed


@pytest.fixture(params=CONTENDERS)
def contender(request: pytest.FixtureRequest) -> str:
    """The framework under test, with Keras' backend, such as `pytorch` or `keras/jax`."""
    return str(request.param)


class ElsewhereError(Exception):
    """Raised for a test that failed in another process; its message is the report of that process."""


@final
class Elsewhere(pytest.Item):
    """Stands in for a test of a Keras backend, and takes its result from the process of that backend."""

    def __init__(self, *, backend: str, **kwargs: Any) -> None:  # noqa: ANN401 (pytest's own)
        super().__init__(**kwargs)
        self.backend = backend

    def runtest(self) -> None:
        """Fail if the test failed in the other process."""
        failures = self.config.stash[PROCESSES][self.backend].failures(self.nodeid)
        if failures:
            raise ElsewhereError("\n".join(failures))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 (pytest's own)
        """The report of the other process."""
        return str(excinfo.value) if excinfo.errisinstance(ElsewhereError) else super().repr_failure(excinfo, style)


@dataclass
class BackendProcess:
    """The pytest that runs the tests of one backend."""

    folder: TemporaryDirectory[str]
    process: subprocess.Popen[bytes]

    def failures(self, test: str) -> list[str]:
        """The failures of this test, as soon as it has run in the other process."""
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
        """Kill the process, and remove its folder."""
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def _results(self) -> Failures:
        """The results in all complete lines."""
        lines = Path(self.folder.name, LINES).read_text().splitlines(keepends=True)
        return dict(json.loads(line) for line in lines if line.endswith("\n"))


PROCESSES = pytest.StashKey[dict[str, BackendProcess]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make JAX compile quickly in this process and its children, except for benchmarks."""
    if not config.getoption("benchmark_only"):
        os.environ.setdefault("XLA_FLAGS", QUICKLY_COMPILED)
        os.environ.setdefault("LEVELFIELD_ALLOW", "XLA_FLAGS")  # else no command would measure anything
        # Many tests build the same small networks. Workers do not use this cache.
        compiled = TemporaryDirectory(prefix="levelfield-compiled-")
        config.add_cleanup(compiled.cleanup)
        for name, value in COMPILED_ONCE.items():
            os.environ.setdefault(name, value.format(folder=compiled.name))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Replace each test of a Keras backend by a stand-in, except in the process of that backend."""
    if RESULTS in os.environ:
        return
    for number, item in enumerate(items):
        backend = _backend(item)
        if backend and item.parent:
            items[number] = Elsewhere.from_parent(item.parent, name=item.name, backend=backend)
    items.sort(key=lambda item: isinstance(item, Elsewhere))  # last, since the other processes need time


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Start the process of each backend, so that it already runs when its first result is needed."""
    session.config.stash[PROCESSES] = {}
    if not session.config.option.collectonly:
        for backend in sorted({item.backend for item in session.items if isinstance(item, Elsewhere)}):
            process = session.config.stash[PROCESSES][backend] = _start(session, backend)
            session.config.add_cleanup(process.close)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In the process of a backend, note the failures of the running test."""
    if RESULTS in os.environ and report.failed:
        _noted.append(report.longreprtext)


def pytest_runtest_logfinish(nodeid: str) -> None:
    """In the process of a backend, write the noted failures to the results."""
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
    """Start one process that runs all selected tests of this backend."""
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
