"""Verdicts on servers under load of two runs, and budgets for their figures."""

from dataclasses import replace

import pytest

from bench.analysis import budgets, load_changes
from bench.analysis.compare import compare
from bench.analysis.load_runs import Seen
from bench.analysis.long_table import figures
from bench.errors import ExitCode
from bench.records.budget import Budget
from bench.records.load import HighestRate
from bench.records.record import Record
from tests.bench.sample_records import load, use
from tests.bench.served_records import LIMIT_NS, SEEN, served


def verdicts(before: list[Record], after: list[Record]) -> dict[str, tuple[str, str]]:
    return {item.metric: (item.verdict, item.reason) for item in load_changes.changes(before, after)}


def with_rate(found: Record, confirmed: float | None, refuted: float | None) -> Record:
    assert found.measurement.loaded is not None
    ending = "found" if confirmed and refuted else "lower bound"
    highest = HighestRate(confirmed_per_s=confirmed, refuted_per_s=refuted, ending=ending)  # type: ignore[arg-type]
    loaded = replace(found.measurement.loaded, highest=highest)
    return replace(found, measurement=replace(found.measurement, loaded=loaded))


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.0, "unchanged"), (1.1, "unchanged"), (1.3, "improved"), (0.7, "regressed")]
)
def test_the_highest_rate_changes_with_the_middle_of_its_interval(factor: float, expected: str) -> None:
    before, after = with_rate(served(), 100, 103), with_rate(served(run="b"), 100 * factor, 103 * factor)
    assert verdicts([before], [after])["sla_rate"][0] == expected


def test_a_lower_bound_has_no_verdict() -> None:
    before, after = with_rate(served(), 100, 103), with_rate(served(run="b"), 200, None)
    assert verdicts([before], [after])["sla_rate"] == ("inconclusive", "a search has no answer with two ends")


def test_a_server_that_keeps_the_limit_at_no_rate_any_more_is_the_worst_regression() -> None:
    well, never = served(run="a"), served(service_ns=3e6, run="b")
    assert verdicts([well], [never])["sla_rate"] == ("regressed", "the candidate keeps the limit at no rate")
    assert verdicts([never], [well])["sla_rate"][0] == "improved"
    assert verdicts([never], [never])["sla_rate"][0] == "unchanged"
    (check,) = budgets.check([Budget(workload="digits-cnn", sla_rate=1.0)], [never]).checks
    assert (check.verdict, check.found) == ("BROKEN", 0.0)


def test_runs_at_several_rates_have_no_figure_in_common() -> None:
    assert list(figures([served(limit_ns=None)])) == []


def test_another_limit_is_another_question() -> None:
    found = verdicts([served()], [served(limit_ns=2 * LIMIT_NS)])
    assert found["sla_rate"] == (
        "inconclusive",
        "the two runs have different latency limits, percentiles or batches",
    )


def test_a_run_that_is_not_valid_has_no_verdict() -> None:
    bad = served(load="single_stream", seen=replace(SEEN, misfit="deviates by 0.3"))
    good = served(load="single_stream")
    verdict, reason = verdicts([good], [bad])["load_p90_s"]
    assert verdict == "inconclusive"
    assert reason == "the candidate is not valid: wrong answers: deviates by 0.3"
    assert verdicts([good], [good])["load_p90_s"][0] == "unchanged"


@pytest.mark.parametrize(("load", "metric"), [("single_stream", "load_p90_s"), ("offline", "offline_rate")])
def test_slower_services_are_a_regression_if_no_processes_overlap(load: str, metric: str) -> None:
    def three(service_ns: float, run: str) -> list[Record]:
        return [
            served(load=load, service_ns=service_ns, replicate=number, run=run)  # type: ignore[arg-type]
            for number in range(3)
        ]

    before = three(1e6, "a")
    assert verdicts(before, three(1e6, "b"))[metric][0] == "unchanged"
    assert verdicts(before, three(2e6, "b"))[metric][0] == "regressed"
    assert verdicts(before, three(0.5e6, "b"))[metric][0] == "improved"
    assert verdicts(before[:1], three(2e6, "b")[:1])[metric] == (
        "inconclusive",
        "at least 3 processes are needed to tell a change from chance",
    )


