"""The table of budgets begins with broken limits; a limit without a value shows n/a."""

from bench.analysis.budgets import check
from bench.records.budget import Budget
from bench.report.budgets import report
from tests.bench.report.report_reader import column, is_noted, table_of
from tests.bench.sample_records import record


def test_broken_limits_come_first_and_limits_without_a_value_next() -> None:
    budgets = [
        Budget(workload="digits-dnn", step_p50_ms=1e6),
        Budget(workload="digits-gnn", step_p50_ms=1e6),
        Budget(workload="digits-dnn", step_p90_ms=1e-6),
    ]
    table = table_of(report(check(budgets, [record()]), title="a run"), "Budgets", "Budgets")
    assert column(table, "verdict") == ["BROKEN", "not measured", "kept"]
    assert column(table, "key") == ["step_p90_ms", "step_p50_ms", "step_p50_ms"]
    assert column(table, "limit") == ["at most 1e-06", "at most 1e+06", "at most 1e+06"]
    assert [text == "n/a" for text in column(table, "measured")] == [False, True, False]
    assert is_noted(table, "1 BROKEN, 1 not measured, 1 kept.")
