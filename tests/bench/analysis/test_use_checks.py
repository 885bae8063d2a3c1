"""Drift and logs of predictions keep their budgets, or break them."""

import pytest

from bench.analysis.budgets import Checks
from bench.analysis.drift.verdicts import Drift
from bench.analysis.prediction_logs import watched
from bench.analysis.use_checks import of_drift, of_logs, with_others
from bench.errors import ExitCode
from bench.export import github, junit
from bench.records.use_budget import DriftBudget, LogBudget
from tests.bench.records.prediction_lines import line
from tests.bench.report.test_drift import drift_of

LINES = [line(sample, sample=sample, latency_ms=1.0 + sample / 100) for sample in range(99)]
LINES.append(line(99, sample=99, output=None, latency_ms=None, error="not finite"))


def verdicts(budget: DriftBudget, found: Drift) -> list[str]:
    return [item.verdict for item in of_drift(budget, found)]


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ({"drifted_share": 0.05}, "kept"),
        ({"drifted_share": 0.04}, "BROKEN"),
        ({"accuracy": 0.5}, "kept"),
        ({"accuracy": 0.9}, "BROKEN"),
        ({"mae": 1.0}, "not measured"),
        ({"outputs_share": 0.0}, "not measured"),
    ],
)
def test_drift_is_held_to_its_limits(limits: dict[str, float], verdict: str) -> None:
    assert verdicts(DriftBudget(**limits), drift_of(shifted="column 4", right=0.75)) == [verdict]


def test_each_period_has_to_keep_a_limit() -> None:
    found = list(of_drift(DriftBudget(drifted_share=0.0), drift_of(months=True)))
    assert [item.where for item in found] == [
        "after.csv",
        "after.csv, day:month 2024-01",
        "after.csv, day:month 2024-02",
    ]
    assert {item.verdict for item in found} == {"kept"}


def test_a_limit_within_the_interval_and_too_few_rows_are_doubtful() -> None:
    (accuracy,) = of_drift(DriftBudget(accuracy=0.74), drift_of(right=0.75))
    assert (accuracy.verdict, accuracy.doubt[:24]) == ("undecided", "its 95 % interval, 0.724")
    (plain,) = of_drift(DriftBudget(accuracy=0.5), drift_of(right=0.75))
    assert plain.doubt == ""
    (share,) = of_drift(DriftBudget(drifted_share=0.0), drift_of(rows=40))
    assert (share.verdict, share.doubt) == ("undecided", "too few rows in 20 columns")
    few = with_others(Checks(checks=(), exit_code=0), [share])
    assert few.exit_code == ExitCode.INCONCLUSIVE


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ({"errors_share": 0.01}, "kept"),
        ({"errors_share": 0.001}, "BROKEN"),
        ({"latency_p50_ms": 2.0}, "kept"),
        ({"latency_p50_ms": 1.2}, "BROKEN"),
        ({"latency_p90_ms": 1.5}, "BROKEN"),
        ({"latency_p99_ms": 1.5}, "not measured"),
        ({"predictions": 99.0}, "kept"),
        ({"predictions": 100.0}, "BROKEN"),
    ],
)
def test_a_log_is_held_to_its_limits(limits: dict[str, float], verdict: str) -> None:
    assert [item.verdict for item in of_logs(LogBudget(**limits), watched(LINES))] == [verdict]


def test_all_checks_have_one_exit_code() -> None:
    nothing = Checks(checks=(), exit_code=0)
    for right, code in ((1.0, ExitCode.DONE), (0.5, ExitCode.REGRESSED)):
        found = with_others(nothing, list(of_drift(DriftBudget(accuracy=0.9), drift_of(right=right))))
        assert found.exit_code == code
    unknown = with_others(nothing, list(of_drift(DriftBudget(mae=0.9), drift_of())))
    assert unknown.exit_code == ExitCode.NOTHING_MEASURED


def test_an_undecided_limit_is_skipped_for_junit_and_told_on_github() -> None:
    checks = with_others(
        Checks(checks=(), exit_code=0), list(of_drift(DriftBudget(accuracy=0.74), drift_of(right=0.75)))
    )
    assert 'skipped message="its 95 % interval' in junit.render(checks)
    assert "(undecided: its 95 % interval" in github.problems(checks)[0]
    assert checks.exit_code == ExitCode.INCONCLUSIVE