def test_the_comparison_of_two_runs_has_these_verdicts_and_their_exit_code() -> None:
    before = with_rate(served(run="a"), 100, 103)
    same = compare([before], [with_rate(served(run="b"), 101, 104)], threshold=0.05)
    assert (same.exit_code, [item.metric for item in same.changes]) == (ExitCode.DONE, ["sla_rate"])
    slower = compare([before], [with_rate(served(run="b"), 50, 52)], threshold=0.05)
    assert slower.exit_code == ExitCode.REGRESSED


def test_a_server_that_vanished_is_missing() -> None:
    before, other = [served(run="a"), served(load="offline", run="a")], [served(run="b")]
    found = compare(before, other, threshold=0.05)
    assert [item.sentence for item in found.missing] == ["load is missing in the candidate"]


def test_figures_of_servers_are_in_the_long_table() -> None:
    found = {(item.cell.scenario, item.metric): item for item in figures([served(), served(load="offline")])}
    assert set(found) == {
        ("server", "load_p90_s"),
        ("server", "load_p99_s"),
        ("server", "sla_rate"),
        ("server", "goodput"),
        ("offline", "offline_rate"),
    }
    rate, goodput = found["server", "sla_rate"], found["server", "goodput"].value
    assert 0.95 * rate.value < goodput < 1.05 * rate.value
    assert rate.value == rate.low < rate.high < 1.05 * rate.value


def test_figures_of_runs_that_are_not_valid_have_a_doubt() -> None:
    (item, *_) = figures([served(load="offline", seen=Seen(misfit="deviates"))])
    assert item.doubt == "not valid: wrong answers: deviates"


def test_figures_of_disturbed_servers_have_a_doubt() -> None:
    busy, quiet = use(load(others=0.6, cores=1, own=0.4)), use(load(others=0.0, cores=1, own=1.0))
    (item, *_) = figures([served(load="offline", seen=Seen(use=busy))])
    assert item.doubt == "disturbed in most of its runs: other programs used 0.6 of 1 core"
    (item, *_) = figures([served(load="offline", seen=Seen(use=quiet))])
    assert not item.doubt


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"sla_rate": 10.0}, "kept"),
        ({"sla_rate": 1e6}, "BROKEN"),
        ({"p99_ms": 5.0}, "kept"),
        ({"p99_ms": 0.1}, "BROKEN"),
        ({"goodput": 10.0}, "kept"),
        ({"goodput": 1e6}, "BROKEN"),
    ],
)
def test_budgets_limit_the_figures_of_a_server(limits: dict[str, float], expected: str) -> None:
    budget = Budget(workload="digits-cnn", scenario="server", **limits)  # type: ignore[arg-type]
    (check,) = budgets.check([budget], [served()]).checks
    assert check.verdict == expected


@pytest.mark.parametrize(("limit", "expected"), [(5.0, "kept"), (10.0, "not measured")])
def test_a_budget_can_be_for_one_latency_limit(limit: float, expected: str) -> None:
    (check,) = budgets.check([Budget(workload="digits-cnn", sla_rate=10.0, sla_ms=limit)], [served()]).checks
    assert check.verdict == expected
    if expected == "kept":
        assert check.where == "digits-cnn pytorch server on cpu, batch 1 within 5 ms (p99)"
    else:
        assert check.reason == "sla_ms: found within 5 ms (p99), expected 10 ms; run again with --sla 10ms"


def test_a_latency_limit_is_refused_beside_limits_that_have_none() -> None:
    with pytest.raises(ValueError, match="found sla_ms with accuracy, expected it with sla_rate, p99_ms, goodput only"):
        Budget(workload="digits-cnn", sla_ms=5.0, sla_rate=10.0, accuracy=0.9)


def test_a_budget_for_single_queries_is_about_their_latency_alone() -> None:
    budget = Budget(workload="digits-cnn", scenario="single_stream", p99_ms=1000.0)
    found = budgets.check([budget], [served(), served(load="single_stream")])
    assert [item.where for item in found.checks] == ["digits-cnn pytorch single_stream on cpu, batch 1"]
