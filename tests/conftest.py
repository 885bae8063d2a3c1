"""What is collected: the tests without `--benchmark-only`, the benchmarks alone with it; GPU tests with a GPU named."""

from pathlib import Path

import pytest

pytest_plugins = ["tests.contenders"]

BENCHMARKS = Path(__file__).parent / "benchmarks"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="devices that the tests may use: cpu, cuda or cpu,cuda")
    parser.addoption("--kills", type=int, default=10, help="how often processes that write are killed")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often a process that writes is killed: a few times beside other tests, often by `nox -s stress`."""
    return int(request.config.getoption("kills"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the other kind uncollected, so that nothing is imported in vain or shown as skipped."""
    if collection_path.is_dir() and collection_path != BENCHMARKS:
        return None
    is_benchmark = collection_path.is_relative_to(BENCHMARKS)
    return True if is_benchmark != config.getoption("benchmark_only") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "cuda" in config.getoption("device").split(","):
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a GPU: run it with --device cuda"))
