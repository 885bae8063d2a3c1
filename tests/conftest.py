"""Selects the tests that are collected.

    pytest                    tests that take less than ten seconds each
    pytest --slow             only tests marked `slow`, which take ten seconds or more each
    pytest --studies          only tests marked `study`, with hundreds of kills, trials or seeds
    pytest --browser          only tests marked `browser`, which open pages in Chromium; with --studies: its studies
    pytest --benchmark-only   the benchmarks: a step and a query of every family in every framework
    pytest --benchmark-only --studies   only the long comparisons, marked `study`

Tests marked `gpu` need `--device cuda`, and are skipped without it.
"""

import gc
import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.contenders"]

KINDS = {"slow": "slow", "study": "studies", "browser": "browser"}  # markers, and the options that ask for them
BENCHMARKS = Path(__file__).parent / "benchmarks"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="devices that the tests may use: cpu, cuda or cpu,cuda")
    parser.addoption("--slow", action="store_true", help="run only the tests that take ten seconds or more each")
    parser.addoption("--studies", action="store_true", help="run only the studies: hundreds of kills, trials or seeds")
    parser.addoption("--browser", action="store_true", help="run only the tests that open pages in a browser")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore benchmarks without `--benchmark-only` and all else with it, so that they are not imported or skipped."""
    if collection_path.is_dir() and collection_path != BENCHMARKS:
        return None
    is_benchmark = collection_path.is_relative_to(BENCHMARKS)
    return True if is_benchmark != config.getoption("benchmark_only") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep only the tests of the chosen kind, except in the process of a Keras backend, which gets a list of tests."""
    from tests.contenders import RESULTS  # pytest has to import this plugin first

    if RESULTS not in os.environ:
        wanted = {name for name, option in KINDS.items() if config.getoption(option)}
        kept = [item for item in items if {name for name in KINDS if item.get_closest_marker(name)} == wanted]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    if "cuda" in config.getoption("device").split(","):
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a GPU: run it with --device cuda"))


@pytest.fixture(autouse=True)
def known_objects() -> None:
    """Searches for garbage leave out what is there before a test.

    With three frameworks in the process, each search would take half a second, and every timed block begins with one.
    """
    gc.freeze()
