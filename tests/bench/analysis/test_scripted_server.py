"""What is said of a server in virtual time is what theory says: waiting times, overload, and the highest rate.

`nox -s tests -- tests/bench/analysis/test_scripted_server.py` makes the whole study. Its table is in
docs/explanation/serving.md, and a test here compares both.
"""

from functools import cache
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from bench.analysis import load_runs, queueing, rate_search
from bench.records.load import HighestRate, Serving
from tests.bench.analysis.scripted_server import NS, SERVICE_NS, ScriptedServer, right_rate

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "serving.md"
LIMIT_NS = 20_000_000
SEEDS, MANY = range(20), range(50)
FULL_PER_S = NS / SERVICE_NS
NAMES = {False: "constant", True: "exponential"}


@cache
def mean_wait(is_exponential: bool, utilisation: float) -> tuple[float, float]:  # noqa: FBT001 (a key)
    """The mean waiting time over twenty runs, and the one of the formula, in milliseconds."""
    per_s = utilisation * FULL_PER_S
    found = [ScriptedServer(is_exponential=is_exponential, seed=seed).run(per_s).waiting.mean_ns for seed in SEEDS]
    right = queueing.mean_wait(utilisation, SERVICE_NS, variation=float(is_exponential))
    return fmean(found) / 1e6, right / 1e6


@cache
def times_overloaded(is_exponential: bool, utilisation: float) -> int:  # noqa: FBT001 (a key)
    """How many of fifty runs are called overloaded."""
    servers = (ScriptedServer(is_exponential=is_exponential, seed=seed) for seed in MANY)
    return sum(load_runs.overloaded(server.run(utilisation * FULL_PER_S)) for server in servers)


@cache
def searches() -> tuple[tuple[HighestRate, int], ...]:
    """The answer of the search and the number of its runs, for each of twenty seeds."""
    found = []
    for seed in SEEDS:
        server = ScriptedServer(serving=Serving(load="server", limit_ns=LIMIT_NS), is_exponential=True, seed=seed)
        found.append((rate_search.search(server.probe, start=FULL_PER_S / 2), len(server.runs)))
    return tuple(found)


def middle(found: HighestRate) -> float:
    assert found.confirmed_per_s is not None
    assert found.refuted_per_s is not None
    return float(np.sqrt(found.confirmed_per_s * found.refuted_per_s))


@pytest.mark.parametrize("is_exponential", [False, True])
@pytest.mark.parametrize("utilisation", [0.3, 0.6, 0.8])
def test_the_mean_wait_is_that_of_the_formula(utilisation: float, *, is_exponential: bool) -> None:
    found, right = mean_wait(is_exponential, utilisation)
    assert found == pytest.approx(right, rel=0.05)
    wrong = queueing.mean_wait(utilisation, SERVICE_NS, variation=float(not is_exponential)) / 1e6
    assert found != pytest.approx(wrong, rel=0.05), "the formula of the other distribution does not fit"


@pytest.mark.parametrize("is_exponential", [False, True])
def test_a_server_that_does_not_keep_up_is_called_overloaded_and_no_other(*, is_exponential: bool) -> None:
    assert times_overloaded(is_exponential, 1.05) == len(MANY)
    assert times_overloaded(is_exponential, 0.8) == 0


def test_the_search_finds_the_rate_of_theory() -> None:
    right = right_rate(LIMIT_NS, 99)
    near = [abs(middle(found) / right - 1) <= 0.05 for found, _ in searches()]
    assert sum(near) >= 19
    assert all(found.ending == "found" for found, _ in searches())


def test_the_search_finds_another_rate_for_another_limit() -> None:
    right = right_rate(LIMIT_NS, 99)
    server = ScriptedServer(serving=Serving(load="server", limit_ns=LIMIT_NS // 2), is_exponential=True)
    found = rate_search.search(server.probe, start=FULL_PER_S / 2)
    assert middle(found) / right < 0.9
    assert middle(found) == pytest.approx(right_rate(LIMIT_NS // 2, 99), rel=0.05)


def test_the_table_in_the_docs_is_that_of_this_study() -> None:
    assert table() in PAGE.read_text("utf-8"), f"put this into {PAGE.name}:\n{table()}"


def table() -> str:
    """The study as a Markdown table."""
    lines = ["| what | expected | found |", "|---|---|---|"]
    for is_exponential, name in NAMES.items():
        for utilisation in (0.3, 0.6, 0.8):
            found, right = mean_wait(is_exponential, utilisation)
            lines.append(f"| mean wait, {name} service, {utilisation:.0%} busy | {right:.3f} ms | {found:.3f} ms |")
    for is_exponential, name in NAMES.items():
        for utilisation, right in ((0.8, 0), (1.05, len(MANY))):
            found = times_overloaded(is_exponential, utilisation)
            words = f"called overloaded, {name} service, {utilisation:.0%} busy"
            lines.append(f"| {words} | {right} of {len(MANY)} | {found} of {len(MANY)} |")
    right = right_rate(LIMIT_NS, 99)
    rates = [middle(found) for found, _ in searches()]
    near = sum(abs(rate / right - 1) <= 0.05 for rate in rates)
    runs = fmean(number for _, number in searches())
    lines.append(
        f"| highest rate within 20 ms (p99), mean of {len(SEEDS)} searches | {right:.0f}/s | {fmean(rates):.0f}/s |"
    )
    lines.append(
        f"| searches that end within 5 % of it, in {runs:.0f} runs on average | at least 19 of 20 | {near} of 20 |"
    )
    return "\n".join(lines)
