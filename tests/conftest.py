"""Which tests are collected.

    pytest                    those that take less than ten seconds each
    pytest --slow             the others, marked `slow`
    pytest --studies          hundreds of kills, trials and seeds, marked `study`
    pytest --benchmark-only   the benchmarks: a step and a query of every family in every framework
    pytest --benchmark-only --studies   the long comparisons, marked `study`, and no others

GPU tests run where `--device cuda` names one.
"""

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.contenders"]

BENCHMARKS = Path(__file__).parent / "benchmarks"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="devices that the tests may use: cpu, cuda or cpu,cuda")
    parser.addoption("--slow", action="store_true", help="the tests that take ten seconds or more each, and no others")
    parser.addoption("--studies", action="store_true", help="hundreds of kills, trials and seeds, and nothing else")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the other kind uncollected, so that nothing is imported in vain or shown as skipped."""
    if collection_path.is_dir() and collection_path != BENCHMARKS:
        return None
    is_benchmark = collection_path.is_relative_to(BENCHMARKS)
    return True if is_benchmark != config.getoption("benchmark_only") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the kind that was asked for; a process of one backend gets the names of its tests."""
    from tests.contenders import RESULTS  # a plugin, which pytest has to import first

    if RESULTS not in os.environ:
        wanted = {name for name, option in (("slow", "slow"), ("study", "studies")) if config.getoption(option)}
        kept = [
            item for item in items if {name for name in ("slow", "study") if item.get_closest_marker(name)} == wanted
        ]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    if "cuda" in config.getoption("device").split(","):
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a GPU: run it with --device cuda"))
