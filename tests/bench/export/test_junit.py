"""JUnit XML is read by junit2html, which renders it as pages."""

from collections import Counter

import pytest
from junit2htmlreport.case_result import CaseResult
from junit2htmlreport.parser import Case, Junit

from bench.analysis.budgets import check
from bench.analysis.compare import compare
from bench.export.junit import render
from bench.records.budget import Budget
from tests.bench.sample_records import quick_run, record


def cases(text: str) -> list[Case]:
    """The tests in the file."""
    found: list[Case] = [case for suite in Junit(xmlstring=text).suites for case in suite.all()]
    return found


def outcomes(text: str) -> Counter[str]:
    """The number of tests by outcome."""
    return Counter(str(case.outcome()) for case in cases(text))


PASSED, FAILED, SKIPPED = (str(result) for result in (CaseResult.PASSED, CaseResult.FAILED, CaseResult.SKIPPED))


def test_a_regression_is_a_failure_that_names_its_cell() -> None:
    comparison = compare(quick_run(), quick_run(slowdown=1.5), threshold=0.05)
    text = render(comparison)
    assert outcomes(text)[FAILED] == comparison.counts["regressed"] + 1 > 1, "and all cells together"
    first = next(case for case in cases(text) if case.failed())
    how = "idiomatic fp32 2 threads fed from device"
    assert first.fullname() == f"digits-dnn.pytorch : training batch 32 on cpu, {how}, step_time_pipelined"
    assert first.failure_msg.startswith("ratio 1.")
    assert "digits-dnn.pytorch" in Junit(xmlstring=text).html()


def test_nothing_fails_in_a_run_beside_itself() -> None:
    baseline = quick_run()
    found = outcomes(render(compare(baseline, baseline, threshold=0.05)))
    assert found.total() == 36 * 2 + 36 + 9 + 1, "times, peaks, qualities, and all times together"
    assert not found[FAILED]
    assert found[PASSED]


def test_an_inconclusive_verdict_is_skipped_with_the_reason() -> None:
    alone = [record()]
    text = render(compare(alone, alone, threshold=0.05))
    assert outcomes(text) == {SKIPPED: 2}
    assert cases(text)[0].skipped_msg == "1 process in the baseline, at least two are needed"


def test_a_newly_failed_case_is_an_error() -> None:
    before, after = [record()], [record(outcome="failed")]
    text = render(compare(before, after, threshold=0.05))
    assert outcomes(text) == {FAILED: 1}
    assert "newly failed" in text


@pytest.mark.parametrize(("limit", "outcome"), [(1e9, PASSED), (1e-9, FAILED)])
def test_a_broken_budget_fails(limit: float, outcome: str) -> None:
    found = check([Budget(workload="digits-dnn", step_p50_ms=limit)], quick_run())
    assert outcomes(render(found)) == {outcome: 3}


def test_a_budget_of_nothing_fails() -> None:
    found = check([Budget(workload="digits-gnn", step_p50_ms=1.0)], quick_run())
    assert outcomes(render(found)) == {FAILED: 1}
