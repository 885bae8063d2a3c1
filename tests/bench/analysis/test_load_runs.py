"""The figures of a run under load, and what makes a run invalid."""

from dataclasses import replace

import numpy as np
import pytest

from bench.analysis import load_runs
from bench.analysis.load_runs import Asked, Seen, Times, load_run, spread
from bench.records.load import Serving
from tests.bench.analysis.scripted_server import ScriptedServer

LIMIT = Serving(load="server", limit_ns=20_000_000)


def times(count: int = 2_000, *, gap: float = 1e6, wait: float = 2e5, service: float = 5e5, late: float = 1e4) -> Times:
    """Queries at equal distances, of which each waits equally long."""
    due = np.arange(count) * gap
    return Times(due=due, sent=due + late, begun=due + wait, ended=due + wait + service)


def asked(serving: Serving = LIMIT, *, queries: int = 2_000, per_s: float | None = 1_000.0) -> Asked:
    return Asked(serving=serving, seeds=(1, 2, 3), queries=queries, per_s=per_s)


def test_latency_is_waiting_and_service_from_the_scheduled_arrival() -> None:
    found = load_run(times(), asked(), Seen())
    assert (found.waiting.p50_ns, found.service.p50_ns, found.latency.p50_ns) == (2e5, 5e5, 7e5)
    assert found.lateness is not None
    assert found.lateness.p50_ns == 1e4
    assert (found.problems, found.verdict) == ((), "kept")


def test_rates_are_queries_per_second() -> None:
    found = load_run(times(), asked(), Seen())
    assert found.scheduled_per_s == pytest.approx(1_000)
    assert found.sent_per_s == pytest.approx(1_000)
    assert found.completed_per_s == pytest.approx(2_000 / (1_999e6 + 7e5) * 1e9)


@pytest.mark.parametrize(("count", "p99", "p999"), [(999, False, False), (1_000, True, False), (10_000, True, True)])
def test_a_percentile_needs_enough_queries(count: int, *, p99: bool, p999: bool) -> None:
    found = spread(np.arange(1.0, count + 1))
    assert (found.p99_ns is not None, found.p999_ns is not None) == (p99, p999)
    assert (found.p50_ns, found.max_ns) == (count // 2 + 1, count), "the next higher time that was measured"


@pytest.mark.parametrize(
    ("made", "seen", "said", "verdict"),
    [
        (times(late=1_000_001.0, wait=2e6), Seen(), "the load generator was late by 1,000 µs (p99)", "invalid"),
        (times(), Seen(dropped=3), "3 of 2,000 queries were dropped", "broken"),
        (times(1_990), Seen(), "10 of 2,000 queries got no answer", "invalid"),
        (times(), Seen(misfit="deviates by 0.3"), "wrong answers: deviates by 0.3", "invalid"),
        (times(), Seen(complaints=("no",)), "error of the load generator: no", "invalid"),
    ],
)
def test_a_run_is_not_valid_if_a_condition_fails(made: Times, seen: Seen, said: str, verdict: str) -> None:
    found = load_run(made, asked(), seen)
    assert any(said in problem for problem in found.problems)
    assert found.verdict == verdict


def test_a_generator_that_sends_too_slowly_makes_a_run_invalid() -> None:
    made = times()
    slow = replace(made, sent=made.due * 1.06, begun=made.due * 1.06, ended=made.due * 1.06 + 1e5)
    found = load_run(slow, asked(Serving(load="server")), Seen())
    assert any("sent 943 queries per second, but 1,000 were scheduled" in problem for problem in found.problems)


def test_a_clock_that_was_set_makes_a_run_invalid() -> None:
    found = load_run(times(late=-200_000.0), asked(), Seen())
    assert any("the clock of the load generator was set" in problem for problem in found.problems)


def test_a_late_generator_is_allowed_five_percent_of_the_limit() -> None:
    assert load_run(times(late=999_999.0, wait=2e6), asked(), Seen()).problems == ()


def test_without_a_limit_there_is_no_verdict() -> None:
    found = load_run(times(), asked(Serving(load="server")), Seen())
    assert (found.verdict, found.at_percentile_ns) == (None, None)


@pytest.mark.parametrize(("service", "verdict"), [(19.7e6, "kept"), (19.9e6, "broken")])
def test_the_limit_holds_for_the_latency_at_its_percentile(service: float, verdict: str) -> None:
    found = load_run(times(gap=20e6, service=service), asked(), Seen())
    assert found.verdict == verdict
    assert found.at_percentile_ns == 2e5 + service


def test_an_overloaded_server_breaks_the_limit_though_its_latency_is_still_short() -> None:
    server = ScriptedServer(serving=replace(LIMIT, limit_ns=10**12), queries=10_000)
    found = server.run(1_050.0)
    assert found.at_percentile_ns is not None
    assert found.at_percentile_ns < 10**12
    assert (load_runs.overloaded(found), found.verdict) == (True, "broken")
    assert server.run(800.0).verdict == "kept"


def test_a_server_that_pauses_between_queries_is_seen() -> None:
    found = ScriptedServer(is_exponential=True).run(700.0)
    assert found.late_start_ns == pytest.approx(0.0, abs=1e-3)
    made = times(wait=3e5)
    paused = load_run(made, asked(), Seen())
    assert paused.late_start_ns == pytest.approx(3e5 - 1e4)


def test_batches_have_no_recursion() -> None:
    assert load_run(times(), asked(), Seen(batch=8)).late_start_ns is None


def test_single_stream_has_no_rate_and_no_lateness() -> None:
    serving = Serving(load="single_stream")
    found = load_run(times(), asked(serving, per_s=None), Seen(generator_p90_ns=6e5))
    assert (found.asked_per_s, found.lateness, found.growth, found.in_flight) == (None, None, None, ())
    assert found.added_ns == pytest.approx(1e5)
