"""The processes in which the frameworks run, and the table of ratios at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from tabulate import tabulate

from bench.run.worker_client import WorkerClient
from bench.workload.frameworks import Contender
from tests.benchmarks.comparison import CONFIDENCE, Bounds, Comparison, ratio
from tests.benchmarks.turns import Rounds

COMPARISONS = pytest.StashKey[list[Comparison]]()
HEADINGS = ("compared", "framework", "network", "a step", "one by one", "", "pipelined", "", "remark")

Launch = Callable[[Contender], WorkerClient]


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for what the frameworks print."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def launch(logs: Path) -> Iterator[Launch]:
    """One fork server for each framework, started when it is first asked for and ready when it is handed out."""
    clients: dict[Contender, WorkerClient] = {}

    def client(contender: Contender) -> WorkerClient:
        if contender not in clients or not clients[contender].alive:  # where it cannot fork, it does one job
            log = logs / f"fork-server-{contender}.log".replace("/", "-")
            clients[contender] = WorkerClient(contender.framework, contender.backend, device="cpu", log=log)
        clients[contender].wait_until_ready()
        return clients[contender]

    yield client
    for started in clients.values():
        started.close()


@pytest.fixture
def comparisons(request: pytest.FixtureRequest) -> list[Comparison]:
    """What the closing table shows."""
    return request.config.stash.setdefault(COMPARISONS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the ratios. No test asserts them, since noise must not fail a test."""
    made = config.stash.get(COMPARISONS, [])
    if made:
        terminalreporter.section(f"ratios of step times, with intervals of {CONFIDENCE:.0%}")
        terminalreporter.write_line(tabulate([_row(item) for item in made], headers=HEADINGS))


def _row(item: Comparison) -> tuple[str, ...]:
    step = f"{median((item.synchronised or item.pipelined).baseline_ns) / 1e3:,.0f} µs"
    shown = (*_shown(item.synchronised, item.bounds), *_shown(item.pipelined, item.bounds))
    return (item.title, item.contender, item.network, step, *shown, item.remark)


def _shown(rounds: Rounds | None, bounds: Bounds) -> tuple[str, str]:
    if rounds is None:
        return "", ""
    found = ratio(rounds)
    return f"{found.ratio:.3f} ({found.low:.3f} to {found.high:.3f})", found.verdict(bounds)
